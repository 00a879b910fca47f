"""The bucket of files: what callers put into it and what is written for them, and the addresses that lead there.

A presigned address is a credential: whoever has it may do the one thing that it was signed for, until it expires. It
goes out in the answer to whom it was made for and is written nowhere else.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any
from urllib.parse import quote

from botocore.exceptions import ClientError

from hub import aws, settings

URL_SECONDS = 900
"""How long a presigned address is good for."""

KEEP_SECONDS = 30 * 86_400
"""How long the bucket keeps things (template.yaml, `FilesBucket`), and the table what tells of them."""

_PIECE = 256 * 1024


@dataclass(frozen=True)
class BucketSettings:
    """The bucket."""

    files_bucket_name: str


@dataclass(frozen=True, slots=True)
class Found:
    """An object that is there: its bytes, and the tag of its content."""

    size: int
    tag: str


class Gone(Exception):
    """There is no such object."""


class Replaced(Exception):
    """There is another content than the one that was begun with."""


@cache
def bucket() -> str:
    """The bucket of this deployment."""
    return settings.load(BucketSettings).files_bucket_name


def upload_url(key: str, size: int, content_type: str) -> tuple[str, dict[str, str]]:
    """An address for one PUT of exactly so many bytes, and the headers that it must be sent with."""
    signed: Mapping[str, Any] = {
        "Bucket": bucket(),
        "Key": key,
        "ContentLength": size,
        "ContentType": content_type,
    }
    url = aws.s3().generate_presigned_url("put_object", Params=signed, ExpiresIn=URL_SECONDS)
    return url, {"Content-Length": str(size), "Content-Type": content_type}


def download_url(key: str, name: str, content_type: str) -> str:
    """An address to download an object from, under a name; a browser is told to save it, never to show it."""
    signed: Mapping[str, Any] = {
        "Bucket": bucket(),
        "Key": key,
        "ResponseContentDisposition": f"attachment; filename*=UTF-8''{quote(name, safe='')}",
        "ResponseContentType": content_type,
    }
    return aws.s3().generate_presigned_url("get_object", Params=signed, ExpiresIn=URL_SECONDS)


def find(key: str) -> Found:
    """Look for an object. Raises `Gone`."""
    try:
        head = aws.s3().head_object(Bucket=bucket(), Key=key)
    except ClientError as error:
        if _status(error) == 404:
            raise Gone from error
        raise
    return Found(head["ContentLength"], head["ETag"])


def pieces(key: str, found: Found, offset: int) -> Callable[[], bytes]:
    """Reads an object from an offset on, piece by piece, then `b""`. Raises `Gone` and `Replaced`."""
    place = offset

    def more() -> bytes:
        nonlocal place
        if place >= found.size:
            return b""
        end = min(place + _PIECE, found.size)
        try:
            answer = aws.s3().get_object(Bucket=bucket(), Key=key, Range=f"bytes={place}-{end - 1}", IfMatch=found.tag)
            piece = answer["Body"].read()
        except ClientError as error:
            match _status(error):
                case 404:
                    raise Gone from error
                case 412:
                    raise Replaced from error
            raise
        place += len(piece)
        return piece

    return more


def read(key: str) -> bytes:
    """Read a whole object of ours."""
    return aws.s3().get_object(Bucket=bucket(), Key=key)["Body"].read()


def write(key: str, content: bytes) -> None:
    """Write an object of ours."""
    aws.s3().put_object(Bucket=bucket(), Key=key, Body=content)


def delete(key: str) -> None:
    """Delete an object; one that is not there is none to delete."""
    aws.s3().delete_object(Bucket=bucket(), Key=key)


def _status(error: ClientError) -> int:
    return error.response["ResponseMetadata"]["HTTPStatusCode"]
