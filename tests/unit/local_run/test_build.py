import py_compile
import sys
from pathlib import Path

import pytest

from local import build
from local.build import AWS, this_machine, uncompiled

TAG = sys.implementation.cache_tag


@pytest.fixture
def package(tmp_path: Path) -> Path:
    for name in ("Function/functions/a/api.py", "Layer/python/hub/b.py"):
        module = tmp_path / name
        module.parent.mkdir(parents=True)
        module.write_text("value = 1\n")
        compiled(module)
    return tmp_path


def compiled(
    module: Path, mode: py_compile.PycInvalidationMode = py_compile.PycInvalidationMode.UNCHECKED_HASH
) -> Path:
    return Path(str(py_compile.compile(str(module), invalidation_mode=mode)))


def test_a_compiled_package_passes(package: Path) -> None:
    assert uncompiled(package, TAG) == []


def test_a_missing_pyc_is_named(package: Path) -> None:
    next(package.glob("Layer/**/*.pyc")).unlink()
    assert uncompiled(package, TAG) == ["Layer/python/hub/b.py"]


def test_bytecode_of_another_python_does_not_count(package: Path) -> None:
    assert uncompiled(package, "cpython-399") == ["Function/functions/a/api.py", "Layer/python/hub/b.py"]


def test_bytecode_of_another_source_does_not_count(package: Path) -> None:
    (package / "Layer/python/hub/b.py").write_text("value = 2\n")
    assert uncompiled(package, TAG) == ["Layer/python/hub/b.py"]


def test_bytecode_that_python_would_check_against_the_file_time_does_not_count(package: Path) -> None:
    compiled(package / "Layer/python/hub/b.py", py_compile.PycInvalidationMode.TIMESTAMP)
    assert uncompiled(package, TAG) == ["Layer/python/hub/b.py"]


def test_targets() -> None:
    assert (AWS.cache_tag, AWS.architecture, AWS.layer_architecture) == ("cpython-313", "arm64", "arm64")
    local = this_machine()
    assert local.cache_tag == TAG
    assert local.layer_architecture == "host"
    assert local.name != AWS.name  # a local build must never be what `sam deploy` finds


def test_the_digest_follows_every_source(tmp_path: Path) -> None:
    (tmp_path / "functions/a").mkdir(parents=True)
    (tmp_path / "layers").mkdir()
    (tmp_path / "local").mkdir()
    for name in ("template.yaml", "local/build.py", "functions/a/retry.asl.yaml"):
        (tmp_path / name).write_text("a")
    target = this_machine()
    first = build.source_digest(tmp_path, target)
    assert build.source_digest(tmp_path, target) == first
    assert build.source_digest(tmp_path, AWS) != first
    (tmp_path / "functions/a/__pycache__").mkdir()
    (tmp_path / "functions/a/__pycache__/api.cpython-311.pyc").write_text("made by a test run")
    assert build.source_digest(tmp_path, target) == first
    (tmp_path / "functions/a/retry.asl.yaml").write_text("b")
    assert build.source_digest(tmp_path, target) != first


@pytest.mark.parametrize(
    ("output", "line"),
    [
        ("Building\nError: PythonPipBuilder:Resolver - no wheel\n\n", "Error: PythonPipBuilder:Resolver - no wheel"),
        ("first\nlast\n", "last"),
        ("", "it said nothing"),
    ],
)
def test_the_reason_is_one_line(output: str, line: str) -> None:
    assert build.reason(output) == line
