"""Document 3's receiver in Node: one process, asked as often as wanted."""

import json
import shutil
import subprocess
from pathlib import Path
from types import TracebackType

import pytest

_SCRIPT = Path(__file__).parent / "node" / "document_3.mjs"


class Receiver:
    """A context: the process runs inside it."""

    def __enter__(self) -> "Receiver":
        """Start it."""
        node = shutil.which("node")
        if node is None:
            pytest.skip("document 3's receiver is JavaScript, and there is no Node.js here")
        self._process = subprocess.Popen(
            [node, str(_SCRIPT)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """End it."""
        with self._process as process:
            process.kill()

    def status(self, body: bytes, signature: str, secret: str) -> int:
        """What it answers to a request: 200 or 401."""
        assert self._process.stdin
        assert self._process.stdout
        asked = {"body": body.hex(), "signature": signature, "secret": secret}
        self._process.stdin.write(json.dumps(asked) + "\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        assert answer, f"it broke at {body!r}: {self._process.communicate()[1]}"
        return int(answer)
