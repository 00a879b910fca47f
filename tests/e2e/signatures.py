"""Both signatures of a delivery, checked by software that is not Hub's."""

import json
import shutil
import subprocess

import pytest
from standardwebhooks.webhooks import Webhook

from tests.e2e.receiving import Received

# `verifyWebhook` and its use as document 3 prints them, the types taken off.
_DOCUMENT_3 = """
const crypto = require('crypto');
function verifyWebhook(payload, signature, secret) {
const expectedSignature = crypto
.createHmac('sha256', secret)
.update(payload)
.digest('hex');
return crypto.timingSafeEqual(
Buffer.from(signature),
Buffer.from(`sha256=${expectedSignature}`)
);
}
const { raw, headers, secret } = JSON.parse(require('fs').readFileSync(0, 'utf8'));
const req = { body: JSON.parse(Buffer.from(raw, 'hex').toString('utf8')), headers };
const signature = req.headers['x-webhook-signature'];
process.stdout.write(String(verifyWebhook(JSON.stringify(req.body), signature, secret)));
"""


def verify_standard(request: Received, secret: str) -> None:
    """The Standard Webhooks library of PyPI, given a secret of another form as bytes; raises where it refuses."""
    Webhook(secret if secret.startswith("whsec_") else secret.encode()).verify(request.body, dict(request.headers))


def verify_document_3(request: Received, secret: str) -> None:
    """Document 3's receiver in Node: it serialises what it parsed and compares signatures."""
    node = shutil.which("node")
    if node is None:
        pytest.skip("document 3's verifier is JavaScript, and there is no Node.js here")
    given = json.dumps({"raw": request.body.hex(), "headers": dict(request.headers), "secret": secret})
    done = subprocess.run([node, "-e", _DOCUMENT_3], input=given, capture_output=True, text=True, check=True)
    assert done.stdout == "true", request.body.decode()
