"""JSON of a caller's or a device's own making, within what an item, an event and a message to a device can hold."""

import json
from typing import Annotated, Any

from pydantic import AfterValidator, Field

from hub.web.validation import refused

MAX_BYTES = 8192
"""Of compact JSON. A page of 100 commands with parameters and results stays below Lambda's 6 MB."""

MAX_DEPTH = 16
"""DynamoDB holds 32 levels, of which an event needs some itself."""

_LEAST, _GREATEST = 1e-100, 1e38
"""DynamoDB's numbers have 38 digits and end at 1e-130."""


def bounded(value: Any) -> Any:
    """Refuse JSON that is too much, too deep, or holds what DynamoDB does not, as a validator of a field does."""
    if len(compact(value).encode()) > MAX_BYTES:
        raise refused("too_many_bytes", limit=MAX_BYTES)
    level = [value]
    for _ in range(MAX_DEPTH + 1):
        level = [inner for one in level for inner in _inside(one)]
        if not level:
            return value
    raise refused("too_deep", limit=MAX_DEPTH)


def compact(value: Any) -> str:
    """JSON without white space."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _inside(value: Any) -> list[Any]:
    match value:
        case dict():
            if "" in value:
                raise refused("empty_name")
            return list(value.values())
        case list():
            return value
        case int() | float() if value and not _LEAST <= abs(value) <= _GREATEST:
            raise refused("out_of_bounds", bottom=f"±{_LEAST}", top=f"±{_GREATEST}")
    return []


Payload = Annotated[dict[str, Any], AfterValidator(bounded)]
"""An object."""

AnyPayload = Annotated[Any, AfterValidator(bounded), Field(description="Any JSON.")]
"""Any value."""
