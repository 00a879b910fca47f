"""Moto's services with all that was made in them, copied for each data plane: a twentieth of the time of making it."""

import copy
import copyreg
from collections.abc import Callable
from threading import Condition
from typing import Any
from unittest.mock import patch

from moto.core.base_backend import BackendDict

_SERVICES: Any = BackendDict
_made: list[tuple[Any, str, str, dict[str, Any]]] = []
"""Each service, with its account, its region and what it holds."""


def restore_or_make(make: Callable[[], None]) -> None:
    """Have what `make` makes in services that are empty: it is called once in a process."""
    if not _made:
        make()
        _made.extend(
            (services, account, region, _copy(backend.__dict__))
            for services in _SERVICES._instances
            for account, regions in services.items()
            for region, backend in regions.items()
        )
    else:
        for services, account, region, state in _made:
            services[account][region].__dict__.update(_copy(state))


def _copy(state: dict[str, Any]) -> dict[str, Any]:
    # A queue waits on a condition, of which nothing but a new one is a copy.
    with patch.dict(copyreg.dispatch_table, {Condition: lambda _: (Condition, ())}):
        return copy.deepcopy(state)
