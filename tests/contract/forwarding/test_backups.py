"""Document 5 "备份API": backups are made, listed, restored whole or not at all, downloaded and deleted."""

import io
import json
import re
import zipfile
from typing import Any

import pytest

from functions.forwarding import changes, objects
from functions.forwarding.accounts import store as accounts
from functions.forwarding.backups import service
from functions.forwarding.mappings import store as mappings
from functions.forwarding.smart_mapping import store as memory
from tests.conftest import Clock, Deployment
from tests.contract import memory as cloud
from tests.contract.forwarding.test_accounts import refused
from tests.contract.forwarding.test_bots import DISCORD, TELEGRAM
from tests.contract.forwarding.test_mappings import DOCUMENT_5 as MAPPING
from tests.kook import TOKEN, Kook

PATH = "/api/backup"


@pytest.fixture
def configured(deployment: Deployment, kook: Kook) -> Deployment:
    """A tenant with a started account, two bots and two mappings."""
    account = {"email": "user@example.com", "token": TOKEN, "base_url": kook.base_url, "password": "p"}
    assert deployment.call("POST", "/api/accounts", account).status == 201
    assert deployment.call("POST", "/api/accounts/1/start").status == 200
    for body in (DISCORD, TELEGRAM):
        assert deployment.call("POST", "/api/bots", body).status == 201
    assert deployment.call("POST", "/api/mappings", {**MAPPING, "filters": {"include": ["更新"]}}).status == 201
    other = {"target_platform": "telegram", "target_bot_id": 2, "enabled": 0}
    assert deployment.call("POST", "/api/mappings", {**MAPPING, **other}).status == 201
    pair = {"kook_channel_name": "公告频道", "target_name": "announcements"}
    assert deployment.call("POST", "/api/smart-mapping/feedback", {"accepted": [pair]}).status == 200
    return deployment


def create(deployment: Deployment) -> str:
    answer = deployment.call("POST", f"{PATH}/create")
    assert answer.status == 201, answer.text
    return str(answer.json["backup_id"])


def configuration(deployment: Deployment) -> Any:
    """All that a caller sees of the configuration, but when it was changed."""
    seen = {path: deployment.call("GET", f"/api/{path}").json["data"] for path in ("accounts", "bots", "mappings")} | {
        "export": deployment.call("GET", "/api/mappings/export").json["mappings"]
    }
    for rows in seen.values():
        for row in rows:
            row.pop("updated_at", None)
    return seen


def wipe(deployment: Deployment) -> None:
    """Delete everything."""
    for kind in ("mapping", "bot", "account"):
        for one in deployment.call("GET", f"/api/{kind}s").json["data"]:
            assert deployment.call("DELETE", f"/api/{kind}s/{one['id']}").status == 204


def test_the_documents_examples(configured: Deployment) -> None:
    made = configured.call("POST", f"{PATH}/create")
    assert made.status == 201
    assert made.json.keys() == {"success", "backup_id", "backup_path", "size_mb"}
    assert re.fullmatch(r"backup_\d{8}_\d{6}", made.json["backup_id"])
    assert made.json["backup_path"].endswith(".zip")
    assert 0 < made.json["size_mb"] < 0.1
    [one] = configured.call("GET", f"{PATH}/list").json["data"]
    assert (one["backup_id"], one["size_mb"]) == (made.json["backup_id"], made.json["size_mb"])
    assert (one["accounts"], one["bots"], one["mappings"]) == (1, 2, 2)
    restored = configured.call("POST", f"{PATH}/restore", {"backup_id": one["backup_id"]})
    assert (restored.status, restored.json) == (
        200,
        {
            "success": True,
            "message": "备份恢复成功",
            "backup_id": one["backup_id"],
            "accounts": 1,
            "bots": 2,
            "mappings": 2,
        },
    )


def test_backup_wipe_restore_gives_the_same(configured: Deployment) -> None:
    before, learned = configuration(configured), memory.items_of("default")
    callback = before["accounts"][0]["callback_url"].rpartition("/")[2]
    made = create(configured)
    wipe(configured)
    later = {**MAPPING, "target_bot_id": int(configured.call("POST", "/api/bots", DISCORD).json["bot_id"])}
    configured.call("POST", "/api/mappings", {**later, "kook_channel_id": "later"})
    configured.call("POST", "/api/accounts", {"email": "USER@example.com"})
    cloud.published()
    assert configured.call("POST", f"{PATH}/restore", {"backup_id": made}).status == 200
    after = configuration(configured)
    [account] = after["accounts"]
    # It is online again when KOOK has told something.
    assert (account["is_started"], account["status"]) == (True, "offline")
    before["accounts"][0] |= {"status": "offline"}
    assert after == before
    assert memory.items_of("default") == learned
    assert accounts.by_callback(callback)[1].email == "user@example.com"
    assert [route.mapping_id for route in mappings.routes("default", MAPPING["kook_channel_id"])] == ["000000000001"]
    assert mappings.routes("default", "later") == []
    assert "kook_account.started" in [one["detail-type"] for one in cloud.published()]
    # The secrets are what they were, and the counts of mappings are kept on.
    assert configured.call("POST", "/api/accounts/1/start").status == 200
    refused(configured.call("DELETE", "/api/bots/1"), 409, "BOT_IN_USE")
    wipe(configured)


def test_a_restore_over_what_stands_brings_back_what_it_was(configured: Deployment) -> None:
    made, before = create(configured), configuration(configured)
    configured.call("PUT", "/api/mappings/1", {"target_channel_id": "elsewhere", "enabled": 0})
    configured.call("PUT", "/api/bots/1", {"name": "新名"})
    configured.call("DELETE", "/api/mappings/2")
    configured.call("POST", "/api/mappings", {**MAPPING, "kook_channel_id": "extra"})
    assert configured.call("POST", f"{PATH}/restore", {"backup_id": made}).status == 200
    assert configuration(configured) == before
    assert len(mappings.routes("default", MAPPING["kook_channel_id"])) == 1
    assert configured.call("PUT", "/api/mappings/1", {"enabled": 0}).status == 200


def test_a_restore_tells_what_it_changed_and_of_nothing_else(configured: Deployment) -> None:
    made = create(configured)
    configured.call("PUT", "/api/mappings/1", {"enabled": 0})
    configured.call("DELETE", "/api/mappings/2")
    configured.call("DELETE", "/api/bots/2")
    configured.call("POST", "/api/bots", DISCORD)
    configured.call("POST", "/api/mappings", {**MAPPING, "target_bot_id": 3, "kook_channel_id": "extra"})
    configured.call("POST", "/api/accounts", {"email": "later@example.com"})
    configured.call("PUT", "/api/accounts/1", {"password": "another"})
    before = len(cloud.told())
    assert configured.call("POST", f"{PATH}/restore", {"backup_id": made}).status == 200
    told = cloud.told()[before:]
    names = ("mapping_id", "bot_id", "account_id")
    things = [next(one["data"][name] for name in names if name in one["data"]) for one in told]
    changes = [one["data"].get("changes") for one in told]
    found = list(zip([one["type"] for one in told], things, changes, strict=True))
    assert sorted(found, key=str) == [
        ("forward_bot.created", 2, None),
        ("forward_bot.deleted", 3, None),
        ("forward_mapping.created", 2, None),
        ("forward_mapping.deleted", 3, None),
        ("forward_mapping.updated", 1, ["enabled"]),
        ("kook_account.deleted", 2, None),
        ("kook_account.updated", 1, ["login"]),
    ]
    assert configured.call("POST", f"{PATH}/restore", {"backup_id": made}).status == 200
    assert len(cloud.told()) == before + len(told)


def test_a_stopped_account_is_stopped_by_the_restore(configured: Deployment) -> None:
    configured.call("POST", "/api/accounts/1/stop")
    made = create(configured)
    configured.call("POST", "/api/accounts/1/start")
    cloud.published()
    configured.call("POST", f"{PATH}/restore", {"backup_id": made})
    told = [one["detail-type"] for one in cloud.published() if one["source"] == "hub.forwarding"]
    assert told[-1] == "kook_account.stopped"
    assert configured.call("GET", "/api/accounts/1").json["data"]["is_started"] is False


def test_a_backup_holds_no_secret_in_the_clear(configured: Deployment) -> None:
    create(configured)
    s3 = cloud.client("s3")
    [found] = s3.list_objects_v2(Bucket="forwarding-bucket", Prefix="backups/")["Contents"]
    content = s3.get_object(Bucket="forwarding-bucket", Key=found["Key"])["Body"].read()
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        held = {name: archive.read(name).decode() for name in archive.namelist()}
    assert json.loads(held["manifest.json"])["counts"] == {"accounts": 1, "bots": 2, "mappings": 2}
    for secret in (TOKEN, "ABC-DEF", "abc..."):
        assert not any(secret in text for text in held.values())


def test_another_tenant_has_none_of_it(configured: Deployment, other_tenant: Deployment) -> None:
    made = create(configured)
    assert other_tenant.call("GET", f"{PATH}/list").json["data"] == []
    refused(other_tenant.call("POST", f"{PATH}/restore", {"backup_id": made}), 404, "NOT_FOUND")
    assert other_tenant.call("GET", f"{PATH}/{made}/download").status == 404
    assert other_tenant.call("DELETE", f"{PATH}/{made}").status == 404


def test_who_may_not_administer_sees_the_list_and_no_more(configured: Deployment) -> None:
    made, before = create(configured), configuration(configured)
    key = configured.new_key("read", "write", "forwarding:write")["key"]
    for method, path, body in (
        ("POST", "create", None),
        ("POST", "restore", {"backup_id": made}),
        ("GET", f"{made}/download", None),
        ("DELETE", made, None),
    ):
        refused(configured.call(method, f"{PATH}/{path}", body, key=key), 403, "FORBIDDEN")
    listed = configured.call("GET", f"{PATH}/list", key=key).json
    assert [one["backup_id"] for one in listed["data"]] == [made]
    assert configuration(configured) == before


@pytest.mark.parametrize(
    "body", [{}, {"backup_id": "x"}, {"backup_id": "../../a"}, {"backup_id": 1}, {"backup_id": "backup_20251019_1530"}]
)
def test_bad_input(deployment: Deployment, body: Any) -> None:
    refused(deployment.call("POST", f"{PATH}/restore", body), 400, "INVALID_REQUEST")
    refused(deployment.call("POST", f"{PATH}/restore", {"backup_id": "backup_20251019_153000"}), 404, "NOT_FOUND")


def test_what_was_tampered_with_is_not_restored(configured: Deployment) -> None:
    made, before = create(configured), configuration(configured)
    s3 = cloud.client("s3")
    [found] = s3.list_objects_v2(Bucket="forwarding-bucket", Prefix="backups/")["Contents"]
    s3.put_object(Bucket="forwarding-bucket", Key=found["Key"], Body=b"PK")
    refused(configured.call("POST", f"{PATH}/restore", {"backup_id": made}), 422, "BACKUP_DAMAGED")
    s3.delete_object(Bucket="forwarding-bucket", Key=found["Key"])
    refused(configured.call("POST", f"{PATH}/restore", {"backup_id": made}), 422, "BACKUP_DAMAGED")
    assert configuration(configured) == before


def test_two_in_a_second_have_ids_of_their_own_and_are_listed_newest_first(
    deployment: Deployment, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert [create(deployment) for _ in range(2)] == ["backup_20261120_130030", "backup_20261120_130031"]
    listed = deployment.call("GET", f"{PATH}/list?limit=1").json
    assert ([one["backup_id"] for one in listed["data"]], listed["total"]) == (["backup_20261120_130031"], 2)
    monkeypatch.setattr(service, "MAX_BACKUPS", 2)
    refused(deployment.call("POST", f"{PATH}/create"), 422, "QUOTA_EXCEEDED")
    assert deployment.call("DELETE", f"{PATH}/backup_20261120_130030").status == 204
    assert deployment.call("DELETE", f"{PATH}/backup_20261120_130030").status == 404
    assert create(deployment) == "backup_20261120_130030"


def test_a_backup_is_downloaded_from_an_address_of_its_own(deployment: Deployment) -> None:
    made = create(deployment)
    told = deployment.call("GET", f"{PATH}/{made}/download").json
    assert (told["success"], told["backup_id"], told["expires_in"]) == (True, made, objects.URL_SECONDS)
    assert f"{made}.zip" in told["download_url"]
    assert "Signature=" in told["download_url"]


def test_a_restore_that_cannot_be_ended_is_ended_by_the_note(
    configured: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    made, before = create(configured), configuration(configured)
    configured.call("DELETE", "/api/mappings/1")
    write = changes._write

    def die(*_: Any) -> None:
        raise RuntimeError

    monkeypatch.setattr(changes, "_write", die)
    assert configured.call("POST", f"{PATH}/restore", {"backup_id": made}).status == 500
    monkeypatch.setattr(changes, "_write", write)
    refused(configured.call("DELETE", "/api/mappings/2"), 409, "CHANGE_RUNNING")
    refused(configured.call("POST", f"{PATH}/restore", {"backup_id": made}), 409, "CHANGE_RUNNING")
    [item] = [one for one in cloud.stored() if "FORWARD_GATE" in one["pk"]["S"]]
    changes.finish("default", item["change_id"]["S"])
    assert configuration(configured) == before
