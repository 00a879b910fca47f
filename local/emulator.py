"""The launcher of the embedded AWS: MiniStack, corrected, with the front door on the same server.

Started as `python -m local.emulator` by the run, never by hand. It stops, after writing its state, on SIGTERM and when
its standard input closes, which is how it notices that the process that started it is gone.
"""

import asyncio
import json
import os
import signal
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hypercorn.asyncio import serve
from hypercorn.config import Config

from local import corrections
from local.front_door import App, FrontDoor

_DRAIN_SECONDS = 10
_output = threading.Lock()


def main() -> None:
    """Serve until told to stop; ports and files come from the environment that `local.run` sets."""
    corrections.apply(write)
    from ministack.app import app

    aws_port = int(os.environ["GATEWAY_PORT"])
    ports = frozenset(int(port) for port in os.environ["LOCAL_FRONT_DOOR_PORTS"].split(","))
    hosts = os.environ["LOCAL_FRONT_DOOR_HOSTS"].split(",")
    emulator: App = app
    door = FrontDoor(emulator, ports, Path(os.environ["LOCAL_ADDRESSES"]), write)
    config = Config()
    config.bind = [f"127.0.0.1:{aws_port}", *(f"{host}:{port}" for host in hosts for port in sorted(ports))]
    config.keep_alive_timeout = 75
    config.loglevel = "WARNING"
    config.include_server_header = False
    config.graceful_timeout = 3
    config.h11_max_incomplete_size = 64 * 1024
    asyncio.run(serve(door, config, shutdown_trigger=lambda: _told_to_stop(door)))  # type: ignore[arg-type]


def write(record: Mapping[str, Any]) -> None:
    """Write one JSON line to the process that reads our output."""
    line = json.dumps(record, ensure_ascii=False, default=str) + "\n"
    with _output:
        sys.stdout.write(line)
        sys.stdout.flush()


async def _told_to_stop(door: FrontDoor) -> None:
    """Return when it is time to write the state: told to stop, and no function is half-way through its work."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    threading.Thread(target=_wait_for_end_of_input, args=(loop, stop), daemon=True).start()
    await stop.wait()
    door.close()
    await corrections.disconnect_devices()
    corrections.stop_polling()
    deadline = loop.time() + _DRAIN_SECONDS
    while corrections.busy() and loop.time() < deadline:  # noqa: ASYNC110 - threads that finish tell no event
        await asyncio.sleep(0.02)


def _wait_for_end_of_input(loop: asyncio.AbstractEventLoop, stop: asyncio.Event) -> None:
    sys.stdin.read()
    loop.call_soon_threadsafe(stop.set)


if __name__ == "__main__":
    main()
