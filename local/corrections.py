"""Corrections to MiniStack 1.5.33, made in its process before it serves.

They reach into private names, so the version is pinned exactly and `apply` refuses any other: a new version is looked
at by a person first. Each correction brings the emulator nearer to what AWS does.
"""

import asyncio
import hashlib
import io
import json
import os
import queue
import re
import ssl
import tempfile
import threading
import time
import zipfile
from collections.abc import Callable, Mapping
from contextlib import suppress
from contextvars import ContextVar
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

from ministack.core import lambda_runtime
from ministack.services import apigateway, dynamodb, iot, lambda_svc

from local.process import loopback_hosts

MINISTACK_VERSION = "1.5.33"
_END_OF_INVOCATION = "\x1eend of invocation"
_LOG_DRAIN_SECONDS = 0.25
_SQS_CONCURRENCY = 5
_WORKERS_STARTING = 2
_WORKER_TURN_SECONDS = 0.02
_FIRST_ANSWER_SECONDS = 0.1
_GOODBYE_SECONDS = 2
_unpacking = threading.Lock()
_USUAL_KEYS = re.compile(
    r"(#\w+) = (:\w+)(?: AND (?:(#\w+) BETWEEN (:\w+) AND (:\w+)|begins_with\((#\w+), ?(:\w+)\)))?", re.ASCII
)

_ANSWER = """\
        try:
            result = handler_fn(event, context)
            _real_stdout.write(json.dumps({"status": "ok", "result": result}) + "\\n")
        except Exception as e:
            _real_stdout.write(json.dumps({"status": "error", "error": str(e), "trace": traceback.format_exc()})\
 + "\\n")
        _real_stdout.flush()
"""
_CORRECTED_ANSWER = f"""        try:
            _answer = json.dumps({{"status": "ok", "result": handler_fn(event, context)}})
        except Exception as e:
            _answer = json.dumps({{"status": "error", "error": str(e), "error_type": type(e).__name__,
                                  "trace": traceback.format_exc()}})
        sys.stderr.write({_END_OF_INVOCATION!r} + "\\n")
        sys.stderr.flush()
        _real_stdout.write(_answer + "\\n")
        _real_stdout.flush()
"""

LogSink = Callable[[Mapping[str, Any]], None]


class _HandlerMessage(str):
    """An error message that still knows its exception's name, which MiniStack drops on the way out."""

    error_type: str

    def __new__(cls, text: str, error_type: str) -> "_HandlerMessage":
        message = super().__new__(cls, text)
        message.error_type = error_type
        return message


def apply(sink: LogSink) -> None:
    """Correct the imported MiniStack; `sink` gets every line a function writes as `{"kind","function","line"}`."""
    installed = version("ministack")
    if installed != MINISTACK_VERSION:
        raise RuntimeError(f"ministack {installed} is installed, but local/corrections.py knows {MINISTACK_VERSION}")
    _end_invocations_with_a_mark(sink)
    _show_failures(sink)
    _keep_exception_names()
    _answer_failures_as_api_gateway()
    _answer_connects_as_api_gateway()
    _keep_stream_records()
    _read_expressions_once()
    _read_again_what_a_stream_consumer_reports()
    _unpack_layers_once()
    _start_few_workers_at_once()
    _start_with_few_batches()
    _listen_for_devices_on_loopback()
    _hold_devices_to_their_policies()
    _disconnect_devices_whose_certificate_ends()
    _keep_presence_versions()


def _end_invocations_with_a_mark(sink: LogSink) -> None:
    """Collect an invocation's log lines up to a mark, instead of waiting 50 ms for lines that may not come."""
    script = lambda_runtime._PYTHON_WORKER_SCRIPT
    assert script.count(_ANSWER) == 1
    lambda_runtime._PYTHON_WORKER_SCRIPT = script.replace(_ANSWER, _CORRECTED_ANSWER)

    def read(self: Any) -> None:
        lines = self._stderr_queue
        for raw in self._proc.stderr:
            line = raw.rstrip("\n")
            lines.put(line)
            if line != _END_OF_INVOCATION:
                sink({"kind": "function", "function": self.func_name, "line": line})

    worker = lambda_runtime.Worker
    assert callable(worker._read_stderr)
    assert callable(worker._drain_stderr_bounded)
    worker._read_stderr = read
    worker._drain_stderr_bounded = lambda self, **_: _lines_of_one_invocation(self._stderr_queue)


def _lines_of_one_invocation(lines: "queue.Queue[str]") -> str:
    collected = []
    deadline = time.monotonic() + _LOG_DRAIN_SECONDS
    while (left := deadline - time.monotonic()) > 0:
        try:
            line = lines.get(timeout=left)
        except queue.Empty:
            break
        if line == _END_OF_INVOCATION:
            break
        collected.append(line)
    return "\n".join(collected)


def _show_failures(sink: LogSink) -> None:
    """Write a failed invocation's traceback to the log, and keep its exception's name with its message."""
    invoke = lambda_runtime.Worker.invoke

    def invoke_and_show(self: Any, *args: Any, **kwargs: Any) -> dict[str, Any]:
        result: dict[str, Any] = invoke(self, *args, **kwargs)
        if result.get("status") == "error":
            text = result.get("trace") or result.get("error", "")
            sink({"kind": "failure", "function": self.func_name, "line": str(text).rstrip()})
            if "error_type" in result:
                result["error"] = _HandlerMessage(result["error"], result["error_type"])
        return result

    lambda_runtime.Worker.invoke = invoke_and_show


def _keep_exception_names() -> None:
    """Let a handler's exception reach Step Functions and callers under its class name, not `Runtime.HandlerError`."""
    execute = lambda_svc._execute_function_warm

    def execute_and_name(func: Any, event: Any, request_id: str) -> dict[str, Any]:
        result: dict[str, Any] = execute(func, event, request_id)
        body = result.get("body")
        if result.get("error") and isinstance(body, dict):
            message = body.get("errorMessage")
            if isinstance(message, _HandlerMessage):
                body["errorType"] = message.error_type
        return result

    lambda_svc._execute_function_warm = execute_and_name


def _answer_failures_as_api_gateway() -> None:
    """Answer 500 `Internal Server Error` for a function that failed: an HTTP API never shows the exception's text."""
    convert = lambda_svc.lambda_execute_result_to_api_proxy_response

    def convert_failure(result: dict[str, Any]) -> Any:
        if result.get("error") and not result.get("throttle"):
            body = json.dumps({"message": "Internal Server Error"}, separators=(",", ":"))
            return {"statusCode": 500, "headers": {"Content-Type": "application/json"}, "body": body}, None
        return convert(result)

    lambda_svc.lambda_execute_result_to_api_proxy_response = convert_failure


def _answer_connects_as_api_gateway() -> None:
    """Give a WebSocket's client what the function of `$connect` answers: its subprotocol, or why it is refused.

    MiniStack looks at nothing but whether the status is a success, and refuses with 403 always.
    """
    handle, invoke = apigateway.handle_websocket, apigateway._invoke_ws_lambda
    openings: ContextVar[dict[str, Any]] = ContextVar("openings")

    async def invoke_and_keep(*given: Any, **more: Any) -> Any:
        answer = await invoke(*given, **more)
        if "CONNECT" in given:
            openings.get().update(answer or {})
        return answer

    async def handle_and_answer(scope: Any, receive: Any, send: Any, *given: Any, **more: Any) -> None:
        opening: dict[str, Any] = {}
        openings.set(opening)

        async def send_as_answered(message: dict[str, Any]) -> None:
            refused = opening and not 200 <= int(opening.get("statusCode", 500)) < 300
            if message["type"] == "websocket.accept":
                headers = {name.lower(): value for name, value in (opening.get("headers") or {}).items()}
                message = {**message, "subprotocol": headers.get("sec-websocket-protocol")}
            elif message["type"] == "websocket.close" and refused:
                await apigateway._refuse_ws_handshake(scope, send, int(opening.get("statusCode", 500)), "", "", "")
                return
            await send(message)

        await handle(scope, receive, send_as_answered, *given, **more)

    apigateway._invoke_ws_lambda = invoke_and_keep
    apigateway.handle_websocket = handle_and_answer


def _keep_stream_records() -> None:
    """Keep table streams over a restart.

    MiniStack saves how far each consumer has read but not the records, so after a restart a consumer waits for as many
    new records as it had ever read, and unread ones are lost.
    """
    save, load = dynamodb.get_state, dynamodb.load_persisted_state

    def save_with_streams() -> dict[str, Any]:
        state: dict[str, Any] = save()
        unread = _unread_stream_records()
        state["local_stream_records"] = [[*key, start, records] for key, (start, records) in unread.items()]
        return state

    def load_with_streams(state: dict[str, Any]) -> None:
        # First the records, then the tables: the poller runs already and looks at streams of known tables only.
        for account, region, table, start, records in (state or {}).pop("local_stream_records", []):
            dynamodb._stream_trimmed.set_scoped(account, region, table, start)
            dynamodb._stream_records.set_scoped(account, region, table, records)
        load(state)

    dynamodb.get_state, dynamodb.load_persisted_state = save_with_streams, load_with_streams


def _read_expressions_once() -> None:
    """Read an expression once, not for each item it is held against, and a query's keys without reading it at all.

    MiniStack looks at a whole partition for each page of a query: with 100,000 items that took longer than the SDK
    waits. What is not a query's usual condition, or is wrong in any way, MiniStack judges itself.
    """
    dynamodb._tokenize = lru_cache(maxsize=4096)(dynamodb._tokenize)
    dynamodb._condition_syntax_error = lru_cache(maxsize=4096)(dynamodb._condition_syntax_error)
    usual = lru_cache(maxsize=4096)(_USUAL_KEYS.fullmatch)
    judge = dynamodb._evaluate_condition

    def evaluate(expression: str, item: Any, values: Any, names: Any, slot: str = "ConditionExpression") -> bool:
        if slot == "KeyConditionExpression" and (keys := usual(expression)):
            with suppress(KeyError):
                return _has_keys(keys, item, values, names)
        answer: bool = judge(expression, item, values, names, slot)
        return answer

    dynamodb._evaluate_condition = evaluate


def _has_keys(keys: re.Match[str], item: Any, values: Any, names: Any) -> bool:
    pk, pk_value, sk, first, last, prefixed, prefix = keys.groups()
    if item[names[pk]]["S"] != values[pk_value]["S"]:
        return False
    if prefixed:
        return str(item[names[prefixed]]["S"]).startswith(values[prefix]["S"])
    return sk is None or bool(values[first]["S"] <= item[names[sk]]["S"] <= values[last]["S"])


def _read_again_what_a_stream_consumer_reports() -> None:
    """Take `batchItemFailures` of a table stream's consumer as the failure of its batch, which is then read again.

    MiniStack passes over them, so what a consumer could not do would be lost. AWS reads from the first of them on.
    """
    execute = lambda_svc._execute_function_warm

    def execute_and_look(func: Any, event: Any, request_id: str) -> dict[str, Any]:
        result: dict[str, Any] = execute(func, event, request_id)
        body = result.get("body")
        records = event.get("Records") if isinstance(event, dict) else None
        from_stream = isinstance(records, list) and bool(records) and records[0].get("eventSource") == "aws:dynamodb"
        if from_stream and isinstance(body, dict) and body.get("batchItemFailures"):
            failed = {"errorType": "BatchItemFailures", "errorMessage": json.dumps(body["batchItemFailures"])}
            return result | {"error": True, "body": failed}
        return result

    lambda_svc._execute_function_warm = execute_and_look


def _unpack_layers_once() -> None:
    """Let all workers use one copy of a layer.

    MiniStack unpacks 2000 files for every worker, inside the process that serves: a burst that starts twenty of them
    would stand still for half a minute, and so would the end, which removes them.
    """
    spawn = lambda_runtime.Worker._spawn

    def spawn_with_layers(self: Any) -> None:
        given = self.config
        folders = [
            _unpacked(archive) for archive in map(lambda_svc._resolve_layer_zip, given.get("Layers", [])) if archive
        ]
        variables = given.get("Environment", {}).get("Variables", {})
        variables = {**variables, "_LAMBDA_LAYERS_DIRS": os.pathsep.join(map(str, folders))}
        self.config = {**given, "Layers": [], "Environment": {"Variables": variables}}
        try:
            spawn(self)
        finally:
            self.config = given

    lambda_runtime.Worker._spawn = spawn_with_layers


def _unpacked(archive: bytes) -> Path:
    folder = Path(tempfile.gettempdir()) / "layers" / hashlib.sha256(archive).hexdigest()
    with _unpacking:
        if not folder.exists():
            draft = folder.with_suffix(".draft")
            with zipfile.ZipFile(io.BytesIO(archive)) as layer:
                layer.extractall(draft)
            draft.rename(folder)
    return folder


def _start_few_workers_at_once() -> None:
    """Let an invocation wait for its turn to start a worker, and take one that gets free meanwhile.

    MiniStack starts one for each invocation that finds none free. On AWS every start has a machine of its own; here a
    burst of them (thirty retries in one second) makes all that run late, which are not free then either, so that still
    more start: nothing else moved for twenty seconds.
    """
    acquire, spawn = lambda_runtime.acquire_worker, lambda_runtime.Worker._spawn
    turns = threading.Semaphore(_WORKERS_STARTING)
    assert lambda_svc.acquire_worker is acquire

    def acquire_in_turn(
        name: str, config: dict[str, Any], code: bytes, qualifier: str = "$LATEST", max_concurrency: int | None = None
    ) -> tuple[Any, str]:
        key = lambda_runtime._worker_key(name, config, qualifier)
        while not (free := _free_worker(key)):
            if turns.acquire(timeout=_WORKER_TURN_SECONDS):
                worker, reason = acquire(name, config, code, qualifier, max_concurrency)
                if reason == "spawn":
                    worker.has_turn = True
                else:
                    turns.release()
                return worker, reason
        return free, "reused"

    def spawn_and_pass_on(self: Any) -> None:
        try:
            spawn(self)
        finally:
            if self.__dict__.pop("has_turn", False):
                # Not at once: its first answer makes it free for the next that waits.
                threading.Timer(_FIRST_ANSWER_SECONDS, turns.release).start()

    lambda_svc.acquire_worker = acquire_in_turn
    lambda_runtime.Worker._spawn = spawn_and_pass_on


def _free_worker(key: str) -> Any:
    """Lease a worker that runs and has nothing to do, as `acquire_worker` does."""
    with lambda_runtime._lock:
        for worker in lambda_runtime._workers.get(key, []):
            if not worker.in_use:
                worker.in_use = True
                worker.last_used = time.time()
                return worker
    return None


def _start_with_few_batches() -> None:
    """Take five batches of a queue at once, as AWS does before it scales up: each takes a process of its own here.

    Of a FIFO queue too: what is in flight keeps its whole group from being received, so no two batches share one.
    MiniStack takes one batch at a time, and a slow group would hold up all others.
    """
    concurrency = lambda_svc._sqs_esm_concurrency

    def few(esm: Any, function: Any, config: Any, queue: Any = None) -> int:
        return min(_SQS_CONCURRENCY, int(concurrency(esm, function, config)))

    lambda_svc._sqs_esm_concurrency = few


def _listen_for_devices_on_loopback() -> None:
    """Open the MQTT port on loopback alone (MiniStack binds every interface), and ask each device for a certificate."""
    build = iot._mtls_build_ssl_context
    assert callable(iot._mtls_start_locked)

    async def start() -> None:
        if iot._mtls_server is None:
            loop = asyncio.get_running_loop()
            hosts = [host.strip("[]") for host in loopback_hosts()]
            iot._mtls_server = await loop.create_server(iot._MtlsAcceptor, host=hosts, port=iot._mtls_port())
            iot._mtls_loop = loop

    def build_and_require() -> ssl.SSLContext:
        context: ssl.SSLContext = build()
        context.verify_mode = ssl.CERT_REQUIRED
        return context

    iot._mtls_start_locked = start
    iot._mtls_build_ssl_context = build_and_require


def _hold_devices_to_their_policies() -> None:
    """Let a device do what its certificate's IoT policies allow.

    MiniStack looks at them only where it enforces IAM for all services, which the accounts of this run do not have.
    """
    session = iot._WSSession
    assert callable(session._evaluates_policies)
    session._evaluates_policies = lambda self: self.certificate_id is not None


def _disconnect_devices_whose_certificate_ends() -> None:
    """Close the connections of a certificate that is deactivated or deleted, as AWS does within minutes."""
    handle = iot._handle_certificate

    def handle_and_disconnect(method: str, path: str, body: bytes, parameters: dict[str, Any]) -> Any:
        answer = handle(method, path, body, parameters)
        certificate = path.removeprefix("/certificates/")
        if not iot._mtls_active_registrations(certificate):
            for session in list(iot._connected_clients.values()):
                if session.certificate_id == certificate:
                    asyncio.run_coroutine_threadsafe(session._send({"type": "websocket.close"}), iot._mtls_loop)
        return answer

    iot._handle_certificate = handle_and_disconnect


def _keep_presence_versions() -> None:
    """Count a device's connections on after a restart: to readers of presence events a lower version is an old one."""
    save, load = iot.get_state, iot.load_persisted_state

    def save_with_versions() -> dict[str, Any]:
        state: dict[str, Any] = save()
        state["local_presence_versions"] = [[*key, following] for key, following in iot._presence_versions.items()]
        return state

    def load_with_versions(state: dict[str, Any]) -> None:
        for account, region, client, following in (state or {}).pop("local_presence_versions", []):
            iot._presence_versions[account, region, client] = following
        load(state)

    iot.get_state, iot.load_persisted_state = save_with_versions, load_with_versions


async def disconnect_devices() -> None:
    """Close every device's connection, and wait until what tells of it is in its queues: no connection is saved."""
    await iot.mtls_stop()
    deadline = time.monotonic() + _GOODBYE_SECONDS
    while iot._connected_clients and time.monotonic() < deadline:  # noqa: ASYNC110 - a session that ends tells no event
        await asyncio.sleep(0.02)


def _unread_stream_records() -> dict[tuple[str, str, str], tuple[int, list[dict[str, Any]]]]:
    """Per (account, region, table): the first position some consumer has not read, and the records from there on."""
    slowest: dict[tuple[str, str, str], int] = {}
    for (account, region, mapping_id), mapping in lambda_svc._esms.all_items():
        source = mapping.get("EventSourceArn", "")
        position = lambda_svc._dynamodb_stream_positions.get_scoped(account, region, mapping_id, None)
        if ":dynamodb:" in source and position is not None:
            key = (account, region, source.split("/stream/")[0].rsplit("/", 1)[-1])
            slowest[key] = min(position, slowest.get(key, position))
    unread = {}
    for key, records in dynamodb._stream_records.all_items():
        trimmed = dynamodb._stream_trimmed.get_scoped(*key, 0)
        # Nobody reads this stream: what it held can go, but positions never run backwards.
        start = slowest.get(key, trimmed + len(records))
        start = min(max(start, trimmed), trimmed + len(records))
        unread[key] = (start, list(records[start - trimmed :]))
    return unread


def busy() -> bool:
    """Whether a function or a batch from an event source is running."""
    return bool(lambda_svc._esm_inflight) or lambda_runtime.workers_in_use() > 0


def stop_polling() -> None:
    """Start no further batch from any event source: what is saved next stays as it is."""
    lambda_svc._iter_all_esms = list
