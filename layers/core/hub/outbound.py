"""The only way out to the internet: addresses guarded, time bounded, redirects not followed.

A host is resolved at every call, every address it has is checked, and the connection goes to the address that was
checked, with the host's own name in TLS and `Host`. So a name that changes between two look-ups gains nothing.
"""

import ipaddress
import socket
import ssl
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from heapq import heappop, heappush
from itertools import count
from typing import Any

import urllib3
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import HTTPError, LocationParseError, NewConnectionError
from urllib3.exceptions import TimeoutError as RequestTimeout
from urllib3.util import Timeout, Url, parse_url

from hub import settings

USER_AGENT = "Hub/1.0"
SECONDS = 10.0
CONNECT_SECONDS = 3.0
MAX_RESPONSE_BYTES = 65_536

_PORTS = {"http": 80, "https": 443}
_EMBEDDING_IPV4 = [
    ipaddress.ip_network(network) for network in ("64:ff9b::/96", "64:ff9b:1::/48", "::/96", "::ffff:0:0:0/96")
]
Address = ipaddress.IPv4Address | ipaddress.IPv6Address


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
    if host == "localhost" or host.endswith((".localhost", ".local", ".internal")):
        return None if host == "localhost" and _settings().allow_loopback_targets else "refused_address"
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
    try:
        parts = _parts(url)
    except ValueError:
        raise AddressRefused(url) from None
    host = _host(parts)
    port = parts.port or _PORTS[parts.scheme or ""]
    target = _checked_address(host, port)
    pool = _pools().connection_from_host(str(target), port, parts.scheme, _tls(host) if parts.scheme == "https" else {})
    deadline = started + seconds
    try:
        with _ending_at(deadline):
            answer = pool.urlopen(
                method,
                parts.request_uri,
                body=body,
                headers={"Host": parts.netloc or host, "User-Agent": USER_AGENT, **headers},
                timeout=Timeout(connect=min(CONNECT_SECONDS, seconds), total=seconds),
                retries=False,
                redirect=False,
                preload_content=False,
                assert_same_host=False,
            )
            content = _read(answer, max_response_bytes)
    except NewConnectionError as error:  # which urllib3 counts among its time-outs
        raise OutboundError(str(error)) from error
    except RequestTimeout as error:
        raise TimedOut(str(error)) from error
    except (HTTPError, OSError) as error:
        late = time.perf_counter() >= deadline
        raise (TimedOut if late else OutboundError)(str(error)) from error
    if time.perf_counter() >= deadline:  # a header or body that was cut can look complete
        raise TimedOut("no complete answer in time")
    return Response(answer.status, answer.headers, content, round((time.perf_counter() - started) * 1000))


def _parts(url: str) -> Url:
    try:
        parts = parse_url(url)
    except LocationParseError as error:
        raise ValueError(url) from error
    if parts.scheme not in _PORTS or not parts.host or parts.auth or "%" in parts.host or len(url) > 2048:
        raise ValueError(url)
    if any(character <= " " or character == "\\" or ord(character) > 126 for character in url):
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
    addresses = [ipaddress.ip_address(str(entry[4][0]).partition("%")[0]) for entry in found]
    if not addresses or not all(_is_allowed(address) for address in addresses):
        raise AddressRefused(host)
    # Lambda reaches IPv6 only from subnets set up for it.
    return min(addresses, key=lambda address: address.version)


def _is_allowed(address: Address) -> bool:
    inner = _innermost(address)
    if inner.is_loopback:
        return _settings().allow_loopback_targets
    # Site-local addresses (RFC 3879) were given up, not given away: Python calls them global.
    is_site_local = isinstance(inner, ipaddress.IPv6Address) and inner.is_site_local
    return inner.is_global and not inner.is_multicast and not is_site_local


def _innermost(address: Address) -> Address:
    """The IPv4 address that an IPv6 one stands for: mapped, 6to4, Teredo, NAT64, IPv4-compatible."""
    if isinstance(address, ipaddress.IPv4Address) or address.is_loopback or address.is_unspecified:
        return address
    inner: Address | None = address.ipv4_mapped or address.sixtofour or (address.teredo[1] if address.teredo else None)
    if inner is None and any(address in network for network in _EMBEDDING_IPV4):
        inner = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return inner or address


def _read(answer: urllib3.BaseHTTPResponse, limit: int) -> bytes:
    """Read the body up to a limit; a connection with more to come is closed, not drained."""
    content = b""
    for chunk in answer.stream(4096, decode_content=False):
        content += chunk
        if len(content) >= limit:
            answer.close()
            return content[:limit]
    answer.release_conn()
    return content


_call = threading.local()


@contextmanager
def _ending_at(deadline: float) -> Iterator[None]:
    """Cut this thread's connections when the time is over: urllib3's time-outs start anew at every byte that comes."""
    lines: list[socket.socket] = []
    _call.lines = lines
    _watch().add(deadline, lines)
    try:
        yield
    finally:
        _watch().forget(lines)


class _Watch:
    """One thread for all calls: a timer of its own would cost each more than the call itself."""

    def __init__(self) -> None:
        self._due: list[tuple[float, int, list[socket.socket]]] = []
        self._numbers = count()
        self._changed = threading.Condition()
        threading.Thread(target=self._run, daemon=True).start()

    def add(self, deadline: float, lines: list[socket.socket]) -> None:
        """Cut what stands in `lines` at the deadline."""
        with self._changed:
            heappush(self._due, (deadline, next(self._numbers), lines))
            if self._due[0][2] is lines:
                self._changed.notify()

    def forget(self, lines: list[socket.socket]) -> None:
        """Leave them: the call is over, and its connection may serve another."""
        with self._changed:
            lines.clear()

    def _run(self) -> None:
        with self._changed:
            while True:
                wait = self._due[0][0] - time.perf_counter() if self._due else None
                if wait is None or wait > 0:
                    self._changed.wait(wait)
                    continue
                for line in heappop(self._due)[2]:
                    with suppress(OSError):
                        line.shutdown(socket.SHUT_RDWR)


@cache
def _watch() -> _Watch:
    return _Watch()


class _Line:
    """The socket of a connection, for `_Watch`: a duplicate, because TLS replaces it by one of its own."""

    def __init__(self, connection: socket.socket) -> None:
        self._duplicate = connection.dup()
        self.hold()

    def hold(self) -> None:
        """Let the call that is under way in this thread cut it."""
        _call.lines.append(self._duplicate)

    def close(self) -> None:
        """Give the duplicate back."""
        self._duplicate.close()


class _HttpConnection(HTTPConnection):
    line: _Line | None = None

    def _new_conn(self) -> socket.socket:
        made = super()._new_conn()
        self.line = _Line(made)
        return made

    def request(self, *arguments: Any, **more: Any) -> None:
        if self.line and self.sock:
            self.line.hold()
        super().request(*arguments, **more)

    def close(self) -> None:
        if self.line:
            self.line.close()
            self.line = None
        super().close()


class _HttpsConnection(_HttpConnection, HTTPSConnection):
    pass


class _HttpPool(urllib3.HTTPConnectionPool):
    ConnectionCls = _HttpConnection


class _HttpsPool(urllib3.HTTPSConnectionPool):
    ConnectionCls = _HttpsConnection


@cache
def _pools() -> urllib3.PoolManager:
    pools = urllib3.PoolManager(num_pools=200, maxsize=20, block=False)
    pools.pool_classes_by_scheme = {"http": _HttpPool, "https": _HttpsPool}
    return pools


@cache
def _tls_context() -> ssl.SSLContext:
    return ssl.create_default_context()


def _tls(host: str) -> dict[str, object]:
    return {"ssl_context": _tls_context(), "server_hostname": host, "assert_hostname": host}


@cache
def _settings() -> OutboundSettings:
    return settings.load(OutboundSettings)
