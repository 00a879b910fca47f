import base64
from datetime import UTC, datetime

import pytest
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from hub import signing

# https://github.com/standard-webhooks/standard-webhooks/blob/main/libraries/python/tests/test_webhooks.py, the same in
# its Go, JavaScript, PHP, Ruby, C# and Java libraries.
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
ID = "msg_p5jXN8AQM9LWM0D4loKWxJek"
TIMESTAMP = 1614265330
BODY = b'{"test": 2432232314}'
SIGNATURE = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="

VECTORS = {
    "test_webhooks.py": (SECRET, ID, TIMESTAMP, BODY, SIGNATURE),
    # https://github.com/standard-webhooks/standard-webhooks/blob/main/libraries/rust/src/lib.rs
    "lib.rs": (
        "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD",
        "msg_27UH4WbU6Z5A5EzD8u03UvzRbpk",
        1649367553,
        b'{"email":"test@example.com","username":"test_user"}',
        "v1,tZ1I4/hDygAJgO5TYxiSd6Sd0kDW6hPenDe+bTa3Kkw=",
    ),
    # https://docs.svix.com/receiving/verifying-payloads/how-manual
    "svix": (
        "whsec_plJ3nmyCDGBKInavdOK15jsl",
        "msg_loFOjxBNrRLzqYUf",
        1731705121,
        b'{"event_type":"ping","data":{"success":true}}',
        "v1,rAvfW3dJ/X/qxhsaXPOyyCGmRKsaKWcsNccKXlIktD0=",
    ),
}


def now() -> int:
    return int(datetime.now(UTC).timestamp())


@pytest.mark.parametrize(("secret", "event_id", "timestamp", "body", "signature"), VECTORS.values(), ids=list(VECTORS))
def test_the_published_vectors(secret: str, event_id: str, timestamp: int, body: bytes, signature: str) -> None:
    headers = signing.headers(body, event_id, "test", timestamp, [secret])
    assert headers["webhook-signature"] == signature
    assert (headers["webhook-id"], headers["webhook-timestamp"]) == (event_id, str(timestamp))


@pytest.mark.parametrize(("secret", "event_id", "timestamp", "body", "signature"), VECTORS.values(), ids=list(VECTORS))
def test_the_published_vectors_are_known(
    secret: str, event_id: str, timestamp: int, body: bytes, signature: str
) -> None:
    stamp = str(timestamp)
    assert signing.is_signed(body, event_id, stamp, f"v1,AAAA {signature}", secret)
    assert not signing.is_signed(body, event_id, stamp, signature.swapcase(), secret)
    assert not signing.is_signed(body, event_id, str(timestamp + 1), signature, secret)
    assert not signing.is_signed(body, event_id, stamp, "", secret)


def test_the_published_vectors_of_two_secrets() -> None:
    """A list delimited by spaces: "Webhook headers" of spec/standard-webhooks.md in the same repository."""
    _, _, _, _, signature = VECTORS["test_webhooks.py"]
    other = VECTORS["lib.rs"][0]
    both = signing.headers(BODY, ID, "test", TIMESTAMP, [SECRET, other])["webhook-signature"]
    alone = signing.headers(BODY, ID, "test", TIMESTAMP, [other])["webhook-signature"]
    assert both == f"{signature} {alone}"


def test_document_3s_headers() -> None:
    headers = signing.headers(b'{"a":1}', "evt_1", "user.created", 1705312800, ["your_webhook_secret"])
    # echo -n '{"a":1}' | openssl dgst -sha256 -hmac your_webhook_secret
    assert headers["X-Webhook-Signature"] == (
        "sha256=" + "42a19bfcd01d64694d8fd36a6b5fe2debf4139b5acc0c59827126c51433f301c"
    )
    assert headers["X-Webhook-Id"] == headers["webhook-id"] == "evt_1"
    assert headers["X-Webhook-Event"] == "user.created"
    assert headers["X-Webhook-Timestamp"] == "1705312800"


@pytest.mark.parametrize("secret", ["", SECRET, "whsec_" + base64.b64encode(b"x" * 64).decode()])
def test_the_library_of_standard_webhooks_accepts(secret: str) -> None:
    secret = secret or signing.new_secret()
    headers = signing.headers(BODY, ID, "test", now(), [secret])
    assert Webhook(secret).verify(BODY, headers) == {"test": 2432232314}


@pytest.mark.parametrize(
    "secret", ["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaS", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwBr"]
)
def test_a_secret_may_lack_its_padding(secret: str) -> None:
    """`test_signature_verification_with_unpadded_secret` of the same test_webhooks.py."""
    headers = signing.headers(BODY, ID, "test", now(), [secret])
    assert Webhook(secret).verify(BODY, headers) == {"test": 2432232314}


@pytest.mark.parametrize("secret", ["your_webhook_secret", "whsec_not base64!", "whsec_a", "whsec_密钥"])
def test_a_secret_of_another_form_is_its_own_bytes(secret: str) -> None:
    headers = signing.headers(BODY, ID, "test", now(), [secret])
    assert Webhook(secret.encode()).verify(BODY, headers) == {"test": 2432232314}


def test_while_a_secret_is_replaced_both_verify() -> None:
    old, new = signing.new_secret(), signing.new_secret()
    headers = signing.headers(BODY, ID, "test", now(), [new, old])
    for secret in (old, new):
        Webhook(secret).verify(BODY, headers)
    assert headers["X-Webhook-Signature"] == signing.headers(BODY, ID, "test", 1, [new])["X-Webhook-Signature"]


@pytest.mark.parametrize("changed", ["body", "id", "timestamp", "secret"])
def test_a_change_of_any_part_is_told(changed: str) -> None:
    headers = signing.headers(BODY, ID, "test", now(), [SECRET])
    body, secret = BODY, SECRET
    if changed == "body":
        body += b" "
    elif changed == "secret":
        secret = signing.new_secret()
    else:
        headers[f"webhook-{changed}"] = str(now() + 1)
    with pytest.raises(WebhookVerificationError):
        Webhook(secret).verify(body, headers)


def test_a_new_secret_is_long_and_another_each_time() -> None:
    made = {signing.new_secret() for _ in range(100)}
    assert len(made) == 100
    assert all(len(base64.b64decode(secret.removeprefix("whsec_"), validate=True)) == 32 for secret in made)
