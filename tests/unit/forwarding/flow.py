"""A way from KOOK to a target: what is said, bots whose platforms are fakes, and Lambda's part of the queue."""

import json
from collections.abc import Iterator, Sequence
from types import SimpleNamespace
from typing import Any

import pytest

from functions.forwarding.accounts.store import StoredAccount
from functions.forwarding.bots.store import StoredBot
from functions.forwarding.capture import intake
from functions.forwarding.delivery import forward, leases
from functions.forwarding.messages import store
from functions.forwarding.messages.store import StoredMessage
from hub import ids, pacing, times
from hub.connectors import callbacks
from hub.store import paging, sequences
from tests.contract import memory
from tests.contract.connectors.fakes import Fake, Reply, told
from tests.forwarder import CHANNEL, VERIFY_TOKEN, caller, new_account, new_bot

CALLER = caller()


def discord_bot(fake: Fake) -> StoredBot:
    """A bot of a Discord that is a fake."""
    return new_bot("discord", {"webhook_url": f"{fake.url}/api/webhooks/123456/abc-DEF"})


def telegram_bot(fake: Fake) -> StoredBot:
    """A bot of a Telegram that is a fake."""
    token = "110201543:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw"
    return new_bot("telegram", {"bot_token": token, "chat_id": "-100123", "base_url": fake.url})


def capture(account: StoredAccount, *events: dict[str, Any]) -> int:
    """Have an account hear events of KOOK's."""
    return intake.take("default", account, callbacks.readable(intake.heard, events))


def contents(fake: Fake) -> list[str]:
    """What a Discord was told."""
    return [asked.json["content"] for asked in fake.asked]


def said_event(number: int, content: str = "", *, channel: str = CHANNEL, **more: Any) -> dict[str, Any]:
    """The `d` of KOOK's event of a message (developer.kookapp.cn/doc/event/message)."""
    extra = {
        "type": 9,
        "guild_id": "1234567890",
        "channel_name": "公告频道",
        "mention": [],
        "mention_all": False,
        "mention_roles": [],
        "mention_here": False,
        "author": {"id": "1780328354", "username": "小明", "nickname": "明明", "bot": False, "avatar": ""},
        "kmarkdown": {"raw_content": content, "mention_part": [], "mention_role_part": []},
        **more.pop("extra", {}),
    }
    return {
        "channel_type": "GROUP",
        "type": 9,
        "target_id": channel,
        "author_id": "1780328354",
        "content": content or f"第{number}条",
        "msg_id": f"67e2a5a6-5cf0-4a6e-9d3c-{number:012}",
        "msg_timestamp": times.now_ms(),
        "nonce": "",
        "verify_token": VERIFY_TOKEN,
        "extra": extra,
        **more,
    }


def changed_event(number: int, kind: str, **body: Any) -> dict[str, Any]:
    """The `d` of an edit or a deletion (developer.kookapp.cn/doc/event/channel)."""
    told = {"channel_id": CHANNEL, "msg_id": f"67e2a5a6-5cf0-4a6e-9d3c-{number:012}", **body}
    return {
        "channel_type": "GROUP",
        "type": 255,
        "target_id": "1234567890",
        "author_id": "1",
        "content": "[系统消息]",
        "msg_id": f"a-system-message-{number}",
        "msg_timestamp": times.now_ms(),
        "verify_token": VERIFY_TOKEN,
        "extra": {"type": kind, "body": told},
    }


def discord_took(number: int = 1) -> Reply:
    """Discord's answer to an execution of a webhook."""
    return told({"id": str(number), "channel_id": "1", "type": 0, "content": ""})


def records(batch: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Messages of SQS's as Lambda hands them over."""
    return [
        {
            "messageId": one["MessageId"],
            "receiptHandle": one["ReceiptHandle"],
            "body": one["Body"],
            "attributes": one["Attributes"],
        }
        for one in batch
    ]


class Lambda:
    """Lambda's part of the queue: takes a batch, and deletes of it what the function does not report.

    What the function puts off comes again when Hub's clock says so: SQS has another.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._sqs = memory.client("sqs")
        self._url = self._sqs.get_queue_url(QueueName="ForwardQueue.fifo")["QueueUrl"]
        self._waiting: list[tuple[int, str]] = []
        put_off = leases.put_off

        def note(some: Any, until: int) -> None:
            put_off(some, until)
            self._waiting += [(until, one.receipt) for one in some]

        monkeypatch.setattr(leases, "put_off", note)

    def put(self, body: str) -> None:
        """Put a message into the queue that it has forgotten to have had."""
        group = json.loads(body)["mapping_id"]
        self._sqs.send_message(
            QueueUrl=self._url, MessageBody=body, MessageGroupId=group, MessageDeduplicationId=ids.new("req")
        )

    def received(self) -> list[dict[str, Any]]:
        """A batch as SQS hands it out."""
        due = [one for one in self._waiting if one[0] <= times.now_ms()]
        self._waiting = [one for one in self._waiting if one not in due]
        for _, receipt in due:
            self._sqs.change_message_visibility(QueueUrl=self._url, ReceiptHandle=receipt, VisibilityTimeout=0)
        asked = {"QueueUrl": self._url, "MaxNumberOfMessages": 10, "AttributeNames": ["All"]}
        return list(self._sqs.receive_message(**asked).get("Messages", []))

    def lost(self, batch: Sequence[dict[str, Any]]) -> None:
        """Have a batch come again whose run ended without an answer, as it does when its time is up."""
        for one in batch:
            self._sqs.change_message_visibility(
                QueueUrl=self._url, ReceiptHandle=one["ReceiptHandle"], VisibilityTimeout=0
            )

    def run(self) -> int:
        """Run the function over all that can be received; tells how many messages came again."""
        again = 0
        while batch := self.received():
            again += len(self.take(batch))
        return again

    def take(self, batch: Sequence[dict[str, Any]]) -> list[str]:
        """Run the function over a batch; answers with the ids of messages that come again."""
        answer = forward.handler({"Records": records(batch)}, SimpleNamespace(aws_request_id="a"))
        failed = [one["itemIdentifier"] for one in answer["batchItemFailures"]]
        done = [one["ReceiptHandle"] for one in batch if one["MessageId"] not in failed]
        for start in range(0, len(done), 10):
            entries: Any = [{"Id": str(n), "ReceiptHandle": one} for n, one in enumerate(done[start : start + 10])]
            self._sqs.delete_message_batch(QueueUrl=self._url, Entries=entries)
        return failed

    def bodies(self) -> list[dict[str, Any]]:
        """All that is in the queue, which is taken out of it."""
        found: list[dict[str, Any]] = []
        while batch := self.received():
            found += [json.loads(one["Body"]) for one in batch]
            for one in batch:
                self._sqs.delete_message(QueueUrl=self._url, ReceiptHandle=one["ReceiptHandle"])
        return found


@pytest.fixture
def account(aws: None) -> StoredAccount:
    """An account that is started."""
    return new_account()


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Slots come at once, but where a target asked for patience."""
    reserve = pacing.reserve_soon
    monkeypatch.setattr(
        pacing, "reserve_soon", lambda tenant, name, slots, _, within: reserve(tenant, name, slots, 100_000, within)
    )


@pytest.fixture
def worker(aws: None, monkeypatch: pytest.MonkeyPatch) -> Lambda:
    """The forwarding function's queue."""
    return Lambda(monkeypatch)


@pytest.fixture
def discord() -> Iterator[Fake]:
    """A Discord."""
    with Fake() as fake:
        yield fake


@pytest.fixture
def telegram() -> Iterator[Fake]:
    """A Telegram."""
    with Fake() as fake:
        yield fake


def rows(status: Any = None) -> list[StoredMessage]:
    """The tenant's rows, the newest first."""
    return [store.read(item) for item in paging.by_cursor([store.rows("default", status)], 100, "").items]


def padded(number: int) -> str:
    """An id as it is stored."""
    return sequences.padded(number)
