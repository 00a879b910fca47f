"""Python values to DynamoDB's attribute values and back, and a room's dataclasses to the attributes of their items.

Numbers come back as `int` where they are whole and `float` elsewhere, because they go out as JSON: boto3's own
deserializer answers `Decimal`, which neither JSON nor pydantic takes as it is.
"""

import math
from collections.abc import Mapping
from dataclasses import MISSING, fields
from typing import Any, TypeVar

Item = dict[str, Any]

T = TypeVar("T")


def attributes(entity: Any) -> Item:
    """The attributes of an entity's item: the fields of its dataclass, without `id`, which is the sort key."""
    return {field.name: getattr(entity, field.name) for field in fields(entity) if field.name != "id"}


def entity(shape: type[T], item: Mapping[str, Any]) -> T:
    """Read back what `attributes` wrote; a field that the item lacks has its default, or is `None`."""
    values: Item = {}
    for field in fields(shape):  # type: ignore[arg-type]
        if field.name == "id":
            values["id"] = item["sk"]
        elif field.name in item:
            values[field.name] = item[field.name]
        elif field.default is MISSING and field.default_factory is MISSING:
            values[field.name] = None
    return shape(**values)


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
