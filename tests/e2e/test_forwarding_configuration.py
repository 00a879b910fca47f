"""The forwarder's configuration over HTTP: an account of a KOOK, bots, mappings by their names, a backup and back."""

import io
import json
import zipfile
from collections import Counter
from typing import Any

from tests.contract.connectors.fakes import Asked, Fake, Reply
from tests.e2e.conftest import OpenReceiver
from tests.e2e.files import send
from tests.e2e.polling import eventually
from tests.e2e.running import Client, RunningStack
from tests.kook import TOKEN, Kook


class Target(Fake):
    """A service that takes every message."""

    def answer(self, asked: Asked) -> Reply:
        """As it came."""
        return Reply()


def done(api: Client, method: str, path: str, body: Any = None, status: int = 200) -> Any:
    """The answer to a request that is taken."""
    answer = api.request(method, path, json=body)
    assert answer.status_code == status, answer.text
    return answer.json() if answer.content else None


def configuration(api: Client) -> Any:
    """What a caller sees of bots and mappings."""
    bots = [{**one, "updated_at": ""} for one in done(api, "GET", "/api/bots")["data"]]
    return bots, done(api, "GET", "/api/mappings/export")["mappings"]


def test_from_an_account_to_a_restored_backup(api: Client, receiver: OpenReceiver) -> None:
    inbox = receiver()
    api.new_webhook(inbox.url, "kook_account.*")
    with Kook() as kook, Target() as target:
        kook.server("1234567890", "游戏公会", ("9876543210", "公告频道"), ("9876543211", "闲聊"), category="文字频道")
        wanted = {"email": "user@example.com", "token": TOKEN, "base_url": kook.base_url}
        account = done(api, "POST", "/api/accounts", wanted, 201)["account_id"]
        done(api, "POST", f"/api/accounts/{account}/start")
        assert [one["status"] for one in done(api, "GET", "/api/accounts")["data"]] == ["online"]
        assert done(api, "GET", f"/api/accounts/{account}/servers")["servers"][0]["name"] == "游戏公会"

        for name in ("Announcements", "general"):
            made = {"platform": "http", "name": name, "config": {"url": target.url, "secret": "s3cret-of-ours"}}
            done(api, "POST", "/api/bots", made, 201)
        tested = done(api, "POST", "/api/bots/1/test")
        assert (tested["message"], target.asked[-1].json["text"]) == (
            "测试消息发送成功",
            "【Announcements】这是一条测试消息",
        )
        found = done(api, "POST", "/api/smart-mapping/auto-match", {"account_id": account, "platform": "http"})
        pairs = [(one["kook_channel_name"], one["target_name"]) for one in found["matches"]]
        assert pairs == [("公告频道", "Announcements"), ("闲聊", "general")]
        assert done(api, "POST", "/api/smart-mapping/apply", {"matches": found["matches"]})["created"] == 2

        # More than a transaction of DynamoDB's holds.
        row = {**done(api, "GET", "/api/mappings/export")["mappings"][0], "target_channel_id": "a"}
        rows = [{**row, "kook_channel_id": str(number)} for number in range(60)]
        assert done(api, "POST", "/api/mappings/import", {"mappings": rows})["created"] == 60
        assert done(api, "GET", "/api/bots/1")["data"]["mapping_count"] == 61
        before = configuration(api)

        backup = done(api, "POST", "/api/backup/create", None, 201)["backup_id"]
        told = done(api, "GET", f"/api/backup/{backup}/download")
        with zipfile.ZipFile(io.BytesIO(send("GET", told["download_url"]).content)) as archive:
            assert len(json.loads(archive.read("mappings.json"))) == 62
            assert not any(b"s3cret" in archive.read(name) for name in archive.namelist())

        done(api, "DELETE", f"/api/accounts/{account}", None, 204)
        for one in before[1][:5]:
            done(api, "DELETE", f"/api/mappings/{one['id']}", None, 204)
        done(api, "PUT", "/api/bots/2", {"name": "新名"})
        assert configuration(api) != before
        restored = done(api, "POST", "/api/backup/restore", {"backup_id": backup})
        assert (restored["accounts"], restored["bots"], restored["mappings"]) == (1, 2, 62)
        assert configuration(api) == before
        # Its token is what it was.
        done(api, "POST", f"/api/accounts/{account}/start")
        done(api, "POST", f"/api/accounts/{account}/stop")
    eventually(lambda: len(inbox.received) >= 8, "what became of the account")
    events = sorted((one.event for one in inbox.received), key=lambda event: str(event["timestamp"]))
    words = [event["type"].rpartition(".")[2] for event in events]
    # Of two that a change tells at once either may come first.
    told = {"created": 2, "started": 2, "stopped": 2, "deleted": 1, "updated": 1}
    assert Counter(words) == told, "and that KOOK knows it again after the restore"
    assert [word for word in words if word in ("started", "stopped")] == ["started", "stopped"] * 2


def test_a_change_whose_maker_died_is_given_up_by_the_worker(api: Client, stack: RunningStack) -> None:
    gate: dict[str, Any] = {"pk": {"S": f"T#{api.tenant}#FORWARD_GATE"}, "sk": {"S": "GATE"}}
    held = {**gate, "change_id": {"S": "change_died"}, "is_decided": {"BOOL": False}}
    stack.data.put_item(TableName=stack.outputs["TableName"], Item=held)
    wanted = {"email": "user@example.com"}
    assert api.post("/api/accounts", wanted).json()["error_code"] == "CHANGE_RUNNING"
    note = json.dumps({"tenant": api.tenant, "change_id": "change_died"})
    stack.queues.send_message(QueueUrl=stack.physical_ids["ForwardingChangesQueue"], MessageBody=note)
    eventually(lambda: api.post("/api/accounts", wanted).status_code == 201, "the gate open again", 30)
