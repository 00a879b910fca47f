"""Both signatures of a delivery, checked by software that is not Hub's."""

import json
import shutil
import subprocess

import pytest
import standardwebhooks
import svix.webhooks

from tests.document_3 import Receiver
from tests.e2e.receiving import Received
from tests.e2e.running import ROOT

LIBRARIES = {"standardwebhooks (PyPI)", "svix (PyPI)", "standardwebhooks (npm)", "svix (npm)"}
"""What receivers verify Standard Webhooks with. Those of Svix take the headers `webhook-…` as well as `svix-…`."""


def accepting(request: Received, secret: str) -> set[str]:
    """The libraries that take a request as signed with a secret, given as its owner must give it to them."""
    return _accepting_python(request, secret) | _accepting_node(request, secret)


def verify_standard(request: Received, secret: str) -> None:
    """The Standard Webhooks library of PyPI; raises where it refuses."""
    standardwebhooks.Webhook(_given(secret)).verify(request.body, dict(request.headers))


def verify_document_3(request: Received, secret: str) -> None:
    """Document 3's receiver accepts."""
    assert document_3_status(request, secret) == 200, request.body.decode()


def document_3_status(request: Received, secret: str) -> int:
    """What document 3's receiver answers: 200 or 401."""
    with Receiver() as receiver:
        return receiver.status(request.body, request.headers["x-webhook-signature"], secret)


def _accepting_python(request: Received, secret: str) -> set[str]:
    verifiers: dict[str, standardwebhooks.Webhook | svix.webhooks.Webhook] = {
        "standardwebhooks (PyPI)": standardwebhooks.Webhook(_given(secret)),
        "svix (PyPI)": svix.webhooks.Webhook(_given(secret)),
    }
    found = set()
    for name, verifier in verifiers.items():
        try:
            verifier.verify(request.body, dict(request.headers))
        except standardwebhooks.WebhookVerificationError:
            continue
        found.add(name)
    return found


def _accepting_node(request: Received, secret: str) -> set[str]:
    node = shutil.which("node")
    if node is None:
        pytest.skip("two of the libraries are JavaScript, and there is no Node.js here")
    given = json.dumps({"body": request.body.hex(), "headers": dict(request.headers), "secret": secret})
    command = [node, str(ROOT / "tests" / "node" / "verifiers.mjs")]
    done = subprocess.run(command, input=given, capture_output=True, text=True, check=False, timeout=30)
    assert done.returncode == 0, done.stderr
    return {name for name, accepted in json.loads(done.stdout).items() if accepted}


def _given(secret: str) -> str | bytes:
    """The bytes of a secret in another form are the key."""
    return secret if secret.startswith("whsec_") else secret.encode()
