"""Reads the mapped channels of a started account, once a minute: what KOOK's callbacks did not bring.

A channel that is read for the first time begins with what is said from then on.
"""

import time
from dataclasses import dataclass, replace
from typing import Any

from functions.forwarding import captured
from functions.forwarding.accounts import store as accounts
from functions.forwarding.accounts.store import StoredAccount
from functions.forwarding.capture import cursors, intake
from functions.forwarding.capture.cursors import Cursor
from functions.forwarding.mappings import store as mappings
from hub import connections, pacing, queues, schedules, times
from hub.connectors import kook
from hub.connectors.kook import KookConfig, Said
from hub.connectors.protocol import Disabled, Permanent, Temporary
from hub.errors import NotFound
from hub.telemetry import count, lambda_handler, logger

PAGE = 50
BUDGET_SECONDS = 40.0
"""After which a run begins nothing more: the next goes on."""


@dataclass(frozen=True, slots=True)
class _Run:
    """One account's turn; it ends at `until` (epoch ms)."""

    tenant: str
    account: StoredAccount
    config: KookConfig
    until: int

    @property
    def is_over(self) -> bool:
        """Whether nothing more is begun."""
        return times.now_ms() >= self.until


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
    run = _Run(tenant, account, accounts.opened(tenant, account), times.now_ms() + round(BUDGET_SECONDS * 1000))
    if pacing.is_paused(tenant, _pace(account)):
        return
    wanted = mappings.channels_of_tenant(tenant)
    known = cursors.get_many(tenant, wanted)
    try:
        # Those that waited longest first: what one run does not reach, the next does.
        for channel in sorted(wanted, key=lambda one: known[one].polled_at if one in known else 0):
            if run.is_over:
                count("ChannelsPostponed")
                return
            if channel not in known or not known[channel].is_of_another(account.id):
                _read(run, channel, known.get(channel))
    except Temporary as error:
        if error.retry_at is not None:
            pacing.pause(tenant, _pace(account), error.retry_at)
        logger().warning("KOOK asks for patience", extra={"tenant": tenant, "account": account.id, "code": error.code})
        return
    except Disabled as error:
        accounts.note(tenant, account, "error", connections.trouble(error, run.config))
        return
    accounts.seen(tenant, account)


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


def _read(run: _Run, channel: str, cursor: Cursor | None) -> None:
    """Read a channel until nothing is left, each page noted once it is queued. Raises `Temporary`, `Disabled`."""
    try:
        if cursor is None:
            _begin(run, channel)
            return
        while not run.is_over:
            page = _page(run, channel, cursor)
            new = [said for said in page if _is_new(said, cursor)]
            intake.take(run.tenant, run.account, (intake.listed(said) for said in new if said.type in captured.TYPES))
            cursor = _noted(run, cursor, new)
            if len(page) < PAGE or not new:
                return
    except Disabled:
        raise
    except Permanent as error:
        # Of a channel that this bot does not see: another account may.
        extra = {"tenant": run.tenant, "account": run.account.id, "channel": channel, "code": error.code}
        logger().info("KOOK does not show a channel", extra=extra)
        count("ChannelsNotShown")


def _begin(run: _Run, channel: str) -> None:
    """What was said before is not forwarded."""
    started = times.now_ms()
    latest = _asked(run, channel, "", 1)
    message_id, at = (latest[-1].id, latest[-1].at) if latest else ("", started)
    cursors.put(run.tenant, Cursor(channel, message_id, at, run.account.id, started))


def _page(run: _Run, channel: str, cursor: Cursor) -> list[Said]:
    """The messages behind a cursor; where its message was deleted, the latest ones."""
    if cursor.message_id:
        try:
            return _asked(run, channel, cursor.message_id, PAGE)
        except Disabled:
            raise
        except Permanent:
            count("CursorsLost")
    return _asked(run, channel, "", PAGE)


def _asked(run: _Run, channel: str, after: str, most: int) -> list[Said]:
    """Ask KOOK, at the pace that it takes."""
    [slot] = pacing.reserve(run.tenant, _pace(run.account), 1, kook.CONNECTOR.limits.per_second)
    if slot > run.until:
        raise Temporary("paced", "the next run goes on")
    time.sleep(max(0, slot - times.now_ms()) / 1000)
    return kook.messages_after(run.config, channel, after, most)


def _is_new(said: Said, cursor: Cursor) -> bool:
    return said.id != cursor.message_id and said.at >= cursor.at


def _noted(run: _Run, cursor: Cursor, new: list[Said]) -> Cursor:
    """How far it is read now; of a channel where nothing was said, only who reads it, when that is long known."""
    now = times.now_ms()
    after = replace(cursor, account_id=run.account.id, polled_at=now)
    if new:
        after = replace(after, message_id=new[-1].id, at=new[-1].at)
    elif now - cursor.polled_at < cursors.OWNED_MS // 3 and cursor.account_id == run.account.id:
        return cursor
    cursors.put(run.tenant, after)
    return after


def _pace(account: StoredAccount) -> str:
    return accounts.place(account.id)
