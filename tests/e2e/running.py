"""The stack under test as its users meet it: started and stopped by command, called over HTTP and by the AWS SDK."""

import json
import os
import random
import signal
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
import requests
from botocore.config import Config
from requests.adapters import HTTPAdapter

from local.process import port_in_use

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_events import EventBridgeClient
    from mypy_boto3_lambda import LambdaClient
    from mypy_boto3_scheduler import EventBridgeSchedulerClient
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_stepfunctions import SFNClient

ROOT = Path(__file__).absolute().parents[2]

_NOT_OF_THE_BEGINNING = {
    "api_key": {"data": {"name": [{"anything-but": "first key"}]}},
    "user": {"data": {"email": [{"anything-but": "admin@example.com"}]}},
}

_START_SECONDS = 600
_STOP_SECONDS = 330
_REQUEST_SECONDS = 30


class Client:
    """A caller with one credential; every connection it opens is kept and closed with it."""

    def __init__(self, base_url: str, key: str, tenant: str) -> None:
        self.key = key
        self.tenant = tenant
        self._base_url = base_url
        self._session = requests.Session()
        # A developer's proxy must not stand between the tests and this machine.
        self._session.trust_env = False
        self._session.mount("http://", HTTPAdapter(pool_maxsize=32))

    def close(self) -> None:
        """Close its connections."""
        self._session.close()

    def request(self, method: str, path: str, **more: Any) -> requests.Response:
        """Make a request; `headers` come on top of the credential's."""
        headers = {"Authorization": f"Bearer {self.key}", **more.pop("headers", {})}
        return self._session.request(
            method, self._base_url + path, headers=headers, timeout=_REQUEST_SECONDS, allow_redirects=False, **more
        )

    def get(self, path: str, **more: Any) -> requests.Response:
        """GET."""
        return self.request("GET", path, **more)

    def post(self, path: str, json: Any = None, **more: Any) -> requests.Response:
        """POST a JSON body."""
        return self.request("POST", path, json=json, **more)

    def with_key(self, key: str) -> "Client":
        """Another caller of the same tenant."""
        return Client(self._base_url, key, self.tenant)

    def new_key(self, name: str, **more: Any) -> dict[str, Any]:
        """Make an API key, which is what causes `api_key.created`."""
        answer = self.post("/v1/api-keys", {"name": name, **more})
        assert answer.status_code == 201, answer.text
        made: dict[str, Any] = answer.json()
        return made

    def new_webhook(self, url: str, *events: str, **more: Any) -> dict[str, Any]:
        """Make a webhook; what its tenant began with, which may still be on its way, is not for it."""
        groups = {event.partition(".")[0] for event in events}
        beginning = (
            {"filter": _NOT_OF_THE_BEGINNING[groups.pop()]}
            if len(groups) == 1 and groups <= {*_NOT_OF_THE_BEGINNING}
            else {}
        )
        answer = self.post("/v1/webhooks", {"url": url, "events": list(events), **beginning, **more})
        assert answer.status_code == 201, answer.text
        made: dict[str, Any] = answer.json()["data"]
        return made

    def logs(self, webhook: Mapping[str, Any]) -> list[dict[str, Any]]:
        """A webhook's deliveries, the newest first."""
        answer = self.get(f"/v1/webhooks/{webhook['id']}/logs")
        assert answer.status_code == 200, answer.text
        rows: list[dict[str, Any]] = answer.json()["data"]
        return rows


class RunningStack:
    """One stack with ports and state of its own."""

    def __init__(self, state_dir: Path) -> None:
        self.state_dir = state_dir
        self.printed = ""
        self._ports = free_ports(4)
        self._clients: list[Client] = []

    def start(self) -> None:
        """Start it; what it printed stands in `printed`. An interruption leaves nothing behind."""
        command = [*self._command("run"), "--detach"]
        for name, port in zip(("--port", "--also-port", "--aws-port", "--mqtt-port"), self._ports, strict=True):
            command += [name, str(port)]
        # In a session of its own, so that a Ctrl-C reaches it once, from here.
        with subprocess.Popen(
            command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True
        ) as process:
            try:
                self.printed, _ = process.communicate(timeout=_START_SECONDS)
            except BaseException:
                process.send_signal(signal.SIGINT)
                raise
        assert process.returncode == 0, f"the stack did not start:\n{self.printed}"

    def stop(self) -> str:
        """Stop it (SIGTERM, its state is written); answers what the command printed."""
        done = subprocess.run(
            self._command("stop"), cwd=ROOT, capture_output=True, text=True, check=False, timeout=_STOP_SECONDS
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def close(self) -> None:
        """Stop it for good."""
        for client in self._clients:
            client.close()
        self.stop()

    def invoke(self, function: str, event: Path) -> "subprocess.CompletedProcess[str]":
        """`make invoke`: run one function with an event from a file."""
        command = [*self._command("invoke"), function, str(event)]
        return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=90)

    @property
    def description(self) -> dict[str, Any]:
        """What `stack.json` says."""
        found: dict[str, Any] = json.loads((self.state_dir / "stack.json").read_text())
        return found

    def first_client(self) -> Client:
        """A caller with the key that the first start printed."""
        return self._client(self.description["api_key"], self.description["tenant"])

    def new_client(self, tenant: str) -> Client:
        """A caller of a new tenant, made as an operator makes one."""
        payload = json.dumps({"tenant": tenant})
        answer = self.functions.invoke(FunctionName=self.physical_ids["BootstrapFunction"], Payload=payload)
        made = json.loads(answer["Payload"].read())
        assert answer.get("FunctionError") is None, made
        return self._client(made["api_key"], made["tenant"])

    def _client(self, key: str, tenant: str) -> Client:
        client = Client(self.description["base_url"], key, tenant)
        self._clients.append(client)
        return client

    def _command(self, name: str) -> list[str]:
        return [sys.executable, "-m", "local", name, "--state-dir", str(self.state_dir)]

    @cached_property
    def physical_ids(self) -> dict[str, str]:
        """Logical id to physical id; of a queue that is its URL."""
        found = self.stacks.describe_stack_resources(StackName="hub")["StackResources"]
        return {item["LogicalResourceId"]: item["PhysicalResourceId"] for item in found}

    @cached_property
    def outputs(self) -> dict[str, str]:
        """The deployed stack's outputs."""
        found = self.stacks.describe_stacks(StackName="hub")["Stacks"][0]["Outputs"]
        return {item["OutputKey"]: item["OutputValue"] for item in found}

    def waiting(self, queue: str) -> int:
        """Messages of a queue (logical id) that are not done with, in flight included."""
        url = self.physical_ids[queue]
        found = self.queues.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
        return int(found["ApproximateNumberOfMessages"]) + int(found["ApproximateNumberOfMessagesNotVisible"])

    def set_polling(self, function: str, *, enabled: bool) -> None:
        """Let a function's event source deliver, or hold it back."""
        mappings = self.functions.list_event_source_mappings(FunctionName=self.physical_ids[function])
        for mapping in mappings["EventSourceMappings"]:
            self.functions.update_event_source_mapping(UUID=mapping["UUID"], Enabled=enabled)

    def workers(self, function: str) -> list[int]:
        """The ids of the processes that run a function."""
        listed = subprocess.run(["ps", "-axww", "-o", "pid=,command="], capture_output=True, text=True, check=True)
        wanted = (str(self.state_dir), self.physical_ids[function], "_worker.py")
        lines = [line for line in listed.stdout.splitlines() if all(part in line for part in wanted)]
        return [int(line.split()[0]) for line in lines]

    def kill(self, function: str) -> int:
        """End a function's processes where they stand; answers how many there were."""
        workers = self.workers(function)
        for worker in workers:
            with suppress(ProcessLookupError):
                os.kill(worker, signal.SIGKILL)
        return len(workers)

    @cached_property
    def functions(self) -> "LambdaClient":
        """Lambda."""
        return self._session.client("lambda", endpoint_url=self._endpoint, config=_CONFIG)

    @cached_property
    def stacks(self) -> "CloudFormationClient":
        """CloudFormation."""
        return self._session.client("cloudformation", endpoint_url=self._endpoint, config=_CONFIG)

    @cached_property
    def queues(self) -> "SQSClient":
        """SQS."""
        return self._session.client("sqs", endpoint_url=self._endpoint, config=_CONFIG)

    @cached_property
    def schedules(self) -> "EventBridgeSchedulerClient":
        """EventBridge Scheduler."""
        return self._session.client("scheduler", endpoint_url=self._endpoint, config=_CONFIG)

    @cached_property
    def bus(self) -> "EventBridgeClient":
        """EventBridge."""
        return self._session.client("events", endpoint_url=self._endpoint, config=_CONFIG)

    @cached_property
    def machines(self) -> "SFNClient":
        """Step Functions."""
        return self._session.client("stepfunctions", endpoint_url=self._endpoint, config=_CONFIG)

    @cached_property
    def data(self) -> "DynamoDBClient":
        """DynamoDB."""
        return self._session.client("dynamodb", endpoint_url=self._endpoint, config=_CONFIG)

    @property
    def _endpoint(self) -> str:
        endpoint: str = self.description["aws_endpoint"]
        return endpoint

    @cached_property
    def _session(self) -> boto3.Session:
        return boto3.Session(
            aws_access_key_id="test", aws_secret_access_key="test", region_name=self.description["region"]
        )


_CONFIG = Config(connect_timeout=5, read_timeout=60, retries={"total_max_attempts": 2}, proxies={})


def without_proxy() -> dict[str, str]:
    """This process's environment for a command that calls the stack."""
    return {**os.environ, "NO_PROXY": "localhost,127.0.0.1", "no_proxy": "localhost,127.0.0.1"}


def free_ports(count: int) -> list[int]:
    """Ports below those the system gives to outgoing connections: they are still free after a restart."""
    candidates = (port for port in random.sample(range(20_000, 30_000), 200) if not port_in_use(port))
    return list(islice(candidates, count))
