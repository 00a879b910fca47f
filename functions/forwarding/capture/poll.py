"""Takes the turns of started accounts, once a minute: reads their mapped channels for what callbacks did not bring.

A channel that is read for the first time begins with what is said from then on.
"""

from typing import Any

from functions.forwarding.accounts import store as accounts
from functions.forwarding.accounts.store import StoredAccount
from functions.forwarding.capture import channels, cursors
from functions.forwarding.capture.channels import Run
from functions.forwarding.capture.cursors import Cursor
from functions.forwarding.mappings import store as mappings
from hub import connections, pacing, queues, schedules, times
from hub.connectors.protocol import Disabled, Permanent, Temporary
from hub.errors import NotFound
from hub.telemetry import count, lambda_handler, logger

BUDGET_SECONDS = 40.0
"""After which a run begins nothing more: the next goes on."""


@lambda_handler
def handler(event: dict[str, Any], _context: Any) -> dict[str, Any]:
    """Take a batch of turns (`tenant`, `account`)."""
    messages, broken = queues.read(event, "tenant", "account")
    for told in messages.values():
        poll(str(told["tenant"]), str(told["account"]))
    return queues.failures(broken)


def poll(tenant: str, account_id: str) -> None:
    """Read what was said in an account's channels. One that is stopped or gone is not read any more."""
    account = _started(tenant, account_id)
    if account is None:
        schedules.delete(scheduled(tenant, account_id))
        return
    run = Run(tenant, account, accounts.opened(tenant, account), times.now_ms() + round(BUDGET_SECONDS * 1000))
    if pacing.is_paused(tenant, run.pace):
        return
    wanted = mappings.channels_of_tenant(tenant)
    known = cursors.get_many(tenant, wanted)
    is_accepted = False
    try:
        # Those that waited longest first: what one run does not reach, the next does.
        for channel in sorted(wanted, key=lambda one: known[one].polled_at if one in known else 0):
            if run.is_over:
                count("ChannelsPostponed")
                return
            if channel not in known or not known[channel].is_of_another(account.id):
                _read(run, channel, known.get(channel))
                is_accepted = True
    except Temporary as error:
        if error.retry_at is not None:
            pacing.pause(tenant, run.pace, error.retry_at)
        logger().warning("KOOK asks for patience", extra={"tenant": tenant, "account": account.id, "code": error.code})
        return
    except Disabled as error:
        accounts.note(tenant, account, "error", connections.trouble(error, run.config))
        return
    accounts.seen(tenant, account, is_accepted=is_accepted)


def _started(tenant: str, account_id: str) -> StoredAccount | None:
    """An account that is started and can call KOOK."""
    try:
        account = accounts.get(tenant, account_id)
    except NotFound:
        return None
    return account if account.is_started and (account.has_token or account.has_cookie) else None


def scheduled(tenant: str, account_id: str) -> str:
    """The name of an account's schedule."""
    return schedules.named(tenant, accounts.place(account_id))


def _read(run: Run, channel: str, cursor: Cursor | None) -> None:
    """Read a channel, if this account's bot sees it. Raises `Temporary`, `Disabled`."""
    try:
        channels.read(run, channel, cursor)
    except Disabled:
        raise
    except Permanent as error:
        # Another account may.
        extra = {"tenant": run.tenant, "account": run.account.id, "channel": channel, "code": error.code}
        logger().info("KOOK does not show a channel", extra=extra)
        count("ChannelsNotShown")
