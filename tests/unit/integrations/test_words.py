"""Events in words: every one, in both languages, and nothing of them is a provider's markup."""

import json
import re
from typing import Any, get_args

import pytest

from functions.integrations.forwards import words
from hub import connectors, events
from hub.connectors import texts
from hub.events import Caller
from hub.web.localisation import Language
from tests.contract.memory import ROOT

LANGUAGES: tuple[Language, ...] = get_args(Language)


def event(kind: str, **data: Any) -> dict[str, Any]:
    return events.event(kind, Caller("default", "", "user_1", "req_1"), data)


def test_there_are_words_for_every_event_and_for_no_other() -> None:
    assert set(words.TITLES) == set(events.AREAS)
    for chinese, english in (*words.TITLES.values(), *words.LABELS.values()):
        assert chinese
        assert english.isascii()
        assert english


@pytest.mark.parametrize("name", [file.name.removesuffix(".schema.json") for file in (ROOT / "docs/events").iterdir()])
def test_something_of_an_event_is_told(name: str) -> None:
    """What its schema says is there has a label, or is its id."""
    schema = json.loads((ROOT / f"docs/events/{name}.schema.json").read_text())
    data: dict[str, Any] = {}
    for field, shape in schema["properties"]["data"]["properties"].items():
        data[field] = dict.fromkeys(shape["properties"], "值") if "properties" in shape else "值"
    for language in LANGUAGES:
        assert len(words.message(event(name, **data), language, "telegram").splitlines()) >= 2


def test_money_is_told_as_people_write_it() -> None:
    for amount, currency, told in (
        (99_980_050, "CNY", "999,800.50 CNY"),
        (5, "USD", "0.05 USD"),
        (5000, "JPY", "5,000 JPY"),
        (1234, "KWD", "1.234 KWD"),
    ):
        text = words.message(event("order.paid", order_id="1", amount=amount, currency=currency), "en-US", "slack")
        assert text == f"[Order paid]\nAmount: {told}\nId: 1"


def test_what_is_empty_is_not_told_and_what_is_long_is_cut() -> None:
    told = event(
        "ticket.updated", title="x" * 5000, priority=None, changes=["status", "title"], tags=[], status="open\n\nx"
    )
    lines = words.message(told, "en-US", "telegram").splitlines()
    assert lines == [
        "[Ticket changed]",
        f"Title: {'x' * (words.MAX_VALUE - 1)}…",
        "Status: open x",
        "Changed: status, title",
    ]


@pytest.mark.parametrize("service_type", ["discord", "github", "kook"])
def test_markup_stands_as_it_was_written(service_type: str) -> None:
    name = "**粗** _斜_ [点我](https://evil.example) `码` <@123> <b>b</b> #1 ~~x~~ > q || s || (met)all(met)"
    text = words.message(event("customer.created", name=name), "zh-CN", service_type)
    assert not re.search(r"[*_`~|<>#()\[\]]", re.sub(r"\\.", "", text))
    plain = text.replace("\\", "")
    assert plain == words.message(event("customer.created", name=name), "zh-CN", "telegram")


@pytest.mark.parametrize("service_type", connectors.SERVICE_TYPES)
def test_a_post_is_known_again_in_each_of_its_parts(service_type: str) -> None:
    told = event("user.created", name="张三")
    signature = words.signature(told, service_type)
    assert words.is_ours(f"anything\n{signature}")
    assert told["id"] in signature.replace("\\", "")
    limits = connectors.connector(service_type).limits
    assert texts.length(signature, limits.unit) < limits.text / 2
    assert not words.is_ours("evt_1 和 evt_abc")
