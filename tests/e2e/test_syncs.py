"""Syncs over HTTP on the deployed stack: whole, interrupted, limited, and by themselves."""

from typing import Any

from tests.contract.connectors.fakes import told
from tests.e2e.conftest import OpenReceiver
from tests.e2e.polling import eventually
from tests.e2e.providing import Provider
from tests.e2e.running import Client, RunningStack

PATH = "/v1/integrations"


def integrate(api: Client, provider: Provider, **settings: Any) -> str:
    """An integration with a provider; its path."""
    body = {"name": "自有服务", "service_type": "http", "config": provider.config(), "settings": settings}
    made = api.post(PATH, body)
    assert made.status_code == 201, made.text
    return f"{PATH}/{made.json()['id']}"


def ended(api: Client, path: str, seconds: float = 120) -> dict[str, Any]:
    """A sync at its end."""

    def look() -> dict[str, Any] | None:
        found: dict[str, Any] = api.get(path).json()
        return found if found["status"] in ("completed", "failed") else None

    return eventually(look, f"the end of {path}", seconds) or {}


def records(api: Client, one: str, query: str = "") -> dict[str, dict[str, Any]]:
    """Every record, by id."""
    found: dict[str, dict[str, Any]] = {}
    cursor: str | None = ""
    while cursor is not None:
        page = api.get(f"{one}/records?limit=100&cursor={cursor}{query}").json()
        found |= {row["id"]: row for row in page["data"]}
        cursor = page["pagination"]["next_cursor"]
    return found


def test_a_sync_whose_function_is_killed_goes_on_from_its_checkpoint(
    api: Client, stack: RunningStack, receiver: OpenReceiver
) -> None:
    inbox = receiver()
    api.new_webhook(inbox.url, "integration.synced", "integration.sync_failed")
    with Provider(2000) as provider:
        one = integrate(api, provider)
        begun = api.post(f"{one}/sync")
        assert begun.status_code == 202, begun.text
        path = f"{one}/syncs/{begun.json()['id']}"
        eventually(lambda: provider.pages >= 5, "some pages", 60, 0.01)
        assert api.post(f"{one}/sync").json()["id"] == begun.json()["id"], "one at a time"
        eventually(lambda: stack.kill("IntegrationSyncFunction"), "a worker to kill")
        done = ended(api, path)
        assert (done["status"], done["added"], done["records_read"], done["pages"]) == ("completed", 2000, 2000, 20)
        assert provider.pages <= 21, "no page but the one under way is read again"
        assert set(records(api, one)) == {str(number) for number in range(2000)}

        del provider.rows[7]
        provider.rows[0] = provider.rows[0] | {"title": "新的标题"}
        provider.refusals = [told({}, 429, {"Retry-After": "2"})]
        done = ended(api, f"{one}/syncs/{api.post(f'{one}/sync').json()['id']}")
        assert [done[name] for name in ("status", "added", "updated", "deleted")] == ["completed", 0, 1, 1]
        assert set(records(api, one, "&change=deleted")) == {"7"}
        assert records(api, one, "&change=updated")["0"]["data"]["title"] == "新的标题"

    eventually(lambda: len(inbox.received) == 2, "both events")
    told_of = [one.event for one in inbox.received]
    assert {event["type"] for event in told_of} == {"integration.synced"}
    assert sorted(event["data"]["added"] for event in told_of) == [0, 2000]
