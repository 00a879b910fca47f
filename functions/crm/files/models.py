"""Shapes of files on the wire, in document 3's camelCase."""

from typing import Annotated, Literal, TypedDict

from pydantic import AfterValidator, Field

from hub.web.validation import Body, not_blank

Status = Literal["pending", "uploaded", "expired"]

MAX_BYTES = 50 * 1024 * 1024

FileName = Annotated[
    str,
    Field(min_length=1, max_length=255, pattern=r"^[^\x00-\x1f\x7f/\\]*$"),
    AfterValidator(not_blank),
]
ContentType = Annotated[str, Field(max_length=100, pattern=r"^[a-z]+/[a-zA-Z0-9.+-]+(; ?charset=[a-zA-Z0-9-]+)?$")]


class NewFile(Body):
    """Body of `POST /v1/files`: what is going to be uploaded. `size` in bytes, to the byte."""

    name: FileName
    size: Annotated[int, Field(ge=1, le=MAX_BYTES)]
    contentType: ContentType = "text/csv"


class Upload(TypedDict):
    """How to upload a file: one PUT of its bytes with these headers. The address is a secret until it expires."""

    url: str
    method: Literal["PUT"]
    headers: dict[str, str]
    expiresAt: str


class File(TypedDict):
    """A file as it is shown; `pending` until it was uploaded."""

    id: str
    name: str
    size: int
    contentType: str
    status: Status
    createdAt: str
    expiresAt: str


class NewFileWithUpload(File):
    """A file that is to be uploaded."""

    upload: Upload


class FileWithDownload(File):
    """A file, and where to download it for the next 15 minutes; `None` where there is nothing to download."""

    downloadUrl: str | None
