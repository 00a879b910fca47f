"""Reads a channel: what was said in it since it was read last, and what was done to its latest messages.

The latest page tells most of it in one call of KOOK's: what is behind the cursor is new; what was edited later than any
edit that was seen is an edit; what stood there when it was read last, and stands there no more behind one that still
does, is looked at, and was deleted where KOOK does not know it. Only what is more than a page is read page by page.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

from functions.forwarding.accounts import store as accounts
from functions.forwarding.accounts.store import StoredAccount
from functions.forwarding.capture import cursors, intake
from functions.forwarding.capture.cursors import Cursor
from functions.forwarding.captured import TYPES
from hub import pacing, times
from hub.connectors import kook
from hub.connectors.kook import KookConfig, Listed, Said
from hub.connectors.protocol import Disabled, Permanent, Temporary
from hub.telemetry import count

PAGE = 50


@dataclass(frozen=True, slots=True)
class Run:
    """One account's turn; it ends at `until` (epoch ms)."""

    tenant: str
    account: StoredAccount
    config: KookConfig
    until: int

    @property
    def is_over(self) -> bool:
        """Whether nothing more is begun."""
        return times.now_ms() >= self.until

    @property
    def pace(self) -> str:
        """What is paced: the account."""
        return accounts.place(self.account.id)

    def wait(self) -> None:
        """Wait until KOOK may be asked. Raises `Temporary`."""
        [slot] = pacing.reserve(self.tenant, self.pace, 1, kook.CONNECTOR.limits.per_second)
        if slot > self.until:
            raise Temporary("paced", "the next run goes on")
        time.sleep(max(0, slot - times.now_ms()) / 1000)


def read(run: Run, channel: str, cursor: Cursor | None) -> None:
    """Read a channel; what is noted of it was queued before. Raises `ProviderError`."""
    started = times.now_ms()
    page = _asked(run, channel, "")
    latest = page.said
    if cursor is None:
        # What was said before is not forwarded.
        begun = Cursor(channel, "", 0 if latest else started, run.account.id, started)
        cursors.put(run.tenant, _behind(begun, latest, _forwardable(latest)))
        return
    new = _new(cursor, latest)
    if page.is_full and len(new) == len(latest) and _catch_up(run, channel, cursor):
        return
    _take(run, new)
    changes = [*_edits(cursor, latest, new), *_deletions(run, channel, cursor, latest)]
    intake.take(run.tenant, run.account, changes)
    _note(run, cursor, _behind(cursor, latest, _forwardable(latest)))


def _catch_up(run: Run, channel: str, cursor: Cursor) -> bool:
    """Read what is more than a page, each page noted once it is queued; `False` where nobody knows where to begin."""
    page = _first_page(run, channel, cursor)
    if page is None:
        return False
    while True:
        new = _new(cursor, page.said)
        _take(run, new)
        after = _behind(cursor, page.said, [*cursor.known, *_forwardable(new)])
        _note(run, cursor, after)
        cursor = after
        if not page.is_full or not new or run.is_over:
            return True
        page = _asked(run, channel, cursor.message_id)


def _first_page(run: Run, channel: str, cursor: Cursor) -> Listed | None:
    """The page behind the latest message that was known and is still there; `None` where none is."""
    for message_id in dict.fromkeys((cursor.message_id, *reversed(cursor.known))):
        try:
            return _asked(run, channel, message_id)
        except Disabled:
            raise
        except Permanent:
            continue
    count("CursorsLost")
    return None


def _asked(run: Run, channel: str, after: str) -> Listed:
    run.wait()
    return kook.messages_after(run.config, channel, after, PAGE)


def _take(run: Run, said: Sequence[Said]) -> None:
    intake.take(run.tenant, run.account, (intake.listed(one) for one in said if one.type in TYPES))


def _forwardable(page: Sequence[Said]) -> list[str]:
    """The ids of what somebody said that can be forwarded."""
    return [said.id for said in page if said.type in TYPES and not said.is_bot]


def _new(cursor: Cursor, page: Sequence[Said]) -> list[Said]:
    """What of a page is behind a cursor."""
    known = {cursor.message_id, *cursor.known}
    return [said for said in page if said.at >= cursor.at and said.id not in known]


def _edits(cursor: Cursor, latest: Sequence[Said], new: Sequence[Said]) -> list[intake.Told]:
    """Messages that have another text since they were read."""
    if cursor.edited_at is None:
        return []
    fresh = {said.id for said in new}
    return [
        intake.edited(said)
        for said in latest
        if said.type in TYPES and said.id not in fresh and (said.updated_at or 0) > cursor.edited_at
    ]


def _deletions(run: Run, channel: str, cursor: Cursor, latest: Sequence[Said]) -> list[intake.Told]:
    """Messages that stood behind one that still stands, and that KOOK knows no more."""
    there = {said.id for said in latest}
    known = cursor.known
    first = next((place for place, one in enumerate(known) if one in there), len(known))
    found: list[intake.Told] = []
    for missing in (one for one in known[first:] if one not in there):
        run.wait()
        if kook.is_gone(run.config, missing):
            found.append(intake.deleted(channel, missing))
    return found


def _behind(cursor: Cursor, page: Sequence[Said], known: Sequence[str]) -> Cursor:
    """A cursor behind a page, with the ids of what is known to stand there."""
    if not page:
        return cursor
    edited = max(said.updated_at or 0 for said in page)
    return replace(
        cursor,
        message_id=page[-1].id,
        at=max(cursor.at, page[-1].at),
        edited_at=max(cursor.edited_at or 0, edited),
        recent=cursors.packed(known),
    )


def _note(run: Run, before: Cursor, after: Cursor) -> None:
    """Note how far a channel is read; where nothing is another, only who reads it, when that is long known."""
    now = times.now_ms()
    is_known = before.account_id == run.account.id and now - before.polled_at < cursors.OWNED_MS // 3
    if after != before or not is_known:
        cursors.put(run.tenant, replace(after, account_id=run.account.id, polled_at=now))
