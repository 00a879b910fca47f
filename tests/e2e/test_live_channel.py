"""`/ws` on the running stack: whoever may listen is told what is forwarded as it is forwarded, and nobody else."""

import json
import shutil
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.forwarded import forward
from tests.e2e.listening import Listeners
from tests.e2e.polling import eventually
from tests.e2e.running import ROOT, Client, RunningStack

NODE = ROOT / "tests" / "node"


@pytest.fixture
def listeners(stack: RunningStack) -> Iterator[Listeners]:
    with Listeners(stack.description["ws_url"]) as opened:
        yield opened


def heard(told: list[Any]) -> list[str]:
    return [one["data"]["message_id"] for one in told if one["type"] == "log"]


def bearer(client: Client) -> dict[str, str]:
    return {"Authorization": f"Bearer {client.key}"}


def test_document_5s_client_as_it_stands(stack: RunningStack) -> None:
    node = shutil.which("node")
    if node is None or not (NODE / "node_modules" / "ws").is_dir():
        pytest.skip("document 5's client is JavaScript: it needs Node.js, and `make node`")
    place = stack.description["ws_url"].removeprefix("ws://").removesuffix("/ws")
    with subprocess.Popen([node, str(NODE / "live.mjs"), place], stdout=subprocess.PIPE, text=True) as process:
        printed: list[list[Any]] = []
        reading = threading.Thread(target=_read, args=(process, printed))
        reading.start()
        try:
            eventually(lambda: ["WebSocket连接成功"] in printed, "the connection is open")
            message = forward(stack, stack.description["tenant"])
            eventually(lambda: [line for line in printed if line[0] == "日志:"], "the push")
        finally:
            process.terminate()
            reading.join()
    (told,) = [data for name, *data in printed if name == "收到消息:"]
    assert told[0]["type"] == "log"
    assert {**told[0]["data"], "timestamp": ""} == {
        "message_id": message,
        "status": "success",
        "content": "测试消息",
        "latency_ms": 1200,
        "platform": "discord",
        "timestamp": "",
    }
    assert ["日志:", told[0]["data"]] in printed


def _read(process: "subprocess.Popen[str]", printed: list[list[Any]]) -> None:
    assert process.stdout
    printed.extend(map(json.loads, process.stdout))


def test_two_hundred_sockets_get_every_push_and_another_tenants_sees_nothing(
    stack: RunningStack, api: Client, other_tenant: Client, listeners: Listeners
) -> None:
    theirs = listeners.open(bearer(other_tenant))
    mine = listeners.open_many(200, bearer(api))
    sent = {forward(stack, api.tenant, str(number)) for number in range(3)}
    sent.add(forward(stack, api.tenant, status="failed", latency_ms=None, error={"code": "404", "message": "x"}))
    eventually(lambda: all(sent <= {*heard(one.told)} for one in mine), "every push at every socket", seconds=60)
    assert theirs.told == []
    last = forward(stack, other_tenant.tenant)
    eventually(lambda: heard(theirs.told) == [last], "their own")
    assert all(last not in heard(one.told) for one in mine)


def test_the_credential_may_come_in_four_ways_and_is_needed(
    stack: RunningStack, api: Client, listeners: Listeners
) -> None:
    told = [
        listeners.open(bearer(api)),
        listeners.open({"X-API-Token": api.key}),
        listeners.open(query=f"?token={api.key}"),
        listeners.open(protocols=["bearer", api.key]),
    ]
    assert [one.socket.subprotocol for one in told] == [None, None, None, "bearer"]
    message = forward(stack, api.tenant)
    eventually(lambda: all(heard(one.told) == [message] for one in told), "all four are told")
    for refused in (
        {"headers": {"Authorization": "Bearer sk_live_wrong"}},
        {"headers": {"X-API-Token": "wrong"}},
        {"query": "?token=wrong"},
        {"protocols": ["bearer", "wrong"]},
    ):
        assert listeners.refusal(**refused) == 401
    administrator = {name: stack.description[f"admin_{name}"] for name in ("email", "password")}
    signed_in = stack.first_client().post("/api/auth/login", administrator).json()
    listeners.open({"Authorization": f"Bearer {signed_in['token']}"})
    deaf = api.new_key("deaf", permissions=["webhooks:read"])["key"]
    assert listeners.refusal({"X-API-Token": deaf}) == 403
    listeners.say(told[0], "ping")
    eventually(lambda: {"type": "pong"} in told[0].told, "the answer to a ping")


def test_a_revoked_key_ends_its_sockets_and_a_closed_one_is_forgotten(
    stack: RunningStack, api: Client, listeners: Listeners
) -> None:
    made = api.new_key("for a while", permissions=["forwarding:read"])
    revoked, closed = listeners.open({"X-API-Token": made["key"]}), listeners.open(bearer(api))
    stays = listeners.open(bearer(api))
    listeners.close(closed)
    eventually(lambda: len(_rows(stack, api)) == 2, "the closed one is forgotten")
    assert api.request("DELETE", f"/v1/api-keys/{made['id']}").status_code == 204
    message = forward(stack, api.tenant)
    eventually(lambda: heard(stays.told) == [message], "the push")
    eventually(lambda: revoked.is_closed, "the end of the revoked one")
    assert revoked.told == []
    eventually(lambda: len(_rows(stack, api)) == 1, "both are forgotten")


def _rows(stack: RunningStack, api: Client) -> list[Any]:
    found = stack.data.query(
        TableName=stack.physical_ids["ActivityTable"],
        KeyConditionExpression="pk = :pk",
        ExpressionAttributeValues={":pk": {"S": f"T#{api.tenant}#LIVE_CONNECTION"}},
    )
    return found["Items"]


def test_no_token_is_in_the_logs(stack: RunningStack, api: Client, listeners: Listeners) -> None:
    listeners.open(query=f"?token={api.key}")
    logs = "".join(file.read_text(errors="replace") for file in Path(stack.state_dir).rglob("*.log*"))
    assert logs
    assert api.key not in logs
