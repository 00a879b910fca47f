"""Functions: their workers, what they log, how they fail, and what they are given from queues and streams."""

import hashlib
import io
import json
import os
import queue
import tempfile
import threading
import time
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from ministack.core import lambda_runtime
from ministack.services import lambda_svc

_END_OF_INVOCATION = "\x1eend of invocation"
_LOG_DRAIN_SECONDS = 0.25
_SQS_CONCURRENCY = 5
_WORKERS_STARTING = 2
_WORKER_TURN_SECONDS = 0.02
_FIRST_ANSWER_SECONDS = 0.1
_unpacking = threading.Lock()
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


def end_invocations_with_a_mark(sink: LogSink) -> None:
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


def show_failures(sink: LogSink) -> None:
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


def keep_exception_names() -> None:
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


def read_again_what_a_stream_consumer_reports() -> None:
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


def unpack_layers_once() -> None:
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


def start_few_workers_at_once() -> None:
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


def start_with_few_batches() -> None:
    """Take five batches of a queue at once, as AWS does before it scales up: each takes a process of its own here.

    Of a FIFO queue too: what is in flight keeps its whole group from being received, so no two batches share one.
    MiniStack takes one batch at a time, and a slow group would hold up all others.
    """
    concurrency = lambda_svc._sqs_esm_concurrency

    def few(esm: Any, function: Any, config: Any, queue: Any = None) -> int:
        return min(_SQS_CONCURRENCY, int(concurrency(esm, function, config)))

    lambda_svc._sqs_esm_concurrency = few


def busy() -> bool:
    """Whether a function or a batch from an event source is running."""
    return bool(lambda_svc._esm_inflight) or lambda_runtime.workers_in_use() > 0


def stop_polling() -> None:
    """Start no further batch from any event source: what is saved next stays as it is."""
    lambda_svc._iter_all_esms = list
