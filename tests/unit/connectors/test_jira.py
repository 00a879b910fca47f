"""What Jira Cloud's webhooks tell, against the documented vector and OpenSSL's HMAC."""

import json
from typing import Any

import pytest

from hub.connectors.jira import CONNECTOR, JiraConfig
from hub.connectors.protocol import Heard, Unverified
from tests.unit.connectors.callbacks import NOT_READABLE, posted
from tests.unit.connectors.test_github import SECRET, openssl

CONFIG = JiraConfig(
    base_url="https://your-domain.atlassian.net",
    email="fred@example.com",
    api_token="jira-api-token",
    project="EX",
    webhook_secret=SECRET,
)
SUMMARY = {"toString": "A new summary.", "to": None, "fromString": "What is going on here?????", "from": None,
           "fieldtype": "jira", "field": "summary"}  # fmt: skip


def told(key: str = "EX-1", event: str = "jira:issue_updated", *items: dict[str, Any], **more: Any) -> bytes:
    """A payload as https://developer.atlassian.com/cloud/jira/platform/webhooks shows one."""
    issue = {
        "id": "99291",
        "self": "https://your-domain.atlassian.net/rest/api/2/issue/99291",
        "key": key,
        "fields": {"summary": "I feel the need for speed", "labels": ["UI", "dialogue", "move"]},
    }
    changelog = {"changelog": {"items": list(items), "id": 10124}} if items else {}
    return json.dumps({"timestamp": 1606480436302, "webhookEvent": event, "issue": issue, **changelog, **more}).encode()


def heard(body: bytes, **change: str) -> Heard:
    headers = {
        "x-hub-signature": openssl(body),
        "x-atlassian-webhook-identifier": "8e0b",
        "content-type": "application/json",
    }
    return CONNECTOR.hear(CONFIG, posted(body, headers=headers | change))


def test_the_documented_signature() -> None:
    # https://developer.atlassian.com/cloud/jira/platform/webhooks/#secure-admin-webhooks
    signature = "sha256=a4771c39fbe90f317c7824e83ddef3caae9cb3d976c214ace1f2937e133263c9"
    assert openssl(b"Hello World!") == signature
    assert CONNECTOR.hear(CONFIG, posted(b"Hello World!", headers={"x-hub-signature": signature})) == Heard()


@pytest.mark.parametrize("event", ["jira:issue_created", "jira:issue_updated", "jira:issue_deleted", "comment_created"])
def test_what_changes_an_issue_is_heard(event: str) -> None:
    assert heard(told(event=event)) == Heard(records_changed=True)
    assert heard(told("EX-1", event, SUMMARY)) == Heard(records_changed=True)


@pytest.mark.parametrize("key", ["EXTRA-1", "OTHER-1", "AEX-1", "EX"])
def test_another_projects_issue_begins_no_sync(key: str) -> None:
    assert heard(told(key)) == heard(told(key, "jira:issue_updated", SUMMARY)) == Heard()


@pytest.mark.parametrize(
    ("before", "after", "changed"), [("EX-1", "NEW-7", True), ("OLD-3", "EX-2", True), ("A-1", "B-2", False)]
)
def test_an_issue_that_was_moved_changes_both_projects(before: str, after: str, changed: bool) -> None:
    moved = {"field": "Key", "fieldtype": "jira", "from": None, "fromString": before, "to": None, "toString": after}
    assert heard(told(after, "jira:issue_updated", SUMMARY, moved)) == Heard(records_changed=changed)


@pytest.mark.parametrize(
    "body",
    [
        *NOT_READABLE,
        b'{"webhookEvent":"user_created","user":{}}',
        b'{"issue":7}',
        b'{"issue":{"key":"EX-1"},"changelog":7}',
    ],
)
def test_what_says_nothing_or_cannot_be_read_is_left_out(body: bytes) -> None:
    assert heard(body) == Heard()


@pytest.mark.parametrize(
    "change",
    [
        {"x-hub-signature": ""},
        {"x-hub-signature": openssl(told(), "another")},
        {"x-hub-signature": openssl(told() + b" ")},
        {"x-hub-signature": openssl(told()).replace("sha256", "sha1")},
        {"x-hub-signature": "", "x-hub-signature-256": openssl(told())},
    ],
)
def test_another_signature_is_not_jiras(change: dict[str, str]) -> None:
    with pytest.raises(Unverified):
        heard(told(), **change)


def test_without_a_secret_nothing_is_jiras() -> None:
    config = CONFIG.model_copy(update={"webhook_secret": ""})
    with pytest.raises(Unverified):
        CONNECTOR.hear(config, posted(told(), headers={"x-hub-signature": openssl(told(), "")}))
