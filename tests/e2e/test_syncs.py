"""Syncs over HTTP on the deployed stack: interrupted, limited, and by themselves; and events that are posted."""

import json
import time
from datetime import UTC, datetime
from typing import Any

import pytest
from slack_sdk.signature import SignatureVerifier
from standardwebhooks.webhooks import Webhook

from tests.contract.connectors.fakes import Asked, Fake, Reply, told
from tests.e2e.concurrency import at_once
from tests.e2e.conftest import OpenReceiver
from tests.e2e.polling import eventually
from tests.e2e.providing import Provider
from tests.e2e.running import Client, RunningStack

PATH = "/v1/integrations"


def integrate(api: Client, provider: Provider, **settings: Any) -> str:
    """An integration with a provider; its path."""
    body = {"name": "自有服务", "service_type": "http", "config": provider.config(), "settings": settings}
    made = api.post(PATH, body)
    assert made.status_code == 201, made.text
    return f"{PATH}/{made.json()['id']}"


def ended(api: Client, path: str, seconds: float = 120) -> dict[str, Any]:
    """A sync at its end."""

    def look() -> dict[str, Any] | None:
        found: dict[str, Any] = api.get(path).json()
        return found if found["status"] in ("completed", "failed") else None

    return eventually(look, f"the end of {path}", seconds) or {}


def records(api: Client, one: str, query: str = "") -> dict[str, dict[str, Any]]:
    """Every record, by id."""
    found: dict[str, dict[str, Any]] = {}
    cursor: str | None = ""
    while cursor is not None:
        page = api.get(f"{one}/records?limit=100&cursor={cursor}{query}").json()
        found |= {row["id"]: row for row in page["data"]}
        cursor = page["pagination"]["next_cursor"]
    return found


def test_a_sync_whose_function_is_killed_goes_on_from_its_checkpoint(
    api: Client, stack: RunningStack, receiver: OpenReceiver
) -> None:
    inbox = receiver()
    api.new_webhook(inbox.url, "integration.synced", "integration.sync_failed")
    with Provider(2000) as provider:
        one = integrate(api, provider)
        begun = api.post(f"{one}/sync")
        assert begun.status_code == 202, begun.text
        path = f"{one}/syncs/{begun.json()['id']}"
        eventually(lambda: provider.pages >= 5, "some pages", 60, 0.01)
        assert api.post(f"{one}/sync").json()["id"] == begun.json()["id"], "one at a time"
        eventually(lambda: stack.kill("IntegrationSyncFunction"), "a worker to kill")
        done = ended(api, path)
        assert (done["status"], done["added"], done["records_read"], done["pages"]) == ("completed", 2000, 2000, 20)
        assert provider.pages <= 21, "no page but the one under way is read again"
        assert set(records(api, one)) == {str(number) for number in range(2000)}

        del provider.rows[7]
        provider.rows[0] = provider.rows[0] | {"title": "新的标题"}
        provider.refusals = [told({}, 429, {"Retry-After": "2"})]
        done = ended(api, f"{one}/syncs/{api.post(f'{one}/sync').json()['id']}")
        assert [done[name] for name in ("status", "added", "updated", "deleted")] == ["completed", 0, 1, 1]
        assert set(records(api, one, "&change=deleted")) == {"7"}
        assert records(api, one, "&change=updated")["0"]["data"]["title"] == "新的标题"

    eventually(lambda: len(inbox.received) == 2, "both events")
    told_of = [one.event for one in inbox.received]
    assert {event["type"] for event in told_of} == {"integration.synced"}
    assert sorted(event["data"]["added"] for event in told_of) == [0, 2000]


SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


def told_by(secret: str, minutes_ago: int = 0) -> dict[str, str]:
    """The headers that a service signs its callback by, made by the library of Standard Webhooks."""
    stamp = int(time.time()) - 60 * minutes_ago
    signature = Webhook(secret).sign("msg_1", datetime.fromtimestamp(stamp, UTC), "{}")
    names = ("webhook-id", "webhook-timestamp", "webhook-signature")
    return {"Authorization": "", **dict(zip(names, ("msg_1", str(stamp), signature), strict=True))}


@pytest.mark.slow
def test_a_callback_has_what_changed_read_and_ten_at_once_are_two_syncs_at_most(
    api: Client, stack: RunningStack
) -> None:
    with Provider(3) as provider:
        config = {**provider.config(), "secret": SECRET}
        made = api.post(PATH, {"name": "自有服务", "service_type": "http", "config": config}).json()["id"]
        one = f"{PATH}/{made}"
        assert ended(api, f"{one}/syncs/{api.post(f'{one}/sync').json()['id']}")["added"] == 3

        def tell(headers: dict[str, str], to: str = one) -> int:
            return api.request("POST", f"{to}/callback", data=b"{}", headers=headers).status_code

        for headers in (told_by("whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"), told_by(SECRET, 6), {"Authorization": ""}):
            assert tell(headers) == 403
        assert tell(told_by(SECRET), f"{PATH}/int_none") == 404
        assert provider.pages == 1

        provider.rows[0] = provider.rows[0] | {"title": "新的标题"}
        assert at_once(10, lambda: tell(told_by(SECRET))) == [200] * 10
        changed = "&change=updated"
        [first] = eventually(lambda: list(records(api, one, changed).values()), "the change", 30)
        assert (first["id"], first["data"]["title"]) == ("0", "新的标题")

        # It is told of while the minute lasts, and read at its end.
        provider.rows[1] = provider.rows[1] | {"title": "另一个标题"}
        assert tell(told_by(SECRET)) == 200
        eventually(lambda: records(api, one, changed).keys() >= {"1"}, "the second change", 120)
        eventually(lambda: all(sync["ended_at"] for sync in api.get(f"{one}/syncs").json()["data"]), "the last end")
        syncs = api.get(f"{one}/syncs").json()["data"]
        assert [sync["trigger"] for sync in syncs] == ["callback", "callback", "manual"]
        later, sooner = (datetime.fromisoformat(sync["created_at"]) for sync in syncs[:2])
        assert (later - sooner).total_seconds() >= 59
        assert provider.pages == 3
    assert stack.waiting("IntegrationEventsDeadLetterQueue") == 0


def test_slack_s_challenge_is_answered_and_only_slack_s(api: Client) -> None:
    secret = "8f742231b10e8888abcd99yyyzzz85a5"
    config = {"bot_token": "xoxb-17653672481-19874698323-pdFZKVeTuE8sk7oOcHrzqqgy", "signing_secret": secret}
    made = api.post(PATH, {"name": "Slack", "service_type": "slack", "config": config}).json()["id"]
    body = json.dumps({"token": "Jhj5", "challenge": "3eZbrw1aBm2rZgRNFdxV2595E9CY3gmd", "type": "url_verification"})

    def told(secret: str, stamp: int) -> dict[str, str]:
        signature = SignatureVerifier(secret).generate_signature(timestamp=str(stamp), body=body) or ""
        return {"Authorization": "", "X-Slack-Request-Timestamp": str(stamp), "X-Slack-Signature": signature}

    def answers(headers: dict[str, str]) -> tuple[int, str]:
        answer = api.request("POST", f"{PATH}/{made}/callback", data=body.encode(), headers=headers)
        return answer.status_code, answer.text

    now = int(time.time())
    assert answers(told(secret, now)) == (200, "3eZbrw1aBm2rZgRNFdxV2595E9CY3gmd")
    for headers in (told("another", now), told(secret, now - 301), {"Authorization": ""}):
        assert answers(headers)[0] == 403


class Chat(Fake):
    """Slack's and Discord's webhooks; `is_gone` once nobody is there any more."""

    def __init__(self) -> None:
        super().__init__()
        self.is_gone = False

    def answer(self, asked: Asked) -> Reply:
        """As the one that is asked answers."""
        if self.is_gone:
            return told({"message": "Unknown Webhook", "code": 10015}, 404)
        return told({"id": "1"}) if "wait" in asked.query else Reply(200, b"ok")

    def posted(self, field: str) -> list[str]:
        """What was posted, in this field of a body."""
        return [asked.json[field] for asked in self.asked]


@pytest.mark.slow
def test_events_are_posted_in_the_language_of_each_and_a_sync_comes_by_itself(api: Client, stack: RunningStack) -> None:
    with Provider(3) as provider, Chat() as slack, Chat() as discord:
        one = integrate(api, provider, auto_sync=True, sync_interval=60)
        wanted = ["ticket.created", "integration.synced"]
        chats = {
            name: api.post(
                PATH,
                {
                    "name": name,
                    "service_type": name,
                    "config": {"webhook_url": f"{chat.url}/api/webhooks/1/a"},
                    "settings": {"forward_events": wanted, "language": language},
                },
            ).json()["id"]
            for name, chat, language in (("slack", slack, "zh-CN"), ("discord", discord, "en-US"))
        }
        name = f"{api.tenant}.{one.rpartition('/')[2]}"

        def has_schedule() -> bool:
            listed = stack.schedules.get_paginator("list_schedules").paginate(NamePrefix=name)
            return any(page["Schedules"] for page in listed)

        eventually(has_schedule, "the schedule")

        ticket = {"title": "**产品** <咨询> @everyone", "customer_email": "customer@example.com"}
        made = api.post("/v1/tickets", ticket).json()["data"]["id"]
        [in_chinese] = eventually(lambda: slack.posted("text"), "the post to Slack")
        [in_english] = eventually(lambda: discord.posted("content"), "the post to Discord")
        assert in_chinese.startswith("【新的工单】\n标题:**产品** &lt;咨询&gt; @everyone\n")
        assert in_english.startswith("\\[New ticket\\]\nTitle: \\*\\*产品\\*\\* \\<咨询\\> @everyone\n")
        assert discord.asked[0].json["allowed_mentions"] == {"parse": []}
        assert f"编号:{made}" in in_chinese

        discord.is_gone = True
        for number in range(2):
            api.post("/v1/tickets", {**ticket, "title": f"第 {number} 个"})
        eventually(lambda: api.get(f"{PATH}/{chats['discord']}").json()["status"] == "error", "the error")
        eventually(lambda: len(slack.asked) >= 3, "the posts that follow")
        asked = len(discord.asked)

        found = eventually(lambda: api.get(f"{one}/syncs").json()["data"], "a sync that nobody asked for", 120)
        assert found[-1]["trigger"] == "schedule"
        done = ended(api, f"{one}/syncs/{found[-1]['id']}")
        assert (done["status"], done["added"]) == ("completed", 3)
        synced = eventually(lambda: [text for text in slack.posted("text") if "集成同步完成" in text], "the news of it")
        assert "新增:3" in synced[0]
        assert len(discord.asked) == asked, "one in error is left alone"

        assert api.request("PUT", one, json={"settings": {"auto_sync": False}}).status_code == 200
        eventually(lambda: not has_schedule(), "the schedule's end")
