"""CPU and time that a cold start spends importing, beside `boto3.client("dynamodb")` alone in the same run.

The Lambdas are taken from the build that `local.build` ships to the embedded run, bytecode included, laid out as in
AWS. Each figure is over a bare interpreter and includes making the first client.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from local.build import build, this_machine
from tests.benchmarks.deployment import ROOT, functions
from tests.contract.memory import REGION

BASELINE = 'boto3.client("dynamodb")'
_FIRST_CLIENT = {"PublisherFunction": "events", "ReferenceFunction": ""}
"""The client that a function makes first, where it is not DynamoDB's."""

FIRST_SECRET = "with its first secret"
"""What opens a sealed secret is imported when the first one comes: no cold start of a function that needs none pays."""
_CIPHER = "from cryptography.hazmat.primitives.ciphers.aead import AESGCM"

_SCRIPT = """
import os, sys, time
cpu, wall = time.process_time(), time.perf_counter()
{imports}
used = time.process_time() - cpu, time.perf_counter() - wall
path = os.environ["BENCHMARK_BUILD"]
ours = [module for name, module in sys.modules.items() if name.partition(".")[0] in ("hub", "functions")]
assert all((module.__file__ or path).startswith(path) for module in ours), "not the build's modules"
print(*used)
"""


@dataclass(frozen=True, slots=True)
class Import:
    """Milliseconds of CPU and of time, medians, and their ratios to the baseline of the same run."""

    name: str
    cpu: float
    wall: float
    cpu_ratio: float
    wall_ratio: float
    is_endpoint: bool


def measure(runs: int, environment: dict[str, str]) -> list[Import]:
    """Import every Lambda `runs` times, in turn with the baseline; the baseline comes first."""
    with tempfile.TemporaryDirectory() as directory:
        place = Path(directory)
        # A copy, because a build of another process may replace the artifacts meanwhile.
        shutil.copytree(build(ROOT, this_machine()).template.parent, place, dirs_exist_ok=True)
        subjects = {BASELINE: ('import boto3; boto3.client("dynamodb")', place)}
        for function in functions():
            client = _FIRST_CLIENT.get(function.name, "dynamodb")
            code = f"import {function.module}" + (f"; from hub import aws; aws.{client}()" if client else "")
            subjects[function.name] = (code, place / function.name)
        code, code_path = subjects["WebhookDeliverFunction"]
        subjects[f"WebhookDeliverFunction {FIRST_SECRET}"] = (f"{code}; {_CIPHER}", code_path)
        figures: dict[str, list[tuple[float, float]]] = {name: [] for name in subjects}
        for run in range(runs + 1):
            for name, (code, code_path) in subjects.items():
                result = _run(code, code_path, place, environment)
                # The first round brings the files into the page cache.
                if run:
                    figures[name].append(result)
    endpoints = {function.name for function in functions() if function.routes}
    base = tuple(median(column) for column in zip(*figures[BASELINE], strict=True))
    made = []
    for name, measured in figures.items():
        cpu, wall = (median(column) for column in zip(*measured, strict=True))
        made.append(Import(name, cpu * 1000, wall * 1000, cpu / base[0], wall / base[1], name in endpoints))
    return made


def _run(code: str, function: Path, place: Path, environment: dict[str, str]) -> tuple[float, float]:
    layers = [place / layer / "python" for layer in ("CoreLayer", "RuntimeLayer")]
    variables = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": os.pathsep.join(map(str, (function, *layers))),
        "PYTHONDONTWRITEBYTECODE": "1",
        "AWS_DEFAULT_REGION": REGION,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "BENCHMARK_BUILD": str(place),
        **environment,
    }
    script = _SCRIPT.format(imports=code)
    # Somewhere without packages of its own: the current directory comes first on the path.
    run = subprocess.run(
        [sys.executable, "-c", script], cwd=place, env=variables, capture_output=True, text=True, check=True, timeout=60
    )
    cpu, wall = run.stdout.split()
    return float(cpu), float(wall)


def versions() -> dict[str, str]:
    """The packages whose speed is measured with ours."""
    names = ("boto3", "botocore", "aws_lambda_powertools", "pydantic", "urllib3", "cryptography")
    code = f"import importlib.metadata as m, json; print(json.dumps({{n: m.version(n) for n in {names}}}))"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    found: dict[str, str] = json.loads(run.stdout)
    return found
