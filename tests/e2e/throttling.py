"""DynamoDB out of capacity: a proxy before the emulated one that refuses calls as AWS does when a table is throttled.

The emulator has no throttling of its own. Functions are led to the proxy by their own configuration
(`AWS_ENDPOINT_URL_DYNAMODB`, which every AWS SDK knows), so neither they nor the local run need a switch for it.
"""

import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import urllib3

from tests.e2e.running import RunningStack

_REFUSAL = json.dumps(
    {
        "__type": "com.amazonaws.dynamodb.v20120810#ProvisionedThroughputExceededException",
        "message": "The level of configured provisioned throughput for the table was exceeded.",
    }
).encode()
_VARIABLE = "AWS_ENDPOINT_URL_DYNAMODB"


class Throttle:
    """Which calls are refused: the first `all_of`, then every second one of as many more; then none."""

    def __init__(self, all_of: int) -> None:
        self.calls = 0
        self.refused = 0
        self._all_of = all_of
        self._lock = threading.Lock()

    def refuses(self) -> bool:
        """Count one more call, and decide."""
        with self._lock:
            self.calls += 1
            refused = self.calls <= self._all_of or (self.calls <= 2 * self._all_of and self.calls % 2 == 0)
            self.refused += refused
            return refused


@contextmanager
def throttled(stack: RunningStack, throttles: Mapping[str, Throttle]) -> Iterator[None]:
    """Let functions (logical ids) reach DynamoDB only through a throttle each."""
    with ExitStack() as opened:
        for function, throttle in throttles.items():
            opened.enter_context(_throttled(stack, function, throttle))
        yield


@contextmanager
def _throttled(stack: RunningStack, function: str, throttle: Throttle) -> Iterator[None]:
    server = _Proxy(stack.description["aws_endpoint"], throttle)
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    before = _variables(stack, function)
    try:
        _configure(stack, function, {**before, _VARIABLE: f"http://127.0.0.1:{server.server_port}"})
        yield
    finally:
        _configure(stack, function, before)
        server.shutdown()
        server.server_close()


def _variables(stack: RunningStack, function: str) -> dict[str, str]:
    found = stack.functions.get_function_configuration(FunctionName=stack.physical_ids[function])
    return found["Environment"]["Variables"]


def _configure(stack: RunningStack, function: str, variables: dict[str, str]) -> None:
    name = stack.physical_ids[function]
    stack.functions.update_function_configuration(FunctionName=name, Environment={"Variables": variables})
    stack.functions.get_waiter("function_updated_v2").wait(FunctionName=name, WaiterConfig={"Delay": 1})


class _Proxy(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, endpoint: str, throttle: Throttle) -> None:
        self.endpoint = endpoint
        self.throttle = throttle
        self.connections = urllib3.PoolManager(maxsize=32)
        super().__init__(("127.0.0.1", 0), _Handler)


class _Handler(BaseHTTPRequestHandler):
    server: _Proxy
    protocol_version = "HTTP/1.1"
    timeout = 60

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self.server.throttle.refuses():
            self._answer(400, {"Content-Type": "application/x-amz-json-1.0"}, _REFUSAL)
            return
        headers = {name: value for name, value in self.headers.items() if name.lower() not in ("host", "connection")}
        found = self.server.connections.request(
            "POST", self.server.endpoint + self.path, body=body, headers=headers, retries=False, timeout=30
        )
        kept = {name: value for name, value in found.headers.items() if name.lower().startswith(("x-amz", "content-t"))}
        self._answer(found.status, kept, found.data)

    def _answer(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *arguments: object) -> None:
        """Say nothing; the test looks at the throttle."""
