"""A provider's bot from the first test to its last, over HTTP: it answers, its token is revoked, it gets a new one."""

from typing import Any

from tests.contract.connectors.fakes import Fake, told
from tests.e2e.conftest import OpenReceiver
from tests.e2e.polling import eventually
from tests.e2e.running import Client

TOKEN = "110201543:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw"
ANOTHER = "110201543:BBHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw"
BOT = told({"ok": True, "result": {"id": 110201543, "is_bot": True, "first_name": "Hub", "username": "hub_bot"}})
REVOKED = told({"ok": False, "error_code": 401, "description": "Unauthorized"}, 401)
PATH = "/v1/integrations"


def listed(api: Client, query: str) -> list[str]:
    """The ids of a list."""
    return [row["id"] for row in api.get(f"{PATH}?{query}").json()["data"]]


def test_a_token_is_tested_revoked_and_replaced(api: Client, receiver: OpenReceiver) -> None:
    inbox = receiver()
    api.new_webhook(inbox.url, "integration.*")
    with Fake(BOT, REVOKED, BOT) as telegram:
        config = {"bot_token": TOKEN, "base_url": telegram.url}
        made = api.post(PATH, {"name": "客服机器人", "service_type": "telegram", "config": config})
        assert made.status_code == 201, made.text
        assert made.json()["config"] == {"bot_token": "***", "base_url": telegram.url}
        one = f"{PATH}/{made.json()['id']}"

        first = outcome(api, one)
        assert (first["success"], first["account"]) == (True, {"id": "110201543", "name": "hub_bot"})
        refused = outcome(api, one)
        assert (refused["success"], refused["error"]) == (False, {"code": "401", "message": "Unauthorized"})
        shown = api.get(one).json()
        assert (shown["status"], shown["error"]) == ("error", refused["error"])
        eventually(lambda: listed(api, "status=error") == [shown["id"]], "the list of those in error")

        changed = api.request("PUT", one, json={"config": {"bot_token": ANOTHER}}).json()
        assert (changed["status"], changed["error"], changed["config"]) == ("active", None, made.json()["config"])
        assert outcome(api, one)["success"]
        assert [asked.path for asked in telegram.asked] == [f"/bot{token}/getMe" for token in (TOKEN, TOKEN, ANOTHER)]

        elsewhere = api.request("PUT", one, json={"config": {"base_url": inbox.url}})
        assert (elsewhere.status_code, elsewhere.json()["error"]["details"]["field"]) == (400, "config.bot_token")
        eventually(lambda: listed(api, "service_type=telegram&status=active") == [shown["id"]], "the list by type")
        assert api.request("DELETE", one).status_code == 204
        assert api.get(one).status_code == 404

    eventually(lambda: len(inbox.received) >= 4, "every event of it")
    events = sorted((one.event for one in inbox.received), key=lambda event: int(event["data"]["version"]))
    assert {event["type"] for event in events} == {f"integration.{what}" for what in ("created", "updated", "deleted")}
    changes = [event["data"]["changes"] for event in events if event["type"] == "integration.updated"]
    assert changes == [["error", "status"], ["config", "error", "status"]]
    assert not [event for event in events if "config" in event["data"]]


def outcome(api: Client, one: str) -> Any:
    """What a test of an integration told."""
    answer = api.post(f"{one}/test")
    assert answer.status_code == 200, answer.text
    return answer.json()
