"""A thousand messages in five KOOK channels to three platforms, of which one limits and one is down, while the worker
is killed and forwarding is stopped and started: what arrives, in which order, how late.

`python -m tests.load.forwarding`; it starts a stack of its own, and fails where a message is missing or out of order.
"""

import argparse
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from statistics import quantiles

from tests.contract.connectors.fakes import Reply, told
from tests.e2e.forwarding import PLATFORMS, World
from tests.e2e.polling import eventually
from tests.e2e.running import RunningStack
from tests.load.stacks import own_stack

CHANNELS = 5
_BEGUN = time.monotonic()
_LIMITED = told(
    {"ok": False, "error_code": 429, "description": "Too Many Requests", "parameters": {"retry_after": 5}}, 429
)


def main() -> None:
    """Run it, and tell."""
    parser = argparse.ArgumentParser(prog="python -m tests.load.forwarding", description=__doc__)
    parser.add_argument("--messages", type=int, default=1000, help="in all channels together")
    parser.add_argument("--seconds", type=float, default=500, help="over which they are said")
    parser.add_argument("--down", type=float, default=60, help="seconds for which Feishu is down, and Telegram limits")
    parser.add_argument("--no-kill", action="store_true", help="leave the worker alone")
    parser.add_argument("--limit", type=float, default=1800, help="seconds after which it is given up")
    given = parser.parse_args()
    with own_stack() as stack:
        _say(_run(stack, given))


def _run(stack: RunningStack, given: argparse.Namespace) -> str:
    api, each = stack.first_client(), given.messages // CHANNELS
    with World(api, CHANNELS) as world:
        started = time.monotonic()
        troubled = (started + given.seconds * 0.3, started + given.seconds * 0.3 + given.down)
        for name, answer in (("telegram", _LIMITED), ("feishu", Reply(502, b"<html>"))):
            world.platforms[name].trouble = lambda _, answer=answer: (  # type: ignore[misc]
                answer if troubled[0] <= time.monotonic() < troubled[1] else None
            )
        quiet_until = (time.time() + given.seconds * 0.3) * 1000
        killed = _meanwhile(stack, world, given)
        with ThreadPoolExecutor(CHANNELS) as pool:
            list(pool.map(lambda channel: _say_in(world, channel, each, given.seconds), range(CHANNELS)))
        every = CHANNELS * len(PLATFORMS) * each
        eventually(lambda: _distinct(world) >= every, "every message everywhere", given.limit, 1)
        seconds = time.monotonic() - started
        killed.join()
        return _report(world, each, seconds, quiet_until)


def _say_in(world: World, channel: int, each: int, seconds: float) -> None:
    begun = time.monotonic()
    for number in range(1, each + 1):
        time.sleep(max(0.0, begun + seconds * number / each - time.monotonic()))
        world.say(channel, number)


def _meanwhile(stack: RunningStack, world: World, given: argparse.Namespace) -> threading.Thread:
    """Kill the worker, then stop and start forwarding, at times of their own."""

    def go() -> None:
        time.sleep(given.seconds * 0.4)
        if not given.no_kill:
            _say(f"killed {stack.kill('ForwardFunction')} workers, {_distinct(world)} messages had arrived")
        time.sleep(given.seconds * 0.3)
        assert world.api.post("/api/system/stop").status_code == 200
        time.sleep(given.seconds * 0.1)
        assert world.api.post("/api/system/start").status_code == 200
        _say("stopped and started")

    thread = threading.Thread(target=go)
    thread.start()
    return thread


def _distinct(world: World) -> int:
    return sum(
        len(set(world.arrived(channel, platform))) for platform in PLATFORMS for channel in range(world.channels)
    )


def _report(world: World, each: int, seconds: float, quiet_until: float) -> str:
    doubled = 0
    for platform in PLATFORMS:
        for channel in range(world.channels):
            arrived = world.arrived(channel, platform)
            first = list(dict.fromkeys(arrived))
            assert first == list(range(1, each + 1)), f"{platform} {channel} is out of order: {arrived}"
            doubled += len(arrived) - len(first)
    quiet = world.latencies(quiet_until)
    assert len(quiet) > 1, "nothing arrived before the trouble began: say them over a longer time"
    middle, late = (quantiles(quiet, n=100)[place] for place in (49, 94))
    lines = [
        f"{_distinct(world)} messages arrived in order in {seconds:.0f} s, {doubled} of them twice",
        f"refused meanwhile: {', '.join(f'{name} {one.refused}' for name, one in world.platforms.items())}",
        f"from KOOK to the target, before the trouble: p50 {middle:.0f} ms, p95 {late:.0f} ms of {len(quiet)}",
    ]
    return "\n".join(lines)


def _say(what: str) -> None:
    sys.stdout.write(f"[{time.monotonic() - _BEGUN:4.0f} s] {what}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
