"""Callbacks as the callback route hands them to a connector: header names in lower case."""

import json
from collections.abc import Mapping
from typing import Any

from hub.connectors.protocol import Callback


def posted(body: Any, *, headers: Mapping[str, str] | None = None, query: Mapping[str, str] | None = None) -> Callback:
    """A POST; `body` as text or bytes stands as it is."""
    raw = body if isinstance(body, bytes) else (body if isinstance(body, str) else json.dumps(body)).encode()
    return Callback("POST", query or {}, headers or {}, raw)


def got(query: Mapping[str, str]) -> Callback:
    """A GET, by which a provider asks whether the address is ours."""
    return Callback("GET", query, {}, b"")


NOT_READABLE: tuple[Any, ...] = (b"", b"\xff", b"{", b"[]", b"7", b"null", b'"text"', b"{}", b"[" * 50_000)
"""Bodies that no provider sends."""
