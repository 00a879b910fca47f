"""Counters against a plain count of what is true in the end."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hub import aws as clients
from hub.errors import Unavailable
from hub.store import counters, table
from hub.store.counters import Fact

_TENANTS = count()
"""Every example counts anew."""

NAMES = ("TICKETS", "SUPPORT#2026-11-20T15")

amounts = st.dictionaries(st.sampled_from(["open", "closed", "seconds"]), st.integers(-5, 500), max_size=3)
counts = st.dictionaries(st.sampled_from(NAMES), amounts, max_size=2)
versions = st.lists(counts, min_size=1, max_size=4)


def tell(facts: list[Fact], size: int) -> None:
    for start in range(0, len(facts), size):
        counters.count(facts[start : start + size])


def truth(latest: list[Any]) -> dict[str, Counter[str]]:
    sums = {name: Counter[str]() for name in NAMES}
    for one in latest:
        for name, told in one.items():
            sums[name].update(told)
    return sums


def counted(tenant: str, name: str) -> dict[str, int]:
    return {attribute: amount for attribute, amount in counters.read(tenant, name).items() if amount}


@pytest.mark.usefixtures("aws")
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.lists(versions, max_size=6), st.randoms(use_true_random=False), st.integers(1, 7))
def test_only_the_latest_version_of_each_counts_however_it_is_told(
    things: list[list[Any]], random: Random, size: int
) -> None:
    tenant = f"tenant-{next(_TENANTS)}"
    facts = [
        Fact(tenant, f"thing_{number}", version, told)
        for number, states in enumerate(things)
        for version, told in enumerate(states)
    ]
    told = [*facts, *(fact for fact in facts if random.random() < 0.5)]
    random.shuffle(told)
    tell(told, size)
    for name, sums in truth([states[-1] for states in things]).items():
        expected = {attribute: amount for attribute, amount in sums.items() if amount}
        assert counted(tenant, name) == expected


@pytest.mark.usefixtures("aws")
def test_what_is_gone_counts_no_more() -> None:
    counters.count([Fact("acme", "a", 1, {"TICKETS": {"open": 1}}), Fact("acme", "b", 1, {"TICKETS": {"open": 1}})])
    counters.count([Fact("acme", "a", 2, {})])
    assert counters.read("acme", "TICKETS") == {"open": 1}
    counters.count([Fact("acme", "a", 1, {"TICKETS": {"open": 1}})])
    assert counters.read("acme", "TICKETS") == {"open": 1}
    assert counters.read("other", "TICKETS") == {}


@pytest.mark.usefixtures("aws")
def test_more_than_a_transaction_takes_is_counted_in_several() -> None:
    counters.count(Fact("acme", f"t{number}", 1, {"A": {"n": 1}, f"B{number}": {"n": 1}}) for number in range(70))
    assert counters.read("acme", "A") == {"n": 70}
    assert dict(counters.between("acme", "B0", "B9\U0010ffff")) == {f"B{n}": {"n": 1} for n in range(70)}


@pytest.mark.usefixtures("aws")
def test_workers_at_the_same_counter_lose_nothing() -> None:
    with ThreadPoolExecutor(4) as pool:
        told = [[Fact("acme", f"t{number}", 1, {"A": {"n": 1}})] for number in range(20)] * 2
        list(pool.map(counters.count, told))
    assert counters.read("acme", "A") == {"n": 20}


@pytest.mark.usefixtures("aws")
def test_what_another_counts_between_read_and_write_is_read_again(monkeypatch: pytest.MonkeyPatch) -> None:
    fact = Fact("acme", "a", 2, {"A": {"n": 1}})
    real = clients.dynamodb().batch_get_item
    monkeypatch.setattr(table, "back_off", lambda _: None)

    def overtaken(**parameters: Any) -> Any:
        answer = real(**parameters)
        monkeypatch.undo()
        counters.count([Fact("acme", "a", 1, {"A": {"n": 5}, "B": {"n": 1}})])
        return answer

    monkeypatch.setattr(clients.dynamodb(), "batch_get_item", overtaken)
    counters.count([fact])
    assert (counted("acme", "A"), counted("acme", "B")) == ({"n": 1}, {})


@pytest.mark.usefixtures("aws")
def test_who_is_always_overtaken_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def contended(*_: Any) -> None:
        raise table.Contended

    monkeypatch.setattr(table, "write", contended)
    monkeypatch.setattr(table, "back_off", lambda _: None)
    with pytest.raises(Unavailable):
        counters.count([Fact("acme", "a", 1, {"A": {"n": 1}})])
