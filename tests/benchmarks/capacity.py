"""What DynamoDB charges for a call, by its own rules, because an emulator's figures are not its bill.

Rules: AWS, "DynamoDB item sizes and formats" and "Capacity unit consumption for read and write operations". A write
is charged by the larger of the item before and after, also when its condition fails; a read by what was read, before
any filter. Transactions cost twice. Reads that need not be consistent cost half.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import ceil
from typing import Any

WRITE_UNIT = 1024
READ_UNIT = 4096

Item = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Index:
    """A secondary index: its key's attributes, and all that it holds of an item where that is not the whole."""

    name: str
    partition: str
    sort: str
    projected: frozenset[str] | None = None

    def image(self, item: Item | None) -> Item | None:
        """What the index holds of an item; `None` where it holds nothing."""
        if item is None or self.key(item) is None:
            return None
        projected = self.projected
        return item if projected is None else {name: value for name, value in item.items() if name in projected}

    def key(self, item: Item | None) -> tuple[Any, Any] | None:
        """Where an item stands in the index; `None` where it does not."""
        if item is None or self.partition not in item or self.sort not in item:
            return None
        return item[self.partition], item[self.sort]


def item_size(item: Item | None) -> int:
    """Bytes of an item as DynamoDB counts them; 0 for none."""
    return sum(len(name.encode()) + _value_size(value) for name, value in item.items()) if item else 0


def read_units(size: int, *, consistent: bool = False) -> float:
    """Units of reading `size` bytes in one go."""
    return max(1, ceil(size / READ_UNIT)) * (1.0 if consistent else 0.5)


def write_units(before: Item | None, after: Item | None, indexes: Iterable[Index] = (), *, done: bool = True) -> int:
    """Units of one write, its indexes included; `done` is false for one whose condition failed."""
    if not done:
        return _units(item_size(before))
    return _units(max(item_size(before), item_size(after))) + sum(_index_units(one, before, after) for one in indexes)


def page_units(items: Sequence[Item], *, consistent: bool = False) -> float:
    """Units of one page of a query: the items it read, together."""
    return read_units(sum(item_size(item) for item in items), consistent=consistent)


def _index_units(index: Index, before: Item | None, after: Item | None) -> int:
    old, new = index.image(before), index.image(after)
    if old == new:
        return 0
    if old is not None and new is not None and index.key(before) == index.key(after):
        return _units(max(item_size(old), item_size(new)))
    return _units(item_size(old)) * (old is not None) + _units(item_size(new)) * (new is not None)


def _units(size: int) -> int:
    return max(1, ceil(size / WRITE_UNIT))


def _value_size(attribute: Mapping[str, Any]) -> int:
    ((kind, value),) = attribute.items()
    match kind:
        case "S":
            return len(str(value).encode())
        case "B":
            return len(bytes(value))
        case "N":
            digits: int = len(value.lstrip("-").replace(".", "").strip("0"))
            return ceil(digits / 2) + 1 + int(value.startswith("-"))
        case "BOOL" | "NULL":
            return 1
        case "L":
            return 3 + sum(1 + _value_size(element) for element in value)
        case "M":
            return 3 + sum(1 + len(name.encode()) + _value_size(element) for name, element in value.items())
        case _:
            return 3 + sum(len(element) for element in value)
