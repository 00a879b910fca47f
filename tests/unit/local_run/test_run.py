import fcntl
import os
import socket
from pathlib import Path

import pytest

from local import environment, run
from local.process import port_in_use
from local.stack import Stack, StackError
from tests.e2e.running import free_ports


def test_a_port_in_use_is_noticed() -> None:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        port = server.getsockname()[1]
        server.listen()
        assert port_in_use(port)
    assert not port_in_use(port)


@pytest.mark.parametrize("name", ["port", "also_port", "aws_port", "mqtt_port"])
def test_a_port_in_use_is_named(tmp_path: Path, name: str) -> None:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        taken = server.getsockname()[1]
        ports = dict(zip(("port", "also_port", "aws_port", "mqtt_port"), free_ports(4), strict=True))
        with pytest.raises(StackError, match=f"^Port {taken} is in use by another program; "):
            run.run(Stack(root=tmp_path, state_dir=tmp_path, **{**ports, name: taken}))


def test_stopping_is_fine_when_nothing_runs(tmp_path: Path) -> None:
    stack = Stack(root=tmp_path, state_dir=tmp_path)
    assert run.stop(stack) == "Nothing runs here."
    stack.lock_file.write_text("1")
    assert run.stop(stack) == "Nothing runs here."  # left behind by a run that was killed; process 1 is not ours


def test_a_second_run_on_the_same_state_is_refused(tmp_path: Path) -> None:
    stack = Stack(root=tmp_path, state_dir=tmp_path)
    with stack.lock_file.open("w") as handle:
        handle.write("4711")
        handle.flush()
        fcntl.flock(handle, fcntl.LOCK_EX)
        with pytest.raises(StackError, match="already runs \\(process 4711\\)"):
            run.run(stack)


def test_nothing_of_the_hosts_aws_settings_remains(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_ENDPOINT_URL", "SAM_CLI_POLL_DELAY"):
        monkeypatch.setenv(name, "the host's")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAREAL")
    monkeypatch.setenv("DATABASE_PASSWORD", "the host's")
    before = dict(os.environ)
    try:
        environment.seal()
        assert "the host's" not in {value for name, value in os.environ.items() if name.startswith(("AWS_", "SAM_"))}
        assert os.environ["AWS_ACCESS_KEY_ID"] == "test"
        assert os.environ["AWS_CONFIG_FILE"] == os.environ["AWS_SHARED_CREDENTIALS_FILE"] == "/dev/null"
        seen = environment.for_emulator(GATEWAY_PORT="1")
        assert "DATABASE_PASSWORD" not in seen
        assert seen["GATEWAY_PORT"] == "1"
    finally:
        os.environ.clear()
        os.environ.update(before)


def test_the_addresses_of_a_stack(tmp_path: Path) -> None:
    stack = Stack(
        root=tmp_path, state_dir=tmp_path / ".local", port=3100, also_port=3100, aws_port=4600, mqtt_port=8900
    )
    assert stack.public_ports == (3100,)
    assert stack.base_url == "http://localhost:3100"
    assert stack.ws_url == "ws://localhost:3100/ws"
    assert stack.aws_endpoint == "http://127.0.0.1:4600"
    assert stack.mqtt_endpoint == "localhost:8900"
