"""Builtin plugins, against the documented bytes of whom they ask."""

from collections.abc import Iterator
from typing import Any

import pytest

from functions.plugins.builtin import NAMES, builtin
from functions.plugins.builtin.protocol import Builtin
from functions.plugins.catalogue import manifests
from hub import outbound
from hub.connectors.protocol import Permanent, ProviderError, Temporary
from tests.contract.connectors.fakes import CLOSED_EARLY, GARBAGE, OUT_OF_ORDER, Fake, Reply, told

# https://www.ecb.europa.eu/stats/eurofxref/eurofxref-daily.xml, some of its currencies.
ECB = Reply(
    200,
    b"""<?xml version="1.0" encoding="UTF-8"?>
<gesmes:Envelope xmlns:gesmes="http://www.gesmes.org/xml/2002-08-01" xmlns="http://www.ecb.int/vocabulary/2002-08-01/eurofxref">
\t<gesmes:subject>Reference rates</gesmes:subject>
\t<gesmes:Sender>
\t\t<gesmes:name>European Central Bank</gesmes:name>
\t</gesmes:Sender>
\t<Cube>
\t\t<Cube time='2024-01-15'>
\t\t\t<Cube currency='USD' rate='1.0945'/>
\t\t\t<Cube currency='JPY' rate='159.67'/>
\t\t\t<Cube currency='CNY' rate='7.8489'/>
\t\t\t<Cube currency='GBP' rate='0.86010'/>
\t\t</Cube>
\t</Cube>
</gesmes:Envelope>""",
    {"Content-Type": "text/xml"},
)
LAUGHS = Reply(
    200,
    b"""<?xml version="1.0"?><!DOCTYPE lolz [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;">]>
<Envelope xmlns="http://www.ecb.int/vocabulary/2002-08-01/eurofxref">
<Cube><Cube time='2024-01-15'>&b;</Cube></Cube></Envelope>""",
)

# https://openweathermap.org/forecast5, "Example of JSON format API response", its first two steps.
FORECAST = told(
    b"""{
  "cod": "200", "message": 0, "cnt": 2,
  "list": [
    {"dt": 1661871600,
     "main": {"temp": 296.76, "feels_like": 296.98, "temp_min": 296.76, "temp_max": 297.87, "pressure": 1015,
              "sea_level": 1015, "grnd_level": 933, "humidity": 69, "temp_kf": -1.11},
     "weather": [{"id": 500, "main": "Rain", "description": "light rain", "icon": "10d"}],
     "clouds": {"all": 100}, "wind": {"speed": 0.62, "deg": 349, "gust": 1.18}, "visibility": 10000, "pop": 0.32,
     "rain": {"3h": 0.26}, "sys": {"pod": "d"}, "dt_txt": "2022-08-30 15:00:00"},
    {"dt": 1661882400,
     "main": {"temp": 295.45, "feels_like": 295.59, "temp_min": 292.84, "temp_max": 295.45, "pressure": 1015,
              "sea_level": 1015, "grnd_level": 931, "humidity": 71, "temp_kf": 2.61},
     "weather": [{"id": 500, "main": "Rain", "description": "light rain", "icon": "10n"}],
     "clouds": {"all": 96}, "wind": {"speed": 1.97, "deg": 157, "gust": 3.39}, "visibility": 10000, "pop": 0.33,
     "rain": {"3h": 0.57}, "sys": {"pod": "n"}, "dt_txt": "2022-08-30 18:00:00"}
  ],
  "city": {"id": 3163858, "name": "Zocca", "coord": {"lat": 44.34, "lon": 10.99}, "country": "IT",
           "population": 4593, "timezone": 7200, "sunrise": 1661834187, "sunset": 1661882248}
}"""
)
TICKET = told({"code": 200, "data": {"id": "ticket_1"}}, 201)
FORBIDDEN = told({"code": 403, "message": "The credential lacks the permission for this", "details": []}, 403)


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> Iterator[Fake]:
    monkeypatch.setattr(outbound, "_settings", lambda: outbound.OutboundSettings(allow_loopback_targets=True))
    with Fake() as opened:
        yield opened


def test_every_builtin_has_its_manifest_and_every_manifest_its_builtin() -> None:
    assert {one.runtime.name for one in manifests().values() if one.runtime.type == "builtin"} == set(NAMES)
    for one in manifests().values():
        assert one.runtime.type == "builtin"
        plugin = builtin(one.runtime.name)
        assert bool(one.events) == (type(plugin).hear is not Builtin.hear)
        assert bool(one.commands) == (type(plugin).command is not Builtin.command)
    with pytest.raises(LookupError):
        builtin("os")


def test_the_forecast(fake: Fake) -> None:
    config = {"api_key": "a-key", "base_url": fake.url + "/", "units": "standard"}
    fake.will(FORECAST)
    found = builtin("weather").command("forecast", {"city": "Zocca", "lang": "it", "steps": 2}, config)
    assert (found["city"], found["country"], found["units"]) == ("Zocca", "IT", "standard")
    assert found["steps"][0] == {
        "at": "2022-08-30T15:00:00Z",
        "temperature": 296.76,
        "feels_like": 296.98,
        "humidity": 69,
        "pressure": 1015,
        "wind_speed": 0.62,
        "description": "light rain",
        "icon": "10d",
        "precipitation_probability": 0.32,
    }
    assert len(found["steps"]) == 2
    (asked,) = fake.asked
    assert asked.path == "/data/2.5/forecast"
    assert asked.query == {"q": "Zocca", "appid": "a-key", "units": "standard", "lang": "it", "cnt": "2"}


@pytest.mark.parametrize(
    ("reply", "kind", "code"),
    [
        (GARBAGE, Temporary, "bad_answer"),
        (told({"cod": 200}), Temporary, "bad_answer"),
        (told({"city": {}, "list": [{"dt": "soon"}]}), Temporary, "bad_answer"),
        (CLOSED_EARLY, Temporary, "closed_early"),
        (OUT_OF_ORDER, Temporary, "502"),
    ],
)
def test_weather_that_is_none(fake: Fake, reply: Reply, kind: type[ProviderError], code: str) -> None:
    fake.will(reply)
    with pytest.raises(kind) as trouble:
        builtin("weather").command("forecast", {"city": "x"}, {"api_key": "a", "base_url": fake.url})
    assert trouble.value.code == code


@pytest.mark.parametrize(
    ("name", "parameters", "expected"),
    [
        ("rates", {"base": "EUR", "symbols": ["CNY"]}, {"date": "2024-01-15", "base": "EUR", "rates": {"CNY": 7.8489}}),
        (
            "rates",
            {"base": "USD"},
            {
                "date": "2024-01-15",
                "base": "USD",
                "rates": {"EUR": 0.913659, "JPY": 145.884, "CNY": 7.17122, "GBP": 0.785838},
            },
        ),
        (
            "convert",
            {"amount": 100, "from": "USD", "to": "CNY"},
            {"date": "2024-01-15", "from": "USD", "to": "CNY", "amount": 100, "rate": 7.17122, "result": 717.12},
        ),
        (
            "convert",
            {"amount": 0.1, "from": "EUR", "to": "JPY"},
            {"date": "2024-01-15", "from": "EUR", "to": "JPY", "amount": 0.1, "rate": 159.67, "result": 15.97},
        ),
    ],
)
def test_exchange_rates(fake: Fake, name: str, parameters: dict[str, Any], expected: dict[str, Any]) -> None:
    fake.will(ECB)
    assert builtin("exchange_rates").command(name, parameters, {"base_url": fake.url}) == expected
    assert fake.asked[0].path == "/stats/eurofxref/eurofxref-daily.xml"


@pytest.mark.parametrize(
    ("reply", "kind", "code"),
    [
        (LAUGHS, Temporary, "bad_answer"),
        (GARBAGE, Temporary, "bad_answer"),
        (Reply(200, ECB.body.replace(b"1.0945", b"NaN")), Temporary, "bad_answer"),
        (Reply(200, ECB.body.replace(b"1.0945", b"0")), Temporary, "bad_answer"),
        (Reply(200, ECB.body.replace(b"1.0945", b"one")), Temporary, "bad_answer"),
        (Reply(200, ECB.body[:400]), Temporary, "bad_answer"),
        (Reply(404), Permanent, "404"),
        (OUT_OF_ORDER, Temporary, "502"),
    ],
)
def test_rates_that_are_none(fake: Fake, reply: Reply, kind: type[ProviderError], code: str) -> None:
    fake.will(reply)
    with pytest.raises(kind) as trouble:
        builtin("exchange_rates").command("rates", {}, {"base_url": fake.url})
    assert trouble.value.code == code


def test_a_currency_the_bank_does_not_have(fake: Fake) -> None:
    fake.will(ECB)
    with pytest.raises(Permanent) as trouble:
        builtin("exchange_rates").command("convert", {"amount": 1, "from": "XXX", "to": "EUR"}, {"base_url": fake.url})
    assert trouble.value.message == "the bank has no rate of XXX, only of EUR, USD, JPY, CNY, GBP"


def said(text: str, sender: str = "customer") -> dict[str, Any]:
    data = {"conversation_id": "conv_1", "sender": {"type": sender, "id": "u"}, "text": text}
    return {"id": "evt_1", "type": "conversation.message", "timestamp": "2026-01-01T00:00:00.000Z", "data": data}


def test_words_that_must_not_wait(fake: Fake) -> None:
    config = {
        "hub_url": fake.url,
        "api_key": "sk_live_x",
        "keywords": ["Refund", "投诉"],
        "priority": "urgent",
        "tags": ["vip"],
    }
    plugin = builtin("escalation")
    assert plugin.hear(said("refund!", sender="agent"), config) == "not a customer's"
    assert plugin.hear(said("hello"), config) == "no keyword"
    assert fake.asked == []
    fake.will(TICKET, TICKET, TICKET)
    assert plugin.hear(said("I want a REFUND"), config) == "Refund: ticket_1"
    assert plugin.hear(said("我要投诉"), config) == "投诉: ticket_1"
    assert plugin.hear(said("我要投诉"), {**config, "priority": "high"}) == "投诉: ticket_1"
    first, second, third = fake.asked
    assert first.json == {"conversation_id": "conv_1", "priority": "urgent", "tags": ["vip"]}
    keys = [asked.headers["idempotency-key"] for asked in (first, second, third)]
    assert keys[0] == keys[1] != keys[2], "of a conversation one ticket, but another where the config asks for another"
    fake.will(FORBIDDEN)
    with pytest.raises(Permanent) as trouble:
        plugin.hear(said("refund"), config)
    assert (trouble.value.code, trouble.value.message) == ("403", "The credential lacks the permission for this")
