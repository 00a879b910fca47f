"""The corrections hold on the pinned MiniStack. They change modules, so each test works in a process of its own."""

import json
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

from local.corrections import MINISTACK_VERSION

ROOT = Path(__file__).parents[3]
HANDLER = """
import sys
class Conflict(Exception): pass
def handler(event, context):
    for line in event.get("say", []):
        print(line)
    if event.get("fail"):
        raise Conflict("twice")
    return event
"""
PREPARE = f"""
import io, json, time, zipfile
from local import corrections
lines = []
corrections.apply(lines.append)
from ministack.core import lambda_runtime
from ministack.services import dynamodb, lambda_svc
archive = io.BytesIO()
with zipfile.ZipFile(archive, "w") as package:
    package.writestr("app.py", {HANDLER!r})
config = dict(FunctionName="f", Runtime="python3.11", Handler="app.handler", Timeout=10,
              FunctionArn="arn:aws:lambda:us-east-1:000000000000:function:f")
function = dict(config=config, code_zip=archive.getvalue())
"""


def python(code: str) -> Any:
    """Run `code` after the corrections; answers what it leaves in `answer`."""
    run = subprocess.run(
        [sys.executable, "-c", PREPARE + code + "\nprint(json.dumps(answer))"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    return json.loads(run.stdout.splitlines()[-1])


def test_the_pinned_version_is_installed_and_locked() -> None:
    assert version("ministack") == MINISTACK_VERSION
    assert f"ministack=={MINISTACK_VERSION}" in (ROOT / "requirements" / "dev.in").read_text()


def test_a_silent_invocation_does_not_wait_for_log_lines() -> None:
    took = python(
        """
lambda_svc._execute_function_warm(function, {}, "r0")
took = []
for number in range(20):
    started = time.perf_counter()
    lambda_svc._execute_function_warm(function, {}, f"r{number}")
    took.append(time.perf_counter() - started)
answer = sorted(took)[10]
lambda_runtime.reset()
"""
    )
    assert took < 0.03


def test_every_log_line_belongs_to_its_own_invocation() -> None:
    first, second, shown = python(
        """
first = lambda_svc._execute_function_warm(function, {"say": ["one", "zwei", "三"]}, "r1")["log"]
second = lambda_svc._execute_function_warm(function, {"say": ["four"]}, "r2")["log"]
answer = [first, second, [line["line"] for line in lines if line["kind"] == "function"]]
lambda_runtime.reset()
"""
    )
    assert first == "one\nzwei\n三"
    assert second == "four"
    assert shown == ["one", "zwei", "三", "four"]


def test_an_exception_keeps_its_class_name_and_is_shown_with_its_traceback() -> None:
    result, shown = python(
        """
result = lambda_svc._execute_function_warm(function, {"fail": True}, "r1")
answer = [result, [line for line in lines if line["kind"] == "failure"]]
lambda_runtime.reset()
"""
    )
    assert result["error"] is True
    assert result["body"] == {"errorMessage": "twice", "errorType": "Conflict"}
    assert shown[0]["function"] == "f"
    assert shown[0]["line"].endswith("Conflict: twice")


def test_a_failure_is_answered_without_the_exception() -> None:
    response, _ = python(
        'failed = {"error": True, "body": {"errorMessage": "x"}}\n'
        "answer = lambda_svc.lambda_execute_result_to_api_proxy_response(failed)"
    )
    assert response["statusCode"] == 500
    assert response["body"] == '{"message":"Internal Server Error"}'


def test_unread_stream_records_survive_a_restart_and_read_ones_do_not_come_back() -> None:
    before, after = python(
        """
key = ("000000000000", "us-east-1")
arn = "arn:aws:dynamodb:us-east-1:000000000000:table/t/stream/2026"
lambda_svc._esms.set_scoped(*key, "m", {"UUID": "m", "EventSourceArn": arn})
lambda_svc._dynamodb_stream_positions.set_scoped(*key, "m", 3)
dynamodb._stream_records.set_scoped(*key, "t", [{"n": n} for n in range(5)])
dynamodb._stream_records.set_scoped(*key, "unread-by-anyone", [{"n": 0}])
state = json.loads(json.dumps(dynamodb.get_state()["local_stream_records"]))
before = dynamodb.stream_records_since("t", 3, 10, account_id=key[0], region=key[1])
dynamodb.reset()
dynamodb.load_persisted_state({"local_stream_records": state})
read = lambda table, position: dynamodb.stream_records_since(table, position, 10, account_id=key[0], region=key[1])
end = dynamodb.stream_end_position("unread-by-anyone", account_id=key[0], region=key[1])
answer = [before, [read("t", 3), read("t", 0), end]]
"""
    )
    assert before == [{"n": 3}, {"n": 4}]
    assert after == [[{"n": 3}, {"n": 4}], [{"n": 3}, {"n": 4}], 1]


def test_what_a_stream_consumer_reports_fails_its_batch() -> None:
    reported, nothing, queue = python(
        """
failures = [{"itemIdentifier": "1"}]
events = [
    {"Records": [{"eventSource": "aws:dynamodb"}], "batchItemFailures": failures},
    {"Records": [{"eventSource": "aws:dynamodb"}], "batchItemFailures": []},
    {"Records": [{"eventSource": "aws:sqs"}], "batchItemFailures": failures},
]
answer = [bool(lambda_svc._execute_function_warm(function, event, "r").get("error")) for event in events]
lambda_runtime.reset()
"""
    )
    assert (reported, nothing, queue) == (True, False, False)


def test_polling_stops_before_the_state_is_written() -> None:
    mappings, busy = python(
        """
lambda_svc._esms.set_scoped("000000000000", "us-east-1", "m", {"UUID": "m"})
assert list(lambda_svc._iter_all_esms())
corrections.stop_polling()
answer = [list(lambda_svc._iter_all_esms()), corrections.busy()]
"""
    )
    assert mappings == []
    assert busy is False


def test_a_burst_waits_for_the_first_workers_instead_of_starting_one_each() -> None:
    answers, started = python(
        """
from concurrent.futures import ThreadPoolExecutor
archive = io.BytesIO()
with zipfile.ZipFile(archive, "w") as package:
    package.writestr("app.py", "import time; time.sleep(0.5)\\ndef handler(event, context): return event")
slow = dict(config=config, code_zip=archive.getvalue())
with ThreadPoolExecutor(12) as pool:
    made = list(pool.map(lambda number: lambda_svc._execute_function_warm(slow, number, f"r{number}"), range(12)))
answer = [[one["body"] for one in made], sum(len(workers) for workers in lambda_runtime._workers.values())]
lambda_runtime.reset()
"""
    )
    assert answers == list(range(12))
    assert started < 12


def test_workers_that_are_all_busy_get_company() -> None:
    met = python(
        """
import tempfile
from concurrent.futures import ThreadPoolExecutor
archive = io.BytesIO()
with zipfile.ZipFile(archive, "w") as package:
    package.writestr("app.py", '''
import os, time
def handler(event, context):
    folder, number = event
    open(f"{folder}/{number}", "w").close()
    end = time.monotonic() + 30
    while len(os.listdir(folder)) < 5 and time.monotonic() < end:
        time.sleep(0.01)
    return len(os.listdir(folder))
''')
patient = dict(config=dict(config, Timeout=40), code_zip=archive.getvalue())
folder = tempfile.mkdtemp()
with ThreadPoolExecutor(5) as pool:
    made = list(pool.map(lambda number: lambda_svc._execute_function_warm(patient, [folder, number], "r"), range(5)))
answer = [one["body"] for one in made]
lambda_runtime.reset()
"""
    )
    assert met == [5] * 5


def test_all_workers_use_one_copy_of_a_layer() -> None:
    used, config = python(
        """
layer = io.BytesIO()
with zipfile.ZipFile(layer, "w") as package:
    package.writestr("python/shared.py", "")
lambda_svc._resolve_layer_zip = lambda attachment: layer.getvalue()
archive = io.BytesIO()
with zipfile.ZipFile(archive, "w") as package:
    code = "import os, shared\\ndef handler(event, context): return [os.environ['A'], shared.__file__]"
    package.writestr("app.py", code)
used = []
for name in ("f", "g"):
    own = dict(config, FunctionName=name, Layers=[{"Arn": "l"}], Environment={"Variables": {"A": name}})
    used.append(lambda_svc._execute_function_warm(dict(config=own, code_zip=archive.getvalue()), {}, "r")["body"])
answer = [used, own]
lambda_runtime.reset()
"""
    )
    assert [variable for variable, _ in used] == ["f", "g"]
    assert used[0][1] == used[1][1]
    assert config["Layers"] == [{"Arn": "l"}]


def test_a_queue_starts_with_as_many_batches_as_in_aws() -> None:
    wide, narrow = python(
        """
scaling = lambda limit: {"ScalingConfig": {"MaximumConcurrency": limit}}
answer = [lambda_svc._sqs_esm_concurrency(scaling(limit), function, config) for limit in (400, 2)]
"""
    )
    assert (wide, narrow) == (5, 2)


def test_conditions_of_queries_are_judged_as_ministack_judges_them() -> None:
    differing = python(
        """
from itertools import product
corrected = dynamodb._evaluate_condition
kept = [cell.cell_contents for cell in corrected.__closure__]
own = next(one for one in kept if getattr(one, "__name__", "") == "_evaluate_condition")
sort_keys = [{"S": text} for text in ("a", "ab", "b", "\\U0001f600", "\\uffff")] + [None]
conditions = ["#pk = :pk", "#pk = :pk AND #sk BETWEEN :a AND :b", "#pk = :pk AND begins_with(#sk, :a)",
              "#pk = :pk AND #sk > :a", "#sk BETWEEN :a AND :b", "#pk = :pk AND #sk = :a"]
values = [{":pk": {"S": "p"}, ":a": {"S": "a"}, ":b": {"S": "b"}},
          {":pk": {"S": "q"}, ":a": {"S": "ab"}, ":b": {"S": "\\uffff"}},
          {":pk": {"S": "p"}, ":a": {"N": "1"}, ":b": {"N": "2"}}]
def told(judge, *given):
    try:
        return bool(judge(*given, slot="KeyConditionExpression"))
    except ValueError as error:
        return str(error)
answer, met = [], set()
for condition, sk, given in product(conditions, sort_keys, values):
    item = {"pk": {"S": "p"}} | ({"sk": sk} if sk else {})
    asked = (condition, item, given, {"#pk": "pk", "#sk": "sk"})
    met.add(told(own, *asked))
    if told(corrected, *asked) != told(own, *asked):
        answer.append([condition, sk, given, told(corrected, *asked), told(own, *asked)])
assert {True, False} <= met and corrected is not own
"""
    )
    assert differing == []
