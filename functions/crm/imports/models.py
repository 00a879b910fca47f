"""Shapes of imports on the wire, in document 3's camelCase."""

from typing import Annotated, TypedDict

from pydantic import Field

from functions.crm.imports.rows import Encoding
from functions.crm.jobs import Failure, Status, Wrong
from hub.web.validation import Body, Parameters


class NewImport(Body):
    """Body of `POST /v1/customers/imports`: an uploaded CSV file whose first row names the columns."""

    fileId: Annotated[str, Field(min_length=1, max_length=128)]
    encoding: Encoding = "utf-8"


class ErrorParameters(Parameters):
    """Query of `GET /v1/customers/imports/{import_id}/errors`; `cursor` empty or absent for the first page."""

    limit: Annotated[int, Field(ge=1, le=100)] = 20
    cursor: Annotated[str, Field(max_length=64)] = ""


class Import(TypedDict):
    """An import as it is shown. `progress` in per cent of the file's bytes; `rowsRead` are those with something in
    them, and each of them was either created or failed.
    """

    id: str
    fileId: str
    fileName: str
    encoding: Encoding
    status: Status
    progress: int
    rowsRead: int
    rowsCreated: int
    rowsFailed: int
    failure: Failure | None
    createdAt: str
    endedAt: str | None


class BadRow(TypedDict):
    """A row of which no customer was made, numbered as spreadsheets do, and what D3 says of it."""

    row: int
    code: int
    message: str
    errors: list[Wrong]
