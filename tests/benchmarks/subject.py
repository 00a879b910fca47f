"""One thing that is measured."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tests.benchmarks.deployment import Tenant


@dataclass(frozen=True, slots=True)
class Subject:
    """One thing to measure. `events` makes a maker of inputs for a fresh tenant; each input serves one invocation.

    `pieces` is how many messages or records an input carries: figures of a worker are shown for one of them.
    """

    name: str
    module: str
    events: Callable[[Tenant, str], Callable[[], Any]]
    pieces: int = 1

    @property
    def is_endpoint(self) -> bool:
        """Whether it is a request, rather than a worker's batch."""
        return "/" in self.name


def request(module: str, route: str, body: Any = None, *, note: str = "", **more: Any) -> Subject:
    """A request that can be sent again and again."""
    return Subject(route + note, module, lambda tenant, _: lambda: tenant.event(route, body, **more))
