"""The body of a delivery, in bytes that JavaScript's `JSON.stringify(JSON.parse(body))` leaves as they are.

Document 3's receiver checks the signature over its own serialisation of what it parsed, so ours is ECMA-262's:
integer-like keys first and ascending, numbers as `Number::toString` writes them (ECMA-262 section 6.1.6.1.20), whole
numbers beyond 2^53 as the double they become and beyond every double as `null`, lone surrogates escaped (well-formed
JSON.stringify).
"""

import json
import math
import re
from collections.abc import Mapping
from typing import Any

_MAX_INDEX = 2**32 - 2
_SURROGATE = re.compile("[\ud800-\udfff]")


def serialize(event: Mapping[str, Any]) -> str:
    """Write an event as its receivers get it: `{"id","event","type","timestamp","data"}`, compact."""
    body = {
        "id": event["id"],
        "event": event["type"],
        "type": event["type"],
        "timestamp": event["timestamp"],
        "data": event["data"],
    }
    return _write(body)


def _write(value: Any) -> str:
    match value:
        case str():
            return _string(value)
        case None | bool():
            return json.dumps(value)
        case int() | float():
            return _number(value)
        case Mapping():
            return "{" + ",".join(f"{_string(name)}:{_write(value[name])}" for name in _ordered(value)) + "}"
        case list() | tuple():
            return "[" + ",".join(_write(element) for element in value) + "]"
    raise TypeError(f"{type(value).__name__} is not JSON")


def _string(text: str) -> str:
    if _SURROGATE.search(text):
        # Two halves side by side are one character to JavaScript.
        text = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "surrogatepass")
    written = json.dumps(text, ensure_ascii=False)
    return _SURROGATE.sub(lambda found: f"\\u{ord(found[0]):04x}", written)


def _ordered(mapping: Mapping[str, Any]) -> list[str]:
    return sorted((name for name in mapping if _is_index(name)), key=int) + [
        name for name in mapping if not _is_index(name)
    ]


def _is_index(name: str) -> bool:
    return name.isascii() and name.isdigit() and (name == "0" or name[0] != "0") and int(name) <= _MAX_INDEX


def _number(value: float) -> str:
    """Write a double the way ECMAScript does; Python's `repr` gives the same shortest digits."""
    try:
        number = float(value)
    except OverflowError:
        return "null"
    if not math.isfinite(number):
        return "null"
    if number == 0:
        return "0"
    mantissa, _, exponent = repr(abs(number)).partition("e")
    whole, _, fraction = mantissa.partition(".")
    digits = (whole + fraction).lstrip("0")
    point = (
        len(whole) + int(exponent or 0)
        if whole != "0"
        else int(exponent or 0) - (len(fraction) - len(fraction.lstrip("0")))
    )
    digits = digits.rstrip("0")
    return ("-" if number < 0 else "") + _place(digits, point)


def _place(digits: str, point: int) -> str:
    """Place the decimal point of a number `0.digits × 10^point`."""
    if len(digits) <= point <= 21:
        return digits.ljust(point, "0")
    if 0 < point <= 21:
        return f"{digits[:point]}.{digits[point:]}"
    if -6 < point <= 0:
        return "0." + "0" * -point + digits
    sign = "+" if point > 0 else "-"
    rest = f".{digits[1:]}" if len(digits) > 1 else ""
    return f"{digits[0]}{rest}e{sign}{abs(point - 1)}"
