"""`receiver`: a small webhook receiver that shows what arrives and checks its signatures."""

import base64
import contextlib
import hashlib
import hmac
import json
import time
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

_MAX_BODY = 1024 * 1024
_TOLERANCE_SECONDS = 300


class Receiver(ThreadingHTTPServer):
    """Listens on loopback; `fail` requests are answered 500 before the rest are answered 200."""

    daemon_threads = True

    def __init__(self, port: int, secret: str | None, fail: int) -> None:
        super().__init__(("127.0.0.1", port), _Handler)
        self.secret = secret
        self.fail = fail
        self.count = 0


class _Handler(BaseHTTPRequestHandler):
    server: Receiver
    timeout = 30
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        if length > _MAX_BODY:
            self.send_error(413)
            return
        body = self.rfile.read(length)
        self.server.count += 1
        status = 500 if self.server.count <= self.server.fail else 200
        print(f"\n#{self.server.count}  {time.strftime('%H:%M:%S')}  POST {self.path}  answered {status}")
        for name, value in self.headers.items():
            if name.lower().startswith(("x-webhook", "webhook-")):
                print(f"  {name}: {value}")
        if self.server.secret:
            for line in verdicts(body, dict(self.headers), self.server.secret):
                print(f"  {line}")
        print(_pretty(body), flush=True)
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *arguments: object) -> None:
        """Say nothing: `do_POST` has said it better."""


def verdicts(body: bytes, headers: Mapping[str, str], secret: str) -> list[str]:
    """One line for each of the two signature schemes: valid, wrong or missing."""
    given = {name.lower(): value for name, value in headers.items()}
    plain = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    simple = _verdict(given.get("x-webhook-signature"), {f"sha256={plain}"})
    identifier, timestamp = given.get("webhook-id", ""), given.get("webhook-timestamp", "")
    signed = f"{identifier}.{timestamp}.".encode() + body
    expected = {"v1," + base64.b64encode(hmac.digest(_key(secret), signed, "sha256")).decode()}
    standard = _verdict(given.get("webhook-signature"), expected)
    if standard == "valid" and abs(time.time() - int(timestamp)) > _TOLERANCE_SECONDS:
        standard = "valid, but too old"
    return [f"X-Webhook-Signature is {simple}", f"webhook-signature is {standard}"]


def _key(secret: str) -> bytes:
    """The Standard Webhooks key: base64 after `whsec_`, any other secret as it is."""
    encoded = secret.removeprefix("whsec_")
    try:
        padded = encoded + "=" * (-len(encoded) % 4)
        return base64.b64decode(padded, validate=True) if encoded != secret else secret.encode()
    except ValueError:
        return secret.encode()


def _verdict(given: str | None, expected: set[str]) -> str:
    if not given:
        return "missing"
    matches = any(hmac.compare_digest(one.encode(), other.encode()) for one in given.split() for other in expected)
    return "valid" if matches else "WRONG"


def _pretty(body: bytes) -> str:
    text = body.decode(errors="replace")
    with contextlib.suppress(ValueError):
        text = json.dumps(json.loads(text), indent=2, ensure_ascii=False)
    return "  " + text.replace("\n", "\n  ")
