"""The euro's reference rates of the European Central Bank, of each working day about 16:00 CET; no key is needed.

https://www.ecb.europa.eu/stats/policy_and_exchange_rates/euro_reference_exchange_rates/html/index.en.html
"""

import re
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any
from xml.etree import ElementTree

from functions.plugins.builtin.protocol import Builtin, Config
from hub.connectors import calls
from hub.connectors.protocol import Permanent

BASE = "https://www.ecb.europa.eu"
_CUBE = "{http://www.ecb.int/vocabulary/2002-08-01/eurofxref}Cube"
_DIGITS = 6


class ExchangeRates(Builtin):
    """`rates` of a currency, and `convert` an amount."""

    def command(self, name: str, parameters: Mapping[str, Any], config: Config) -> Any:
        """Read the latest rates; all go over the euro, as the bank's do."""
        if name == "rates":
            date, rates = _latest(config)
            base = parameters.get("base", "EUR")
            wanted = parameters.get("symbols") or [one for one in rates if one != base]
            return {"date": date, "base": base, "rates": {one: _plain(_rate(rates, base, one)) for one in wanted}}
        if name == "convert":
            date, rates = _latest(config)
            rate = _rate(rates, parameters["from"], parameters["to"])
            amount = Decimal(str(parameters["amount"]))
            return {
                "date": date,
                "from": parameters["from"],
                "to": parameters["to"],
                "amount": parameters["amount"],
                "rate": _plain(rate),
                "result": float(round(amount * rate, 2)),
            }
        return super().command(name, parameters, config)


def _latest(config: Config) -> tuple[str, dict[str, Decimal]]:
    """The day of the latest rates, and what a euro is worth."""
    address = f"{calls.base(config.get('base_url', ''), BASE)}/stats/eurofxref/eurofxref-daily.xml"
    answer = calls.call("GET", address, headers={"Accept": "application/xml"}, max_bytes=65_536)
    if not answer.ok:
        raise calls.refused(answer)
    with calls.reading():
        # Entities, by which a short document becomes an endless one, are none of this format.
        if re.search(rb"<!(DOCTYPE|ENTITY)", answer.body):
            raise ValueError("a document type")
        try:
            document = ElementTree.fromstring(answer.body)  # noqa: S314 - without entities
        except ElementTree.ParseError as error:
            raise ValueError from error
        (day,) = (cube for cube in document.iter(_CUBE) if "time" in cube.attrib)
        try:
            rates = {one.attrib["currency"]: Decimal(one.attrib["rate"]) for one in day.iter(_CUBE) if one is not day}
        except InvalidOperation as error:
            raise ValueError from error
        if not rates or not all(rate.is_finite() and rate > 0 for rate in rates.values()):
            raise ValueError("no rates")
        return day.attrib["time"], {"EUR": Decimal(1), **rates}


def _rate(rates: Mapping[str, Decimal], base: str, wanted: str) -> Decimal:
    for currency in (base, wanted):
        if currency not in rates:
            raise Permanent("unknown_currency", f"the bank has no rate of {currency}, only of {', '.join(rates)}")
    return rates[wanted] / rates[base]


def _plain(rate: Decimal) -> float:
    """A rate with as many significant digits as the bank gives."""
    return float(f"{rate:.{_DIGITS}g}")


PLUGIN = ExchangeRates()
