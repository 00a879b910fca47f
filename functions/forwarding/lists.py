"""Lists that a quota bounds: answered whole, or a page of them where that is asked for."""

from collections.abc import Callable, Sequence
from typing import Annotated, Any, TypeVar

from pydantic import Field

from hub.web.validation import Parameters

T = TypeVar("T")

DEFAULT_LIMIT = 20


class ListParameters(Parameters):
    """Query of a list: without `page` and `limit` it is answered whole."""

    page: Annotated[int, Field(ge=1)] | None = None
    limit: Annotated[int, Field(ge=1, le=100)] | None = None


def listed(rows: Sequence[T], query: ListParameters, shown: Callable[[T], Any]) -> Any:
    """The body of a list: `data`, `total`, `page`."""
    if query.page is None and query.limit is None:
        return {"data": [shown(row) for row in rows], "total": len(rows), "page": 1}
    page, limit = query.page or 1, query.limit or DEFAULT_LIMIT
    wanted = rows[(page - 1) * limit : page * limit]
    return {"data": [shown(row) for row in wanted], "total": len(rows), "page": page}
