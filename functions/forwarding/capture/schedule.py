"""Keeps a schedule for each started account, and none for any other: whatever the events say, the account is asked."""

from dataclasses import dataclass
from functools import cache
from typing import Any

from functions.forwarding.accounts import store as accounts
from functions.forwarding.capture import poll
from hub import queues, schedules, settings
from hub.errors import NotFound
from hub.store import sequences
from hub.telemetry import lambda_handler

EVERY_SECONDS = 60


@dataclass(frozen=True)
class PollSettings:
    """The queue that a schedule sends its account to."""

    kook_poll_queue_arn: str


@lambda_handler
def handler(event: dict[str, Any], _context: Any) -> dict[str, Any]:
    """Take a batch of events `kook_account.started` and `kook_account.stopped`."""
    messages, broken = queues.read(event, "tenant", "data", within="detail")
    for told in messages.values():
        keep(str(told["tenant"]), sequences.padded(int(told["data"]["account_id"])))
    return queues.failures(broken)


def keep(tenant: str, account_id: str) -> None:
    """Make or remove an account's schedule."""
    name = poll.scheduled(tenant, account_id)
    try:
        is_started = accounts.get(tenant, account_id, consistent=True).is_started
    except NotFound:
        is_started = False
    if is_started:
        body = {"tenant": tenant, "account": account_id}
        schedules.put(name, EVERY_SECONDS, _settings().kook_poll_queue_arn, body)
    else:
        schedules.delete(name)


@cache
def _settings() -> PollSettings:
    return settings.load(PollSettings)
