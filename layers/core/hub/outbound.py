"""The only way out to the internet: addresses guarded, time bounded, redirects not followed.

A host is resolved at every call, every address it has is checked, and the connection goes to the address that was
checked, with the host's own name in TLS and `Host`. So a name that changes between two look-ups gains nothing.
What comes back is not trusted either: neither its pace nor its length.
"""

import ipaddress
import re
import socket
import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from http.client import IncompleteRead

import urllib3
from urllib3.exceptions import (
    HTTPError,
    InvalidChunkLength,
    LocationParseError,
    NewConnectionError,
    ProtocolError,
    SSLError,
)
from urllib3.exceptions import TimeoutError as RequestTimeout
from urllib3.util import Timeout, Url, parse_url

from hub import addresses, settings
from hub.addresses import Address
from hub.connection_pools import ending_at, pools

USER_AGENT = "Hub/1.0"
SECONDS = 10.0
CONNECT_SECONDS = 3.0
MAX_RESPONSE_BYTES = 65_536

_PORTS = {"http": 80, "https": 443}
_NAME = re.compile(r"(?=.{1,253}\.?\Z)[a-z0-9_]([a-z0-9_-]{0,62})(\.[a-z0-9_][a-z0-9_-]{0,62})*\.?\Z")
_INNER_NAMES = (".localhost", ".local", ".internal", ".localdomain", ".home.arpa")
_OF_THIS_MACHINE = {"localhost", "ip6-localhost", "ip6-loopback"}


@dataclass(frozen=True)
class OutboundSettings:
    """`allow_loopback_targets` lets calls to this machine pass: only the local stack sets it."""

    allow_loopback_targets: bool = False


@dataclass(frozen=True, slots=True)
class Response:
    """What came back; `body` is cut at the limit that was asked for."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    milliseconds: int


class OutboundError(Exception):
    """No answer came; `reason` is one word for logs and answers."""

    reason = "unreachable"


class AddressRefused(OutboundError):
    """The host leads to an address that no request may reach."""

    reason = "address_refused"


class NotResolved(OutboundError):
    """The host's name has no address."""

    reason = "not_resolved"


class TlsFailed(OutboundError):
    """No TLS came about: an invalid certificate, mostly."""

    reason = "tls_failed"


class ClosedEarly(OutboundError):
    """The connection ended before the answer did."""

    reason = "closed_early"


class BadAnswer(OutboundError):
    """What came is no HTTP, or a head beyond all measure."""

    reason = "bad_answer"


class TimedOut(OutboundError):
    """No complete answer within the time allowed."""

    reason = "timed_out"


def refusal(url: str) -> str | None:
    """Why a URL cannot be a target, as a key of the localisation; `None` when nothing speaks against it.

    Looks at the text alone, names are not resolved: each call checks where they lead then.
    """
    try:
        parts = _parts(url)
    except ValueError:
        return "bad_url"
    host = _host(parts)
    if host in _OF_THIS_MACHINE or host.endswith(_INNER_NAMES):
        return None if host in _OF_THIS_MACHINE and _settings().allow_loopback_targets else "refused_address"
    address = _literal(host)
    return "refused_address" if address is not None and not _is_allowed(address) else None


def send(
    method: str,
    url: str,
    *,
    headers: Mapping[str, str],
    body: bytes | None = None,
    seconds: float = SECONDS,
    max_response_bytes: int = MAX_RESPONSE_BYTES,
) -> Response:
    """Make one request and answer with whatever status came back. Raises `OutboundError`."""
    started = time.perf_counter()
    deadline = started + seconds
    try:
        parts = _parts(url)
    except ValueError:
        raise AddressRefused(url) from None
    host = _host(parts)
    port = parts.port or _PORTS[parts.scheme or ""]
    target = _checked_address(host, port)
    left = deadline - time.perf_counter()
    if left <= 0:
        raise TimedOut("the look-up of the name took all the time")
    pool = pools().connection_from_host(str(target), port, parts.scheme, _tls(host) if parts.scheme == "https" else {})
    try:
        with ending_at(deadline):
            answer = pool.urlopen(
                method,
                parts.request_uri,
                body=body,
                headers={"Host": parts.netloc or host, "User-Agent": USER_AGENT, **headers},
                timeout=Timeout(connect=min(CONNECT_SECONDS, left), total=left),
                retries=False,
                redirect=False,
                preload_content=False,
                assert_same_host=False,
            )
            content = _read(answer, max_response_bytes)
    except (HTTPError, OSError) as error:
        raise _failure(error, late=time.perf_counter() >= deadline)(str(error)) from error
    if time.perf_counter() >= deadline:  # a header or body that was cut can look complete
        raise TimedOut("no complete answer in time")
    return Response(answer.status, answer.headers, content, round((time.perf_counter() - started) * 1000))


def _failure(error: Exception, *, late: bool) -> type[OutboundError]:
    if late:
        return TimedOut
    if isinstance(error, NewConnectionError):  # which urllib3 counts among its time-outs
        return OutboundError
    if isinstance(error, RequestTimeout):
        return TimedOut
    if isinstance(error, SSLError):
        return TlsFailed
    cause = error.args[1] if isinstance(error, ProtocolError) and len(error.args) > 1 else error
    is_closed = isinstance(cause, OSError | IncompleteRead | ProtocolError) and not isinstance(
        cause, InvalidChunkLength
    )
    return ClosedEarly if is_closed else BadAnswer


def _parts(url: str) -> Url:
    try:
        parts = parse_url(url)
    except LocationParseError as error:
        raise ValueError(url) from error
    if parts.scheme not in _PORTS or not parts.host or len(url) > 2048:
        raise ValueError(url)
    if any(character <= " " or character == "\\" or ord(character) > 126 for character in url):
        raise ValueError(url)
    # Nobody means well with an empty user, an escaped host or port 0, which would stand for the scheme's own.
    if re.match(r"[^/?#]*[@%]", url.partition("://")[2]) or parts.port == 0:
        raise ValueError(url)
    if parts.host.startswith("["):
        ipaddress.IPv6Address(parts.host.strip("[]"))
    elif not _NAME.match(parts.host.lower()):
        raise ValueError(url)
    return parts


def _host(parts: Url) -> str:
    return (parts.host or "").strip("[]").rstrip(".").lower()


def _literal(host: str) -> Address | None:
    """The address a host spells, in any spelling that a resolver takes: `127.1`, `0x7f000001`, `2130706433`, octal."""
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        pass
    try:
        return ipaddress.IPv4Address(socket.inet_aton(host))
    except OSError:
        return None


def _checked_address(host: str, port: int) -> Address:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise NotResolved(host) from error
    led_to = [ipaddress.ip_address(str(entry[4][0]).partition("%")[0]) for entry in found]
    if not led_to or not all(_is_allowed(address) for address in led_to):
        raise AddressRefused(host)
    # Lambda reaches IPv6 only from subnets set up for it.
    return min(led_to, key=lambda address: address.version)


def _is_allowed(address: Address) -> bool:
    return addresses.is_public(address) or (_settings().allow_loopback_targets and addresses.is_loopback(address))


def _read(answer: urllib3.BaseHTTPResponse, limit: int) -> bytes:
    """Read the body up to a limit; a connection with more to come is closed, not drained."""
    content = bytearray()
    for chunk in answer.stream(min(limit, 65_536), decode_content=False):
        content += chunk
        if len(content) >= limit:
            answer.close()
            return bytes(content[:limit])
    answer.release_conn()
    return bytes(content)


@cache
def _tls_context() -> ssl.SSLContext:
    return ssl.create_default_context()


def _tls(host: str) -> dict[str, object]:
    return {"ssl_context": _tls_context(), "server_hostname": host}


@cache
def _settings() -> OutboundSettings:
    return settings.load(OutboundSettings)
