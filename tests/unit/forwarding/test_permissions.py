"""The forwarder's functions may do exactly what they do (as `tests/unit/test_permissions.py` has it)."""

import json
from typing import Any

import pytest

from functions.forwarding import changes, gate
from functions.forwarding.bots import store as bots
from hub.store import keys, table
from tests.contract.connectors.fakes import Fake, Reply
from tests.kook import TOKEN, Kook
from tests.unit.granting import Work, granted

BOT, ACCOUNT, MAPPING = "/api/bots/{bot_id}", "/api/accounts/{account_id}", "/api/mappings/{mapping_id}"


def mapping(channel: str) -> dict[str, Any]:
    return {"kook_server_id": "1", "kook_channel_id": channel, "target_platform": "http", "target_bot_id": 1}


def test_accounts(tenant: str, monkeypatch: pytest.MonkeyPatch) -> None:
    work = Work("KookAccountsFunction", tenant, monkeypatch)
    with Kook() as kook:
        kook.server("1", "公会")
        body = {"email": "a@example.com", "token": TOKEN, "base_url": kook.base_url, "password": "p"}
        made = str(work.request("POST /api/accounts", body)["account_id"])
        work.request("GET /api/accounts")
        work.request(f"POST {ACCOUNT}/start", account_id=made)
        work.request(f"GET {ACCOUNT}/servers", account_id=made)
        work.request(f"PUT {ACCOUNT}", {"verify_token": "v"}, account_id=made)
    work.request(f"GET {ACCOUNT}", account_id=made)
    work.request(f"POST {ACCOUNT}/stop", account_id=made)
    work.request(f"DELETE {ACCOUNT}", account_id=made)
    assert work.run(work.event("POST /api/accounts", {}))["statusCode"] == 400
    assert work.used == granted("KookAccountsFunction")


def test_bots(tenant: str, monkeypatch: pytest.MonkeyPatch) -> None:
    work = Work("ForwardBotsFunction", tenant, monkeypatch)
    with Fake(Reply(), Reply(), Reply(), Reply()) as target:
        body = {"platform": "http", "name": "a", "config": {"url": target.url, "token": "t"}}
        made = str(work.request("POST /api/bots", body)["bot_id"])
        work.request(f"POST {BOT}/test", {}, bot_id=made)
    work.request("GET /api/bots")
    work.request(f"PUT {BOT}", {"config": {"token": "another"}}, bot_id=made)
    work.request(f"DELETE {BOT}", bot_id=made)
    assert work.run(work.event("POST /api/bots", {}))["statusCode"] == 400
    assert work.used == granted("ForwardBotsFunction")


def add_bot() -> None:
    from functions.forwarding.bots import service
    from functions.forwarding.bots.models import NewBot
    from hub.events import Caller

    wanted = NewBot(platform="http", name="a", config={"url": "http://127.0.0.1:1/"})
    service.add(Caller("default", "enterprise", "operator", "req"), wanted, "zh-CN")


def test_mappings(tenant: str, monkeypatch: pytest.MonkeyPatch) -> None:
    add_bot()
    work = Work("ForwardMappingsFunction", tenant, monkeypatch)
    made = str(work.request("POST /api/mappings", mapping("1"))["mapping_id"])
    work.request("POST /api/mappings/batch", {"mappings": [mapping("2"), mapping("3")]})
    work.request("GET /api/mappings")
    work.request("POST /api/mappings/import", {"mappings": [mapping("4")]})
    work.request(f"GET {MAPPING}", mapping_id=made)
    work.request(f"PUT {MAPPING}", {"kook_channel_id": "5"}, mapping_id=made)
    work.request(f"DELETE {MAPPING}", mapping_id=made)
    assert work.run(work.event("POST /api/mappings", {}))["statusCode"] == 400
    assert work.used == granted("ForwardMappingsFunction")


def test_changes(tenant: str, monkeypatch: pytest.MonkeyPatch) -> None:
    add_bot()
    work = Work("ForwardingChangesFunction", tenant, monkeypatch)
    gate.close("default", "change_1")
    place = keys.entity("default", bots.KIND, "000000000002")
    writes: list[changes.Write] = [
        table.Put(table.entities(), {**place, "name": "a"}),
        bots.recounted("default", "000000000001", 1),
        table.Delete(table.entities(), keys.entity("default", bots.KIND, "000000000003")),
        table.Put(table.activity(), {**place, "name": "a"}),
        table.Delete(table.activity(), keys.entity("default", bots.KIND, "000000000003")),
    ]
    changes.keep("default", "change_1", writes)
    assert work.batch({"tenant": "default", "change_id": "change_1"}) == {"batchItemFailures": []}
    gate.close("default", "change_2")
    assert work.batch({"tenant": "default", "change_id": "change_2"}) == {"batchItemFailures": []}
    assert json.loads(json.dumps(table.get(table.entities(), gate.key("default")))) is None
    assert work.used == granted("ForwardingChangesFunction")


def test_smart_mapping(tenant: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from functions.forwarding.smart_mapping import store

    add_bot()
    monkeypatch.setattr(store, "MAX_PAIRS", 1)
    work = Work("SmartMappingFunction", tenant, monkeypatch)
    with Kook() as kook:
        kook.server("1", "公会", ("2", "a"))
        body = {"email": "a@example.com", "token": TOKEN, "base_url": kook.base_url}
        answer = Work("KookAccountsFunction", tenant, monkeypatch).request("POST /api/accounts", body)
        wanted = {"account_id": answer["account_id"], "platform": "http"}
        found = work.request("POST /api/smart-mapping/auto-match", wanted)["matches"]
    work.request("POST /api/smart-mapping/apply", {"matches": found})
    for name in ("b", "b", "c"):
        judged = {"rejected": [{"kook_channel_name": name, "target_name": name}]}
        work.request("POST /api/smart-mapping/feedback", judged)
    assert work.run(work.event("POST /api/smart-mapping/feedback", {}))["statusCode"] == 400
    assert work.used == granted("SmartMappingFunction")


def test_backups(tenant: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from functions.forwarding.smart_mapping import store
    from functions.forwarding.smart_mapping.store import Pair

    add_bot()
    store.learn("default", [Pair("a", "b")], [])
    work = Work("ForwardBackupsFunction", tenant, monkeypatch)
    made = work.request("POST /api/backup/create")["backup_id"]
    more = Work("ForwardMappingsFunction", tenant, monkeypatch)
    more.request("POST /api/mappings", mapping("1"))
    work.request("GET /api/backup/list")
    work.request("POST /api/backup/restore", {"backup_id": made})
    work.request("GET /api/backup/{backup_id}/download", backup_id=made)
    work.request("DELETE /api/backup/{backup_id}", backup_id=made)
    assert work.run(work.event("POST /api/backup/restore", {}))["statusCode"] == 400
    assert work.used == granted("ForwardBackupsFunction")
