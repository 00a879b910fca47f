"""One embedded stack: its ports, its files and the addresses that reach it."""

from dataclasses import dataclass
from pathlib import Path

REGION = "us-east-1"
STACK_NAME = "hub"
MQTT_HOST = "localhost"


class StackError(Exception):
    """Something a person can put right; the text is the one line they are shown."""


@dataclass(frozen=True)
class Stack:
    """Where a stack lives: `root` is the checkout, `state_dir` holds everything that outlives a run."""

    root: Path
    state_dir: Path
    port: int = 3000
    also_port: int = 9527
    aws_port: int = 4566
    mqtt_port: int = 8883

    @property
    def public_ports(self) -> tuple[int, ...]:
        """The front door's ports."""
        return tuple(dict.fromkeys((self.port, self.also_port)))

    @property
    def base_url(self) -> str:
        """Where the HTTP API answers."""
        return f"http://localhost:{self.port}"

    @property
    def ws_url(self) -> str:
        """Where the WebSocket API answers."""
        return f"ws://localhost:{self.also_port}/ws"

    @property
    def aws_endpoint(self) -> str:
        """Where every emulated AWS service answers."""
        return f"http://127.0.0.1:{self.aws_port}"

    @property
    def mqtt_endpoint(self) -> str:
        """Where devices connect: MQTT over TLS, with a certificate of their own."""
        return f"{MQTT_HOST}:{self.mqtt_port}"

    @property
    def mqtt_ca_url(self) -> str:
        """The certificate authority that signs the certificates of the MQTT server and of devices, PEM."""
        return f"{self.aws_endpoint}/_ministack/iot/ca.pem"

    @property
    def mqtt_ca_file(self) -> Path:
        """A copy of it."""
        return self.state_dir / "mqtt-ca.pem"

    @property
    def description_file(self) -> Path:
        """`stack.json`: addresses and first credentials, for people and tests (mode 0600)."""
        return self.state_dir / "stack.json"

    @property
    def addresses_file(self) -> Path:
        """Which emulated API the front door leads to."""
        return self.state_dir / "addresses.json"

    @property
    def lock_file(self) -> Path:
        """Held by the running stack; contains its process id."""
        return self.state_dir / "run.pid"

    @property
    def run_log(self) -> Path:
        """What a detached stack prints."""
        return self.state_dir / "run.log"

    @property
    def emulator_log(self) -> Path:
        """Everything the emulator and the functions write, unabridged."""
        return self.state_dir / "emulator.log"

    @property
    def deploy_log(self) -> Path:
        """The last `sam deploy`'s own output."""
        return self.state_dir / "deploy.log"

    @property
    def function_environments_file(self) -> Path:
        """The functions' environment for `sam local invoke --env-vars`; `local/sam-local.json` leads here."""
        return self.state_dir / "sam-local.json"
