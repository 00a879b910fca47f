"""The body of a delivery survives document 3's verifier, which serialises again what it parsed."""

import hashlib
import hmac
import json
import random
import shutil
import struct
import subprocess
from typing import Any

import pytest

from functions.webhooks import payload, signing

SECRET = "your_webhook_secret"

# `verifyWebhook` as document 3 prints it, the types taken off, over one line of hexadecimal bytes for each body.
VERIFIER = """
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
const { secret, requests } = JSON.parse(require('fs').readFileSync(0, 'utf8'));
process.stdout.write(JSON.stringify(requests.map(({ hex, signature }) => {
const req = { body: JSON.parse(Buffer.from(hex, 'hex').toString('utf8')) };
return [verifyWebhook(JSON.stringify(req.body), signature, secret), JSON.stringify(req.body)];
})));
"""


def event(data: Any) -> dict[str, Any]:
    return {"id": "evt_1", "type": "user.created", "timestamp": "2024-01-15T10:30:00.000Z", "data": data}


def random_number(chance: random.Random) -> float | int:
    kind = chance.randrange(5)
    if kind == 0:
        return chance.randrange(-(10**6), 10**6)
    if kind == 1:
        return chance.randrange(-(2**70), 2**70)
    if kind == 2:
        return chance.choice([0, -0.0, 1e21, 1e20, 999999999999999900000.0, 1e-6, 1e-7, 5e-324, 1.7976931348623157e308])
    if kind == 3:
        return round(chance.uniform(-1000, 1000), chance.randrange(6))
    number: float = struct.unpack("<d", chance.randbytes(8))[0]
    return number if number == number and abs(number) != float("inf") else 0.1


def random_text(chance: random.Random) -> str:
    alphabet = 'aZ09 "\\/\b\f\n\r\t\x00\x1f\x7f\x80\u2028\u2029\ufeff中文键名é😀𝄞\ud800\udfff'
    return "".join(chance.choice(alphabet) for _ in range(chance.randrange(8)))


def random_name(chance: random.Random) -> str:
    if chance.random() < 0.4:
        return str(chance.choice([0, 1, 2, 10, 9, "01", "-1", "1.0", 4294967294, 4294967295, 4294967296, "١", ""]))
    return "" if (text := random_text(chance)) == "__proto__" else text


def random_value(chance: random.Random, depth: int = 0) -> Any:
    kind = chance.randrange(4 if depth > 4 else 6)
    if kind == 0:
        return chance.choice([None, True, False])
    if kind == 1:
        return random_number(chance)
    if kind in (2, 3):
        return random_text(chance)
    if kind == 4:
        return [random_value(chance, depth + 1) for _ in range(chance.randrange(4))]
    return {random_name(chance): random_value(chance, depth + 1) for _ in range(chance.randrange(6))}


def test_document_3_accepts_a_thousand_random_payloads() -> None:
    node = shutil.which("node")
    if node is None:
        pytest.skip("document 3's verifier is JavaScript, and there is no Node.js here")
    chance = random.Random(20261120)
    bodies = [payload.serialize(event(random_value(chance))).encode() for _ in range(1000)]
    requests = [
        {"hex": body.hex(), "signature": signing.headers(body, "evt_1", "a", 1, [SECRET])["X-Webhook-Signature"]}
        for body in bodies
    ]
    given = json.dumps({"secret": SECRET, "requests": requests})
    done = subprocess.run([node, "-e", VERIFIER], input=given, capture_output=True, text=True, check=True, timeout=60)
    answers = json.loads(done.stdout)
    assert len(answers) == 1000
    wrong = [(body, again) for body, (accepted, again) in zip(bodies, answers, strict=True) if not accepted]
    assert wrong == []


def test_what_is_not_written_as_javascript_does_is_told() -> None:
    """The test above can fail: Python's own JSON is not accepted."""
    node = shutil.which("node")
    if node is None:
        pytest.skip("document 3's verifier is JavaScript, and there is no Node.js here")
    body = json.dumps({"b": 1.0, "1": "中"}).encode()
    signature = "sha256=" + hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()
    given = json.dumps({"secret": SECRET, "requests": [{"hex": body.hex(), "signature": signature}]})
    done = subprocess.run([node, "-e", VERIFIER], input=given, capture_output=True, text=True, check=True, timeout=60)
    assert json.loads(done.stdout)[0][0] is False


def test_the_body_is_the_documented_object_and_compact() -> None:
    text = payload.serialize(event({"user_id": "user_123", "email": "用户@example.com"}))
    assert text == (
        '{"id":"evt_1","event":"user.created","type":"user.created","timestamp":"2024-01-15T10:30:00.000Z",'
        '"data":{"user_id":"user_123","email":"用户@example.com"}}'
    )


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (1.0, "1"),
        (-0.0, "0"),
        (0.1, "0.1"),
        (1e21, "1e+21"),
        (123456789012345680000, "123456789012345680000"),
        (2**53 + 1, "9007199254740992"),
        (1e-7, "1e-7"),
        (0.000001, "0.000001"),
        (1.5e-10, "1.5e-10"),
        (-1234.5, "-1234.5"),
        (True, "true"),
        (float("nan"), "null"),
        ("\u2028</script>\ud800", '"\u2028</script>\\ud800"'),
        ("\ud83d\ude00", '"😀"'),
        ({"b": 1, "2": 2, "1": 3, "01": 4}, '{"1":3,"2":2,"b":1,"01":4}'),
    ],
)
def test_a_value_is_written_as_ecma_262_says(value: Any, written: str) -> None:
    assert payload.serialize(event(value)).endswith(f'"data":{written}}}')


def test_what_is_no_json_is_refused() -> None:
    with pytest.raises(TypeError):
        payload.serialize(event({"when": object()}))
