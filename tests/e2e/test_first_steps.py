"""What a new user does: paste the lines that `make run` prints."""

import json
import re
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from local.process import port_in_use
from tests.e2e.polling import eventually
from tests.e2e.running import ROOT, RunningStack, free_ports, without_proxy

PASTED = re.compile(r"^(?:curl|\.venv/bin/python) .+$", re.MULTILINE)


def _printed_lines(stack: RunningStack) -> list[str]:
    """The lines as they stand; only a port 8080 that is taken on this machine is replaced, as a user would."""
    lines: list[str] = PASTED.findall(stack.printed)
    if port_in_use(8080):
        port = free_ports(1)[0]
        lines = [line.replace(":8080/", f":{port}/") for line in lines]
        lines = [f"{line} --port {port}" if line.endswith(" receiver") else line for line in lines]
    return lines


def _paste(line: str) -> str:
    done = subprocess.run(
        ["bash", "-c", line], cwd=ROOT, env=without_proxy(), capture_output=True, text=True, check=False, timeout=30
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@contextmanager
def _pasted_in_background(line: str, output: Path) -> Iterator[None]:
    with (
        output.open("w") as file,
        subprocess.Popen(["bash", "-c", f"exec {line}"], cwd=ROOT, stdout=file, stderr=subprocess.STDOUT) as process,
    ):
        try:
            eventually(lambda: "Waiting for webhooks" in output.read_text(), "the receiver's first line")
            yield
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(10)


def test_the_printed_lines_work_when_pasted(stack: RunningStack, tmp_path: Path) -> None:
    first_key, start_receiver, add_webhook, second_key = _printed_lines(stack)
    output = tmp_path / "receiver.txt"

    made = json.loads(_paste(first_key))
    assert made["name"] == "First"
    assert made["key"].startswith("sk_live_")

    with _pasted_in_background(start_receiver, output):
        webhook = json.loads(_paste(add_webhook))
        assert webhook["code"] == 0
        assert webhook["data"]["secret"].startswith("whsec_")
        second = json.loads(_paste(second_key))
        eventually(lambda: second["id"] in output.read_text(), "the event of the second key")

    shown = output.read_text()
    assert "X-Webhook-Event: api_key.created" in shown
    assert "X-Webhook-Signature: sha256=" in shown
    assert "webhook-signature: v1," in shown
    assert '"name": "Second"' in shown
    assert second["key"] not in shown
    assert stack.first_client().request("DELETE", f"/v1/webhooks/{webhook['data']['id']}").status_code == 204


def test_stack_json_tells_everything_and_only_to_its_owner(stack: RunningStack) -> None:
    file = stack.state_dir / "stack.json"
    assert file.stat().st_mode & 0o777 == 0o600
    assert set(stack.description) >= {
        "base_url",
        "ws_url",
        "aws_endpoint",
        "region",
        "tenant",
        "admin_email",
        "admin_password",
        "api_key",
    }
