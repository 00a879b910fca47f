"""Syncs over HTTP on the deployed stack: interrupted, limited, and by themselves; and events that are posted."""

from typing import Any

import pytest

from tests.contract.connectors.fakes import Asked, Fake, Reply, told
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
