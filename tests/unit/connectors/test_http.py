"""What a service of one's own tells, signed by the library of Standard Webhooks."""

from datetime import UTC, datetime

import pytest
from standardwebhooks.webhooks import Webhook

from hub import signing, times
from hub.connectors.http import CONNECTOR, HttpConfig
from hub.connectors.protocol import Heard, Unverified
from tests.conftest import Clock
from tests.unit.connectors.callbacks import NOT_READABLE, posted
from tests.unit.test_signing import BODY, ID, SECRET, SIGNATURE, TIMESTAMP

CONFIG = HttpConfig(url="https://example.com/messages", secret=SECRET, records_url="https://example.com/records")


def signed(body: bytes, secret: str = SECRET, at: int | None = None) -> dict[str, str]:
    """The headers that the library makes."""
    stamp = times.now() if at is None else at
    signature = Webhook(secret).sign(ID, datetime.fromtimestamp(stamp, UTC), body.decode())
    return {"webhook-id": ID, "webhook-timestamp": str(stamp), "webhook-signature": signature}


def heard(body: bytes, headers: dict[str, str], config: HttpConfig = CONFIG) -> Heard:
    return CONNECTOR.hear(config, posted(body, headers=headers))


def test_the_published_vector(clock: Clock) -> None:
    clock.seconds = TIMESTAMP
    headers = {"webhook-id": ID, "webhook-timestamp": str(TIMESTAMP), "webhook-signature": SIGNATURE}
    assert heard(BODY, headers) == Heard(records_changed=True)


@pytest.mark.parametrize(
    "body", [b'{"type":"record.updated"}', "{}中".encode(), *(one for one in NOT_READABLE if one != b"\xff")]
)
def test_whatever_is_signed_tells_of_a_change(body: bytes) -> None:
    assert heard(body, signed(body)) == Heard(records_changed=True)


def test_one_signature_of_several_is_enough() -> None:
    headers = signed(BODY)
    others = "v1a,hnO3f9T8Ytu9HwrXslvumlUpqtNVqkhqw/enGzPCXe5B v1,AAAA"
    assert heard(BODY, headers | {"webhook-signature": f"{others} {headers['webhook-signature']}"}).records_changed


def test_a_secret_in_another_form_is_its_own_bytes() -> None:
    config = CONFIG.model_copy(update={"secret": "a secret of mine"})
    headers = signing.headers(BODY, ID, "message", times.now(), ["a secret of mine"])
    assert heard(BODY, headers, config).records_changed


@pytest.mark.parametrize("away", [-301, -86_400, 301])
def test_a_callback_of_another_time_is_refused(clock: Clock, away: int) -> None:
    with pytest.raises(Unverified):
        heard(BODY, signed(BODY, at=clock.START + away))
    assert heard(BODY, signed(BODY, at=clock.START + away // abs(away) * 300)).records_changed


@pytest.mark.parametrize(
    "change",
    [
        {"webhook-id": "msg_other"},
        {"webhook-id": ""},
        {"webhook-timestamp": "0"},
        {"webhook-timestamp": ""},
        {"webhook-signature": ""},
        {"webhook-signature": "v1,"},
        {"webhook-signature": "v1,é"},
        {"webhook-signature": "\ud800"},
        {"webhook-id": "\ud800"},
        {"webhook-timestamp": "\ud800"},
    ],
)
def test_another_header_is_not_the_services(change: dict[str, str]) -> None:
    with pytest.raises(Unverified):
        heard(BODY, signed(BODY) | change)


def test_another_secret_or_version_or_body_is_not_the_services() -> None:
    other = signed(BODY, "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD")
    unversioned = signed(BODY)["webhook-signature"].removeprefix("v1,")
    for headers in (other, signed(BODY + b" "), signed(BODY) | {"webhook-signature": unversioned}, {}):
        with pytest.raises(Unverified):
            heard(BODY, headers)


@pytest.mark.parametrize("secret", ["", "whsec_"])
def test_without_a_secret_nothing_is_the_services(secret: str) -> None:
    config = CONFIG.model_copy(update={"secret": secret})
    with pytest.raises(Unverified):
        heard(BODY, signing.headers(BODY, ID, "message", times.now(), [""]), config)
