"""What a new user does: paste the lines that `make run` prints."""

import json
import re
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from tests.e2e.polling import eventually
from tests.e2e.running import ROOT, RunningStack, free_ports, without_proxy

PASTED = re.compile(r"^(?:curl|\.venv/bin/python) .+$", re.MULTILINE)


def _with_another_port(line: str, port: int) -> str:
    """What a user does whose port 8080 is taken."""
    return f"{line} --port {port}" if line.endswith(" receiver") else line.replace(":8080/", f":{port}/")


def _paste(line: str) -> str:
    done = subprocess.run(
        ["bash", "-c", line], cwd=ROOT, env=without_proxy(), capture_output=True, text=True, check=False, timeout=30
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@contextmanager
def _pasted_in_background(line: str, output: Path) -> Iterator[bool]:
    with (
        output.open("w") as file,
        subprocess.Popen(["bash", "-c", f"exec {line}"], cwd=ROOT, stdout=file, stderr=subprocess.STDOUT) as process,
    ):
        try:
            eventually(lambda: output.read_text() or process.poll() is not None, "the receiver's first line")
            yield "in use" not in output.read_text()
        finally:
            process.terminate()


def test_the_printed_lines_work_when_pasted(stack: RunningStack, tmp_path: Path) -> None:
    first_key, start_receiver, add_webhook, second_key = PASTED.findall(stack.printed)
    output = tmp_path / "receiver.txt"

    made = json.loads(_paste(first_key))
    assert made["name"] == "First"
    assert made["key"].startswith("sk_live_")

    with ExitStack() as background:
        if not background.enter_context(_pasted_in_background(start_receiver, output)):
            port = free_ports(1)[0]
            start_receiver, add_webhook = (_with_another_port(line, port) for line in (start_receiver, add_webhook))
            assert background.enter_context(_pasted_in_background(start_receiver, output))
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
        "mqtt_host",
        "mqtt_port",
        "mqtt_ca",
        "tenant",
        "admin_email",
        "admin_password",
        "api_key",
    }
