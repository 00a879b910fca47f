"""Jira over a socket: what is asked, and what its documented answers become.

https://developer.atlassian.com/cloud/jira/platform/rest/v3
"""

import base64
from typing import Any

import pytest

from hub.connectors.jira import CONNECTOR, JiraConfig
from hub.connectors.protocol import Account, Disabled, Media, Outgoing, Permanent, Sent, Temporary
from tests.conftest import Clock
from tests.contract.connectors.fakes import Fake, Reply, told

ISSUE = "/rest/api/3/issue"


def config(provider: Fake, **more: Any) -> JiraConfig:
    return JiraConfig(base_url=f"{provider.url}/", email="fred@example.com", api_token="a-token", project="EX", **more)


def message(**more: Any) -> Outgoing:
    return Outgoing(**{"id": "msg_1", "to": "", "text": "Order entry fails\n\nwhen …", **more})


def refused(status: int, *messages: str, headers: dict[str, str] | None = None, **fields: str) -> Reply:
    return told({"errorMessages": list(messages), "errors": fields}, status, headers)


def test_account_and_project_are_looked_at(provider: Fake) -> None:
    provider.will(told({"accountId": "5b10a2844c20165700ede21g", "displayName": "Mia Krystof"}), told({"key": "EX"}))
    assert CONNECTOR.test(config(provider)) == Account("5b10a2844c20165700ede21g", "Mia Krystof")
    assert [asked.path for asked in provider.asked] == ["/rest/api/3/myself", "/rest/api/3/project/EX"]
    credentials = base64.b64encode(b"fred@example.com:a-token").decode()
    assert provider.asked[0].headers["authorization"] == f"Basic {credentials}"


def test_a_project_that_the_account_may_not_see_fails_the_test(provider: Fake) -> None:
    provider.will(told({"accountId": "5b1"}), refused(404, "No project could be found with key 'EX'."))
    with pytest.raises(Disabled, match="No project could be found"):
        CONNECTOR.test(config(provider))


def test_a_message_makes_an_issue(provider: Fake) -> None:
    provider.will(told({"id": "10000", "key": "EX-24", "self": "…"}, 201))
    assert CONNECTOR.send(config(provider), message()) == Sent("EX-24")
    [asked] = provider.asked
    assert (asked.method, asked.path) == ("POST", ISSUE)
    fields = asked.json["fields"]
    assert (fields["project"], fields["issuetype"]) == ({"key": "EX"}, {"name": "Task"})
    assert fields["summary"] == "Order entry fails"
    assert fields["description"] == {
        "type": "doc",
        "version": 1,
        "content": [
            {"type": "paragraph", "content": [{"type": "text", "text": "Order entry fails"}]},
            {"type": "paragraph", "content": []},
            {"type": "paragraph", "content": [{"type": "text", "text": "when …"}]},
        ],
    }


@pytest.mark.parametrize(
    ("to", "issue", "key"), [("EX-7", "", "EX-7"), ("", "EX-1", "EX-1"), ("OPS-7", "EX-1", "OPS-7")]
)
def test_a_message_is_a_comment_of_an_issue(provider: Fake, to: str, issue: str, key: str) -> None:
    provider.will(told({"id": "10001"}, 201))
    media = Media("image", "https://example.com/a.png")
    assert CONNECTOR.send(config(provider, issue=issue), message(to=to, text="[~fred] @Mia", media=media)) == Sent(
        "10001"
    )
    [asked] = provider.asked
    assert asked.path == f"{ISSUE}/{key}/comment"
    # Plain texts: nothing but a node of its own type mentions anybody.
    lines = [node["content"][0] for node in asked.json["body"]["content"]]
    assert lines == [{"type": "text", "text": "[~fred] @Mia"}, {"type": "text", "text": "https://example.com/a.png"}]


@pytest.mark.parametrize("to", ["../project", "EX-1/../../x", "EX-1?x=", "ex-1", "EX", "7", "EX-1\n"])
def test_what_is_no_issues_key_is_asked_of_nobody(provider: Fake, to: str) -> None:
    with pytest.raises(Permanent, match="no issue's key"):
        CONNECTOR.send(config(provider), message(to=to))
    assert provider.asked == []


@pytest.mark.parametrize("reply", [told({"id": "10000"}, 201), told("[]", 201), refused(500, "x"), refused(504, "x")])
def test_what_jira_may_have_done_is_not_repeated(provider: Fake, reply: Reply) -> None:
    provider.will(reply)
    with pytest.raises(Permanent, match="not repeated"):
        CONNECTOR.send(config(provider), message())


@pytest.mark.parametrize("status", [429, 503])
def test_jira_says_how_long_to_wait(provider: Fake, clock: Clock, status: int) -> None:
    provider.will(refused(status, "Rate limit exceeded.", headers={"Retry-After": "17"}))
    with pytest.raises(Temporary) as caught:
        CONNECTOR.send(config(provider), message())
    assert caught.value.retry_at == clock.START * 1000 + 17_000


def test_a_site_that_nobody_answers_for_made_no_issue() -> None:
    with Fake() as closed:
        found = config(closed)
    with pytest.raises(Temporary, match="unreachable"):
        CONNECTOR.send(found, message())


@pytest.mark.parametrize(
    ("reply", "error", "text"),
    [
        (Reply(401, b"Client must be authenticated to access this resource."), Disabled, "Client must be"),
        (refused(403, "You do not have permission."), Disabled, "You do not have permission."),
        (refused(400, issuetype="Specify a valid issue type"), Permanent, "issuetype: Specify a valid issue type"),
        (told({"errorMessages": "words", "errors": ["no object"]}, 400), Permanent, "words"),
    ],
)
def test_jiras_answers(provider: Fake, reply: Reply, error: type[Exception], text: str) -> None:
    provider.will(reply)
    with pytest.raises(error, match=text) as caught:
        CONNECTOR.send(config(provider), message())
    assert type(caught.value) is error


def test_another_issue_that_is_gone_disables_nothing(provider: Fake) -> None:
    gone = refused(404, "Issue does not exist or you do not have permission to see it.")
    provider.will(gone, gone)
    with pytest.raises(Permanent) as caught:
        CONNECTOR.send(config(provider, issue="EX-1"), message(to="EX-404"))
    assert type(caught.value) is Permanent
    with pytest.raises(Disabled):
        CONNECTOR.send(config(provider, issue="EX-1"), message())


def test_issues_are_read_to_the_end(provider: Fake) -> None:
    fields = {"summary": "Order entry fails", "updated": "2026-11-20T13:00:30.000+0000"}
    provider.will(
        told({"issues": [{"id": "1", "key": "EX-1", "fields": fields}], "nextPageToken": "CAEaAggD", "isLast": False}),
        told({"issues": [{"id": "2", "key": "EX-2", "fields": {"updated": None}}], "isLast": True}),
    )
    first = CONNECTOR.records(config(provider), None)
    last = CONNECTOR.records(config(provider), first.next)
    assert [(one.kind, one.id, one.updated_at) for one in (*first.items, *last.items)] == [
        ("issue", "EX-1", Clock.START * 1000),
        ("issue", "EX-2", None),
    ]
    assert first.items[0].data == {"id": "1", **fields}
    assert last.next is None
    assert {asked.path for asked in provider.asked} == {"/rest/api/3/search/jql"}
    assert provider.asked[0].query["jql"] == 'project = "EX" ORDER BY key'
    assert [asked.query.get("nextPageToken") for asked in provider.asked] == [None, "CAEaAggD"]
