"""Plugins on the running stack: weather asked, a signature verified, words that open a ticket, one that hangs, one
that fails until it is switched off."""

import time
from collections.abc import Iterator
from threading import Event
from typing import Any

import pytest
from standardwebhooks import Webhook

from tests.contract.connectors.fakes import Asked, Fake, Reply, told
from tests.contract.plugins import BAD_KEY, CURRENT, KEY, NO_CITY, PATH, WEATHER, manifest
from tests.e2e.conftest import OpenReceiver
from tests.e2e.polling import eventually
from tests.e2e.running import Client, RunningStack

TRANSLATOR = "plugin_translator_v1.0.0"


class Author(Fake):
    """Publishes a plugin's manifest, and runs it: commands are answered, events taken as `takes` says."""

    def __init__(self, name: str = "translator", **more: Any) -> None:
        super().__init__()
        self.name, self.more = name, more
        self.takes = Reply(204)
        self.hangs = False
        self.freed = Event()

    def answer(self, asked: Asked) -> Reply:
        """The manifest, a command's result, or what becomes of an event."""
        if asked.path == "/manifest.json":
            return told(manifest(f"{self.url}/hub", **{"id": f"plugin_{self.name}_v1.0.0", **self.more}))
        if asked.json["type"] == "command":
            return told({"text": asked.json["data"]["parameters"]["text"][::-1]})
        if self.hangs:
            self.freed.wait(9)
        return self.takes

    @property
    def events(self) -> list[Asked]:
        """The events that came."""
        return [one for one in self.asked if one.method == "POST" and one.json["type"] != "command"]


@pytest.fixture
def author() -> Iterator[Author]:
    """A plugin of one's own."""
    with Author() as opened:
        yield opened


WAIT = 60
"""Seconds: the first event goes through five cold starts, on a machine that may be busy."""


def install(api: Client, author: Author) -> Any:
    """Install a plugin from where its author has it."""
    body = {"source": "url", "manifest_url": f"{author.url}/manifest.json", "config": {"token": KEY}}
    made = api.post(f"{PATH}/install", body)
    assert made.status_code == 201, made.text
    return made.json()


def talk(api: Client, text: str) -> str:
    """Have a customer say something; answers with the conversation's id."""
    made = api.post("/v1/conversations", {"user_id": "user_123", "channel": "web", "initial_message": text})
    assert made.status_code == 201, made.text
    return str(made.json()["data"]["id"])


def passed_on(api: Client, author: Author, count: int) -> float:
    """Have customers say things; answers with the seconds until the plugin has heard them all."""
    began, before = time.monotonic(), len(author.events)
    for number in range(count):
        talk(api, f"message {number}")
    eventually(lambda: len(author.events) == before + count, "all messages", WAIT)
    return time.monotonic() - began


def runs(api: Client, plugin_id: str, query: str = "") -> list[dict[str, Any]]:
    """A plugin's log."""
    return list(api.get(f"{PATH}/{plugin_id}/runs{query}").json()["data"])


def test_the_weather_is_asked_and_the_plugin_goes_through_its_life(api: Client, receiver: OpenReceiver) -> None:
    inbox = receiver()
    api.new_webhook(inbox.url, "plugin.*")
    with Fake(CURRENT, NO_CITY, BAD_KEY) as provider:
        config = {"api_key": KEY, "default_city": "Beijing", "base_url": provider.url}
        made = api.post(f"{PATH}/install", {"plugin_id": WEATHER, "config": config})
        assert (made.status_code, made.json()["config"]) == (201, {**config, "api_key": "***"})
        assert api.post(f"{PATH}/install", {"plugin_id": WEATHER, "config": config}).status_code == 409
        (row,) = api.get(f"{PATH}?status=active&page=1&limit=20").json()["data"]
        assert (row["id"], row["author"], row["config"]["api_key"]) == (WEATHER, "WeatherCorp", "***")

        command = f"{PATH}/{WEATHER}/commands/current"
        answers = [api.post(command, {}).json(), api.post(command, {"parameters": {"city": "Nowhere"}}).json()]
        assert (answers[0]["result"]["temperature"], answers[0]["result"]["city"]) == (284.2, "Beijing")
        assert answers[1]["error"] == {"code": "404", "message": "city not found"}
        assert api.post(command, {}).json()["error"]["code"] == "401"
        assert [asked.query["q"] for asked in provider.asked] == ["Beijing", "Nowhere", "Beijing"]
        assert {asked.query["appid"] for asked in provider.asked} == {KEY}

        status = f"{PATH}/{WEATHER}/status"
        assert api.request("PATCH", status, json={"status": "inactive"}).json()["status"] == "inactive"
        assert api.post(command, {}).status_code == 409
        assert api.request("PATCH", status, json={"status": "active"}).json()["status"] == "active"
        assert [row["status"] for row in runs(api, WEATHER)] == ["failed", "failed", "success"]
        assert api.request("DELETE", f"{PATH}/{WEATHER}").status_code == 204
        assert api.get(f"{PATH}/{WEATHER}").status_code == 404
    eventually(lambda: len(inbox.received) >= 4, "every event of it", WAIT)
    told_of = {one.event["data"]["revision"]: one.event["type"] for one in inbox.received}
    assert told_of == {1: "plugin.installed", 2: "plugin.updated", 3: "plugin.updated", 4: "plugin.uninstalled"}
    assert KEY not in str([one.body for one in inbox.received])


def test_a_plugin_of_ones_own_answers_a_command_and_hears_events_signed_once_each(api: Client, author: Author) -> None:
    secret = install(api, author)["secret"]
    command = f"{PATH}/{TRANSLATOR}/commands/translate"
    assert api.post(command, {"parameters": {"text": "abc"}}).json()["result"] == {"text": "cba"}
    talk(api, "您好")
    talk(api, "再见")
    eventually(lambda: len(author.events) >= 2, "both messages", WAIT)
    eventually(lambda: [row["status"] for row in runs(api, TRANSLATOR)] == ["success"] * 3, "the log", WAIT)
    for asked in [one for one in author.asked if one.method == "POST"]:
        Webhook(secret).verify(asked.body, dict(asked.headers))
        assert asked.json["config"] == {"token": KEY, "target": "en"}
    assert sorted(one.json["data"]["text"] for one in author.events) == sorted(["您好", "再见"])
    assert {one.headers["webhook-id"] for one in author.events} == {one.json["id"] for one in author.events}


def test_a_word_that_must_not_wait_opens_a_ticket_through_the_api(stack: RunningStack, api: Client) -> None:
    key = api.new_key("escalation", permissions=["tickets:write", "conversations:read"])["key"]
    config = {"hub_url": stack.description["base_url"], "api_key": key}
    body: dict[str, Any] = {"plugin_id": "plugin_escalation_v1.0.0", "config": config}
    assert api.post(f"{PATH}/install", body).status_code == 201
    talk(api, "请问几点开门?")
    angry = talk(api, "我要退款!")
    [ticket] = eventually(lambda: api.get("/v1/tickets").json()["data"]["items"], "the ticket", WAIT)
    assert (ticket["conversation_id"], ticket["priority"], ticket["tags"]) == (angry, "high", ["escalation"])
    api.post(f"/v1/conversations/{angry}/messages", {"sender": "customer", "text": "退款!!"})
    expected = ["no keyword", f"退款: {ticket['id']}", f"退款: {ticket['id']}"]
    plugin_id = body["plugin_id"]
    eventually(lambda: sorted(row["note"] for row in runs(api, plugin_id)) == expected, "the log", WAIT)
    assert len(api.get("/v1/tickets").json()["data"]["items"]) == 1


def test_one_that_hangs_keeps_no_other_waiting(api: Client, author: Author) -> None:
    install(api, author)
    seconds = []
    with Author("sleepy") as sleepy:
        sleepy.hangs = True
        for _ in range(3):
            seconds.append(passed_on(api, author, 8))
            if len(seconds) == 2:
                install(api, sleepy)
        assert sleepy.events, "it was called, and hung"
        sleepy.freed.set()
    # The first round has the cold starts; a call that hangs takes ten seconds, and a lane full of them longer.
    assert seconds[2] < seconds[1] + 8


def test_one_that_fails_is_tried_again_and_in_the_end_switched_off_with_the_reason(
    api: Client, author: Author, receiver: OpenReceiver
) -> None:
    inbox = receiver()
    api.new_webhook(inbox.url, "plugin.updated")
    install(api, author)
    author.takes = Reply(503, b"down for a moment")
    talk(api, "first")
    [waiting] = eventually(lambda: runs(api, TRANSLATOR, "?status=pending"), "the run that waits", WAIT)
    assert (waiting["error"]["code"], waiting["tries"]) == ("503", 1)
    author.takes = Reply(204)
    eventually(lambda: runs(api, TRANSLATOR)[0]["status"] == "success", "the second try", WAIT)
    assert len({one.headers["webhook-id"] for one in author.events}) == 1

    author.takes = told({"error": {"code": "bad_token", "message": f"the token {KEY} is expired"}}, 401)
    for number in range(10):
        talk(api, f"message {number}")
    [shown] = eventually(lambda: api.get(f"{PATH}?status=error").json()["data"], "switched off", WAIT)
    assert shown["disabled_reason"]["code"] == "failing"
    assert "the last with bad_token: the token *** is expired" in shown["disabled_reason"]["message"]
    event = inbox.wait_for(1, WAIT)[0].event
    assert (event["data"]["status"], event["data"]["changes"]) == ("error", ["disabled_reason", "status"])
    author.takes = Reply(204)
    assert api.request("PATCH", f"{PATH}/{TRANSLATOR}/status", json={"status": "active"}).json()["status"] == "active"
    talk(api, "heard again")
    eventually(lambda: author.events[-1].json["data"]["text"] == "heard again", "the message after it was on", WAIT)
