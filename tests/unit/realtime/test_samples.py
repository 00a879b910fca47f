"""The room's sample inputs."""

import pytest

from functions.realtime import connections, store
from functions.realtime.store import LiveConnection
from hub import auth, times
from hub.store import table
from tests.unit.realtime.conftest import Sockets
from tests.unit.test_samples import invoke, sample


@pytest.mark.usefixtures("aws_in_memory")
def test_live_connections() -> None:
    assert invoke("LiveConnectionsFunction") == {"statusCode": 401}
    key = sample("LiveConnectionsFunction")["headers"]["Authorization"].removeprefix("Bearer ")
    _credential(key)
    connections._settings.cache_clear()
    assert invoke("LiveConnectionsFunction") == {"statusCode": 200}
    assert [one.id for one in store.of("default")] == ["Fd7jFeX9oAMCKTg="]


def test_live_push(sockets: Sockets) -> None:
    found_by = _credential(auth.new_api_key())
    store.add("default", LiveConnection("c1", found_by, times.now() + 60))
    assert invoke("LivePushFunction") == {"batchItemFailures": []}
    assert [one["data"]["message_id"] for one in sockets.posted["c1"]] == ["msg_123"]


def _credential(key: str) -> str:
    found_by = auth.credential_hash(key)
    item = auth.credential_item(
        found_by,
        tenant="default",
        credential_id="ak_sample",
        kind="api_key",
        plan="enterprise",
        permissions=["forwarding:read"],
        expires_at=None,
    )
    table.write(table.Put(table.activity(), item))
    return found_by
