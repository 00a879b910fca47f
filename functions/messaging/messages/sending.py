"""One attempt at sending a message, and what follows from how it ended."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from random import uniform
from typing import Any, Literal

from functions.messaging.messages import service, store
from functions.messaging.messages.store import StoredMessage
from hub import connections, connectors, executions, pacing, settings, times
from hub.connections import Trouble
from hub.connectors.protocol import Media, Outgoing, ProviderError, Temporary
from hub.errors import NotFound
from hub.store import versioned
from hub.telemetry import count

MAX_ATTEMPTS = 6
MAX_AGE_MS = 86_400_000
_FIRST_WAIT_SECONDS = 4
"""Then 16 s, 64 s …: WhatsApp's own advice, good for all."""

Outcome = Literal["sent", "pending", "failed", "gone", "taken"]


@dataclass(frozen=True)
class SendingSettings:
    """Who keeps trying."""

    messaging_retry_state_machine_arn: str


def attempt(tenant: str, message: StoredMessage) -> tuple[Outcome, StoredMessage]:
    """Send a pending message once. `taken`: somebody else is at it; `gone`: it is not to be sent any more."""
    if message.status != "pending":
        return "gone", message
    if not store.take(tenant, message.id, len(message.attempts)):
        return "taken", message
    try:
        connection = connections.get(tenant, message.connection_id)
    except NotFound:
        return _ended(tenant, message, {"code": "no_connection", "message": "the connection was deleted"})
    started = times.now_ms()
    connector, config = connectors.connector(connection.service_type), connections.opened(tenant, connection)
    try:
        sent = connector.send(config, _outgoing(message))
    except Temporary as error:
        if error.retry_at is not None:
            pacing.pause(tenant, connection.id, error.retry_at)
        return _postponed(tenant, message, connections.trouble(error, config), error.retry_at, started)
    except ProviderError as error:
        return _ended(tenant, message, connections.trouble(error, config), started)
    # Before the message is known as sent: whoever hears of that may hear of its delivery next.
    store.name_at_provider(tenant, message, [sent.provider_id])
    tried = {"at": started, "provider_id": sent.provider_id}
    after = replace(
        service.touched(message), status=sent.status, error=None, attempts=[*message.attempts, tried], due_at=0
    )
    count("MessagesSent")
    return _written(tenant, message, after, [service.sent_event(tenant, after)], "sent")


def keep_trying(tenant: str, message: StoredMessage) -> None:
    """Hand a pending message to the state machine; once per attempt, however often it is called."""
    start = {
        "tenant": tenant,
        "platform": message.platform,
        "message_id": message.id,
        "outcome": {"status": "pending", "wait_seconds": executions.seconds_until(message.due_at)},
    }
    executions.start(_settings().messaging_retry_state_machine_arn, f"{message.id}-{len(message.attempts)}", start)


def _outgoing(message: StoredMessage) -> Outgoing:
    media = None
    if message.media is not None and message.type != "text" and message.type != "template":
        media = Media(message.type, message.media["url"], message.media["name"])
    options: dict[str, Any] = {"template": dict(message.template)} if message.template else {}
    return Outgoing(message.id, message.to, message.content, media, options=options)


def _postponed(
    tenant: str, message: StoredMessage, trouble: Trouble, retry_at: int | None, started: int
) -> tuple[Outcome, StoredMessage]:
    seconds = _FIRST_WAIT_SECONDS ** (len(message.attempts) + 1) * uniform(0.75, 1.25)  # noqa: S311 - jitter
    due_at = times.now_ms() + round(seconds * 1000) if retry_at is None else retry_at
    if len(message.attempts) + 1 >= MAX_ATTEMPTS or due_at - message.created_at > MAX_AGE_MS:
        return _ended(tenant, message, trouble, started)
    tried = {"at": started, "error": trouble}
    after = replace(service.touched(message), attempts=[*message.attempts, tried], error=trouble, due_at=due_at)
    return _written(tenant, message, after, [], "pending")


def _ended(
    tenant: str, message: StoredMessage, trouble: Trouble, started: int | None = None
) -> tuple[Outcome, StoredMessage]:
    count("MessagesFailed")
    tried = {"at": started or times.now_ms(), "error": trouble}
    after = replace(
        service.touched(message), status="failed", error=trouble, attempts=[*message.attempts, tried], due_at=0
    )
    return _written(tenant, message, after, [service.status_event(tenant, after)], "failed")


def _written(
    tenant: str, before: StoredMessage, after: StoredMessage, told: Sequence[Mapping[str, Any]], outcome: Outcome
) -> tuple[Outcome, StoredMessage]:
    try:
        store.replace(tenant, before, after, told)
    except versioned.Changed:
        # Nobody else changes a pending message but an attempt whose lease was over.
        return "gone", before
    return outcome, after


@cache
def _settings() -> SendingSettings:
    return settings.load(SendingSettings)
