"""Calls of providers' APIs: JSON out, JSON back, trouble on the way as a `Temporary`."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlencode

from hub import outbound, signing, times
from hub.connectors.protocol import Disabled, Permanent, ProviderError, Temporary

MAX_ANSWER_BYTES = 4 * 1024 * 1024
MAX_WAIT_SECONDS = 86_400
_DAY = 86_400
_CHINA = 8 * 3600
"""Seconds that China's clocks are ahead of UTC."""


class Fields(dict[str, Any]):
    """An object of an answer: what a provider always tells and does not is trouble on the way, not ours."""

    def __missing__(self, name: str) -> Any:
        """Raises `Temporary`."""
        raise Temporary("bad_answer", f"the answer has no {name}")


@dataclass(frozen=True, slots=True)
class Answer:
    """What a provider answered; `json` is `None` where it was none."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The body, read."""
        try:
            return json.loads(self.body, object_hook=Fields)
        except (ValueError, RecursionError):
            return None

    @property
    def fields(self) -> Fields:
        """The body where it is an object; an empty one where not."""
        found = self.json
        return found if isinstance(found, Fields) else Fields()

    def code(self, name: str) -> int | None:
        """A field of the body where it is a whole number, as providers' own codes are."""
        found = self.fields.get(name)
        return found if isinstance(found, int) else None

    @property
    def ok(self) -> bool:
        """Whether the status says that it was accepted."""
        return 200 <= self.status < 300


def call(
    method: str,
    url: str,
    *,
    query: Mapping[str, str] | None = None,
    body: Any = None,
    headers: Mapping[str, str] | None = None,
    seconds: float = outbound.SECONDS,
    max_bytes: int = MAX_ANSWER_BYTES,
) -> Answer:
    """Call a provider, `body` as JSON or, where it is bytes, as it stands. Raises `Temporary` where no answer came.

    An answer is cut at `max_bytes`.
    """
    sent = body if isinstance(body, bytes) or body is None else json.dumps(body, ensure_ascii=False).encode()
    own = {} if sent is None or isinstance(body, bytes) else {"Content-Type": "application/json; charset=utf-8"}
    address = f"{url}{'&' if '?' in url else '?'}{urlencode(query)}" if query else url
    try:
        answer = outbound.send(
            method,
            address,
            headers={"Accept": "application/json", **own, **(headers or {})},
            body=sent,
            seconds=seconds,
            max_response_bytes=max_bytes,
        )
    except outbound.AddressRefused as error:
        raise Disabled(error.reason, "the address is not one that may be called") from error
    except outbound.OutboundError as error:
        raise Temporary(error.reason, "the provider did not answer") from error
    return Answer(answer.status, answer.headers, answer.body)


def signed_post(url: str, body: Any, message_id: str, secret: str, headers: Mapping[str, str]) -> Answer:
    """Post JSON with Standard Webhooks' headers, where there is a secret to sign with."""
    raw = json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()
    signed = signing.headers(raw, message_id, "message", times.now(), [secret]) if secret else {}
    return call("POST", url, body=raw, headers={"Content-Type": "application/json", **headers, **signed})


def base(configured: str, own: str) -> str:
    """Where a provider's API is: its own address, unless the config names another."""
    return (configured or own).rstrip("/")


@contextmanager
def reading() -> Iterator[None]:
    """What an accepted call is answered with and cannot be read is trouble on the way. Raises `Temporary`."""
    try:
        yield
    except (KeyError, IndexError, TypeError, ValueError, AttributeError) as error:
        raise Temporary("bad_answer", "the answer is not what the provider documents") from error


def after(seconds: Any) -> int | None:
    """The time (epoch ms) that lies so many seconds ahead; `None` for what is no number of seconds."""
    try:
        wait = float(seconds)
    except (TypeError, ValueError):
        return None
    return times.now_ms() + round(min(wait, MAX_WAIT_SECONDS) * 1000) if wait >= 0 else None


def _asked_for(retry_after: str | None) -> int | None:
    """The time (epoch ms) that a `Retry-After` names, in seconds or as a date (RFC 9110 section 10.2.3)."""
    found = after(retry_after)
    if found is not None or not retry_after:
        return found
    try:
        until = parsedate_to_datetime(retry_after)
        # A date without a zone is meant in UTC (RFC 5322's "-0000").
        return after(max(until.replace(tzinfo=until.tzinfo or UTC).timestamp() - times.now_ms() / 1000, 0))
    except (ValueError, OverflowError):
        return None


def onward(following: Any, cursor: str | None) -> str | None:
    """Where a list goes on, as a provider tells; `None`: nowhere. Raises `Temporary` where it would never end."""
    if not following:
        return None
    if str(following) == cursor:
        raise Temporary("bad_answer", "the list goes on where it is")
    return str(following)


def china_midnight() -> int | None:
    """When a new day begins in China (epoch ms), and the day's quotas there."""
    return after(_DAY - (times.now() + _CHINA) % _DAY)


def refused(answer: Answer, code: Any = None, message: Any = None) -> ProviderError:
    """The error that an HTTP status stands for, where the provider's own code tells no more.

    An answer that says it accepted, and is refused, did not come from the provider: a proxy, a captive portal.
    """
    if answer.ok:
        return Temporary("bad_answer", "the answer is not what the provider documents")
    told = str(code if code not in (None, "") else answer.status)
    text = str(message or answer.body[:2000].decode(errors="replace"))
    if answer.status in (429, 503):
        return Temporary(told, text, _asked_for(answer.headers.get("Retry-After")))
    if answer.status >= 500 or answer.status in (408, 425):
        return Temporary(told, text)
    if answer.status in (401, 403, 404, 410):
        return Disabled(told, text)
    return Permanent(told, text)
