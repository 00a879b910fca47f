"""What KOOK calls and what it is asked comes into the queue once; nothing is missed, and bots are not heard."""

import base64
import json
import zlib
from itertools import count
from random import Random
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from Cryptodome.Cipher import AES
from Cryptodome.Util import Padding
from khl import Cert

from functions.forwarding.accounts import store as accounts
from functions.forwarding.accounts.store import StoredAccount
from functions.forwarding.capture import callbacks, cursors, intake, poll, schedule
from functions.forwarding.conversion import document
from hub import schedules, times
from hub.connectors import callbacks as reading
from hub.errors import Unavailable
from tests.conftest import Clock, request_event
from tests.contract import memory
from tests.contract.connectors.fakes import Asked, Fake, Reply, told
from tests.forwarder import CHANNEL, ENCRYPT_KEY, VERIFY_TOKEN, caller, new_account, new_mapping
from tests.unit.forwarding.flow import Lambda, changed_event, discord_bot, discord_took, said_event

if TYPE_CHECKING:
    from hub.outcomes import Trouble

pytestmark = pytest.mark.usefixtures("aws", "clock")


def encrypted(event: dict[str, Any], key: str = ENCRYPT_KEY) -> bytes:
    """A callback's body as KOOK sends it; that khl.py reads it shows that it is right."""
    raw = json.dumps({"s": 0, "d": event, "sn": 0}, ensure_ascii=False).encode()
    vector = b"0123456789abcdef"
    sealed = AES.new(key.encode().ljust(32, b"\0"), AES.MODE_CBC, iv=vector).encrypt(Padding.pad(raw, 16))
    text = base64.b64encode(vector + base64.b64encode(sealed)).decode()
    body = json.dumps({"encrypt": text}).encode()
    assert Cert(token="", verify_token="x", encrypt_key=key).decode_raw(body)["d"] == event
    return zlib.compress(body)


def call(callback_id: str, body: bytes) -> tuple[int, dict[str, Any]]:
    event = request_event("POST", f"/kook/callback/{callback_id}", body, {}, encoded=True)
    answer = callbacks.handler(event, SimpleNamespace(aws_request_id="a"))
    return answer["statusCode"], json.loads(answer["body"])


def test_a_callback_is_opened_and_queued_for_every_mapping_of_its_channel(
    worker: Lambda, discord: Fake, account: StoredAccount
) -> None:
    bot = discord_bot(discord)
    mappings = [new_mapping(bot, target) for target in ("1", "2")]
    new_mapping(bot, channel="1")
    assert call(account.callback_id, encrypted(said_event(1, "(met)7(met) 你好"))) == (200, {})
    bodies = worker.bodies()
    assert sorted(body["mapping_id"] for body in bodies) == mappings
    assert bodies[0]["kind"] == "message"
    assert bodies[0]["said"]["author"]["name"] == "明明"
    assert accounts.get("default", account.id).status == "online"


def test_a_challenge_is_answered_whether_or_not_the_account_is_started() -> None:
    account = new_account(is_started=False, status="offline")
    challenge = {
        "type": 255,
        "channel_type": "WEBHOOK_CHALLENGE",
        "challenge": "bkes654x09XY",
        "verify_token": "xxxxxxxxxxxx",
    }
    assert call(account.callback_id, encrypted(challenge)) == (200, {"challenge": "bkes654x09XY"})


def test_a_stopped_account_hears_nothing(worker: Lambda, discord: Fake) -> None:
    account = new_account(is_started=False, status="offline")
    new_mapping(discord_bot(discord))
    assert call(account.callback_id, encrypted(said_event(1))) == (200, {})
    assert worker.bodies() == []


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (encrypted({**said_event(1), "verify_token": "another"}), 403),
        (encrypted(said_event(1), "another-key"), 403),
        (zlib.compress(json.dumps({"d": said_event(1)}).encode()), 403),
        (b"\x00garbage", 403),
        (b"", 403),
    ],
    ids=["token", "key", "plain", "garbage", "empty"],
)
def test_what_is_not_kooks_is_refused(account: StoredAccount, body: bytes, status: int) -> None:
    answered, told_of = call(account.callback_id, body)
    assert (answered, told_of["success"]) == (status, False)


def test_an_unknown_address_and_an_account_without_a_token(account: StoredAccount) -> None:
    assert call("kook_01HZZZZZZZZZZZZZZZZZZZZZZZ", encrypted(said_event(1)))[0] == 404
    silent = new_account(config={}, sealed=None)
    assert call(silent.callback_id, encrypted(said_event(1)))[0] == 403


def test_bots_our_own_messages_and_private_ones_are_not_heard(
    worker: Lambda, discord: Fake, account: StoredAccount
) -> None:
    new_mapping(discord_bot(discord))
    author = {"id": "1", "username": "x", "nickname": "x"}
    for event in (
        said_event(1, extra={"author": {**author, "bot": True}}),
        said_event(2, extra={"author": {**author, "id": "364862", "bot": False}}),
        said_event(3, channel_type="PERSON"),
        said_event(4, channel="another"),
        said_event(5, type=255),
        said_event(6, msg_id=""),
        said_event(7, extra={"author": None}),
        {"channel_type": "GROUP", "verify_token": VERIFY_TOKEN},
        changed_event(1, "added_reaction"),
    ):
        assert call(account.callback_id, encrypted(event)) == (200, {})
    assert worker.bodies() == []


def test_what_kook_repeats_is_queued_once(worker: Lambda, discord: Fake, account: StoredAccount) -> None:
    new_mapping(discord_bot(discord))
    event = said_event(1)
    edits = [changed_event(1, "updated_message", content=text, updated_at=n) for n, text in enumerate(("a", "b"))]
    for told_of in (event, event, *edits, edits[1], changed_event(1, "deleted_message")):
        call(account.callback_id, encrypted(told_of))
    assert [body["kind"] for body in worker.bodies()] == ["message", "edit", "edit", "delete"]


def test_what_sqs_does_not_take_is_an_error_to_kook(
    discord: Fake, account: StoredAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    new_mapping(discord_bot(discord))
    monkeypatch.setattr("hub.queues.send", lambda *_: {0})
    assert call(account.callback_id, encrypted(said_event(1)))[0] == 503


@pytest.mark.parametrize(
    ("filters", "passes"),
    [
        ({"include": ["公告"]}, True),
        ({"include": ["闲聊", "UPDATE"]}, True),
        ({"include": ["闲聊"]}, False),
        ({"exclude": ["公告"]}, False),
        ({"exclude": ["闲聊"]}, True),
        ({"senders": ["明明"]}, True),
        ({"senders": ["1780328354"]}, True),
        ({"senders": ["别人"]}, False),
        ({"types": ["kmarkdown", "image"]}, True),
        ({"types": ["image"]}, False),
        ({"include": ["公告"], "exclude": ["update"]}, False),
    ],
)
def test_filters(filters: dict[str, list[str]], passes: bool) -> None:
    [said] = reading.readable(intake.heard, [said_event(1, "**公告**: Update 1.2")])
    assert said.said
    none: dict[str, list[str]] = {"include": [], "exclude": [], "senders": [], "types": []}
    assert intake.passes({**none, **filters}, said.said) == passes  # type: ignore[typeddict-item]


def test_a_filtered_message_goes_only_where_it_may(worker: Lambda, discord: Fake, account: StoredAccount) -> None:
    bot = discord_bot(discord)
    none: dict[str, list[str]] = {"include": [], "exclude": [], "senders": [], "types": []}
    new_mapping(bot, "1", filters={**none, "types": ["image"]})
    wanted = new_mapping(bot, "2", filters={**none, "include": ["第1"]})
    call(account.callback_id, encrypted(said_event(1)))
    assert [body["mapping_id"] for body in worker.bodies()] == [wanted]


UNKNOWN = told({"code": 40000, "message": "消息不存在", "data": []})


class Channels(Fake):
    """KOOK's `/message/list`: pages of fifty, the messages behind one, or the latest; and `/message/view`.

    The list leaves out what is `hidden`.
    """

    def __init__(self) -> None:
        super().__init__()
        self.said: dict[str, list[dict[str, Any]]] = {CHANNEL: []}
        self.refusals: list[Reply] = []
        self.hidden: set[str] = set()
        self.ticks = 0

    def say(self, number: int, channel: str = CHANNEL) -> None:
        event = said_event(number, channel=channel)
        self.said[channel].append(
            {
                "id": event["msg_id"],
                "type": 9,
                "content": event["content"],
                "create_at": self.now(),
                "updated_at": 0,
                "author": event["extra"]["author"],
                "mention_info": {"mention_part": [], "mention_role_part": []},
                "attachments": None,
                "quote": None,
            }
        )

    def now(self) -> int:
        """KOOK's own time, which never stands still."""
        self.ticks += 1
        return times.now_ms() + self.ticks

    def edit(self, message: dict[str, Any], content: str) -> None:
        message.update(content=content, updated_at=self.now())

    def answer(self, asked: Asked) -> Reply:
        if self.refusals:
            return self.refusals.pop(0)
        if asked.path.endswith("/message/view"):
            found = [one for said in self.said.values() for one in said if one["id"] == asked.query["msg_id"]]
            return told({"code": 0, "message": "操作成功", "data": found[0]}) if found else UNKNOWN
        said = self.said.get(asked.query["target_id"])
        if said is None:
            return told({"code": 40012, "message": "你没有权限", "data": []})
        size = int(asked.query["page_size"])
        said = [one for one in said if one["id"] not in self.hidden]
        found = said[-size:]
        if after := asked.query.get("msg_id"):
            places = [place for place, one in enumerate(said) if one["id"] == after]
            if not places:
                return UNKNOWN
            found = said[places[0] + 1 : places[0] + 1 + size]
        return told({"code": 0, "message": "操作成功", "data": {"items": found}})


@pytest.fixture
def kook() -> Any:
    with Channels() as fake:
        yield fake


@pytest.fixture
def polled(kook: Channels, discord: Fake, monkeypatch: pytest.MonkeyPatch) -> StoredAccount:
    """An account whose one mapped channel is read, without waiting for its pace."""
    monkeypatch.setattr("hub.pacing.reserve", lambda *_: [0])
    new_mapping(discord_bot(discord))
    return new_account(f"{kook.url}/api/v3")


def turn(account: StoredAccount) -> None:
    body = json.dumps({"tenant": "default", "account": account.id})
    answer = poll.handler({"Records": [{"messageId": "1", "body": body}]}, SimpleNamespace(aws_request_id="a"))
    assert answer == {"batchItemFailures": []}


def numbers(worker: Lambda) -> list[int]:
    return [int(body["message_id"].rpartition("-")[2]) for body in worker.bodies()]


def test_a_poll_begins_now_and_misses_nothing_from_then_on(
    worker: Lambda, kook: Channels, polled: StoredAccount, clock: Clock
) -> None:
    for number in range(1, 4):
        kook.say(number)
    turn(polled)
    assert numbers(worker) == []
    for number in range(4, 130):
        kook.say(number)
    clock.advance(60)
    turn(polled)
    assert numbers(worker) == list(range(4, 130))
    turn(polled)
    assert numbers(worker) == []


def test_an_empty_channel_begins_with_its_first_message(
    worker: Lambda, kook: Channels, polled: StoredAccount, clock: Clock
) -> None:
    turn(polled)
    clock.advance(60)
    kook.say(1)
    turn(polled)
    kook.say(2)
    turn(polled)
    assert numbers(worker) == [1, 2]


def test_a_poll_that_dies_behind_a_page_queues_it_again_and_sqs_takes_it_once(
    worker: Lambda, kook: Channels, polled: StoredAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    turn(polled)
    for number in range(1, 6):
        kook.say(number)
    with monkeypatch.context() as patched:

        def die(*_: Any) -> None:
            raise Unavailable

        patched.setattr(cursors, "put", die)
        with pytest.raises(Unavailable):
            turn(polled)
    turn(polled)
    assert numbers(worker) == list(range(1, 6))


def test_a_deleted_message_loses_no_place(worker: Lambda, kook: Channels, polled: StoredAccount) -> None:
    kook.say(1)
    turn(polled)
    kook.said[CHANNEL].clear()
    kook.say(2)
    kook.say(3)
    turn(polled)
    assert numbers(worker) == [2, 3]


def test_a_message_that_cannot_be_read_hides_none_of_those_before_it(
    worker: Lambda, kook: Channels, polled: StoredAccount
) -> None:
    kook.say(0)
    turn(polled)
    for number in range(1, 71):
        kook.say(number)
    del kook.said[CHANNEL][-1]["author"]
    turn(polled)
    turn(polled)
    assert numbers(worker) == list(range(1, 70))


class Reader:
    """A target that does what the queue says; `told` is all that it was told."""

    def __init__(self, worker: Lambda) -> None:
        self._worker = worker
        self.shows: dict[str, str] = {}
        self.told: list[tuple[str, str]] = []

    def read(self) -> None:
        for body in self._worker.bodies():
            kind, message = body["kind"], body["message_id"]
            self.told.append((kind, message))
            if kind == "delete":
                self.shows.pop(message, None)
            elif kind == "message" or message in self.shows:
                self.shows[message] = body["said"]["content"]


@pytest.mark.parametrize("seed", range(8))
def test_the_target_shows_what_the_channel_shows_whatever_was_done_to_it(
    worker: Lambda, kook: Channels, polled: StoredAccount, clock: Clock, seed: int
) -> None:
    chance, reader, numbers_of = Random(seed), Reader(worker), count(1)
    kook.say(next(numbers_of))
    turn(polled)
    [anchor] = kook.said[CHANNEL]
    for _ in range(6):
        for _ in range(chance.randrange(7)):
            others = [one for one in kook.said[CHANNEL] if one is not anchor]
            match chance.choice(("say", "edit", "delete") if others else ("say",)):
                case "say":
                    kook.say(next(numbers_of))
                case "edit":
                    kook.edit(chance.choice(others), f"改{chance.random()}")
                case "delete":
                    kook.said[CHANNEL].remove(chance.choice(others))
        clock.advance(60)
        turn(polled)
        reader.read()
        assert reader.shows == {one["id"]: one["content"] for one in kook.said[CHANNEL] if one is not anchor}
    once = [one for one in reader.told if one[0] != "edit"]
    assert len(once) == len(set(once))


@pytest.mark.parametrize("seed", range(4))
def test_however_much_is_said_nothing_is_missed_and_nothing_that_stands_is_taken_back(
    worker: Lambda, kook: Channels, polled: StoredAccount, clock: Clock, seed: int
) -> None:
    chance, reader, numbers_of = Random(seed), Reader(worker), count(1)
    kook.say(0)
    turn(polled)
    for _ in range(4):
        for _ in range(chance.choice((0, 3, 49, 50, 51, 110))):
            kook.say(next(numbers_of))
        said = kook.said[CHANNEL][1:]
        seen = [one for one in said if one["id"] in reader.shows]
        for one in chance.sample(seen, min(len(seen), chance.randrange(40))):
            said.remove(one)
            kook.said[CHANNEL].remove(one)
        # A list that leaves out what is there is no deletion.
        kook.hidden = {one["id"] for one in chance.sample(seen, min(len(seen), chance.randrange(4)))}
        clock.advance(60)
        turn(polled)
        reader.read()
        assert {one["id"] for one in said} <= set(reader.shows)
    forwarded = [message for kind, message in reader.told if kind == "message"]
    assert len(forwarded) == len(set(forwarded)) == next(numbers_of) - 1
    assert "edit" not in {kind for kind, _ in reader.told}


def test_a_quiet_channel_costs_a_call_and_no_more_units_than_before(
    worker: Lambda, kook: Channels, polled: StoredAccount, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(1, 90):
        kook.say(number)
    turn(polled)
    written: list[cursors.Cursor] = []
    put = cursors.put

    def note(tenant: str, cursor: cursors.Cursor) -> None:
        written.append(cursor)
        put(tenant, cursor)

    monkeypatch.setattr(cursors, "put", note)
    asked = len(kook.asked)
    clock.advance(59)
    turn(polled)
    assert (len(kook.asked) - asked, written) == (1, [])
    kook.edit(kook.said[CHANNEL][-3], "改过的")
    del kook.said[CHANNEL][-5]
    turn(polled)
    assert [body["kind"] for body in worker.bodies()] == ["edit", "delete"]
    assert len(kook.asked) - asked == 3, "the list, and a look at what it had no more"
    [cursor] = written
    assert len(cursor.known) == cursors.KNOWN
    item = next(one for one in memory.stored() if one["pk"]["S"].endswith("#KOOK_CURSOR"))
    # Its tenant may have 25 letters more.
    assert sum(len(name) + size(value) for name, value in item.items()) + 25 < 1024


def size(value: dict[str, Any]) -> int:
    """How many bytes DynamoDB counts for a text, bytes or a number, at most."""
    [one] = value.values()
    return len(one if isinstance(one, bytes) else one.encode())


def test_what_was_said_in_the_same_millisecond_is_queued_once(
    worker: Lambda, kook: Channels, polled: StoredAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    turn(polled)
    for number in range(1, 4):
        kook.say(number)
    for one in kook.said[CHANNEL]:
        one["create_at"] = kook.said[CHANNEL][-1]["create_at"]
    turn(polled)
    assert numbers(worker) == [1, 2, 3]
    again: list[intake.Told] = []
    monkeypatch.setattr(intake, "take", lambda _tenant, _account, told: again.extend(told))
    turn(polled)
    assert again == [], "SQS would take it once more after five minutes"


def test_a_cursor_of_before_edits_were_seen_goes_on(worker: Lambda, kook: Channels, polled: StoredAccount) -> None:
    for number in range(1, 4):
        kook.say(number)
    kook.edit(kook.said[CHANNEL][0], "很久以前改的")
    last = kook.said[CHANNEL][-1]
    cursors.put("default", cursors.Cursor(CHANNEL, last["id"], last["create_at"], polled.id, 0))
    kook.say(4)
    turn(polled)
    assert [(body["kind"], body["message_id"][-1]) for body in worker.bodies()] == [("message", "4")]


def test_an_edit_that_was_read_is_carried_out_as_it_was_read(
    worker: Lambda, kook: Channels, polled: StoredAccount, discord: Fake, clock: Clock
) -> None:
    discord.will(discord_took(41), discord_took(41))
    turn(polled)
    kook.say(1)
    turn(polled)
    worker.run()
    [message] = kook.said[CHANNEL]
    kook.edit(message, "(met)7(met) 改过的")
    message["mention_info"]["mention_part"] = [{"id": "7", "username": "u", "full_name": "某人"}]
    clock.advance(60)
    turn(polled)
    asked = len(kook.asked)
    worker.run()
    assert (discord.asked[-1].method, discord.asked[-1].json["content"]) == ("PATCH", "@\u200b某人 改过的")
    assert len(kook.asked) == asked, "nobody asks KOOK for it a second time"


def test_kook_is_left_alone_while_it_asks_for_it(
    worker: Lambda, kook: Channels, polled: StoredAccount, clock: Clock
) -> None:
    turn(polled)
    kook.say(1)
    kook.refusals = [told({"code": 429, "message": "too many"}, 429, {"X-Rate-Limit-Reset": "90"})]
    turn(polled)
    asked = len(kook.asked)
    clock.advance(60)
    turn(polled)
    assert len(kook.asked) == asked
    clock.advance(40)
    turn(polled)
    assert numbers(worker) == [1]


def test_a_channel_that_the_bot_does_not_see_holds_up_no_other(
    worker: Lambda, kook: Channels, polled: StoredAccount, discord: Fake
) -> None:
    new_mapping(discord_bot(discord), channel="5555")
    turn(polled)
    kook.say(1)
    turn(polled)
    assert numbers(worker) == [1]


def test_of_two_accounts_one_reads_a_channel(
    worker: Lambda, kook: Channels, polled: StoredAccount, clock: Clock
) -> None:
    other = new_account(f"{kook.url}/api/v3")
    turn(polled)
    asked = len(kook.asked)
    turn(other)
    assert len(kook.asked) == asked
    clock.advance(400)
    kook.say(1)
    turn(other)
    assert numbers(worker) == [1]


def test_a_token_that_kook_refuses_is_noted(kook: Channels, polled: StoredAccount) -> None:
    kook.refusals = [told({"code": 401, "message": "无效的token"}, 401)]
    turn(polled)
    now = accounts.get("default", polled.id)
    assert (now.status, now.error) == ("error", {"code": "401", "message": "无效的token"})
    turn(polled)
    assert accounts.get("default", polled.id).status == "online"


def test_only_an_answer_to_its_token_takes_an_account_out_of_error(worker: Lambda, account: StoredAccount) -> None:
    """KOOK goes on to call back, and where no channel is mapped nothing is asked."""
    trouble: Trouble = {"code": "401", "message": "无效的token"}
    assert accounts.note("default", account, "error", trouble)
    before = len(memory.told())
    assert call(account.callback_id, encrypted(said_event(1))) == (200, {})
    turn(account)
    now = accounts.get("default", account.id)
    assert (now.status, now.error, len(memory.told())) == ("error", trouble, before)


def test_schedules_follow_accounts_whatever_the_events_say(kook: Channels, monkeypatch: pytest.MonkeyPatch) -> None:
    account = new_account(kook.url)
    made: dict[str, Any] = {}
    monkeypatch.setattr(schedules, "put", lambda name, *given: made.update({name: given}))
    monkeypatch.setattr(schedules, "delete", lambda name: made.pop(name, None))

    def tell() -> None:
        detail = {"tenant": "default", "data": {"account_id": account.number}}
        record = {"messageId": "1", "body": json.dumps({"detail": detail})}
        assert schedule.handler({"Records": [record]}, None) == {"batchItemFailures": []}

    tell()
    [(seconds, queue, body)] = made.values()
    assert (seconds, body) == (60, {"tenant": "default", "account": account.id})
    assert queue.endswith(":KookPollQueue")
    stopped = accounts.StoredAccount(**{**as_dict(account), "is_started": False, "version": 2})
    accounts.replace(caller(), account, stopped)
    tell()
    assert made == {}
    accounts.remove(caller(), stopped)
    tell()
    made["left over"] = 1
    monkeypatch.setattr(poll, "scheduled", lambda *_: "left over")
    turn(account)
    assert made == {}


def as_dict(account: StoredAccount) -> dict[str, Any]:
    return {name: getattr(account, name) for name in account.__dataclass_fields__}


def test_what_is_captured_survives_the_queue(worker: Lambda, discord: Fake, account: StoredAccount) -> None:
    from functions.forwarding import captured

    new_mapping(discord_bot(discord))
    event = said_event(
        1,
        "(met)7(met) [看](https://a.b)",
        extra={
            "quote": {"rong_id": "q", "type": 9, "content": "之前", "author": {"id": "2", "nickname": "小红"}},
            "kmarkdown": {"mention_part": [{"id": "7", "username": "u", "full_name": "u#1"}], "mention_role_part": []},
        },
    )
    [heard] = reading.readable(intake.heard, [event])
    intake.take("default", account, [heard])
    [body] = worker.bodies()
    again = captured.read(body)
    assert again.said == heard.said
    assert heard.said
    assert document.shown(heard.said) == "@u#1 看"
