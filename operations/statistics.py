"""`rebuild-statistics`: count the support desk's figures and the totals of lists anew, from the items that there are.

Events wait in their queue meanwhile and are counted afterwards, so nothing is lost and nothing counts twice.
"""

import gc
import signal
import sys
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from operations.stack import OperationError, Stack

if TYPE_CHECKING:
    from hub.store.recounting import Recounted

WORKERS = {"SupportStatisticsFunction": "SupportStatisticsQueue", "TotalsFunction": "TotalsQueue"}
"""The functions that count, and the queues they count from."""

_CORE = Path(__file__).absolute().parent.parent / "layers" / "core"
_SHOWN = 20
_SETTLE_SECONDS = 120
_IN_FLIGHT_SECONDS = 240
"""How long work may go on before the queue is at rest: its visibility timeout and a minute, for SQS to tell."""

_PAUSE_SECONDS = 1
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def rebuild(stack: Stack, tenant: str | None) -> int:
    """Count one tenant's figures anew, or all tenants'; answers the exit status, 1 where something was not counted."""
    stack.lead_functions_here()
    sys.path[:0] = [str(_CORE)]
    from functions.outbox import totals
    from functions.support.statistics import rebuild as statistics
    from hub.errors import Unavailable
    from hub.store import recounting

    def is_counter(name: str) -> bool:
        return statistics.is_counter(name) or totals.is_counter(name)

    gc.enable()
    with _nobody_counts(stack):
        try:
            found = recounting.recount([*statistics.COUNTED, *totals.COUNTED], is_counter, tenant)
        except Unavailable:
            raise OperationError("DynamoDB did not take the writes, so figures are missing: run it again") from None
    if tenant is not None and not found:
        raise OperationError(f"{stack.name} has no tenant {tenant}")
    for name in sorted(found):
        _show(name, found[name])
    return 1 if any(one.broken for one in found.values()) else 0


def _show(tenant: str, recounted: "Recounted") -> None:
    counted = ", ".join(f"{kind.lower()}s {number}" for kind, number in sorted(recounted.things.items())) or "nothing"
    differences = list(recounted.differences())
    print(f"{tenant}: counted {counted}; " + (f"{len(differences)} figures differed:" if differences else "all agreed"))
    for counter, attribute, before, after in differences[:_SHOWN]:
        print(f"  {counter} {attribute}: {before}, now {after}")
    if len(differences) > _SHOWN:
        print(f"  and {len(differences) - _SHOWN} more")
    for item in recounted.broken:
        print(f"  {item} cannot be counted: it is not what this version writes")


@contextmanager
def _nobody_counts(stack: Stack) -> Iterator[None]:
    """Switch the counting of events off, wait until what was under way is done, and switch it on again in any case."""
    mappings, queues = _sources(stack)
    handlers = {number: signal.signal(number, _interrupt) for number in _SIGNALS}
    try:
        for mapping in mappings:
            _switch(stack, mapping, on=False)
        _let_work_end(stack, queues)
        waiting = sum(_attribute(stack, queue, "ApproximateNumberOfMessages") for queue in queues)
        print(f"Counting is off; {waiting} events wait, of which the figures before tell nothing", flush=True)
        yield
    finally:
        for number in _SIGNALS:
            signal.signal(number, signal.SIG_IGN)
        try:
            _switch_all_on(stack, mappings)
        finally:
            for number, handler in handlers.items():
                signal.signal(number, handler)
    print("Counting is on", flush=True)


def _sources(stack: Stack) -> tuple[list[str], list[str]]:
    """The event sources of all who count, and their queues."""
    functions, queues = stack.resources("AWS::Lambda::Function"), stack.resources("AWS::SQS::Queue")
    found = []
    for name in WORKERS:
        (one,) = stack.functions.list_event_source_mappings(FunctionName=functions[name])["EventSourceMappings"]
        found.append(one["UUID"])
    return found, [queues[name] for name in WORKERS.values()]


def _switch_all_on(stack: Stack, mappings: Sequence[str]) -> None:
    """Switch event sources on, each whatever becomes of the others."""
    off: dict[str, Exception] = {}
    for mapping in mappings:
        try:
            _switch(stack, mapping, on=True)
        except (OperationError, BotoCoreError, ClientError) as error:
            off[mapping] = error
    if off:
        by_hand = "; ".join(f"aws lambda update-event-source-mapping --enabled --uuid {mapping}" for mapping in off)
        why = "; ".join(map(str, off.values()))
        raise OperationError(f"Counting is OFF, switch it on: {by_hand} ({why})") from next(iter(off.values()))


def _switch(stack: Stack, mapping: str, *, on: bool) -> None:
    """Switch an event source mapping; Lambda refuses while an earlier change is on its way."""

    def settled() -> bool:
        state = stack.functions.get_event_source_mapping(UUID=mapping)["State"]
        return state in ("Enabled", "Disabled")

    _wait(settled, _SETTLE_SECONDS)
    stack.functions.update_event_source_mapping(UUID=mapping, Enabled=on)
    _wait(settled, _SETTLE_SECONDS)


def _let_work_end(stack: Stack, queues: Collection[str]) -> None:
    """Wait until every look, for as long as a batch can be in flight, finds nothing there.

    SQS tells that number approximately, so one look could miss a batch; the emulator tells it exactly.
    """
    rest = 0 if stack.is_embedded else max(_attribute(stack, queue, "VisibilityTimeout") for queue in queues)
    if rest:
        print(f"The event sources are off; now nothing must be in flight for {rest} seconds", flush=True)
    worked = time.monotonic()

    def at_rest() -> bool:
        nonlocal worked
        now = time.monotonic()
        if any(_attribute(stack, queue, "ApproximateNumberOfMessagesNotVisible") for queue in queues):
            worked = now + _PAUSE_SECONDS
        return now - worked >= rest

    _wait(at_rest, rest + _IN_FLIGHT_SECONDS)


def _attribute(stack: Stack, queue: str, which: str) -> int:
    found = stack.queues.get_queue_attributes(QueueUrl=queue, AttributeNames=["All"])["Attributes"]
    return next(int(value) for name, value in found.items() if name == which)


def _wait(done: Callable[[], bool], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not done():
        if time.monotonic() > deadline:
            raise OperationError(f"{', '.join(WORKERS)} or their event sources did not come to rest: run it again")
        time.sleep(_PAUSE_SECONDS)


def _interrupt(number: int, frame: FrameType | None) -> None:
    """End as a Ctrl-C does, the switching on included."""
    del number, frame
    raise KeyboardInterrupt
