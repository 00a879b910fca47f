"""The functions of the live channel may do exactly what they do (as `tests/unit/test_permissions.py` has it)."""

from typing import Any

import pytest

from functions.realtime import connections, store
from functions.realtime.store import LiveConnection
from hub import auth, times
from tests.contract import memory
from tests.contract.sign_in_server import ISSUER, Server, running
from tests.forwarder import forwarded
from tests.unit.granting import Work, granted
from tests.unit.realtime.conftest import Sockets, opening


def test_live_connections(monkeypatch: pytest.MonkeyPatch) -> None:
    with running():
        server = Server("default")
        made = server.request("POST", "/api/auth/login", body={"email": server.email, "password": server.password})
        token = str(made.json()["token"])
        monkeypatch.setenv("PUBLIC_URL", ISSUER)
        connections._settings.cache_clear()
        work = Work("LiveConnectionsFunction", token, monkeypatch)
        assert work.run(opening("c1", {"Authorization": f"Bearer {token}"}))["statusCode"] == 200
        assert work.run({"requestContext": {"eventType": "DISCONNECT", "connectionId": "c1"}})["statusCode"] == 200
    assert work.used == granted("LiveConnectionsFunction")


def test_live_push(sockets: Sockets, monkeypatch: pytest.MonkeyPatch) -> None:
    credential = auth.credential_hash(memory.bootstrap("acme").api_key)
    for name, one in {"c1": credential, "ended": "f" * 64}.items():
        store.add("acme", LiveConnection(name, one, times.now() + 60))
    work = Work("LivePushFunction", "", monkeypatch)
    status = {"type": "forwarding.status", "tenant": "acme", "data": {"status": {}, "version": 1}}
    answer: Any = work.batch(forwarded("acme"), {"detail": status})
    assert answer == {"batchItemFailures": []}
    assert (list(sockets.posted), sockets.closed) == (["c1"], ["ended"])
    assert work.used == granted("LivePushFunction")
