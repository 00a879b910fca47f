"""One attempt at sending a message, and what follows from how it ended."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from random import uniform
from typing import Any, Literal

from functions.messaging.contacts import moves
from functions.messaging.messages import service, store
from functions.messaging.messages.store import StoredMessage
from hub import connections, connectors, executions, pacing, settings, times
from hub.connectors import texts
from hub.connectors.protocol import Limits, Media, Outgoing, ProviderError, Sent, Temporary
from hub.errors import NotFound, Unavailable
from hub.outcomes import RANK, Status, Trouble
from hub.store import table, versioned
from hub.telemetry import count

MAX_ATTEMPTS = 6
MAX_AGE_MS = 86_400_000
_FIRST_WAIT_SECONDS = 4
"""Then 16 s, 64 s …: WhatsApp's own advice, good for all."""

Outcome = Literal["sent", "pending", "failed", "gone", "taken"]

NO_CONNECTION: Trouble = {"code": "no_connection", "message": "the connection was deleted"}
INACTIVE: Trouble = {"code": "connection_inactive", "message": "the connection is switched off"}


@dataclass(frozen=True)
class SendingSettings:
    """Who keeps trying."""

    messaging_retry_state_machine_arn: str


def attempt(tenant: str, message: StoredMessage) -> tuple[Outcome, StoredMessage]:
    """Send a pending message once. `taken`: somebody else is at it; `gone`: it is not to be sent any more.

    Of a text that is longer than the platform takes, the next part: `pending` until the last one is sent.
    """
    if message.status != "pending":
        return "gone", message
    if not store.take(tenant, message.id, len(message.attempts)):
        return "taken", message
    try:
        connection = connections.get(tenant, message.connection_id)
    except NotFound:
        return _failed(tenant, message, NO_CONNECTION, times.now_ms())
    if connection.status == "inactive":
        return _failed(tenant, message, INACTIVE, times.now_ms())
    started = times.now_ms()
    connector, config = connectors.connector(connection.service_type), connections.opened(tenant, connection)
    text, is_last = _part(message, connector.limits)
    try:
        sent = connector.send(config, _outgoing(message, text))
    except Temporary as error:
        if error.retry_at is not None:
            pacing.pause(tenant, connection.id, error.retry_at)
        return _postponed(tenant, message, connections.trouble(error, config), error.retry_at, started)
    except ProviderError as error:
        return _failed(tenant, message, connections.trouble(error, config), started)
    ended = _sent(tenant, message, sent, started) if is_last else _part_sent(tenant, message, sent, started)
    if sent.moved_to is not None:
        # When the message is noted, so that nothing that goes wrong here sends it again.
        moves.note(service.sender(tenant, message), message.platform, connection.id, message.to, sent.moved_to)
    return ended


def keep_trying(tenant: str, message: StoredMessage) -> None:
    """Hand a pending message to the state machine; once per attempt, however often it is called."""
    start = {
        "tenant": tenant,
        "platform": message.platform,
        "message_id": message.id,
        "outcome": {"status": "pending", "wait_seconds": executions.seconds_until(message.due_at)},
    }
    executions.start(_settings().messaging_retry_state_machine_arn, f"{message.id}-{len(message.attempts)}", start)


def _part(message: StoredMessage, limits: Limits) -> tuple[str, bool]:
    """The part of its text that a message is sent with next, and whether it is the last one."""
    if message.type != "text":
        return message.content, True
    parts = texts.split(message.content, limits) or [message.content]
    number = min(len(service.provider_ids(message.attempts)), len(parts) - 1)
    return parts[number], number == len(parts) - 1


def _outgoing(message: StoredMessage, text: str) -> Outgoing:
    media = None
    if message.media is not None and message.type != "text" and message.type != "template":
        media = Media(message.type, message.media["url"], message.media["name"])
    options: dict[str, Any] = {"template": dict(message.template)} if message.template else {}
    return Outgoing(message.id, message.to, text, media, options=options)


def _sent(tenant: str, message: StoredMessage, sent: Sent, started: int) -> tuple[Outcome, StoredMessage]:
    # Before the message is known as sent: whoever hears of that may hear of its delivery next.
    store.name_at_provider(tenant, message, [sent.provider_id])
    count("MessagesSent")
    tried = {"at": started, "provider_id": sent.provider_id}
    return _noted(tenant, message, tried, sent.status, moved_to=sent.moved_to)


def _part_sent(tenant: str, message: StoredMessage, sent: Sent, started: int) -> tuple[Outcome, StoredMessage]:
    """Note a part of a text that is not its last; the next one goes at its receiver's pace."""
    each = connectors.connector(message.platform).limits.per_second_each
    due_at = times.now_ms() + (round(1000 / each) if each else 0)
    tried = {"at": started, "provider_id": sent.provider_id}
    return _noted(tenant, message, tried, "pending", due_at=due_at, moved_to=sent.moved_to)


def _postponed(
    tenant: str, message: StoredMessage, trouble: Trouble, retry_at: int | None, started: int
) -> tuple[Outcome, StoredMessage]:
    failures = 1 + sum("error" in one for one in message.attempts)
    seconds = _FIRST_WAIT_SECONDS**failures * uniform(0.75, 1.25)  # noqa: S311 - jitter
    due_at = times.now_ms() + round(seconds * 1000) if retry_at is None else retry_at
    if failures >= MAX_ATTEMPTS or due_at - message.created_at > MAX_AGE_MS:
        return _failed(tenant, message, trouble, started)
    return _noted(tenant, message, {"at": started, "error": trouble}, "pending", trouble, due_at)


def _failed(tenant: str, message: StoredMessage, trouble: Trouble, started: int) -> tuple[Outcome, StoredMessage]:
    count("MessagesFailed")
    return _noted(tenant, message, {"at": started, "error": trouble}, "failed", trouble)


def _noted(
    tenant: str,
    message: StoredMessage,
    tried: Mapping[str, Any],
    status: Status,
    trouble: Trouble | None = None,
    due_at: int = 0,
    moved_to: str | None = None,
) -> tuple[Outcome, StoredMessage]:
    """Note an attempt, and how the message stands after it unless its platform has told more meanwhile.

    That is what the platform's callback can be faster with than its answer, or an attempt whose lease was over.
    """
    before = message
    for number in range(versioned.TRIES):
        table.back_off(number)
        if tried in before.attempts:
            return _outcome(before.status), before
        is_ahead = RANK[status] > RANK[before.status] or status == before.status
        after = replace(
            service.touched(before),
            to=moved_to or before.to,
            attempts=[*before.attempts, tried],
            status=status if is_ahead else before.status,
            error=trouble if is_ahead else before.error,
            due_at=due_at if is_ahead else 0,
        )
        try:
            store.replace(tenant, before, after, _told(tenant, before, after, status))
        except versioned.Changed:
            try:
                before = store.get(tenant, message.platform, message.id, consistent=True)
            except NotFound:
                return "gone", message
            continue
        return _outcome(after.status) if is_ahead else "gone", after
    raise Unavailable


def _told(tenant: str, before: StoredMessage, after: StoredMessage, status: Status) -> Sequence[Mapping[str, Any]]:
    """That it was sent is told also of a message that was heard to be delivered first."""
    if status == "sent" and before.status != "sent":
        return [service.sent_event(tenant, after)]
    if status == "failed" and after.status != before.status:
        return [service.status_event(tenant, after)]
    return []


def _outcome(status: Status) -> Outcome:
    return "sent" if status in ("delivered", "read") else status  # type: ignore[return-value]


@cache
def _settings() -> SendingSettings:
    return settings.load(SendingSettings)
