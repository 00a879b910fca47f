"""A message of document 4 on the running stack: from the request over the bus and its queue to the platform."""

import time
from typing import Any

from tests.contract.connectors.fakes import Asked, Fake, Reply, told
from tests.contract.messaging import wrote
from tests.e2e.conftest import OpenReceiver
from tests.e2e.polling import eventually
from tests.e2e.running import Client

TOKEN = "110201543:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw"
PATH = "/third-party/telegram/messages"
WAIT_SECONDS = 3
LATER = told(
    {
        "ok": False,
        "error_code": 429,
        "description": "Too Many Requests: retry after 3",
        "parameters": {"retry_after": WAIT_SECONDS},
    },
    429,
)


class Telegram(Fake):
    """A bot's API, and when it was called (seconds)."""

    def __init__(self, *replies: Reply) -> None:
        self.called_at: list[float] = []
        super().__init__(*replies)

    def answer(self, asked: Asked) -> Reply:
        """The next scripted answer."""
        self.called_at.append(time.monotonic())
        return super().answer(asked)


def taken(number: int) -> Reply:
    """The answer to a message that was taken."""
    return told({"ok": True, "result": {"message_id": number, "chat": {"id": 42}}})


def send(api: Client, text: str) -> dict[str, Any]:
    """Send a message; how it is shown."""
    body = {"to": "42", "from": "hub_bot", "content": text, "metadata": {"conversationId": "conv-001"}}
    answer = api.post(PATH, body)
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


def test_a_message_is_sent_and_waits_as_long_as_the_platform_says(api: Client, receiver: OpenReceiver) -> None:
    inbox = receiver()
    api.new_webhook(inbox.url, "message.*")
    with Telegram(taken(1), LATER, taken(2)) as telegram:
        config = {"bot_token": TOKEN, "base_url": telegram.url}
        connected = {"name": "客服机器人", "service_type": "telegram", "config": config}
        integration = api.post("/v1/integrations", connected).json()["id"]
        eventually(lambda: api.get("/v1/integrations?service_type=telegram").json()["data"], "the bot is listed")

        first = send(api, "您好")
        assert first["status"] == "pending"
        eventually(lambda: api.get(f"{PATH}/{first['id']}/status").json() == "sent", "the first message", seconds=60)
        second = send(api, "还在吗")
        eventually(lambda: api.get(f"{PATH}/{second['id']}/status").json() == "sent", "the second message", seconds=60)

        assert [asked.path for asked in telegram.asked] == [f"/bot{TOKEN}/sendMessage"] * 3
        assert [asked.json["text"] for asked in telegram.asked] == ["您好", "还在吗", "还在吗"]
        assert telegram.called_at[2] - telegram.called_at[1] >= WAIT_SECONDS - 1, "a slot may be a second early"

    def told_of(message: dict[str, Any]) -> dict[str, Any]:
        events = [one.event for one in inbox.received if one.event["data"]["message_id"] == message["id"]]
        return {event["type"]: event["data"] for event in events}

    for number, message in ((1, first), (2, second)):
        eventually(lambda message=message: "message.sent" in told_of(message), "message.sent")  # type: ignore[misc]
        assert told_of(message)["message.sent"]["provider_ids"] == [f"42:{number}"]
        assert told_of(message)["message.sent"]["integration_id"] == integration


def test_what_somebody_writes_opens_a_conversation(api: Client) -> None:
    config = {"bot_token": TOKEN, "webhook_secret": "telegram-webhook-secret"}
    connected = {"name": "客服机器人", "service_type": "telegram", "config": config}
    bot = api.post("/v1/integrations", connected).json()["id"]
    callback = f"/third-party/telegram/callback/{bot}"
    told = wrote("telegram", "您好，有人吗？")
    genuine = {**told.headers, "Content-Type": "application/json", "Authorization": ""}
    for headers in (genuine, genuine):
        assert api.request("POST", callback, data=told.body, headers=headers).status_code == 200
    assert api.request("POST", callback, data=told.body, headers={"Authorization": ""}).status_code == 403

    eventually(lambda: api.get("/v1/conversations").json()["data"]["items"], "the conversation", seconds=60)
    [received] = api.get("/third-party/telegram/received").json()
    assert (received["from"], received["name"], received["content"]) == ("16505551234", "Sheena", "您好，有人吗？")
    [conversation] = api.get("/v1/conversations").json()["data"]["items"]
    assert conversation["contact"]["integration_id"] == bot
