"""Access tokens that a provider gives for an hour or two against an app's secret, kept by the process that asked."""

import time
from collections.abc import Callable
from dataclasses import dataclass

EARLY_SECONDS = 300
_MOST = 1000


@dataclass(frozen=True, slots=True)
class Token:
    """An access token and how many seconds it lives."""

    value: str
    seconds: int


_kept: dict[tuple[str, ...], tuple[str, float]] = {}


def token(app: tuple[str, ...], ask: Callable[[], Token]) -> str:
    """The token of an app (its address, id and secret); asked for when there is none, or none that lives on a while."""
    kept = _kept.get(app)
    if kept is not None and time.monotonic() < kept[1]:
        return kept[0]
    made = ask()
    if len(_kept) >= _MOST:
        _kept.pop(next(iter(_kept)), None)
    _kept[app] = made.value, time.monotonic() + max(made.seconds - EARLY_SECONDS, 0)
    return made.value


def forget(app: tuple[str, ...]) -> None:
    """Ask anew next time: the provider does not know the token any more."""
    _kept.pop(app, None)
