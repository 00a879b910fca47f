"""A request as API Gateway hands it over (HTTP API, payload format 2.0), read once."""

import base64
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache, cached_property
from typing import TYPE_CHECKING, Any, Generic, TypeVar
from urllib.parse import parse_qsl

from hub import ids, settings
from hub.errors import (
    FieldError,
    InvalidRequest,
    PayloadTooLarge,
    PreconditionFailed,
    Unauthorized,
    UnsupportedMediaType,
)
from hub.events import Caller
from hub.web.localisation import Language, negotiate

MAX_BODY_BYTES = 1_048_576
MAX_PARAMETERS = 100
JSON = "application/json"
FORM = "application/x-www-form-urlencoded"

T = TypeVar("T")

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
        credential = self.accepted
        return Caller(credential.tenant, credential.plan, credential.user_id or credential.id, self.request_id)

    @property
    def source_ip(self) -> str:
        """The address it came from."""
        address: str = self._event["requestContext"]["http"]["sourceIp"]
        return address

    @property
    def base_url(self) -> str:
        """Where this API stands, without a slash at the end: the issuer of its tokens."""
        return _settings().public_url or f"https://{self._event['requestContext']['domainName']}"

    @property
    def public_tenant(self) -> str:
        """As which tenant it may act where it carries no credential; none where nothing is opened."""
        return _settings().public_tenant if self.is_anonymous else ""

    @property
    def accepted(self) -> "Credential":
        """The credential it was made with; only for routes that are not public."""
        if self.credential is None:
            raise Unauthorized
        return self.credential

    @property
    def cookies(self) -> Mapping[str, str]:
        """Its cookies, from API Gateway's list or, where an emulator leaves them there, from the header."""
        pairs = self._event.get("cookies") or self.headers.get("cookie", "").split("; ")
        return {name: value for name, found, value in (pair.partition("=") for pair in pairs) if found}

    def expects(self, version: int) -> None:
        """Hold a resource's version against `If-Match` (RFC 9110 section 13.1.1). Raises `PreconditionFailed`."""
        wanted = self.headers.get("if-match")
        if wanted is not None and wanted.strip() != "*" and entity_tag(version) not in _tags(wanted):
            raise PreconditionFailed

    def has(self, version: int) -> bool:
        """Whether the caller has this version of a resource already (`If-None-Match`, RFC 9110 section 13.1.2)."""
        known = self.headers.get("if-none-match", "")
        # Compared weakly: what a proxy has recompressed is still the same version.
        return known.strip() == "*" or entity_tag(version) in {tag.removeprefix("W/") for tag in _tags(known)}

    def token(self) -> str:
        """The credential it carries: `Authorization: Bearer`, under `/api/` `X-API-Token`. Raises `Unauthorized`."""
        scheme, _, token = self.headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer" and token:
            return token.strip()
        if self.path.startswith("/api/") and (token := self.headers.get("x-api-token", "")):
            return token
        raise Unauthorized

    @property
    def is_anonymous(self) -> bool:
        """Whether it carries nothing that could be a credential, as documents 4 and 5 have their examples."""
        return "authorization" not in self.headers and not (
            self.path.startswith("/api/") and "x-api-token" in self.headers
        )

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
        if self._media_type != JSON:
            raise UnsupportedMediaType(expected=JSON)
        return body

    def form(self) -> dict[str, str]:
        """The parameters of a form. Raises `UnsupportedMediaType`, `InvalidRequest` for one sent twice."""
        if self._media_type != FORM:
            raise UnsupportedMediaType(expected=FORM)
        return _parameters(self.body.decode(errors="replace"))

    def form_or_json_body(self) -> bytes:
        """The parameters of a form or of a JSON body, as JSON: the OAuth endpoints take both."""
        return json.dumps(self.form()).encode() if self._media_type == FORM else self.json_body()

    def query(self) -> dict[str, str]:
        """The parameters of the query as they were sent: API Gateway joins repeated ones. Raises `InvalidRequest`."""
        return _parameters(self._event.get("rawQueryString", ""))

    @property
    def _media_type(self) -> str:
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()


def _parameters(encoded: str) -> dict[str, str]:
    """Parameters by name. Raises `InvalidRequest` for too many, or one sent twice (RFC 6749 section 3.1)."""
    try:
        pairs = parse_qsl(encoded, keep_blank_values=True, max_num_fields=MAX_PARAMETERS)
    except ValueError:
        raise InvalidRequest(FieldError("body", "malformed")) from None
    parameters = dict(pairs)
    if len(parameters) != len(pairs):
        names = [name for name, _ in pairs]
        raise InvalidRequest([FieldError(name, "duplicate") for name in parameters if names.count(name) > 1])
    return parameters


def entity_tag(version: int) -> str:
    """The entity tag of a version (RFC 9110 section 8.8.3)."""
    return f'"{version}"'


def _tags(header: str) -> set[str]:
    return {tag.strip() for tag in header.split(",")}


@dataclass(frozen=True)
class WebSettings:
    """`public_url` is the API's own address where it is not API Gateway's domain name.

    `public_tenant`, on the functions of a group that the deployment opens, is whose requests without a credential are.
    """

    public_url: str = ""
    public_tenant: str = ""


@cache
def _settings() -> WebSettings:
    return settings.load(WebSettings)


@dataclass(frozen=True, slots=True)
class Raw:
    """An answer that no style wraps: an exported file, a page, a redirect; `status` where it is not the route's own."""

    body: str
    content_type: str
    headers: Mapping[str, str] | None = None
    status: int | None = None
    cookies: tuple[str, ...] = ()

    def with_cookies(self, cookies: tuple[str, ...]) -> "Raw":
        """The same with cookies to set."""
        return replace(self, cookies=cookies)


@dataclass(frozen=True, slots=True)
class Accepted(Generic[T]):
    """An answer to what goes on in the background: a 202, whose `Location` shows how far it is."""

    data: T
    location: str


@dataclass(frozen=True, slots=True)
class Versioned(Generic[T]):
    """An answer with the version of the resource it shows, which goes out as its `ETag`."""

    data: T
    version: int
