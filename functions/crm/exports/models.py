"""Shapes of exports on the wire, in document 3's camelCase."""

from collections.abc import Iterator
from typing import Annotated, TypedDict

from pydantic import AfterValidator, Field

from functions.crm import cells
from functions.crm.jobs import Failure, Status
from hub.web.validation import Body, refused

COLUMNS = ("id", *cells.FIELDS, cells.CUSTOM, "createdAt", "updatedAt")
"""What is exported where nothing else is asked for; `customFields` stands for a column of each that there is."""

MAX_FIELDS = 200


def _unknown(names: list[str]) -> Iterator[str]:
    return (name for name in names if name not in (*COLUMNS, *cells.GIVEN) and not cells.custom(name))


def _known(names: list[str]) -> list[str]:
    for name in _unknown(names):
        raise refused("unknown_name", name=name[:50])
    if len(set(names)) != len(names):
        raise refused("duplicate")
    return names


class NewExport(Body):
    """Body of `POST /v1/customers/exports`: which customers, and which of their fields, all by default.

    `query` is written as the query of `GET /v1/customers`, without its pages and `fields`.
    """

    query: Annotated[str, Field(max_length=2000)] = ""
    fields: Annotated[
        list[Annotated[str, Field(min_length=1, max_length=120)]] | None,
        Field(min_length=1, max_length=MAX_FIELDS),
        AfterValidator(lambda names: names and _known(names)),
    ] = None


class Export(TypedDict):
    """An export as it is shown; `rows` and `size` (bytes) of what is written so far and in the end."""

    id: str
    query: str
    fields: list[str]
    status: Status
    progress: int
    rows: int
    size: int | None
    failure: Failure | None
    createdAt: str
    endedAt: str | None
    expiresAt: str


class ExportWithDownload(Export):
    """An export, and where to download it for the next 15 minutes; `None` while it runs."""

    downloadUrl: str | None
