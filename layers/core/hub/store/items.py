"""Python values to DynamoDB's attribute values and back, and a room's dataclasses to the attributes of their items.

Numbers come back as `int` where they are whole and `float` elsewhere, because they go out as JSON: boto3's own
deserializer answers `Decimal`, which neither JSON nor pydantic takes as it is.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import MISSING, Field, fields
from functools import cache
from typing import Any, TypeVar

Item = dict[str, Any]

T = TypeVar("T")


def attributes(entity: Any, *apart: str) -> Item:
    """The attributes of an entity's item: the fields of its dataclass, without `id`, which is the sort key.

    Fields that the item has otherwise, or not at all, are named in `apart` and left out.
    """
    # mypy takes no class for hashable.
    names = _fields(type(entity))  # type: ignore[arg-type]
    return {name: getattr(entity, name) for name in names if name != "id" and name not in apart}


def entity(shape: type[T], item: Mapping[str, Any], **apart: Any) -> T:
    """Read back what `attributes` wrote; `apart` are the fields that it left out.

    A field that the item lacks has its default, or is `None`.
    """
    known = _fields(shape)  # type: ignore[arg-type]
    values = {name: item[name] if name in item else absent() for name, absent in known.items()}
    if "id" in values:
        values["id"] = item["sk"]
    return shape(**{**values, **apart})


@cache
def _fields(shape: type) -> Mapping[str, Callable[[], Any]]:
    """The fields of a dataclass, each with what makes the value it has where an item lacks it."""
    return {field.name: _absent(field) for field in fields(shape)}


def _absent(field: Field[Any]) -> Callable[[], Any]:
    if field.default_factory is not MISSING:
        return field.default_factory
    default = None if field.default is MISSING else field.default
    return lambda: default


def to_item(values: Mapping[str, Any]) -> Item:
    """Write an item; attributes that are `None` are left out."""
    return {name: to_attribute(value) for name, value in values.items() if value is not None}


def from_item(item: Mapping[str, Any]) -> Item:
    """Read an item."""
    return {name: from_attribute(value) for name, value in item.items()}


def to_attribute(value: Any) -> dict[str, Any]:
    """Write one value: str, bytes, bool, None, int, float, list, tuple, mapping. Others: `TypeError`."""
    match value:
        case str():
            return {"S": value}
        case bool():
            return {"BOOL": value}
        case int():
            return {"N": str(value)}
        case float():
            if not math.isfinite(value):
                raise ValueError("DynamoDB has no NaN and no infinity")
            return {"N": repr(value)}
        case None:
            return {"NULL": True}
        case bytes():
            return {"B": value}
        case list() | tuple():
            return {"L": [to_attribute(element) for element in value]}
        case Mapping():
            return {"M": {name: to_attribute(element) for name, element in value.items()}}
    raise TypeError(f"no attribute value for {type(value).__name__}")


def from_attribute(attribute: Mapping[str, Any]) -> Any:
    """Read one value."""
    ((kind, value),) = attribute.items()
    match kind:
        case "S" | "BOOL" | "B":
            return value
        case "N":
            return int(value) if value.lstrip("-").isdigit() else float(value)
        case "L":
            return [from_attribute(element) for element in value]
        case "M":
            return {name: from_attribute(element) for name, element in value.items()}
        case "NULL":
            return None
    raise TypeError(f"no value for attribute type {kind}")
