"""Shapes of webhooks and their deliveries on the wire (document 1 section 4, document 3 "Webhook")."""

import re
from datetime import timedelta
from typing import Annotated, Any, Literal, Self, TypedDict

from pydantic import AfterValidator, AwareDatetime, Field, model_validator

from functions.webhooks import filters
from hub import events, outbound
from hub.rotation import SecretRotation
from hub.web.validation import Body, PageParameters, Parameters, Time, refused

RetryPolicy = Literal["standard", "extended"]
Status = Literal["success", "failed", "pending"]
DisabledReason = Literal["gone", "failing"]

MAX_HEADERS_BYTES = 4096
MAX_HOURS = 720
"""Of statistics in one answer."""

RESERVED_HEADERS = frozenset(
    {
        "authority",
        "connection",
        "content-encoding",
        "content-length",
        "content-type",
        "date",
        "expect",
        "host",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authorization",
        "proxy-connection",
        "te",
        "trailer",
        "trailers",
        "transfer-encoding",
        "upgrade",
        "user-agent",
        "webhook-id",
        "webhook-signature",
        "webhook-timestamp",
        "x-webhook-event",
        "x-webhook-id",
        "x-webhook-signature",
        "x-webhook-timestamp",
    }
)
_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,100}\Z")
_HEADER_VALUE = re.compile(r"[\x20-\x7e]{0,1000}\Z")


def _target(url: str) -> str:
    reason = outbound.refusal(url)
    if reason:
        raise refused(reason)
    return url


def _known_events(names: list[str]) -> list[str]:
    for name in names:
        if not events.is_known(name):
            raise refused("unknown_event", name=name[:50])
    if len(set(names)) != len(names):
        raise refused("duplicate")
    return names


def _own_headers(headers: dict[str, str]) -> dict[str, str]:
    lowered = [name.lower() for name in headers]
    for name, value in headers.items():
        if name.lower() in RESERVED_HEADERS:
            raise refused("reserved_header", name=name)
        if not _HEADER_NAME.match(name) or not _HEADER_VALUE.match(value):
            raise refused("malformed")
    if len(set(lowered)) != len(lowered):
        raise refused("duplicate")
    if sum(len(name) + len(value) for name, value in headers.items()) > MAX_HEADERS_BYTES:
        raise refused("too_many_bytes", limit=MAX_HEADERS_BYTES)
    return headers


def _pattern(pattern: dict[str, Any]) -> dict[str, Any]:
    filters.check(pattern)
    return pattern


Target = Annotated[str, Field(min_length=1, max_length=2048), AfterValidator(_target)]
_LISTED = {"items": {"enum": list(events.PATTERNS)}}
Subscriptions = Annotated[
    list[str],
    Field(min_length=1, max_length=100, json_schema_extra=_LISTED),
    AfterValidator(_known_events),
]
Secret = Annotated[str, Field(min_length=8, max_length=256, pattern=r"^[\x21-\x7e]+$")]
Headers = Annotated[dict[str, str], Field(max_length=20), AfterValidator(_own_headers)]
Filter = Annotated[dict[str, Any], AfterValidator(_pattern)]


class NewWebhook(Body):
    """Body of `POST /v1/webhooks`. Without `secret` one is made.

    `filter` is an EventBridge event pattern over the body of a delivery: only events that match it are sent.
    """

    url: Target
    events: Subscriptions
    secret: Secret | None = None
    headers: Headers = {}
    active: bool = True
    description: Annotated[str, Field(max_length=1000)] = ""
    retry_policy: RetryPolicy = "standard"
    filter: Filter | None = None


class WebhookChange(Body):
    """Body of `PUT` and `PATCH /v1/webhooks/{webhook_id}`: what is to change.

    A header `***` keeps its value; `filter` as `null` removes it.
    """

    url: Target = ""
    events: Subscriptions = []
    secret: Secret = ""
    headers: Headers = {}
    active: bool = True
    description: Annotated[str, Field(max_length=1000)] = ""
    retry_policy: RetryPolicy = "standard"
    filter: Filter | None = None


class WebhookSecretRotation(SecretRotation):
    """Body of `POST /v1/webhooks/{webhook_id}/rotate-secret`. Without `secret` one is made.

    `overlap_seconds` is how long the old secret signs beside the new one (default one day).
    """

    secret: Secret | None = None


LogId = Annotated[str, Field(min_length=1, max_length=128)]


class RetryRequest(Body):
    """Body of `POST /v1/webhooks/{webhook_id}/retry`: the deliveries to send again; without it all failed ones.

    Deliveries of tests are not sent again.
    """

    log_ids: Annotated[list[LogId], Field(min_length=1, max_length=100)] | None = None


class ReplayRequest(Body):
    """Body of `POST /v1/webhooks/{webhook_id}/replay`: from when on, until when (else now), and which deliveries.

    `status` is `failed` for those that failed or were missed, `success` for those that arrived; without it both.
    """

    since: AwareDatetime
    until: AwareDatetime | None = None
    status: Literal["failed", "success"] | None = None

    @model_validator(mode="after")
    def _until_after_since(self) -> Self:
        if self.until is not None and self.until <= self.since:
            raise refused("not_after", field="until", other="since")
        return self


class LogParameters(PageParameters):
    """Query of `GET /v1/webhooks/{webhook_id}/logs`: 50 rows by default."""

    limit: Annotated[int, Field(ge=1, le=100)] = 50
    status: Status | None = None
    event: Annotated[str, Field(max_length=100)] | None = None


class StatisticsParameters(Parameters):
    """Query of `GET /v1/webhooks/{webhook_id}/stats`: the last `hours`, or from `start` until `end` (else now)."""

    hours: Annotated[int, Field(ge=1, le=MAX_HOURS)] = 24
    start: Time | None = None
    end: Time | None = None

    @model_validator(mode="after")
    def _one_period(self) -> Self:
        if "hours" in self.model_fields_set and (self.start or self.end):
            raise refused("not_combined", field="hours", other="start" if self.start else "end")
        if self.end is None:
            return self
        if self.start is None:
            raise refused("missing", field="start")
        if self.end <= self.start:
            raise refused("not_after", field="end", other="start")
        if self.end - self.start > timedelta(hours=MAX_HOURS):
            raise refused("period_too_long", field="end", hours=MAX_HOURS)
        return self


class Webhook(TypedDict):
    """A webhook as it is shown; values of headers that carry secrets are masked.

    Until `previous_secret_expires_at` the secret before this one signs too; `null` when there is none.
    `disabled_reason` tells why Hub itself switched it off: `gone` (it answered 410) or `failing` (for five days).
    """

    id: str
    url: str
    events: list[str]
    headers: dict[str, str]
    active: bool
    description: str
    retry_policy: str
    filter: dict[str, Any] | None
    created_at: str
    updated_at: str
    previous_secret_expires_at: str | None
    disabled_reason: DisabledReason | None
    disabled_at: str | None


class WebhookWithSecret(Webhook):
    """A webhook with a new secret; `secret` is never shown again."""

    secret: str


class Attempt(TypedDict):
    """One try. Without an answer `error` is `address_refused`, `not_resolved`, `unreachable`, `tls_failed`,
    `closed_early`, `bad_answer` or `timed_out`; of one that was never sent `webhook_inactive`, `payload_too_large`, or
    `given_up` when Hub could not send it for three days.
    """

    attempted_at: str
    response_code: int | None
    response_time: int
    error: str | None


class Delivery(TypedDict):
    """A delivery as document 1 section 4.4 shows it, and its attempts; times in milliseconds, of the last attempt.

    `payload.data` is `null` where it was too large to be sent, or where the answer has no room left for it: ask for
    fewer rows.
    """

    id: str
    webhook_id: str
    event: str
    status: Status
    response_code: int | None
    response_time: int | None
    created_at: str
    payload: dict[str, Any]
    attempts: list[Attempt]


class Retried(TypedDict):
    """How many failed deliveries this call has set going; `has_more` when there are more: ask again."""

    accepted: int
    has_more: bool


ReplayStatus = Literal["running", "succeeded", "failed", "stopped"]


class ReplayStarted(TypedDict):
    """A replay that has begun: what happened from `since` on and before `until` is sent again."""

    replay_id: str
    since: str
    until: str


class Replay(ReplayStarted):
    """How a replay goes; `queued` deliveries have been sent on so far, the logs tell what came of them.

    It is `stopped` when the webhook was switched off, `failed` when Hub could not go on.
    """

    status: ReplayStatus
    queued: int
    started_at: str
    ended_at: str | None


class WebhookTestResult(TypedDict):
    """What came of a test; its row in the logs is `log_id`."""

    success: bool
    log_id: str
    response_code: int | None
    response_time: int
    error: str | None


class ResponseTimes(TypedDict):
    """Percentiles of the response times in milliseconds, to within 10 % up to 10 s; `null` where nothing answered."""

    p50: int | None
    p95: int | None


class Figures(TypedDict):
    """What came of attempts: `delivered` and `failed` are the deliveries that they ended.

    `success_rate` is the part of these that was delivered, 0 to 1, `null` where none ended.
    """

    attempts: int
    delivered: int
    failed: int
    success_rate: float | None
    response_time: ResponseTimes


class HourOfFigures(Figures):
    """The figures of one hour, named by its start."""

    hour: str


class WebhookStatistics(Figures):
    """A webhook's figures from `start` on and before `end`, in all and of every hour, the oldest first; whole hours."""

    webhook_id: str
    start: str
    end: str
    hours: list[HourOfFigures]
