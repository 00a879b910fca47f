"""Ids that are counted."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from hub.errors import NotFound
from hub.store import sequences

pytestmark = pytest.mark.usefixtures("aws")


def test_ids_are_counted_for_each_tenant_and_kind() -> None:
    assert [sequences.following("acme", "BOT") for _ in range(3)] == [1, 2, 3]
    assert (sequences.following("acme", "ACCOUNT"), sequences.following("other", "BOT")) == (1, 1)


def test_many_are_taken_at_once() -> None:
    assert sequences.following("acme", "BOT", 5) == 1
    assert sequences.following("acme", "BOT") == 6


def test_no_two_get_the_same_however_many_ask_at_once() -> None:
    with ThreadPoolExecutor(8) as several:
        taken = list(several.map(lambda _: sequences.following("acme", "BOT", 2), range(40)))
    assert sorted(taken) == list(range(1, 81, 2))


def test_sort_keys_sort_as_the_numbers_do() -> None:
    assert sorted(map(sequences.padded, (10, 9, 123_456_789_012))) == ["000000000009", "000000000010", "123456789012"]
    assert sequences.place("42") == sequences.padded(42)


@pytest.mark.parametrize("text", ["0", "01", "-1", "1.0", "a", "1234567890123", "１", "1\n", ""])
def test_what_is_no_id_is_not_found(text: str) -> None:
    with pytest.raises(NotFound):
        sequences.place(text)
