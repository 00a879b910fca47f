"""The things of one mapping, in order: each goes, or waits with all behind it, or is held back."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from functions.forwarding.bots import store as bots
from functions.forwarding.captured import Captured
from functions.forwarding.delivery import attempts, held
from functions.forwarding.delivery.attempts import Outcome, Target, Waits
from functions.forwarding.delivery.held import Held
from functions.forwarding.mappings.store import StoredMapping
from functions.forwarding.messages import store
from functions.forwarding.messages.store import StoredMessage
from functions.forwarding.state import State
from hub import pacing, times
from hub.outcomes import Trouble
from hub.telemetry import count

INLINE_MS = 3000
"""A slot that is nearer is waited for; another lets the function go."""

CHECKED_AGAIN_MS = 1000


@dataclass(frozen=True, slots=True)
class Standing:
    """What a group has to know: its mapping and bot, if they are there, the tenant's state, and the rows that are."""

    tenant: str
    mapping: StoredMapping | None
    target: Target | None
    state: State
    rows: dict[tuple[str, str], StoredMessage]


class Group:
    """A mapping's things of one batch; it begins nothing more after `until` (epoch ms).

    `numbers` gives a new row its number, `again` has a release go on in another run.
    """

    def __init__(
        self, standing: Standing, numbers: Callable[[], int], again: Callable[[Captured], None], until: int
    ) -> None:
        self._standing = standing
        self._numbers = numbers
        self._again = again
        self._until = until
        self._slots: list[int] = []
        self._left = 1
        self._ended: set[tuple[str, str]] = set()

    def go(self, things: Sequence[Captured]) -> tuple[int, int]:
        """Take things in order; tells how many are done, and until when (epoch ms) the others wait."""
        for position, one in enumerate(things):
            if times.now_ms() >= self._until:
                return position, 0
            outcome = self._one(one, len(things) - position)
            if outcome:
                return position, outcome.until
        return len(things), 0

    def _one(self, one: Captured, left: int) -> Outcome:
        standing = self._standing
        if one.kind == "release":
            return self._release(one)
        if not standing.state.is_running or (standing.state.held != "no" and self._is_behind(one)):
            return self._hold(one)
        return self._forward(one, left)

    def _is_behind(self, one: Captured) -> bool:
        """Whether others of its mapping are held back, which go first."""
        return bool(held.of_mapping(one.tenant, one.mapping_id, 1))

    def _hold(self, one: Captured) -> Outcome:
        """Hold a thing back; where forwarding has gone on meanwhile, look again in a moment."""
        before = self._standing.rows.get(one.place)
        row = None
        if one.kind == "message":
            if self._standing.mapping is None or (before and before.status != "pending"):
                return None
            number = before.number if before else self._numbers()
            made = before or attempts.new_row(one, number, self._standing.mapping)
            row = replace(made, version=before.version + 1 if before else 1)
        else:
            number = self._numbers()
        if held.add(one.tenant, one, number, before, row):
            count("MessagesHeld")
            return None
        return Waits(times.now_ms() + CHECKED_AGAIN_MS)

    def _release(self, one: Captured) -> Outcome:
        """Let go what is held back of a mapping, the first first."""
        while self._standing.state.is_running:
            found = held.of_mapping(one.tenant, one.mapping_id)
            if not found:
                return None
            self._standing.rows.update(store.get_many(one.tenant, [each.captured.place for each in found]))
            for position, each in enumerate(found):
                if times.now_ms() >= self._until:
                    self._again(replace(one, message_id=f"{one.message_id}.{times.now_ms()}"))
                    return None
                outcome = self._let_go(each, len(found) - position)
                if outcome:
                    return outcome
        return None

    def _let_go(self, each: Held, left: int) -> Outcome:
        outcome = self._forward(each.captured, left)
        if outcome is None:
            held.remove(each.captured.tenant, each.id)
        return outcome

    def _forward(self, one: Captured, left: int) -> Outcome:
        if one.kind == "edit" or one.kind == "delete":
            return self._change(one, one.kind, left)
        row = self._standing.rows.get(one.place)
        if one.place in self._ended or (row and row.status != "pending"):
            count("MessagesSeenAgain")
            return None
        if self._standing.mapping is None:
            # Nobody is left who would want it; a row that it has is not to wait for ever.
            return attempts.give_up(one.tenant, row, row, _GONE) if row else None
        before, row = row, row or attempts.new_row(one, self._numbers(), self._standing.mapping)
        target = self._standing.target
        if target is None or not self._standing.mapping.enabled:
            return attempts.give_up(one.tenant, before, row, self._why_not())
        parts = target.parts(one.said) if one.said else []
        self._left = left + len(parts) - 1
        outcome = attempts.send(target, one, parts, before, row, self._slot)
        self._standing.rows.pop(one.place, None)
        if outcome is None:
            # Rows were read before the first of the batch: a second copy of this one has none.
            self._ended.add(one.place)
        return outcome

    def _change(self, one: Captured, kind: Literal["edit", "delete"], left: int) -> Outcome:
        # As it is now: what stands before it in the batch may have written it.
        row = store.get_many(one.tenant, [one.place]).get(one.place)
        target = self._standing.target
        if row is None or target is None:
            return None
        self._left = left
        return self._slot() or attempts.change(target, one, kind, row)

    def _slot(self) -> Outcome:
        """Wait for the next slot of the target, or let it be waited for."""
        target = self._standing.target
        assert target is not None  # noqa: S101 - without one there is nothing to be paced
        if not self._slots:
            found = self._reserved(target)
            if isinstance(found, pacing.Later):
                # Early enough to come before those who use the last slots that are taken, and would take the next.
                return Waits(found.at - INLINE_MS)
            self._slots = found
        # A pace's own width at most: only slots that are near are taken.
        time.sleep(max(0, self._slots.pop(0) - times.now_ms()) / 1000)
        return None

    def _reserved(self, target: Target) -> list[int] | pacing.Later:
        """Slots for what is left, as far as they can be used in this run, of each pace; or none of any."""
        seconds = max(0, self._until - times.now_ms()) / 1000
        slowest = min(per_second for _, per_second in target.paces)
        number = max(1, min(self._left, int(seconds * slowest) + 1))
        taken: list[tuple[str, float, list[int]]] = []
        for name, per_second in target.paces:
            own = pacing.reserve_soon(target.tenant, name, number, per_second, INLINE_MS)
            if isinstance(own, pacing.Later):
                for other, its_pace, slots in taken:
                    pacing.give_back(target.tenant, other, slots, its_pace)
                return own
            taken.append((name, per_second, own))
        return [max(slots) for slots in zip(*(slots for _, _, slots in taken), strict=True)]

    def _why_not(self) -> Trouble:
        if self._standing.mapping and not self._standing.mapping.enabled:
            return {"code": "mapping_disabled", "message": "the mapping is switched off"}
        return {"code": "bot_disabled", "message": "the bot is switched off, or its platform refuses it"}


_GONE: Trouble = {"code": "mapping_gone", "message": "the mapping was deleted"}


def target_of(tenant: str, mapping: StoredMapping | None, bot: bots.StoredBot | None, now: State) -> Target | None:
    """A mapping's target, where it takes messages."""
    if mapping is None or bot is None or bot.status != "active":
        return None
    return Target(tenant, mapping, bot, bots.opened(tenant, bot), now.started_at or 0)
