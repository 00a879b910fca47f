"""Whether a tenant's forwarding runs. While it is stopped, what is captured is held back; started, it goes on in order.

| item | table | pk | sk |
|---|---|---|---|
| state | Table | `T#<tenant>#FORWARDER` | `STATE`; there is none while nobody has ever stopped it |

`held` tells whether messages may be held back: `yes` from a stop on until all have gone, `checking` for the moment in
which that is made sure of, so that a message which is being held back just then is not forgotten.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

from hub import events, times
from hub.errors import Unavailable
from hub.events import Caller
from hub.store import items, keys, table, versioned

KIND = "FORWARDER"

Held = Literal["no", "yes", "checking"]


@dataclass(frozen=True, slots=True)
class State:
    """Times in epoch ms; `started_at` is `None` where it has run from the first day on."""

    is_running: bool = True
    started_at: int | None = None
    stopped_at: int | None = None
    held: Held = "no"
    version: int = 0


def key(tenant: str) -> keys.Key:
    """Where the state is."""
    return keys.entity(tenant, KIND, "STATE")


def get(tenant: str) -> State:
    """The state as it is now."""
    return read(table.get(table.entities(), key(tenant), consistent=True))


def read(item: Mapping[str, Any] | None) -> State:
    """A state as it was read by `key`."""
    return State() if item is None else items.entity(State, item)


def is_running(tenant: str) -> bool:
    """Whether messages are forwarded, and not held back."""
    return get(tenant).is_running


def set_running(caller: Caller, running: bool) -> State:
    """Start or stop; what is so already stays as it is. Raises `Unavailable`."""
    for attempt in range(versioned.TRIES):
        table.back_off(attempt)
        before = get(caller.tenant)
        if before.is_running == running:
            return before
        now = times.now_ms()
        if running:
            after = replace(before, is_running=True, started_at=now, version=before.version + 1)
            event = events.event("forwarder.started", caller, told(after))
        else:
            after = replace(before, is_running=False, stopped_at=now, held="yes", version=before.version + 1)
            event = events.event("forwarder.stopped", caller, told(after))
        try:
            _write(caller.tenant, before, after, event)
        except versioned.Changed:
            continue
        return after
    raise Unavailable


def set_held(tenant: str, before: State, held: Held) -> State:
    """Note what is held back by now. Raises `versioned.Changed`."""
    after = replace(before, held=held, version=before.version + 1)
    _write(tenant, before, after)
    return after


def holding(tenant: str) -> table.ConditionCheck:
    """The condition of holding a message back: that it will be looked for."""
    return table.ConditionCheck(table.entities(), key(tenant), "#held = :yes", {"yes": "yes"})


def told(state: State) -> dict[str, Any]:
    """A state as events tell of it."""
    return {"is_running": state.is_running, "version": state.version}


def _write(tenant: str, before: State, after: State, event: Mapping[str, Any] | None = None) -> None:
    item = {**key(tenant), **items.attributes(after)} | ({"events": [event]} if event else {})
    if before.version:
        versioned.write(before.version, versioned.replacement(item, before.version))
    else:
        versioned.write(0, table.Put(table.entities(), item, table.ABSENT))
