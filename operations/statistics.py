"""`rebuild-statistics`: count the figures of the support desk anew, from its conversations, tickets and messages.

Events wait in their queue meanwhile and are counted afterwards, so nothing is lost and nothing counts twice.
"""

import gc
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from operations.stack import OperationError, Stack

if TYPE_CHECKING:
    from functions.support.statistics.rebuild import Rebuilt

FUNCTION, QUEUE = "SupportStatisticsFunction", "SupportStatisticsQueue"

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
    from functions.support.statistics import rebuild as statistics
    from hub.errors import Unavailable

    gc.enable()
    with _nobody_counts(stack):
        try:
            found = statistics.rebuild(tenant)
        except Unavailable:
            raise OperationError("DynamoDB did not take the writes, so figures are missing: run it again") from None
    if tenant is not None and not found:
        raise OperationError(f"{stack.name} has no tenant {tenant}")
    for name in sorted(found):
        _show(name, found[name])
    return 1 if any(one.broken for one in found.values()) else 0


def _show(tenant: str, rebuilt: "Rebuilt") -> None:
    counted = ", ".join(f"{kind.lower()}s {number}" for kind, number in sorted(rebuilt.things.items())) or "nothing"
    differences = list(rebuilt.differences())
    print(f"{tenant}: counted {counted}; " + (f"{len(differences)} figures differed:" if differences else "all agreed"))
    for counter, attribute, before, after in differences[:_SHOWN]:
        print(f"  {counter} {attribute}: {before}, now {after}")
    if len(differences) > _SHOWN:
        print(f"  and {len(differences) - _SHOWN} more")
    for item in rebuilt.broken:
        print(f"  {item} cannot be counted: it is not what this version writes")


@contextmanager
def _nobody_counts(stack: Stack) -> Iterator[None]:
    """Switch the counting of events off, wait until what was under way is done, and switch it on again in any case."""
    (mapping,) = stack.functions.list_event_source_mappings(
        FunctionName=stack.resources("AWS::Lambda::Function")[FUNCTION]
    )["EventSourceMappings"]
    queue = stack.resources("AWS::SQS::Queue")[QUEUE]
    handlers = {number: signal.signal(number, _interrupt) for number in _SIGNALS}
    try:
        _switch(stack, mapping["UUID"], on=False)
        _let_work_end(stack, queue)
        waiting = _attribute(stack, queue, "ApproximateNumberOfMessages")
        print(f"Counting is off; {waiting} events wait, of which the figures before tell nothing", flush=True)
        yield
    finally:
        for number in _SIGNALS:
            signal.signal(number, signal.SIG_IGN)
        try:
            _switch(stack, mapping["UUID"], on=True)
        except (OperationError, BotoCoreError, ClientError) as error:
            by_hand = f"aws lambda update-event-source-mapping --enabled --uuid {mapping['UUID']}"
            raise OperationError(f"Counting is OFF, switch it on: {by_hand} ({error})") from error
        finally:
            for number, handler in handlers.items():
                signal.signal(number, handler)
    print("Counting is on", flush=True)


def _switch(stack: Stack, mapping: str, *, on: bool) -> None:
    """Switch an event source mapping; Lambda refuses while an earlier change is on its way."""

    def settled() -> bool:
        state = stack.functions.get_event_source_mapping(UUID=mapping)["State"]
        return state in ("Enabled", "Disabled")

    _wait(settled, _SETTLE_SECONDS)
    stack.functions.update_event_source_mapping(UUID=mapping, Enabled=on)
    _wait(settled, _SETTLE_SECONDS)


def _let_work_end(stack: Stack, queue: str) -> None:
    """Wait until every look, for as long as a batch can be in flight, finds nothing there.

    SQS tells that number approximately, so one look could miss a batch; the emulator tells it exactly.
    """
    rest = 0 if stack.is_embedded else _attribute(stack, queue, "VisibilityTimeout")
    if rest:
        print(f"The event source is off; now nothing must be in flight for {rest} seconds", flush=True)
    worked = time.monotonic()

    def at_rest() -> bool:
        nonlocal worked
        now = time.monotonic()
        if _attribute(stack, queue, "ApproximateNumberOfMessagesNotVisible"):
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
            raise OperationError(f"{FUNCTION} or its event source did not come to rest: run it again")
        time.sleep(_PAUSE_SECONDS)


def _interrupt(number: int, frame: FrameType | None) -> None:
    """End as a Ctrl-C does, the switching on included."""
    del number, frame
    raise KeyboardInterrupt
