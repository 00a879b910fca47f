"""A request as API Gateway hands it over (HTTP API, payload format 2.0), read once."""

import base64
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from hub import ids
from hub.errors import PayloadTooLarge, Unauthorized, UnsupportedMediaType
from hub.events import Caller
from hub.web.localisation import Language, negotiate

MAX_BODY_BYTES = 1_048_576

if TYPE_CHECKING:
    from hub.auth import Credential

_REQUEST_ID = re.compile(r"[A-Za-z0-9._:-]{1,128}\Z")


class Request:
    """One HTTP request."""

    def __init__(self, event: Mapping[str, Any]) -> None:
        """Take API Gateway's event."""
        self._event = event
        self.headers: Mapping[str, str] = event.get("headers") or {}
        self.path: str = event.get("rawPath", "")
        self.parameters: Mapping[str, str] = event.get("queryStringParameters") or {}
        self.path_parameters: Mapping[str, str] = event.get("pathParameters") or {}
        self.language: Language = negotiate(self.headers.get("accept-language", ""))
        given = self.headers.get("x-request-id", "")
        self.request_id = given if _REQUEST_ID.match(given) else ids.new("req")
        self.credential: Credential | None = None

    @property
    def caller(self) -> Caller:
        """On whose behalf it is made; only for routes that are not public."""
        if self.credential is None:
            raise Unauthorized
        return Caller(self.credential.tenant, self.credential.plan, self.credential.id, self.request_id)

    @property
    def source_ip(self) -> str:
        """The address it came from."""
        address: str = self._event["requestContext"]["http"]["sourceIp"]
        return address

    def token(self) -> str:
        """The credential it carries: `Authorization: Bearer`, under `/api/` `X-API-Token`. Raises `Unauthorized`."""
        scheme, _, token = self.headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer" and token:
            return token.strip()
        if self.path.startswith("/api/") and (token := self.headers.get("x-api-token", "")):
            return token
        raise Unauthorized

    @cached_property
    def body(self) -> bytes:
        """The raw body. Raises `PayloadTooLarge`."""
        text: str = self._event.get("body") or ""
        if len(text) > 2 * MAX_BODY_BYTES:
            raise PayloadTooLarge(limit=MAX_BODY_BYTES)
        # A lone surrogate cannot be encoded; what it becomes is refused as malformed JSON.
        raw = base64.b64decode(text) if self._event.get("isBase64Encoded") else text.encode(errors="surrogatepass")
        if len(raw) > MAX_BODY_BYTES:
            raise PayloadTooLarge(limit=MAX_BODY_BYTES)
        return raw

    def json_body(self) -> bytes:
        """The body of a request that must be JSON; `{}` where there is none. Raises `UnsupportedMediaType`."""
        body = self.body
        if not body.strip():
            return b"{}"
        media_type = self.headers.get("content-type", "").partition(";")[0].strip().lower()
        if media_type != "application/json":
            raise UnsupportedMediaType(expected="application/json")
        return body


@dataclass(frozen=True, slots=True)
class Raw:
    """An answer that no style wraps: an exported file, a page, a redirect; `status` where it is not the route's own."""

    body: str
    content_type: str
    headers: Mapping[str, str] | None = None
    status: int | None = None
