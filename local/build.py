"""`sam build`, with bytecode: what is packaged is compiled for its runtime, and nothing is shipped that is not.

Lambda's file system is read-only and SAM packages carry no `.pyc`, so without this every cold start compiles.
`python -m local build` builds for this machine into `.aws-sam/local`, `--for-aws` for Lambda into `.aws-sam/build`,
which is where `sam deploy` and `sam local invoke` look.
"""

import _imp
import fcntl
import hashlib
import json
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path

from local import environment
from local.stack import StackError

_SOURCES = ("template.yaml", "functions", "layers", "local/build.py")
_OLDEST, _NEWEST = (3, 11), (3, 13)
_PYC_HEADER = 16
_UNCHECKED_HASH = 0b01


@dataclass(frozen=True)
class Target:
    """What is built for: the Python that runs it, the processor, and the folder under `.aws-sam`."""

    name: str
    python: str
    architecture: str

    @property
    def cache_tag(self) -> str:
        """What stands in a `.pyc`'s name: `cpython-313` for `python3.13`."""
        return "cpython-" + self.python.removeprefix("python").replace(".", "")

    @property
    def layer_architecture(self) -> str:
        """The layers' `HUB_ARCH`: this machine's own packages, whatever its system, or Linux's for Lambda."""
        return "host" if self.name == "local" else self.architecture

    @property
    def parameters(self) -> dict[str, str]:
        """The template's parameters that decide what is built."""
        return {"PythonRuntime": self.python, "Architecture": self.architecture}


AWS = Target("build", "python3.13", "arm64")


def this_machine() -> Target:
    """The interpreter and processor at hand."""
    if not _OLDEST <= sys.version_info[:2] <= _NEWEST:
        at_hand = f"{sys.version_info.major}.{sys.version_info.minor}"
        raise StackError(f"The embedded run needs Python 3.11, 3.12 or 3.13, as Lambda has it; this is {at_hand}")
    arm = platform.machine().lower() in {"arm64", "aarch64"}
    runtime = f"python{sys.version_info.major}.{sys.version_info.minor}"
    return Target("local", runtime, "arm64" if arm else "x86_64")


@dataclass(frozen=True)
class Build:
    """A finished build: the template to deploy, and a hash of everything that went into it."""

    template: Path
    digest: str
    reused: bool


def build(root: Path, target: Target) -> Build:
    """Build `root` for `target`, or take the last build when no source changed since. Failure is a `StackError`."""
    place = root / ".aws-sam"
    place.mkdir(exist_ok=True)
    directory = place / target.name
    record = place / f"{target.name}.json"
    with _alone(place / f"{target.name}.lock"):
        digest = source_digest(root, target)
        if _recorded(record) == digest and (directory / "template.yaml").is_file():
            return Build(directory / "template.yaml", digest, reused=True)
        record.unlink(missing_ok=True)
        interpreter = _interpreter(target)
        _sam_build(root, directory, place / "cache" / target.name, target, interpreter)
        _compile(directory, uncompiled(directory, target.cache_tag), interpreter)
        problems = uncompiled(directory, target.cache_tag)
        if problems:
            raise StackError(f"The build ships {len(problems)} modules without their bytecode, first {problems[0]}")
        record.write_text(json.dumps({"digest": digest, **asdict(target)}))
        return Build(directory / "template.yaml", digest, reused=False)


def source_digest(root: Path, target: Target) -> str:
    """A hash of every file the build reads, and of what it is built with."""
    digest = hashlib.sha256(repr((target, version("aws-sam-cli"))).encode())
    for name in _SOURCES:
        source = root / name
        files = sorted(source.rglob("*")) if source.is_dir() else [source]
        for file in files:
            if file.is_file() and "__pycache__" not in file.parts:
                digest.update(f"{file.relative_to(root)}\0{file.stat().st_size}\0".encode())
                digest.update(file.read_bytes())
    return digest.hexdigest()


def uncompiled(directory: Path, cache_tag: str) -> list[str]:
    """The modules under `directory` that Lambda would have to compile, or whose bytecode is not of their source."""
    return sorted(
        str(module.relative_to(directory))
        for module in directory.rglob("*.py")
        if not _is_compiled(module, module.parent / "__pycache__" / f"{module.stem}.{cache_tag}.pyc")
    )


def _is_compiled(module: Path, bytecode: Path) -> bool:
    if not bytecode.is_file():
        return False
    header = bytecode.read_bytes()[:_PYC_HEADER]
    magic, flags = int.from_bytes(header[:4], "little"), int.from_bytes(header[4:8], "little")
    # importlib.util.source_hash knows this interpreter's magic number only; the target's may differ.
    return flags == _UNCHECKED_HASH and header[8:16] == _imp.source_hash(magic, module.read_bytes())


def _sam_build(root: Path, directory: Path, cache: Path, target: Target, interpreter: Path) -> None:
    sam = Path(sys.executable).parent / "sam"
    overrides = [f"{name}={value}" for name, value in target.parameters.items()]
    command: list[str | Path] = [
        sam,
        "build",
        "--template",
        root / "template.yaml",
        "--build-dir",
        directory,
        "--cache-dir",
        cache,
    ]
    command += ["--cached", "--parallel", "--config-env", "local", "--parameter-overrides", *overrides]
    # On a Mac the embedded run needs a Mac's wheels, not Lambda's.
    processor = "host" if target.name == "local" else target.architecture
    # The layers' Makefiles read the target from here; SAM itself looks for `python3.13` on the PATH.
    variables = environment.for_sam(
        root / ".aws-sam" / "cli", HUB_PYTHON=str(interpreter), HUB_RUNTIME=target.python, HUB_ARCH=processor
    )
    variables["PATH"] = os.pathsep.join((str(interpreter.parent), variables["PATH"]))
    run = subprocess.run(command, cwd=root, env=variables, capture_output=True, text=True, check=False, timeout=900)
    log = root / ".aws-sam" / f"{target.name}.log"
    log.write_text(run.stdout + run.stderr)
    if run.returncode:
        raise StackError(f"The build failed: {reason(run.stdout + run.stderr)} (all of it: {log.relative_to(root)})")


def _compile(directory: Path, modules: list[str], interpreter: Path) -> None:
    """Compile `modules` with the runtime's own interpreter; their paths inside are Lambda's, not this machine's."""
    command: list[str | Path] = [interpreter, "-m", "compileall", "-q", "-f", "-i", "-"]
    command += ["--invalidation-mode", "unchecked-hash", "-s", directory, "-p", "/var/task"]
    names = "".join(f"{directory / module}\n" for module in modules)
    run = subprocess.run(command, input=names, capture_output=True, text=True, check=False, timeout=300)
    if run.returncode:
        raise StackError(f"The build failed: {reason(run.stdout + run.stderr)}")


def _interpreter(target: Target) -> Path:
    if target.name == "local":
        return Path(sys.executable)
    candidates = [shutil.which(target.python)]
    candidates += [str(found) for found in Path.home().glob(f".pyenv/versions/{target.python[6:]}.*/bin/python3")]
    uv = shutil.which("uv", path=str(Path(sys.executable).parent))
    if uv:
        found = subprocess.run([uv, "python", "find", target.python], capture_output=True, text=True, check=False)
        candidates.append(found.stdout.strip())
    expected = target.python.removeprefix("python")
    question = "import sys; print('%d.%d' % sys.version_info[:2])"
    for candidate in filter(None, candidates):
        answer = subprocess.run([candidate, "-c", question], capture_output=True, text=True, check=False, timeout=20)
        if answer.stdout.strip() == expected:
            return Path(candidate)
    raise StackError(
        f"A build for AWS needs {target.python}, which is not installed (try: uv python install {expected})"
    )


def reason(output: str) -> str:
    """The line of a tool's output that says what went wrong."""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    telling = [line for line in lines if line.lower().startswith(("error", "build failed", "***"))]
    return telling[-1] if telling else (lines[-1] if lines else "it said nothing")


def _recorded(record: Path) -> str | None:
    try:
        found = json.loads(record.read_text())["digest"]
    except (FileNotFoundError, ValueError, KeyError):
        return None
    return str(found)


@contextmanager
def _alone(lock: Path) -> Iterator[None]:
    """Two stacks of one checkout share a build; the second waits for the first's."""
    with lock.open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
