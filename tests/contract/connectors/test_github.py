"""GitHub over a socket: what is asked, and what its documented answers become (https://docs.github.com/rest)."""

from typing import Any

import pytest

from hub.connectors.github import CONNECTOR, GitHubConfig
from hub.connectors.protocol import Account, Disabled, Media, Outgoing, Permanent, Sent, Temporary
from tests.conftest import Clock
from tests.contract.connectors.fakes import Fake, Reply, told

TOKEN = "ghp_16C7e42F292c6912E7710c838347Ae178B4a"
ISSUES = "/repos/octocat/Hello-World/issues"


def config(provider: Fake, **more: Any) -> GitHubConfig:
    return GitHubConfig(token=TOKEN, repository="octocat/Hello-World", base_url=provider.url, **more)


def message(**more: Any) -> Outgoing:
    return Outgoing(**{"id": "msg_1", "to": "", "text": "Found a bug\nand another", **more})


def refused(status: int, text: str, **headers: str) -> Reply:
    return told({"message": text, "documentation_url": "https://docs.github.com/rest"}, status, headers)


def test_the_repository_is_looked_at(provider: Fake) -> None:
    provider.will(told({"id": 1296269, "name": "Hello-World", "full_name": "octocat/Hello-World"}))
    assert CONNECTOR.test(config(provider)) == Account("1296269", "octocat/Hello-World")
    [asked] = provider.asked
    assert (asked.method, asked.path) == ("GET", "/repos/octocat/Hello-World")
    assert asked.headers["authorization"] == f"Bearer {TOKEN}"
    assert asked.headers["x-github-api-version"] == "2022-11-28"
    assert asked.headers["user-agent"] == "Hub/1.0"


def test_a_message_opens_an_issue(provider: Fake) -> None:
    provider.will(told({"id": 1, "number": 1347, "title": "Found a bug"}, 201))
    assert CONNECTOR.send(config(provider), message()) == Sent("1347")
    [asked] = provider.asked
    assert (asked.method, asked.path) == ("POST", ISSUES)
    assert asked.json == {"title": "Found a bug", "body": "Found a bug\nand another"}


@pytest.mark.parametrize(("to", "issue", "number"), [("7", None, 7), ("", 1347, 1347), ("7", 1347, 7)])
def test_a_message_is_a_comment_of_an_issue(provider: Fake, to: str, issue: int | None, number: int) -> None:
    provider.will(told({"id": 42, "body": "…"}, 201))
    assert CONNECTOR.send(config(provider, issue=issue), message(to=to)) == Sent("42")
    assert provider.asked[0].path == f"{ISSUES}/{number}/comments"


@pytest.mark.parametrize("to", ["../../../user", "7/comments?x=", "٧", "-1", "EX-1", "7" * 19])
def test_what_is_no_issues_number_is_asked_of_nobody(provider: Fake, to: str) -> None:
    with pytest.raises(Permanent, match="no issue's number"):
        CONNECTOR.send(config(provider), message(to=to))
    assert provider.asked == []


def test_nobody_is_notified(provider: Fake) -> None:
    provider.will(told({"number": 1}, 201))
    media = Media("image", "https://example.com/@octocat")
    CONNECTOR.send(config(provider), message(text="@octocat and @github/support", media=media))
    body = provider.asked[0].json
    assert body["title"] == "@\u200boctocat and @\u200bgithub/support"
    assert body["body"].count("@\u200b") == body["body"].count("@") == 3


def test_the_longest_text_has_65_536_characters(provider: Fake) -> None:
    provider.will(told({"number": 1}, 201))
    media = Media("image", "https://example.com/".ljust(2048, "a"))
    CONNECTOR.send(config(provider), message(text="@" * CONNECTOR.limits.text, media=media))
    body = provider.asked[0].json
    assert len(body["body"]) <= 65_536
    assert len(body["title"]) <= 256


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"Retry-After": "30"}, 30),
        ({"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": str(Clock.START + 1800)}, 1800),
        ({"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": str(Clock.START - 5)}, 1),
        ({"X-RateLimit-Remaining": "12"}, 60),
    ],
)
@pytest.mark.parametrize("status", [403, 429])
def test_github_says_how_long_to_wait(
    provider: Fake, clock: Clock, status: int, headers: dict[str, str], seconds: int
) -> None:
    provider.will(refused(status, "You have exceeded a secondary rate limit.", **headers))
    with pytest.raises(Temporary) as caught:
        CONNECTOR.send(config(provider), message())
    assert caught.value.retry_at == (clock.START + seconds) * 1000


@pytest.mark.parametrize(
    ("status", "text", "error"),
    [
        (401, "Bad credentials", Disabled),
        (403, "Resource not accessible by personal access token", Disabled),
        (404, "Not Found", Disabled),
        (410, "Issues has been disabled in this repository.", Disabled),
        (301, "Moved Permanently", Disabled),
        (422, "Validation Failed", Permanent),
        (503, "Service unavailable", Temporary),
    ],
)
def test_githubs_statuses(provider: Fake, status: int, text: str, error: type[Exception]) -> None:
    provider.will(refused(status, text))
    with pytest.raises(error) as caught:
        CONNECTOR.send(config(provider), message())
    assert type(caught.value) is error
    assert caught.value.args == (str(status), text)


@pytest.mark.parametrize(
    ("status", "text"),
    [
        (404, "Not Found"),
        (410, "This issue was deleted"),
        (403, "Unable to create comment because issue is locked."),
    ],
)
def test_another_issue_that_is_gone_disables_nothing(provider: Fake, status: int, text: str) -> None:
    provider.will(refused(status, text), refused(status, text))
    with pytest.raises(Permanent) as caught:
        CONNECTOR.send(config(provider, issue=1), message(to="7"))
    assert type(caught.value) is Permanent
    with pytest.raises(Disabled):
        CONNECTOR.send(config(provider, issue=1), message())


def issue(number: int, **more: Any) -> dict[str, Any]:
    return {
        "id": number * 1000,
        "number": number,
        "title": "Found a bug",
        "state": "open",
        "updated_at": "2011-04-22T13:33:48Z",
        "user": {"login": "octocat"},
        "labels": [{"name": "bug"}, "an old one"],
        **more,
    }


def linked(rows: list[Any], following: str) -> Reply:
    link = f'<https://api.github.com/repositories/1300192/issues?state=all&{following}>; rel="next"'
    return told(rows, 200, {"Link": f'<https://api.github.com/x?page=9>; rel="first", {link}'})


def test_issues_are_read_to_the_end_where_githubs_own_links_lead(provider: Fake) -> None:
    provider.will(
        linked([issue(1)], "page=2&per_page=100"),
        linked([issue(2, pull_request={"url": "…"})], "after=Y3Vyc29yOnYyOpLPAAABm&page=3"),
        told([issue(3, user=None)], 200, {"Link": '<https://api.github.com/x?page=1>; rel="prev"'}),
    )
    found, cursor = [], None
    for _ in range(3):
        page = CONNECTOR.records(config(provider), cursor)
        found += [(one.kind, one.id) for one in page.items]
        cursor = page.next
    assert cursor is None
    assert found == [("issue", "1"), ("pull_request", "2"), ("issue", "3")]
    assert {asked.path for asked in provider.asked} == {ISSUES}
    places = [{name: asked.query.get(name) for name in ("page", "after")} for asked in provider.asked]
    assert places == [
        {"page": None, "after": None},
        {"page": "2", "after": None},
        {"page": "3", "after": "Y3Vyc29yOnYyOpLPAAABm"},
    ]
    assert all(
        (asked.query["sort"], asked.query["direction"], asked.query["state"]) == ("created", "asc", "all")
        for asked in provider.asked
    )


def test_an_issue_is_kept(provider: Fake) -> None:
    provider.will(told([issue(1347)]))
    [record] = CONNECTOR.records(config(provider), None).items
    assert record.updated_at == 1303479228000
    assert (record.data["user"], record.data["labels"], record.data["title"]) == ("octocat", ["bug"], "Found a bug")


@pytest.mark.parametrize("rows", [[[]], [7], [{"number": 1}], [{"number": 1, "updated_at": "yesterday"}]])
def test_a_list_of_something_else_is_read_later(provider: Fake, rows: list[Any]) -> None:
    provider.will(told(rows))
    with pytest.raises(Temporary, match="bad_answer"):
        CONNECTOR.records(config(provider), None)


def test_an_empty_repository_has_no_issues(provider: Fake) -> None:
    provider.will(told([]))
    assert CONNECTOR.records(config(provider), None).items == []
