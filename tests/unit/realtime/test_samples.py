"""The room's sample inputs."""

import pytest

from functions.realtime import connections, store
from functions.realtime.store import LiveConnection
from hub import auth, times
from tests.unit.realtime.conftest import Sockets
from tests.unit.samples import invoke, know, sample


@pytest.mark.usefixtures("aws_in_memory")
def test_live_connections() -> None:
    assert invoke("LiveConnectionsFunction") == {"statusCode": 401}
    know(sample("LiveConnectionsFunction")["headers"]["Authorization"].removeprefix("Bearer "), "forwarding:read")
    connections._settings.cache_clear()
    assert invoke("LiveConnectionsFunction") == {"statusCode": 200}
    assert [one.id for one in store.of("default")] == ["Fd7jFeX9oAMCKTg="]


def test_live_push(sockets: Sockets) -> None:
    found_by = know(auth.new_api_key(), "forwarding:read")
    store.add("default", LiveConnection("c1", found_by, times.now() + 60))
    assert invoke("LivePushFunction") == {"batchItemFailures": []}
    assert [one["data"]["message_id"] for one in sockets.posted["c1"]] == ["msg_123"]
