"""The emulator as a child process: started on loopback, and stopped after its state is written."""

import json
import shutil
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable
from types import TracebackType
from urllib.error import URLError

from local import environment
from local.stack import REGION, Stack, StackError

_READY_SECONDS = 60
_STOP_SECONDS = 240


class Emulator:
    """A context: inside it the emulator runs; leaving it stops the emulator, whatever happened."""

    def __init__(self, stack: Stack, on_line: Callable[[str], None]) -> None:
        self._stack = stack
        self._on_line = on_line
        self._process: subprocess.Popen[str] | None = None
        self._reader: threading.Thread | None = None

    def __enter__(self) -> "Emulator":
        """Start it and wait until it answers."""
        self._stack.addresses_file.unlink(missing_ok=True)
        self._process = subprocess.Popen(
            [sys.executable, "-m", "local.emulator"],
            cwd=self._stack.root,
            env=self._environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            encoding="utf-8",
            errors="replace",
            # A Ctrl-C in the terminal is for the run alone, which then stops things in order.
            start_new_session=True,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        try:
            self._await_ready()
            self._write_mqtt_ca()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """Stop it."""
        self.stop()

    def wait(self) -> int:
        """Wait until it ends by itself, which it should not; answers its exit status."""
        assert self._process is not None
        return self._process.wait()

    def stop(self) -> None:
        """End it and wait until it has written its state."""
        if self._process is None or self._reader is None:
            return
        self._process.terminate()
        try:
            self._process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
            raise StackError(f"The emulator did not stop within {_STOP_SECONDS} s and was ended by force") from None
        finally:
            self._reader.join(timeout=5)
            shutil.rmtree(self._stack.state_dir / "tmp", ignore_errors=True)
            self._process = None

    def _environment(self) -> dict[str, str]:
        state = self._stack.state_dir
        temporary = state / "tmp"
        shutil.rmtree(temporary, ignore_errors=True)
        temporary.mkdir(parents=True)
        return environment.for_emulator(
            HOME=str(temporary),
            TMPDIR=str(temporary),
            BIND_HOST="127.0.0.1",
            GATEWAY_PORT=str(self._stack.aws_port),
            MINISTACK_REGION=REGION,
            PERSIST_STATE="1",
            STATE_DIR=str(state / "state"),
            S3_PERSIST="1",
            S3_DATA_DIR=str(state / "s3"),
            SFTP_ENABLED="0",
            IOT_MTLS_PORT=str(self._stack.mqtt_port),
            DOCKER_HOST="unix:///nonexistent",
            LOCAL_FRONT_DOOR_PORTS=",".join(map(str, self._stack.public_ports)),
            LOCAL_FRONT_DOOR_HOSTS=",".join(loopback_hosts()),
            LOCAL_ADDRESSES=str(self._stack.addresses_file),
        )

    def _await_ready(self) -> None:
        assert self._process is not None
        # Ready is more than healthy: the MQTT port is opened after the one for HTTP.
        url = f"{self._stack.aws_endpoint}/_ministack/ready"
        why = f"why stands in {self._stack.emulator_log}"
        deadline = time.monotonic() + _READY_SECONDS
        while time.monotonic() < deadline:
            if self._process.poll() is not None:
                raise StackError(f"The emulator ended while it started; {why}")
            try:
                with urllib.request.urlopen(url, timeout=2) as answer:  # noqa: S310 - our own loopback address
                    found = json.load(answer)
            except (URLError, OSError):
                time.sleep(0.05)
            else:
                if found["iot_mtls"] != "listening":
                    raise StackError(f"The emulator could not open MQTT port {self._stack.mqtt_port}; {why}")
                return
        raise StackError(f"The emulator did not answer within {_READY_SECONDS} s; see {self._stack.emulator_log}")

    def _write_mqtt_ca(self) -> None:
        url = self._stack.mqtt_ca_url
        with urllib.request.urlopen(url, timeout=_READY_SECONDS) as answer:  # noqa: S310 - our own loopback address
            self._stack.mqtt_ca_file.write_bytes(answer.read())

    def _read(self) -> None:
        assert self._process is not None
        assert self._process.stdout is not None
        with self._stack.emulator_log.open("w") as log:
            for line in self._process.stdout:
                log.write(line)
                log.flush()
                self._on_line(line.rstrip("\n"))


def loopback_hosts() -> tuple[str, ...]:
    """Where `localhost` may lead on this machine: IPv6 too, because many clients try it first."""
    try:
        with socket.socket(socket.AF_INET6, socket.SOCK_STREAM) as probe:
            probe.bind(("::1", 0))
    except OSError:
        return ("127.0.0.1",)
    return ("127.0.0.1", "[::1]")


def port_in_use(port: int) -> bool:
    """Whether some program already serves on this loopback port."""
    for host in loopback_hosts():
        family = socket.AF_INET6 if host.startswith("[") else socket.AF_INET
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            # As the server will: connections that are closing do not count.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((host.strip("[]"), port))
            except OSError:
                return True
    return False
