"""The body of a delivery survives document 3's receiver, which serialises again what it parsed."""

import hashlib
import hmac
import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from functions.webhooks import payload
from hub import signing
from tests.document_3 import Receiver

SECRET = "your_webhook_secret"

CHARACTERS = st.sampled_from('aZ09 "\\/\b\f\n\r\t\x00\x1f\x7f\x80\u2028\u2029\ufeff中文键名é😀𝄞\ud800\udfff')
TEXTS = st.text(CHARACTERS | st.characters(exclude_categories=()), max_size=12)
ODD_NAMES = ["", "4294967295", "4294967296", "4294967294", "00", "01", "-1", "1.0", "١", "__proto__", "10", "9", "0"]
NAMES = TEXTS | st.integers(0, 2**32).map(str) | st.sampled_from(ODD_NAMES)
NUMBERS = (
    st.integers()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.integers(-(10**7), 10**7).map(lambda number: number / 1000)
    | st.sampled_from([-0.0, 2**53 + 1, 1e20, 1e21, 999999999999999900000.0, 1e-6, 1e-7, 5e-324, 1e23])
    | st.sampled_from([1.7976931348623157e308, 10**308, 10**309, -(10**400)])
)
VALUES = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(NAMES, inner, max_size=6),
    max_leaves=12,
).map(lambda value: json.loads(json.dumps(value)))
"""What an event can carry: whatever a parser gives."""


def event(data: Any) -> dict[str, Any]:
    return {"id": "evt_1", "type": "user.created", "timestamp": "2024-01-15T10:30:00.000Z", "data": data}


@pytest.fixture(scope="module")
def receiver() -> Iterator[Receiver]:
    with Receiver() as started:
        yield started


def test_document_3_accepts_a_thousand_random_payloads(receiver: Receiver) -> None:
    accepted = 0

    @settings(max_examples=1000, derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow])
    @given(VALUES)
    @example(json.loads("[" * 200 + "]" * 200))
    @example(dict.fromkeys(ODD_NAMES, 1))
    def accepts(data: Any) -> None:
        nonlocal accepted
        body = payload.serialize(event(data)).encode()
        signature = signing.headers(body, "evt_1", "a", 1, [SECRET])["X-Webhook-Signature"]
        assert receiver.status(body, signature, SECRET) == 200, body.decode()
        accepted += 1

    accepts()
    assert accepted >= 1000


def test_what_is_not_written_as_javascript_does_is_told(receiver: Receiver) -> None:
    """The test above can fail: Python's own JSON is not accepted."""
    body = json.dumps({"b": 1.0, "1": "中"}).encode()
    signature = "sha256=" + hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()
    assert receiver.status(body, signature, SECRET) == 401


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
        pytest.param(10**400, "null", id="beyond every double"),
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
