"""Moto's services with all that was made in them, copied for each data plane: a twentieth of the time of making it.

What tests begin with on top of that is copied too (`once`): a tenant, things in it, keys.
"""

import copy
import copyreg
import time
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from threading import Condition
from typing import Any, Protocol, TypeVar
from unittest.mock import patch

from moto.core.base_backend import BackendDict

from hub import times

_SERVICES: Any = BackendDict

T = TypeVar("T")


class StandingClock(Protocol):
    """A clock that moves where it is told to."""

    seconds: float


@dataclass(frozen=True, slots=True)
class _Kept:
    """What `make` answered, when it was done, and what each service held then."""

    answer: Any
    seconds: float | None
    services: list["_Held"]


@dataclass(frozen=True, slots=True)
class _Held:
    """What a service held in an account and a region. `backend` had it; another may by now."""

    services: Any
    account: str
    region: str
    backend: Any
    state: dict[str, Any]


@dataclass(slots=True)
class _Standing:
    """What was made, one after the other, of what stands there now; `known` while nothing else was."""

    made: tuple[Hashable, ...] = ()
    known: bool = True


_kept: dict[tuple[Hashable, ...], _Kept] = {}
_standing = _Standing()


def note_call() -> None:
    """Take note of a call of AWS: after it something else may stand there."""
    _standing.known = False


def restore_or_make(make: Callable[[], None]) -> None:
    """Have what `make` makes in services that are empty."""
    _standing.made, _standing.known = (), True
    once(make)


def once(make: Callable[..., T], *given: Hashable, clock: StandingClock | None = None) -> T:
    """Have what `make` makes of what is `given`, and its answer: made once in a process for each state before, then
    copied.

    Where calls of a test's own came before it, nobody knows that state: it is made. A standing clock is handed to
    `make` as `clock`, and stands afterwards where that has moved it.
    """
    more: dict[str, Any] = {} if clock is None else {"clock": clock}
    if not _standing.known:
        return make(*given, **more)
    made = (*_standing.made, (make, given, _standing_time()))
    if (kept := _kept.get(made)) is None:
        answer = make(*given, **more)
        kept = _kept[made] = _Kept(copy.deepcopy(answer), clock.seconds if clock else None, _held())
    else:
        for held in kept.services:
            backend = held.services[held.account][held.region]
            backend.__dict__.update(_copy(held.state, held.backend, backend))
        if clock is not None and kept.seconds is not None:
            clock.seconds = kept.seconds
        answer = copy.deepcopy(kept.answer)
    _standing.made, _standing.known = made, True
    return answer


def _standing_time() -> float | None:
    """Hub's time where a test has it stand still."""
    standing = vars(times)["time"]
    return None if standing is time else float(standing.time())


def _held() -> list[_Held]:
    return [
        _Held(services, account, region, backend, _copy(backend.__dict__, backend, backend))
        for services in _SERVICES._instances
        for account, regions in services.items()
        for region, backend in regions.items()
    ]


def _copy(state: dict[str, Any], had: Any, has: Any) -> dict[str, Any]:
    """A copy in which `has` stands where `had` does."""
    # A queue waits on a condition, of which nothing but a new one is a copy.
    with patch.dict(copyreg.dispatch_table, {Condition: lambda _: (Condition, ())}):
        return copy.deepcopy(state, {id(had): has})
