"""Items of accounts, bots and mappings: what is written together, and what stands in each other's way."""

from dataclasses import replace
from typing import Any

import pytest

from functions.forwarding import gate
from functions.forwarding.accounts import store as accounts
from functions.forwarding.accounts.store import StoredAccount
from functions.forwarding.bots import store as bots
from functions.forwarding.mappings import store as mappings
from hub.errors import Conflict, NotFound, Unprocessable
from hub.outcomes import Trouble
from hub.store import keys, table, versioned
from tests import forwarder
from tests.conftest import Clock
from tests.contract import memory
from tests.kook import TOKEN
from tests.unit.forwarding.conftest import CALLER, TENANT, Maker

pytestmark = pytest.mark.usefixtures("aws", "clock")

TROUBLE: Trouble = {"code": "10015", "message": "Unknown Webhook"}


@pytest.fixture
def account(aws: None) -> Maker:
    """Makes an account that nobody has started."""

    def make(email: str = "user@example.com", **more: Any) -> StoredAccount:
        never: dict[str, Any] = {"status": "offline", "is_started": False, "bot_user_id": None, "bot_name": None}
        return forwarder.new_account(tenant=TENANT, email=email, **{**never, "last_active": None, **more})

    return make


def shut() -> None:
    table.write(table.Put(table.entities(), {**gate.key(TENANT), "change_id": "x", "is_decided": True}))


def secrets_in_the_clear(*texts: str) -> bool:
    return any(text in str(memory.stored()) for text in texts)


def test_an_account_is_found_by_what_kook_calls_it(account: Maker) -> None:
    made = account()
    assert accounts.by_callback(made.callback_id) == (TENANT, made)
    assert accounts.opened(TENANT, made).token == TOKEN
    assert not secrets_in_the_clear(TOKEN)
    for unknown in ("kook_01", "1", made.id):
        with pytest.raises(NotFound):
            accounts.by_callback(unknown)


def test_an_integrations_callback_is_no_accounts(account: Maker) -> None:
    table.write(table.Put(table.entities(), {**keys.connection("int_1"), "tenant": TENANT}))
    with pytest.raises(NotFound):
        accounts.by_callback("int_1")


def test_an_email_is_one_accounts_whatever_its_case(account: Maker) -> None:
    first = account("User@example.com")
    with pytest.raises(Conflict):
        account("user@EXAMPLE.com")
    accounts.remove(CALLER, first)
    assert account("user@example.com").number == 3
    with pytest.raises(NotFound):
        accounts.by_callback(first.callback_id)


def test_what_is_noted_of_an_account_that_was_stopped_or_changed_meanwhile_is_nothing(account: Maker) -> None:
    made = account()
    assert not accounts.note(TENANT, made, "online")
    assert accounts.get(TENANT, made.id).status == "offline"
    started = replace(made, is_started=True, version=2)
    accounts.replace(CALLER, made, started)
    assert accounts.note(TENANT, started, "error", {"code": "401", "message": "gone"})
    broken = accounts.get(TENANT, made.id)
    assert (broken.status, broken.error, broken.version) == ("error", {"code": "401", "message": "gone"}, 3)
    assert not accounts.note(TENANT, started, "online"), "it is not as it was read"
    assert accounts.note(TENANT, broken, "online")
    assert accounts.get(TENANT, made.id).error is None
    assert not accounts.note(TENANT, replace(broken, id="000000000009"), "online")


def test_how_an_account_does_is_told_when_it_is_news(account: Maker, clock: Clock) -> None:
    one = account(is_started=True, status="online")
    refused: Trouble = {"code": "401", "message": "gone"}
    for status, trouble in (("online", None), ("error", refused), ("error", refused), ("online", None)):
        clock.advance(60)
        assert accounts.note(TENANT, accounts.get(TENANT, one.id), status, trouble)  # type: ignore[arg-type]
    told = memory.told("kook_account.updated")
    assert [(event["data"]["status"], event["data"]["changes"]) for event in told] == [
        ("error", ["error", "status"]),
        ("online", ["error", "status"]),
    ]
    assert [event["data"]["version"] for event in told] == [2, 3]
    assert accounts.get(TENANT, one.id).last_active == round(clock.time() * 1000)


def test_who_heard_of_it_while_it_was_refused_takes_no_words_from_it(account: Maker) -> None:
    one = account(is_started=True, status="online")
    assert accounts.note(TENANT, one, "error", TROUBLE)
    accounts.note(TENANT, one, "online")
    assert (accounts.get(TENANT, one.id).status, accounts.get(TENANT, one.id).error) == ("error", TROUBLE)


def test_when_it_was_heard_of_is_written_once_a_minute(account: Maker, clock: Clock) -> None:
    made = account(is_started=True, status="online", last_active=round(clock.time() * 1000))
    clock.advance(59)
    accounts.seen(TENANT, made, is_accepted=False)
    assert accounts.get(TENANT, made.id).last_active == made.last_active
    clock.advance(1)
    accounts.seen(TENANT, made, is_accepted=False)
    assert accounts.get(TENANT, made.id).last_active == round(clock.time() * 1000)


def test_a_bot_is_disabled_with_its_platforms_words_unless_it_is_switched_off(bot: Maker) -> None:
    on, off = bot(), bot(status="inactive")
    assert bots.disable(TENANT, on, TROUBLE)
    assert (bots.get(TENANT, on.id).status, bots.get(TENANT, on.id).error) == ("error", TROUBLE)
    assert not bots.disable(TENANT, off, TROUBLE)
    assert bots.get(TENANT, off.id).status == "inactive"
    assert not bots.disable(TENANT, replace(on, id="000000000099"), TROUBLE)
    assert not secrets_in_the_clear("abc-DEF")


def test_a_bot_changes_without_losing_count_of_its_mappings(bot: Maker, mapping: Maker) -> None:
    before = bot()
    assert mappings.add_many(CALLER, [mapping(bot=before.number)]) == {}
    bots.replace(CALLER, before, replace(before, name="新名", error=None, version=2))
    after = bots.get(TENANT, before.id)
    assert (after.name, after.mapping_count, after.version) == ("新名", 1, 2)
    assert bots.opened(TENANT, after) == bots.opened(TENANT, before)
    with pytest.raises(versioned.Changed):
        bots.replace(CALLER, before, replace(before, name="旧名", version=2))


def test_a_bot_that_mappings_name_cannot_be_deleted(bot: Maker, mapping: Maker) -> None:
    one = bot()
    made = mapping(bot=one.number)
    mappings.add_many(CALLER, [made])
    with pytest.raises(Conflict) as caught:
        bots.remove(CALLER, bots.get(TENANT, one.id))
    assert (caught.value.error_code, caught.value.values) == ("BOT_IN_USE", {"count": 1})
    mappings.remove(CALLER, made)
    bots.remove(CALLER, bots.get(TENANT, one.id))
    with pytest.raises(NotFound):
        bots.remove(CALLER, bots.get(TENANT, one.id))


def test_a_channels_routes_are_those_of_its_enabled_mappings(bot: Maker, mapping: Maker) -> None:
    one, two = bot(), bot()
    on = mapping("a#b", one.number, filters={**mappings.no_filters(), "include": ["更新"]}, sender_prefix=True)
    off = mapping("a#b", two.number, enabled=False)
    other = mapping("a", one.number)
    assert mappings.add_many(CALLER, [on, off, other]) == {}
    [route] = mappings.routes(TENANT, "a#b")
    assert (route.mapping_id, route.bot_id, route.platform) == (on.id, one.id, "discord")
    assert (route.target_channel_id, route.filters["include"], route.sender_prefix) == (
        "discord_channel_123",
        ["更新"],
        True,
    )
    assert [one.mapping_id for one in mappings.routes(TENANT, "a")] == [other.id]
    assert mappings.routes("other", "a") == []
    assert mappings.channels_of_tenant(TENANT) == {"a#b": "1234567890", "a": "1234567890"}


def test_no_two_mappings_go_the_same_way(bot: Maker, mapping: Maker) -> None:
    one = bot()
    first, second, third = mapping(bot=one.number), mapping(bot=one.number), mapping("other", one.number)
    failed = mappings.add_many(CALLER, [first, second, third])
    assert {mapping_id: error.error_code for mapping_id, error in failed.items()} == {second.id: "MAPPING_EXISTS"}
    assert [made.id for made in mappings.everything(TENANT)] == [first.id, third.id]
    assert bots.get(TENANT, one.id).mapping_count == 2


def test_a_mapping_is_to_a_bot_that_is_there_and_of_its_platform(bot: Maker, mapping: Maker) -> None:
    one = bot()
    good, bad, gone = mapping(bot=one.number), mapping("b", one.number), mapping("c", 99)
    failed = mappings.add_many(CALLER, [good, replace(bad, target_platform="telegram"), gone])
    assert {key: error.error_code for key, error in failed.items()} == dict.fromkeys([bad.id, gone.id], "BOT_NOT_FOUND")
    assert bots.get(TENANT, one.id).mapping_count == 1


def test_more_than_a_transaction_holds_are_written(bot: Maker, mapping: Maker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mappings, "MAX_TOGETHER", 3)
    one = bot()
    made = [mapping(str(number), one.number) for number in range(7)]
    assert mappings.add_many(CALLER, made) == {}
    assert mappings.count(TENANT, 1000) == bots.get(TENANT, one.id).mapping_count == 7


def test_a_mapping_moves_with_its_route_and_its_bots(bot: Maker, mapping: Maker) -> None:
    one, two = bot(), bot()
    before = mapping(bot=one.number)
    mappings.add_many(CALLER, [before, mapping("b", one.number)])
    after = replace(before, kook_channel_id="new", target_bot_id=two.number, version=2)
    mappings.replace(CALLER, before, after)
    assert mappings.routes(TENANT, before.kook_channel_id) == []
    assert [route.bot_id for route in mappings.routes(TENANT, "new")] == [two.id]
    assert [bots.get(TENANT, one_id).mapping_count for one_id in (one.id, two.id)] == [1, 1]
    with pytest.raises(versioned.Changed):
        mappings.replace(CALLER, before, replace(before, enabled=False, version=2))
    with pytest.raises(Conflict):
        mappings.replace(CALLER, after, replace(after, kook_channel_id="b", target_bot_id=one.number, version=3))
    with pytest.raises(Unprocessable):
        mappings.replace(CALLER, after, replace(after, target_bot_id=99, version=3))
    mappings.replace(CALLER, after, replace(after, enabled=False, version=3))
    assert mappings.routes(TENANT, "new") == []


def test_nothing_is_written_while_the_gate_is_shut(account: Maker, bot: Maker, mapping: Maker) -> None:
    one, two, wanted, unused = account(), bot(), mapping(), bot()
    made = mapping("b", two.number)
    mappings.add_many(CALLER, [made])
    shut()
    for write in (
        lambda: account("b@example.com"),
        lambda: accounts.replace(CALLER, one, replace(one, version=2)),
        lambda: accounts.remove(CALLER, one),
        bot,
        lambda: bots.replace(CALLER, two, replace(two, version=2)),
        lambda: bots.remove(CALLER, unused),
        lambda: mappings.add_many(CALLER, [wanted]),
        lambda: mappings.replace(CALLER, made, replace(made, version=2)),
        lambda: mappings.remove(CALLER, made),
    ):
        with pytest.raises(Conflict) as caught:
            write()
        assert caught.value.error_code == "CHANGE_RUNNING"
