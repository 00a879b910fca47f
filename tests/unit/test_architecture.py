"""Arrows point one way: rooms to the core, never to each other; the core to nobody."""

import ast
import importlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from hub.web.resolver import Api
from tests.conftest import ROOT
from tests.contract.memory import TEMPLATE

ROOMS = sorted(folder.name for folder in (ROOT / "functions").iterdir() if folder.is_dir() and folder.name[0] != "_")
MODULES = sorted((ROOT / "functions").rglob("*.py"))
CORE = sorted((ROOT / "layers" / "core" / "hub").rglob("*.py"))
HANDLERS = sorted(
    resource["Properties"]["Handler"]
    for resource in TEMPLATE["Resources"].values()
    if resource["Type"] == "AWS::Serverless::Function"
)


def imported(file: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file}: imports say where from"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def shown(file: Path) -> str:
    return str(file.relative_to(ROOT))


@pytest.mark.parametrize("file", MODULES, ids=shown)
def test_a_room_imports_no_other_room(file: Path) -> None:
    room = file.relative_to(ROOT / "functions").parts[0]
    others = {name for name in imported(file) if name.startswith("functions.")} - {
        name for name in imported(file) if name.startswith(f"functions.{room}.")
    }
    assert others == set()


@pytest.mark.parametrize("file", CORE, ids=shown)
def test_the_core_imports_no_room_and_names_none(file: Path) -> None:
    assert not [name for name in imported(file) if name.split(".")[0] in ("functions", "local", "tests")]
    assert "functions." not in file.read_text()


@pytest.mark.parametrize("file", [*MODULES, *CORE], ids=shown)
def test_nothing_deployed_imports_what_is_for_tests_or_the_local_stack(file: Path) -> None:
    kept_out = {"boto3", "moto", "pytest", "local", "operations", "tests", "requests", "ministack"}
    assert not [name for name in imported(file) if name.split(".")[0] in kept_out]


@pytest.mark.parametrize("handler", HANDLERS)
def test_a_handler_exists_and_is_watched(handler: str) -> None:
    module, _, name = handler.rpartition(".")
    function = getattr(importlib.import_module(module), name)
    assert function.__wrapped__, "telemetry.lambda_handler logs its request id, flushes its metrics, turns gc on"
    assert function.__doc__


def test_every_module_with_a_handler_is_deployed() -> None:
    names = {".".join(file.relative_to(ROOT).with_suffix("").parts) for file in MODULES}
    with_handlers = {f"{name}.handler" for name in names if hasattr(importlib.import_module(name), "handler")}
    assert with_handlers == set(HANDLERS)


def test_every_resolver_has_a_handler_beside_it() -> None:
    for file in MODULES:
        name = ".".join(file.relative_to(ROOT).with_suffix("").parts)
        module = importlib.import_module(name)
        if isinstance(getattr(module, "api", None), Api):
            assert f"{name}.handler" in HANDLERS


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_imports_the_core_before_anything_else(room: str) -> None:
    first = next(imported(ROOT / "functions" / room / "__init__.py"))
    assert first == "hub", "so that garbage is not collected while modules are made"


@pytest.mark.parametrize("file", [*MODULES, *CORE], ids=shown)
def test_no_module_is_a_grab_bag_or_too_long(file: Path) -> None:
    assert file.stem not in {"utils", "util", "helpers", "helper", "common", "misc", "shared", "base"}
    assert len(file.read_text().splitlines()) <= 450
