"""What GitHub's webhooks tell, against the documented vector and OpenSSL's HMAC."""

import hashlib
import json
from typing import Any
from urllib.parse import urlencode

import pytest
from cryptography.hazmat.primitives import hashes, hmac

from hub.connectors.github import CONNECTOR, GitHubConfig
from hub.connectors.protocol import Heard, Unverified
from tests.unit.connectors.callbacks import NOT_READABLE, posted

SECRET = "It's a Secret to Everybody"
CONFIG = GitHubConfig(token="ghp_16C7", repository="Codertocat/Hello-World", webhook_secret=SECRET)
EVENTS = (
    "issues",
    "issue_comment",
    "label",
    "pull_request",
    "pull_request_review",
    "pull_request_review_comment",
)


def openssl(body: bytes, secret: str = SECRET) -> str:
    """The header as OpenSSL makes it, by the cryptography package."""
    made = hmac.HMAC(secret.encode(), hashes.SHA256())
    made.update(body)
    return f"sha256={made.finalize().hex()}"


def headers(body: bytes, event: str = "issues") -> dict[str, str]:
    return {
        "content-type": "application/json",
        "user-agent": "GitHub-Hookshot/044aadd",
        "x-github-delivery": "72d3162e-cc78-11e3-81ab-4c9367dc0958",
        "x-github-event": event,
        "x-github-hook-id": "292430182",
        "x-hub-signature-256": openssl(body),
    }


def told(repository: str = "Codertocat/Hello-World", **more: Any) -> bytes:
    """A payload, of its many fields those that GitHub's documentation shows first."""
    issue = {"number": 1347, "title": "Spelling error in the README file", "state": "open"}
    own = {"id": 118, "full_name": repository, "private": False, "owner": {"login": "Codertocat"}}
    return json.dumps({"action": "edited", "issue": issue, "repository": own, **more}).encode()


def heard(body: bytes, event: str = "issues", **change: str) -> Heard:
    return CONNECTOR.hear(CONFIG, posted(body, headers=headers(body, event) | change))


def test_the_documented_signature() -> None:
    # https://docs.github.com/webhooks/using-webhooks/validating-webhook-deliveries
    signature = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"
    assert openssl(b"Hello, World!") == signature
    assert CONNECTOR.hear(CONFIG, posted(b"Hello, World!", headers={"x-hub-signature-256": signature})) == Heard()


@pytest.mark.parametrize("event", EVENTS)
def test_what_changes_an_issue_is_heard(event: str) -> None:
    assert heard(told(), event) == Heard(records_changed=True)
    assert heard(told("CoderToCat/hello-world"), event) == Heard(records_changed=True)


def test_another_repository_of_the_same_webhook_begins_no_sync() -> None:
    assert heard(told("Codertocat/Hello-World-2")) == Heard()


@pytest.mark.parametrize("event", ["ping", "push", "star", "workflow_run", "", "ISSUES"])
def test_what_changes_no_issue_begins_no_sync(event: str) -> None:
    # https://docs.github.com/webhooks/webhook-events-and-payloads#ping
    ping = told(zen="Speak like a human.", hook_id=292430182, hook={"type": "Repository", "events": ["issues"]})
    assert heard(ping, event) == Heard()


def test_a_form_is_read_too() -> None:
    body = urlencode({"payload": told().decode()}).encode()
    kind = "application/x-www-form-urlencoded"
    assert heard(body, **{"content-type": kind}) == Heard(records_changed=True)
    assert heard(b"payload=%7B", **{"content-type": kind}) == Heard()
    assert heard(b"load=1", **{"content-type": kind}) == Heard()


@pytest.mark.parametrize("body", [*NOT_READABLE, b'{"repository":null}', b'{"repository":{"full_name":7}}'])
def test_what_cannot_be_read_is_left_out(body: bytes) -> None:
    assert heard(body) == Heard()


@pytest.mark.parametrize(
    "change",
    [
        {"x-hub-signature-256": ""},
        {"x-hub-signature-256": "sha256="},
        {"x-hub-signature-256": "sha256=é"},
        {"x-hub-signature-256": hashlib.sha256(told()).hexdigest()},
        {"x-hub-signature-256": openssl(told(), "another")},
        {"x-hub-signature-256": openssl(told() + b" ")},
        {"x-hub-signature-256": openssl(told()).removeprefix("sha256=")},
        {"x-hub-signature-256": openssl(told()).upper()},
        {"x-hub-signature-256": "sha1=" + openssl(told())[7:47]},
    ],
)
def test_another_signature_is_not_githubs(change: dict[str, str]) -> None:
    with pytest.raises(Unverified):
        heard(told(), **change)


def test_without_a_secret_nothing_is_githubs() -> None:
    config = CONFIG.model_copy(update={"webhook_secret": ""})
    # HMAC-SHA256 of nothing by nothing, as every book has it.
    empty = "sha256=b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad"
    with pytest.raises(Unverified):
        CONNECTOR.hear(config, posted(b"", headers={"x-hub-signature-256": empty, "x-github-event": "issues"}))
