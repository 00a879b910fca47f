import hashlib
import hmac
import threading
import urllib.request
from datetime import UTC, datetime
from urllib.error import HTTPError

import pytest
from standardwebhooks import Webhook

from local.receiver import Receiver, verdicts

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
BODY = '{"id":"evt_1","data":{"name":"中文"}}'


def signed(body: str = BODY) -> dict[str, str]:
    now = datetime.now(UTC)
    return {
        "X-Webhook-Signature": "sha256=" + hmac.new(SECRET.encode(), body.encode(), hashlib.sha256).hexdigest(),
        "webhook-id": "evt_1",
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": "v1,b2xkIHNlY3JldA== " + Webhook(SECRET).sign("evt_1", now, body),
    }


def test_both_schemes_are_recognised() -> None:
    assert verdicts(BODY.encode(), signed(), SECRET) == ["X-Webhook-Signature is valid", "webhook-signature is valid"]


def test_a_changed_body_is_noticed() -> None:
    assert verdicts(b"{}", signed(), SECRET) == ["X-Webhook-Signature is WRONG", "webhook-signature is WRONG"]


def test_an_old_delivery_and_missing_headers_are_noticed() -> None:
    assert verdicts(BODY.encode(), {}, SECRET) == ["X-Webhook-Signature is missing", "webhook-signature is missing"]


def test_the_first_requests_fail_when_told_to(capsys: pytest.CaptureFixture[str]) -> None:
    with Receiver(0, SECRET, fail=1) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}/hook"
        request = urllib.request.Request(url, BODY.encode(), signed(), method="POST")
        with pytest.raises(HTTPError) as failed:
            urllib.request.urlopen(request, timeout=5)
        failed.value.close()
        with urllib.request.urlopen(request, timeout=5) as answer:
            assert answer.status == 200
        server.shutdown()
    shown = capsys.readouterr().out
    assert "answered 500" in shown
    assert "webhook-signature is valid" in shown
    assert "中文" in shown
