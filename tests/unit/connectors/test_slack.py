"""What Slack's Events API tells, against the documented vector and Slack's own SDK."""

import hmac
import json
from typing import Any

import pytest
from slack_sdk.signature import Clock as SdkClock
from slack_sdk.signature import SignatureVerifier

from hub import times
from hub.connectors.protocol import Heard, Unverified
from hub.connectors.slack import CONNECTOR, SlackConfig
from tests.conftest import Clock
from tests.unit.connectors.callbacks import NOT_READABLE, posted

SECRET = "8f742231b10e8888abcd99yyyzzz85a5"
CONFIG = SlackConfig(bot_token="xoxb-17653672481-19874698323-pdFZKVeTuE8sk7oOcHrzqqgy", signing_secret=SECRET)


def event(kind: str, **more: Any) -> dict[str, Any]:
    """An event as https://docs.slack.dev/reference/events wraps it."""
    return {
        "token": "XXYYZZ",
        "team_id": "T123ABC456",
        "api_app_id": "A123ABC456",
        "event": {"type": kind, **more},
        "type": "event_callback",
        "authorizations": [{"team_id": "T123ABC456", "user_id": "U123ABC456", "is_bot": False}],
        "event_id": "Ev123ABC456",
        "event_time": 123456789,
    }


def signed(body: bytes, secret: str = SECRET, at: int | None = None) -> dict[str, str]:
    """The headers that Slack's SDK makes."""
    stamp = str(times.now() if at is None else at)
    signature = SignatureVerifier(secret).generate_signature(timestamp=stamp, body=body)
    assert signature
    return {"x-slack-request-timestamp": stamp, "x-slack-signature": signature}


def heard(told: Any) -> Heard:
    body = told if isinstance(told, bytes) else json.dumps(told).encode()
    return CONNECTOR.hear(CONFIG, posted(body, headers=signed(body)))


def test_the_documented_signature(clock: Clock) -> None:
    # https://docs.slack.dev/authentication/verifying-requests-from-slack
    clock.seconds = 1531420618
    body = (
        b"token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V"
        b"&channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text=&response_url="
        b"https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN"
        b"&trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c"
    )
    headers = {
        "x-slack-request-timestamp": "1531420618",
        "x-slack-signature": "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503",
    }
    assert CONNECTOR.hear(CONFIG, posted(body, headers=headers)) == Heard()


def test_the_address_is_verified() -> None:
    # https://docs.slack.dev/reference/events/url_verification
    told = {
        "token": "Jhj5dZrVaK7ZwHHjRyZWjbDl",
        "challenge": "3eZbrw1aBm2rZgRNFdxV2595E9CY3gmdALWMmHkvFXO7tYXAYM8P",
        "type": "url_verification",
    }
    assert heard(told) == Heard(reply=told["challenge"])


@pytest.mark.parametrize(
    "kind",
    [
        "channel_archive",
        "channel_created",
        "channel_deleted",
        "channel_id_changed",
        "channel_left",
        "channel_rename",
        "channel_shared",
        "channel_unarchive",
        "channel_unshared",
        "group_archive",
        "group_deleted",
        "group_left",
        "group_rename",
        "group_unarchive",
        "member_joined_channel",
        "member_left_channel",
        "team_join",
        "user_change",
        "user_profile_changed",
        "user_status_changed",
    ],
)
def test_what_changes_a_channel_or_a_person_is_heard(kind: str) -> None:
    assert heard(event(kind)) == Heard(records_changed=True)


@pytest.mark.parametrize(
    "kind", ["message", "app_mention", "reaction_added", "team_rename", "app_uninstalled", "pin_added"]
)
def test_what_changes_no_record_begins_no_sync(kind: str) -> None:
    assert heard(event(kind, channel="C024BE91L", text="channel_rename")) == Heard()


def test_events_that_slack_dropped_may_have_changed_something() -> None:
    # https://docs.slack.dev/reference/events/app_rate_limited
    told = {
        "token": "Jhj5dZrVaK7ZwHHjRyZWjbDl",
        "type": "app_rate_limited",
        "team_id": "T123456",
        "minute_rate_limited": 1518467820,
        "api_app_id": "A123456",
    }
    assert heard(told) == Heard(records_changed=True)


# Slack sends UTF-8, and its SDK signs nothing else.
UTF_8 = [body for body in NOT_READABLE if body != b"\xff"]


@pytest.mark.parametrize("body", [*UTF_8, b'{"type":"event_callback"}', b'{"type":"event_callback","event":[]}'])
def test_what_cannot_be_read_is_left_out(body: bytes) -> None:
    assert heard(body) == Heard()


BODY = b'{"type":"event_callback","event":{"type":"team_join"}}'


@pytest.mark.parametrize("away", [-301, -3600, 301, 3600])
def test_a_callback_of_another_time_is_refused_by_us_and_by_the_sdk(clock: Clock, away: int) -> None:
    headers = signed(BODY, at=clock.START + away)
    with pytest.raises(Unverified):
        CONNECTOR.hear(CONFIG, posted(BODY, headers=headers))
    assert not sdk_accepts(BODY, headers, clock)


@pytest.mark.parametrize("away", [-299, 0, 299])
def test_a_callback_of_this_time_is_taken_by_us_and_by_the_sdk(clock: Clock, away: int) -> None:
    headers = signed(BODY, at=clock.START + away)
    assert CONNECTOR.hear(CONFIG, posted(BODY, headers=headers)).records_changed
    assert sdk_accepts(BODY, headers, clock)


def sdk_accepts(body: bytes, headers: dict[str, str], clock: Clock) -> bool:
    class Now(SdkClock):
        def now(self) -> float:
            return clock.seconds

    return SignatureVerifier(SECRET, Now()).is_valid_request(body, headers)


@pytest.mark.parametrize(
    "change",
    [
        {"x-slack-signature": ""},
        {"x-slack-signature": "v0="},
        {"x-slack-signature": "v0=é"},
        {"x-slack-request-timestamp": ""},
        {"x-slack-request-timestamp": "-1"},
        {"x-slack-request-timestamp": "soon"},
        {"x-slack-request-timestamp": "\u0661" * 10},
        {"x-slack-request-timestamp": "9" * 5000},
    ],
)
def test_another_header_is_not_slacks(change: dict[str, str]) -> None:
    with pytest.raises(Unverified):
        CONNECTOR.hear(CONFIG, posted(BODY, headers=signed(BODY) | change))


def test_a_time_that_is_none_is_refused_however_it_is_signed() -> None:
    for stamp in ("", "soon", "1e9", "9" * 20, " 1"):
        signature = SignatureVerifier(SECRET).generate_signature(timestamp=stamp, body=BODY) or ""
        headers = {"x-slack-request-timestamp": stamp, "x-slack-signature": signature}
        with pytest.raises(Unverified):
            CONNECTOR.hear(CONFIG, posted(BODY, headers=headers))


def test_another_secret_another_body_or_another_time_is_not_slacks(clock: Clock) -> None:
    later = signed(BODY) | {"x-slack-request-timestamp": str(clock.START + 1)}
    for headers, body in ((signed(BODY, "another"), BODY), (signed(BODY), BODY + b" "), (later, BODY), ({}, BODY)):
        with pytest.raises(Unverified):
            CONNECTOR.hear(CONFIG, posted(body, headers=headers))


def test_without_a_secret_nothing_is_slacks() -> None:
    config = CONFIG.model_copy(update={"signing_secret": ""})
    stamp = str(times.now())
    signature = f"v0={hmac.digest(b'', b'v0:%s:%s' % (stamp.encode(), BODY), 'sha256').hex()}"
    headers = {"x-slack-request-timestamp": stamp, "x-slack-signature": signature}
    with pytest.raises(Unverified):
        CONNECTOR.hear(config, posted(BODY, headers=headers))
