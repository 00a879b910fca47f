"""Document 4 on the running stack: from the request over the bus and its queue to the platform, and back."""

import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

import pytest
import requests

from tests.contract.connectors.fakes import Asked, Fake, Reply, told
from tests.contract.connectors.followed import WeChat
from tests.contract.messaging import moved, wrote
from tests.e2e.conftest import OpenReceiver
from tests.e2e.polling import eventually
from tests.e2e.running import Client, RunningStack

TOKEN = "110201543:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw"
SECRET = "telegram-webhook-secret"
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


BLOCKED = {"ok": False, "error_code": 403, "description": "Forbidden: bot was blocked by the user"}


class Telegram(Fake):
    """A bot's API, and when it was called (seconds)."""

    def __init__(self, *replies: Reply) -> None:
        self.called_at: list[float] = []
        super().__init__(*replies)

    def answer(self, asked: Asked) -> Reply:
        """The next scripted answer."""
        self.called_at.append(time.monotonic())
        return super().answer(asked)


class LimitedTelegram(Fake):
    """A bot's API that takes so many messages in any second, and refuses what is more."""

    def __init__(self, per_second: int) -> None:
        self.per_second = per_second
        self.taken: list[tuple[float, str]] = []
        self.refused = 0
        self._one_at_a_time = threading.Lock()
        super().__init__()

    def answer(self, asked: Asked) -> Reply:
        """Take it, or ask for a second's patience as Telegram does."""
        with self._one_at_a_time:
            now, chat = time.monotonic(), str(asked.json["chat_id"])
            if sum(now - at < 1 for at, _ in self.taken[-self.per_second :]) >= self.per_second:
                self.refused += 1
                return LATER
            self.taken.append((now, chat))
            return taken(len(self.taken), int(chat))


def taken(number: int, chat: int = 42) -> Reply:
    """The answer to a message that was taken."""
    return told({"ok": True, "result": {"message_id": number, "chat": {"id": chat}}})


def connect(api: Client, base_url: str) -> str:
    """A bot whose API is there; its id, once it is listed."""
    config = {"bot_token": TOKEN, "webhook_secret": SECRET, "base_url": base_url}
    connected = {"name": "客服机器人", "service_type": "telegram", "config": config}
    made = str(api.post("/v1/integrations", connected).json()["id"])
    eventually(lambda: api.get("/v1/integrations?service_type=telegram").json()["data"], "the bot is listed")
    return made


def send(api: Client, text: str, to: str = "42") -> dict[str, Any]:
    """Send a message; how it is shown."""
    body = {"to": to, "from": "hub_bot", "content": text, "metadata": {"conversationId": "conv-001"}}
    answer = api.post(PATH, body)
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


def test_a_message_is_sent_and_waits_as_long_as_the_platform_says(api: Client, receiver: OpenReceiver) -> None:
    inbox = receiver()
    api.new_webhook(inbox.url, "message.*")
    with Telegram(taken(1), LATER, taken(2)) as telegram:
        integration = connect(api, telegram.url)

        first = send(api, "您好")
        assert first["status"] == "pending"
        eventually(lambda: api.get(f"{PATH}/{first['id']}/status").json() == "sent", "the first message", seconds=60)
        second = send(api, "还在吗")
        eventually(lambda: api.get(f"{PATH}/{second['id']}/status").json() == "sent", "the second message", seconds=60)

        assert [asked.path for asked in telegram.asked] == [f"/bot{TOKEN}/sendMessage"] * 3
        assert [asked.json["text"] for asked in telegram.asked] == ["您好", "还在吗", "还在吗"]
        assert telegram.called_at[2] - telegram.called_at[1] >= WAIT_SECONDS - 0.1

    def told_of(message: dict[str, Any]) -> dict[str, Any]:
        events = [one.event for one in inbox.received if one.event["data"]["message_id"] == message["id"]]
        return {event["type"]: event["data"] for event in events}

    for number, message in ((1, first), (2, second)):
        eventually(lambda message=message: "message.sent" in told_of(message), "message.sent")  # type: ignore[misc]
        assert told_of(message)["message.sent"]["provider_ids"] == [f"42:{number}"]
        assert told_of(message)["message.sent"]["integration_id"] == integration


def test_what_somebody_writes_comes_to_the_desk_and_the_answer_to_them(api: Client, stack: RunningStack) -> None:
    with Telegram(taken(1, 16505551234)) as telegram:
        bot = connect(api, telegram.url)
        callback = f"/third-party/telegram/callback/{bot}"
        came = wrote("telegram", "您好，有人吗？")
        genuine = {**came.headers, "Content-Type": "application/json", "Authorization": ""}
        for headers in (genuine, genuine):
            assert api.request("POST", callback, data=came.body, headers=headers).status_code == 200
        assert api.request("POST", callback, data=came.body, headers={"Authorization": ""}).status_code == 403

        def conversations() -> list[Any]:
            found: list[Any] = api.get("/v1/conversations").json()["data"]["items"]
            return found

        eventually(conversations, "the conversation", seconds=60)
        [received] = api.get("/third-party/telegram/received").json()
        assert (received["from"], received["name"], received["content"]) == ("16505551234", "Sheena", "您好，有人吗？")
        [conversation] = conversations()
        assert conversation["contact"]["integration_id"] == bot
        [contact] = api.post("/third-party/telegram/contacts/sync", {"userId": "agent_1"}).json()
        assert (contact["platformUserId"], contact["name"]) == ("16505551234", "Sheena")

        messages = f"/v1/conversations/{conversation['id']}/messages"
        answered = api.post(messages, {"sender": "agent", "sender_id": "agent_1", "text": "在，请讲"}).json()["data"]
        eventually(lambda: [one["status"] for one in api.get(PATH).json()] == ["sent"], "the answer", seconds=60)
        [asked] = telegram.asked
        assert asked.json == {"chat_id": "16505551234", "text": "在，请讲"}
        [message] = api.get(PATH).json()
        assert message["metadata"] == {"conversationId": conversation["id"], "messageId": answered["id"]}

        # What cannot be sent is there to be seen.
        telegram.will(told(BLOCKED, 403))
        api.post(messages, {"sender": "agent", "sender_id": "agent_1", "text": "还在吗？"})
        eventually(lambda: api.get(f"{PATH}?status=failed").json(), "the failure", seconds=60)
        [failed] = api.get(f"{PATH}?status=failed").json()
        assert failed["error"] == {"code": "403", "message": "Forbidden: bot was blocked by the user"}
        assert failed["metadata"]["conversationId"] == conversation["id"]

        def deliveries() -> list[Any]:
            return [one["delivery"] for one in api.get(f"{messages}?order=asc").json()["data"]["items"]]

        expected = [None, {"status": "sent", "error": None}, {"status": "failed", "error": failed["error"]}]
        eventually(lambda: deliveries() == expected, "what became of the answers", seconds=60)
        telegram.will(taken(3, 16505551234))
        newest = api.get(messages).json()["data"]["items"][0]["id"]
        assert api.post(f"{messages}/{newest}/retry").json()["data"]["delivery"]["status"] == "pending"
        eventually(lambda: deliveries()[2] == {"status": "sent", "error": None}, "the second try", seconds=60)

        # The group becomes a supergroup, and goes on where it was.
        moved_on = moved(16505551234, -100123)
        headers = {**moved_on.headers, "Content-Type": "application/json", "Authorization": ""}
        assert api.request("POST", callback, data=moved_on.body, headers=headers).status_code == 200
        eventually(lambda: [one["contact"]["id"] for one in conversations()] == ["-100123"], "the new id", seconds=60)
    for queue in ("MessagingHeard", "MessagingReplies", "SupportInbound"):
        assert stack.waiting(f"{queue}DeadLetterQueue") == 0


def test_documents_examples_as_they_stand_need_no_credential_here(stack: RunningStack) -> None:
    first = stack.first_client()
    config = {"phone_number_id": "106540352242922", "access_token": "EAAJB", "base_url": "http://127.0.0.1:1"}
    connected = {"name": "WhatsApp", "service_type": "whatsapp", "config": config}
    number = first.post("/v1/integrations", connected).json()["id"]
    eventually(lambda: first.get("/v1/integrations?service_type=whatsapp").json()["data"], "the number is listed")
    body = {
        "to": "+8613800138000",
        "from": "+8613900139000",
        "content": "Hello from OpenChat!",
        "type": "text",
        "metadata": {"conversationId": "conv-001"},
    }
    nobody = Anonymous(first)
    made = nobody.post("/third-party/whatsapp/messages", body)
    assert made.status_code == 201, made.text
    assert {name: made.json()[name] for name in body} == body
    status = nobody.get(f"/third-party/whatsapp/messages/{made.json()['id']}/status")
    assert status.json() in ("pending", "failed")
    assert nobody.post("/third-party/whatsapp/contacts/sync", {"userId": "user-uuid"}).json() == []
    asked = "/third-party/whatsapp/contacts?userId=user-uuid&amp;platformUserId=%2B8613800138000"
    assert nobody.get(asked).text == "null"
    wrong = first.with_key("sk_live_1234567890abcdef")
    assert wrong.get("/third-party/whatsapp/messages").status_code == 401
    wrong.close()
    assert first.request("DELETE", f"/v1/integrations/{number}").status_code == 204


class Anonymous:
    """Calls without any credential."""

    def __init__(self, of: Client) -> None:
        self._of = of

    def get(self, path: str) -> Any:
        """GET."""
        return self._of.get(path, headers={"Authorization": None})

    def post(self, path: str, body: Any) -> Any:
        """POST a JSON body."""
        return self._of.post(path, body, headers={"Authorization": None})


@pytest.mark.slow
def test_an_address_book_of_ten_thousand_goes_on_in_the_background_whatever_dies(
    api: Client, stack: RunningStack
) -> None:
    followers = 10_200
    with WeChat(followers) as account:
        config = {"app_id": "wxb11529c136998cb6", "app_secret": "wechat-app-secret", "base_url": account.url}
        api.post("/v1/integrations", {"name": "公众号", "service_type": "wechat", "config": config})
        eventually(lambda: api.get("/v1/integrations?service_type=wechat").json()["data"], "the account is listed")
        begun = api.post("/third-party/wechat/contacts/sync", {"userId": "user-uuid"})
        assert begun.status_code == 202, begun.text
        assert begun.json()
        progress = begun.headers["Location"]
        assert api.post("/third-party/wechat/contacts/sync", {"userId": "user-uuid"}).status_code == 409
        eventually(lambda: stack.kill("ContactSyncFunction"), "a step is under way", seconds=60)
        eventually(lambda: api.get(progress).json()["status"] != "running", "the end", seconds=180, pause=0.5)
    ended = api.get(progress).json()
    assert (ended["status"], ended["synced"]) == ("succeeded", followers)
    last = api.get("/third-party/wechat/contacts?userId=user-uuid&platformUserId=o010199").json()
    assert last["name"] == "备注 o010199"


def send_surely(api: Client, number: int) -> None:
    """Send a message, as a careful client does: an answer that does not come is asked for again with the same key."""
    body = {"to": str(number + 1), "from": "hub_bot", "content": f"第 {number} 条"}
    for _ in range(5):
        with suppress(requests.Timeout):
            answer = api.post(PATH, body, headers={"Idempotency-Key": f"message-{number}"})
            if answer.status_code == 201:
                return
            assert answer.status_code in (409, 429, 503), answer.text
            time.sleep(int(answer.headers.get("Retry-After", 1)))
    pytest.fail(f"message {number} was not taken")


MESSAGES = 1000
PER_SECOND = 30


@pytest.mark.slow
def test_a_thousand_messages_at_the_pace_that_the_platform_takes(api: Client, stack: RunningStack) -> None:
    with LimitedTelegram(PER_SECOND) as telegram:
        connect(api, telegram.url)
        # A key takes a thousand requests a minute, and the first one has made some.
        keys = [api.with_key(api.new_key(f"{number}", permissions=["write"])["key"]) for number in range(2)]
        stack.set_polling("MessagingSendFunction", enabled=False)
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(lambda number: send_surely(keys[number % 2], number), range(MESSAGES)))
        eventually(lambda: stack.waiting("TelegramMessagesQueue") >= MESSAGES, "all are queued", seconds=120)
        stack.set_polling("MessagingSendFunction", enabled=True)
        eventually(lambda: len(telegram.taken) >= MESSAGES, "all are sent", seconds=240, pause=0.5)
        seconds = telegram.taken[-1][0] - telegram.taken[0][0]
        eventually(lambda: not stack.waiting("TelegramMessagesQueue"), "the queue is empty", seconds=60)
        sent = Counter(chat for _, chat in telegram.taken)
    for key in keys:
        key.close()
    print(f"{MESSAGES} messages in {seconds:.1f} s, {telegram.refused} refused")  # noqa: T201
    assert sent == Counter(str(number + 1) for number in range(MESSAGES)), "all are sent, none twice"
    # What comes late for its slot meets what is in time; on a machine that is busy otherwise most of it is late.
    assert telegram.refused <= MESSAGES // 2, "no storm of 429: without a pace there are ten for each message"
    assert stack.waiting("TelegramMessagesDeadLetterQueue") == 0
