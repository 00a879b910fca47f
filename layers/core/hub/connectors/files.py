"""Files that go along with a message: fetched from where the caller has them, handed to a provider that fetches none.

A file is held in memory: no larger than `MAX_BYTES`, and no more at once than `MAX_AT_ONCE`, so that a Lambda of 512 MB
holds the files and the requests that carry them.
"""

import mimetypes
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from email.message import Message
from threading import BoundedSemaphore
from urllib.parse import unquote, urljoin, urlsplit

from urllib3.filepost import encode_multipart_formdata

from hub import outbound
from hub.connectors.protocol import Media, Permanent, Temporary

MAX_BYTES = 20 * 1024 * 1024
MAX_AT_ONCE = 3
FETCH_SECONDS = 12.0
SECONDS = 15.0
"""For a file to be handed over: with the fetch before it and a call after it, less than a sender's function lives."""
WAIT_SECONDS = 10.0
"""For room among the files that are held."""

_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_MAX_REDIRECTS = 3
_MAX_NAME = 120
_UNKNOWN = "application/octet-stream"
_room = BoundedSemaphore(MAX_AT_ONCE)


class Unfit(Permanent):
    """The file cannot be had, or the provider would not take it."""


class Unreachable(Temporary):
    """The file's server has a trouble that may pass."""


NOT_HAD = (Unfit, Unreachable)
"""What keeps a file from going along, but not a message that goes with the file's address instead."""


@dataclass(frozen=True, slots=True)
class File:
    """A file: its name with an ending, its media type without parameters, its bytes."""

    name: str
    type: str
    content: bytes


@contextmanager
def fetched(media: Media, most: int) -> Iterator[File]:
    """A file of at most so many bytes, as long as the context lasts.

    Raises `Unfit`, `Unreachable`, and `Temporary` where there is no room for it now.
    """
    if not _room.acquire(timeout=WAIT_SECONDS):
        raise Temporary("busy", "too many files are on their way")
    try:
        yield _fetched(media, min(most, MAX_BYTES))
    finally:
        _room.release()


def form(fields: Mapping[str, str], name: str, file: File) -> tuple[bytes, dict[str, str]]:
    """A `multipart/form-data` body with a file under a name, and the header that goes with it."""
    body, content_type = encode_multipart_formdata({**fields, name: (file.name, file.content, file.type)})
    return body, {"Content-Type": content_type}


def _fetched(media: Media, most: int) -> File:
    address, answer = media.url, _get(media.url, most)
    for _ in range(_MAX_REDIRECTS):
        if answer.status not in _REDIRECTS or not (location := answer.headers.get("Location")):
            break
        following = urljoin(address, location)
        if address.startswith("https:") and not following.startswith("https:"):
            raise Unfit("bad_media", "the file's server leads to an address without TLS")
        address, answer = following, _get(following, most)
    if answer.status >= 500 or answer.status == 429:
        raise Unreachable("bad_media", f"the file's server answered {answer.status}")
    if answer.status != 200:
        raise Unfit("bad_media", f"the file's server answered {answer.status}")
    if len(answer.body) > most:
        raise Unfit("media_too_large", f"the file has more than {most} bytes")
    if not answer.body:
        raise Unfit("bad_media", "the file is empty")
    kind = answer.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    kind = kind if re.fullmatch(r"[a-z0-9.+-]+/[a-z0-9.+-]+", kind) else _UNKNOWN
    return File(_name(media, address, answer, kind), kind, answer.body)


def _get(url: str, most: int) -> outbound.Response:
    try:
        return outbound.send("GET", url, headers={}, seconds=FETCH_SECONDS, max_response_bytes=most + 1)
    except outbound.AddressRefused as error:
        raise Unfit(error.reason, "the file's address may not be called") from error
    except outbound.OutboundError as error:
        raise Unreachable(error.reason, "the file could not be read") from error


def _name(media: Media, address: str, answer: outbound.Response, kind: str) -> str:
    """The file's name: the caller's, the server's, the address's or its kind's, with an ending that tells the type."""
    told = media.name or _disposition(answer) or unquote(urlsplit(address).path.rpartition("/")[2])
    clean = "".join(one for one in told.replace("\\", "/").rpartition("/")[2] if one.isprintable()).strip(" .")
    name = clean or media.kind
    stem, dot, ending = name.rpartition(".")
    if not dot or not 1 <= len(ending) <= 8:
        stem, ending = name, (mimetypes.guess_extension(kind) or ".bin")[1:]
    return f"{stem[:_MAX_NAME]}.{ending}"


def _disposition(answer: outbound.Response) -> str:
    """The name in a `Content-Disposition`, also one that is encoded (RFC 6266)."""
    header = Message()
    header["Content-Disposition"] = answer.headers.get("Content-Disposition", "")
    return header.get_filename() or ""
