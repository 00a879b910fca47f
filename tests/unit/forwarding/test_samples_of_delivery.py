"""Every Lambda of capture and forwarding takes its sample input in `events/` (as `tests/unit/test_samples.py`)."""

from dataclasses import replace

import pytest

from functions.forwarding import state
from functions.forwarding.accounts import store as accounts
from functions.forwarding.delivery import held
from hub import connections, schedules
from hub.connectors.kook import KookConfig
from tests.contract import memory
from tests.contract.connectors.fakes import Fake, told
from tests.forwarder import caller, new_account, new_mapping
from tests.unit.forwarding.flow import CALLER, Lambda, discord_bot, discord_took, rows
from tests.unit.samples import invoke

pytestmark = pytest.mark.usefixtures("aws")

TAKEN: dict[str, list[str]] = {"batchItemFailures": []}


def test_kook_callbacks(worker: Lambda, discord: Fake) -> None:
    new_mapping(discord_bot(discord))
    account = new_account(callback_id="kook_01M7WGNP40DE3B4WZZ6KYE37BC")
    plain = KookConfig(token="1/MTA2MjE=/kook-bot-token", verify_token="xxxxxxxxxxxx")
    shown, sealed = connections.closed("default", accounts.place(account.id), plain)
    accounts.replace(caller(), account, replace(account, config=shown, sealed=sealed, version=2))
    answer = invoke("KookCallbacksFunction")
    assert (answer["statusCode"], answer["body"]) == (200, "{}")
    assert [body["message_id"] for body in worker.bodies()] == ["67e2a5a6-5cf0-4a6e-9d3c-000000000001"]


def test_kook_schedules(monkeypatch: pytest.MonkeyPatch) -> None:
    new_account()
    made: list[str] = []
    monkeypatch.setattr(schedules, "put", lambda name, *_: made.append(name))
    assert invoke("KookSchedulesFunction") == TAKEN
    assert made == [schedules.named("default", "kook_account_000000000001")]


def test_kook_poll(worker: Lambda, discord: Fake) -> None:
    new_mapping(discord_bot(discord))
    with Fake(told({"code": 0, "message": "", "data": {"items": []}})) as kook:
        new_account(f"{kook.url}/api/v3")
        assert invoke("KookPollFunction") == TAKEN
        assert [asked.path for asked in kook.asked] == ["/api/v3/message/list"]


def test_forward(discord: Fake, aws: None) -> None:
    new_mapping(discord_bot(discord))
    discord.will(discord_took())
    for _ in range(2):
        assert invoke("ForwardFunction") == TAKEN
    assert [asked.json["content"] for asked in discord.asked] == ["**公告**: 今晚八点"]
    assert [row.status for row in rows()] == ["success"]


def test_forward_release(discord: Fake, aws: None) -> None:
    new_mapping(discord_bot(discord))
    state.set_running(CALLER, False)
    assert invoke("ForwardFunction") == TAKEN
    assert list(held.mappings("default")) == ["000000000001"]
    state.set_running(CALLER, True)
    assert invoke("ForwardReleaseFunction") == TAKEN
    [body] = memory.received("ForwardQueue.fifo")
    assert '"kind":"release"' in body
