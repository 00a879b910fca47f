"""`run` and `stop`: the embedded stack from build to front door, in the foreground or detached."""

import fcntl
import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

from local import deploy, logs
from local.aws import Aws
from local.build import build, this_machine
from local.process import Emulator, port_in_use
from local.stack import MQTT_HOST, REGION, Stack, StackError

_START_SECONDS = 900
_STOP_SECONDS = 300
_READY = b"ready"


def run(stack: Stack, ready: int | None = None) -> None:
    """Bring the stack up and serve until Ctrl-C or SIGTERM; `ready` is a file descriptor to report to when it is up."""
    _make_state_dir(stack)
    with _lock(stack):
        signal.signal(signal.SIGTERM, _interrupt)
        _check_ports(stack)
        try:
            _serve(stack, ready)
        except KeyboardInterrupt:
            print("\nStopped; the next start finds everything as it was.", flush=True)


def _serve(stack: Stack, ready: int | None) -> None:
    started = time.monotonic()
    target = this_machine()
    with _step("Building"):
        built = build(stack.root, target)
    console = _Console()
    with _starting(stack, console) as emulator:
        aws = Aws(stack.aws_endpoint)
        if deploy.is_deployed(stack, aws, built):
            with _step("Opening the front door"):
                deploy.complete(stack, aws, built)
        else:
            with _step("Deploying template.yaml"):
                deploy.deploy(stack, aws, built, target)
            with _step("Adding what the emulator leaves out"):
                deploy.complete(stack, aws, built)
        continued = deploy.continue_executions(aws)
        if continued:
            print(f"  {continued} interrupted executions go on", flush=True)
        description = _describe(stack, deploy.first_tenant(aws))
        print(f"\nReady in {time.monotonic() - started:.1f} s.\n{_next_steps(stack, description)}", flush=True)
        shown = "here; Ctrl-C ends it" if ready is None else f"in {stack.run_log}; make stop ends it"
        print(f"What the functions write appears {shown}.\n", flush=True)
        if ready is not None:
            os.write(ready, _READY)
            os.close(ready)
        console.open()
        status = emulator.wait()
        raise StackError(f"The emulator ended by itself (status {status}); why stands in {stack.emulator_log}")


def run_detached(stack: Stack, arguments: list[str]) -> None:
    """Start `run` in a process of its own; returns when it is ready, raises its one line when it fails."""
    _make_state_dir(stack)
    reader, writer = os.pipe()
    with stack.run_log.open("wb") as log:
        child = subprocess.Popen(
            [sys.executable, "-m", "local", "run", *arguments, "--ready", str(writer)],
            cwd=stack.root,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            pass_fds=(writer,),
            start_new_session=True,
        )
    os.close(writer)
    try:
        is_ready = _follow(stack.run_log, reader)
    except BaseException:
        child.terminate()
        child.wait()
        raise
    finally:
        os.close(reader)
    if not is_ready:
        child.wait()
        # The child has said its one line, and it has just been copied.
        raise SystemExit(1)


def stop(stack: Stack) -> str:
    """Stop the running stack, if any, and wait until its state is written; answers what happened."""
    if not stack.lock_file.exists():
        return "Nothing runs here."
    with stack.lock_file.open("r+") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            pid = int(handle.read() or "0")
        else:
            return "Nothing runs here."
        if pid:
            os.kill(pid, signal.SIGTERM)
        deadline = time.monotonic() + _STOP_SECONDS
        while time.monotonic() < deadline:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                time.sleep(0.1)
            else:
                return "Stopped; the next start finds everything as it was."
    raise StackError(f"The stack (process {pid}) did not stop within {_STOP_SECONDS} s")


def read_description(stack: Stack) -> dict[str, Any]:
    """What `stack.json` says of the running stack."""
    try:
        found: dict[str, Any] = json.loads(stack.description_file.read_text())
    except FileNotFoundError:
        raise StackError(f"There is no {stack.description_file}: start the stack first (make run)") from None
    return found


def _follow(log: Path, reader: int) -> bool:
    """Copy a growing log to our output until the child reports ready (True) or ends (False)."""
    deadline = time.monotonic() + _START_SECONDS
    with log.open() as lines:
        while time.monotonic() < deadline:
            told, _, _ = select.select([reader], [], [], 0.1)
            answer = os.read(reader, len(_READY)) if told else None
            sys.stdout.write(lines.read())
            sys.stdout.flush()
            if answer is not None:
                return answer == _READY
    raise StackError(f"The stack was not ready within {_START_SECONDS} s; see {log}")


def _make_state_dir(stack: Stack) -> None:
    """Everything in it is its owner's alone: state, logs and credentials."""
    stack.state_dir.mkdir(parents=True, exist_ok=True)
    stack.state_dir.chmod(0o700)


@contextmanager
def _lock(stack: Stack) -> Iterator[None]:
    """Hold the state directory: two runs on it would overwrite each other's state."""
    with stack.lock_file.open("a+") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            handle.seek(0)
            pid = handle.read()
            raise StackError(f"This stack already runs (process {pid}); make stop ends it") from None
        handle.truncate(0)
        handle.write(str(os.getpid()))
        handle.flush()
        yield


def _check_ports(stack: Stack) -> None:
    for port in (*stack.public_ports, stack.aws_port, stack.mqtt_port):
        if port_in_use(port):
            others = "choose other ports (.venv/bin/python -m local run --help)"
            raise StackError(f"Port {port} is in use by another program; end that one, or {others}")


@contextmanager
def _step(text: str) -> Iterator[None]:
    started = time.monotonic()
    print(f"  {text} …", end="", flush=True)
    try:
        yield
    except BaseException:
        print(flush=True)
        raise
    print(f" {time.monotonic() - started:.1f} s", flush=True)


@contextmanager
def _starting(stack: Stack, console: "_Console") -> Iterator[Emulator]:
    with _step("Starting the embedded AWS"):
        emulator = Emulator(stack, console.show).__enter__()
    with emulator_running(emulator):
        yield emulator


@contextmanager
def emulator_running(emulator: Emulator) -> Iterator[None]:
    """Stop the emulator at the end, and let no second Ctrl-C cut its writing short."""
    try:
        yield
    finally:
        previous = [signal.signal(number, signal.SIG_IGN) for number in (signal.SIGINT, signal.SIGTERM)]
        emulator.stop()
        for number, handler in zip((signal.SIGINT, signal.SIGTERM), previous, strict=True):
            signal.signal(number, handler)


class _Console:
    """Shows log lines once the start-up text has been printed."""

    def __init__(self) -> None:
        self._open = False

    def open(self) -> None:
        self._open = True

    def show(self, raw: str) -> None:
        if self._open:
            text = logs.readable(raw)
            if text is not None:
                print(text, flush=True)


def _describe(stack: Stack, credentials: dict[str, str]) -> dict[str, Any]:
    """Write `stack.json`, readable by its owner alone."""
    description = {
        "base_url": stack.base_url,
        "ws_url": stack.ws_url,
        "aws_endpoint": stack.aws_endpoint,
        "region": REGION,
        "mqtt_host": MQTT_HOST,
        "mqtt_port": stack.mqtt_port,
        "mqtt_ca": str(stack.mqtt_ca_file),
        **{name: credentials[name] for name in ("tenant", "admin_email", "admin_password", "api_key")},
    }
    stack.description_file.unlink(missing_ok=True)
    descriptor = os.open(stack.description_file, os.O_WRONLY | os.O_CREAT, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(json.dumps(description, indent=2) + "\n")
    return description


def _next_steps(stack: Stack, description: dict[str, Any]) -> str:
    base, key = description["base_url"], description["api_key"]
    header = f"-H 'Authorization: Bearer {key}' -H 'Content-Type: application/json'"
    create_key = '{"name": "%s", "permissions": ["read", "write"]}'
    webhook = '{"url": "http://127.0.0.1:8080/hook", "events": ["api_key.created"]}'
    return f"""
  API             {base}  (and http://localhost:{stack.also_port}), described at {base}/docs
  Devices         MQTT on {stack.mqtt_endpoint}, checked against {stack.mqtt_ca_file}
  Administrator   {description["admin_email"]}  {description["admin_password"]}
  API key         {key}
  All of this     {stack.description_file}
  Full logs       {stack.emulator_log}

Try next, in another terminal. Make a key:

curl -sS {base}/v1/api-keys {header} -d '{create_key % "First"}'

Have a webhook receiver told of new keys; start one in a terminal of its own, add it, and make another key:

.venv/bin/python -m local receiver

curl -sS {base}/v1/webhooks {header} -d '{webhook}'

curl -sS {base}/v1/api-keys {header} -d '{create_key % "Second"}'
"""


def _interrupt(number: int, frame: FrameType | None) -> None:
    del number, frame
    raise KeyboardInterrupt
