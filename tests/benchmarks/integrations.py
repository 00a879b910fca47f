"""Samples of the integrations' routes."""

import json
from collections.abc import Callable
from typing import Any

from hub import events, ids, signing
from hub.connectors.http import Http, HttpConfig
from hub.connectors.protocol import Connector, Page, Record
from hub.events import Caller
from tests.benchmarks.deployment import Tenant
from tests.benchmarks.subject import Subject, request

INTEGRATIONS = "functions.integrations.api"
NEW_INTEGRATION = {
    "name": "Slack集成",
    "service_type": "slack",
    "config": {
        "webhook_url": "https://hooks.slack.com/services/...",
        "channel": "#general",
        "username": "TaiShangLaoJun",
    },
    "settings": {"auto_sync": True, "sync_interval": 300},
}

SYNC = "functions.integrations.sync"
LISTEN = "functions.integrations.listen"
FORWARD = "functions.integrations.forward"

_ROWS = 100
_ONE = "/v1/integrations/{integration_id}"


def subjects() -> list[Subject]:
    """All of them."""
    return [
        request(INTEGRATIONS, "POST /v1/integrations", NEW_INTEGRATION),
        _list(),
        _list(cursor=""),
        _list(service_type="slack"),
        _list(status="active"),
        _on_integration(f"GET {_ONE}"),
        # Each time another one: a change that changes nothing is not written.
        _on_integration(f"PUT {_ONE}", {"name": "新的名称"}, anew=True),
        _on_integration(f"PUT {_ONE}", {"config": {"channel": "#random"}}, anew=True, note=" (config)"),
        _on_integration(f"DELETE {_ONE}", anew=True),
        Subject(f"POST {_ONE}/test", INTEGRATIONS, _test),
        _on_integration(f"POST {_ONE}/sync", anew=True),
        Subject(f"POST {_ONE}/callback", INTEGRATIONS, _told(anew=False)),
        Subject(f"POST {_ONE}/callback (the first)", INTEGRATIONS, _told(anew=True)),
        Subject(f"GET {_ONE}/syncs", INTEGRATIONS, _synced(f"GET {_ONE}/syncs")),
        Subject(f"GET {_ONE}/syncs/{{sync_id}}", INTEGRATIONS, _synced(f"GET {_ONE}/syncs/{{sync_id}}")),
        Subject(f"GET {_ONE}/records", INTEGRATIONS, _synced(f"GET {_ONE}/records")),
        Subject(f"GET {_ONE}/records (change)", INTEGRATIONS, _synced(f"GET {_ONE}/records", change="updated")),
    ]


def workers() -> list[Subject]:
    """What works in the background."""
    return [
        Subject("sync, a page of 100 new records", SYNC, _sync(is_new=True), _ROWS),
        Subject("sync, a page of 100 unchanged records", SYNC, _sync(is_new=False), _ROWS),
        Subject("listen, 10 events that nobody forwards", LISTEN, _heard(10), 10),
        Subject("listen, 10 events that one integration forwards", LISTEN, _heard(10, forward_events=["user.*"]), 10),
        Subject("forward, 1 event", FORWARD, _post),
    ]


def _new(tenant: Tenant, **changes: Any) -> str:
    made: str = tenant.ask(INTEGRATIONS, "POST /v1/integrations", NEW_INTEGRATION | changes)["id"]
    return made


def _list(**query: str) -> Subject:
    def events_of(tenant: Tenant, _: str) -> Callable[[], Any]:
        for _number in range(20):
            _new(tenant)
        return lambda: tenant.event("GET /v1/integrations", query={"limit": "20", **query})

    note = f" ({', '.join(query)})" if query else ""
    return Subject(f"GET /v1/integrations{note}", INTEGRATIONS, events_of)


def _on_integration(route: str, body: Any = None, *, anew: bool = False, note: str = "") -> Subject:
    def events_of(tenant: Tenant, _: str) -> Callable[[], Any]:
        one = _new(tenant)
        return lambda: tenant.event(route, body, integration_id=_new(tenant) if anew else one)

    return Subject(route + note, INTEGRATIONS, events_of)


def _test(tenant: Tenant, receiver: str) -> Callable[[], Any]:
    """Of one whose provider says nothing to the point, which changes no integration, as a success does not."""
    config = {"bot_token": "110201543:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw", "base_url": f"{receiver}/ok"}
    one = _new(tenant, service_type="telegram", config=config)
    return lambda: tenant.event(f"POST {_ONE}/test", integration_id=one)


def _told(*, anew: bool) -> Callable[[Tenant, str], Callable[[], Any]]:
    """A callback, the first of an integration, or one of a burst: its sync was asked for already."""
    config = {"url": "https://example.com/", "records_url": "https://example.com/", "secret": "a-secret"}

    def events_of(tenant: Tenant, _: str) -> Callable[[], Any]:
        def told(one: str) -> dict[str, Any]:
            event = tenant.event(f"POST {_ONE}/callback", {}, integration_id=one)
            signed = signing.headers(event["body"].encode(), "msg_1", "message", tenant.deployment.now(), ["a-secret"])
            event["headers"] |= signed
            return event

        def new() -> str:
            return _new(tenant, service_type="http", config=config)

        one = new()
        # The second of a minute asks for a sync at its end, which serves all that follow.
        for _number in range(2):
            tenant.deployment.run(INTEGRATIONS, told(one))
        return lambda: told(new() if anew else one)

    return events_of


class _Rows(Http):
    """A service that has a page of records; how it is asked is not what is measured."""

    version = 1

    def records(self, config: HttpConfig, cursor: str | None) -> Page[Record]:
        """Issues of some 500 bytes."""
        data = {"title": "登录页报错", "state": "open", "body": "x" * 400, "version": self.version}
        return Page([Record(str(number), "issue", data, self.version) for number in range(_ROWS)])


def _reading(tenant: Tenant) -> str:
    """An integration that has something to read."""
    from hub import connectors

    connectors_of = connectors.connector

    def connector(service_type: str) -> Connector[Any]:
        return _rows if service_type == "http" else connectors_of(service_type)

    connectors.connector = connector
    return _new(
        tenant, service_type="http", config={"url": "https://example.com/", "records_url": "https://example.com/"}
    )


_rows = _Rows()


def _begun(tenant: Tenant, one: str) -> dict[str, Any]:
    """The state with which the machine of a new sync begins."""
    made = tenant.ask(INTEGRATIONS, f"POST {_ONE}/sync", integration_id=one)["id"]
    step = {"status": "running", "wait_seconds": 0, "number": 0}
    return {"tenant": tenant.name, "integration_id": one, "id": made, "step": step}


def _sync(*, is_new: bool) -> Callable[[Tenant, str], Callable[[], Any]]:
    def events_of(tenant: Tenant, _: str) -> Callable[[], Any]:
        known = _reading(tenant)
        tenant.deployment.run(SYNC, _begun(tenant, known))
        return lambda: _begun(tenant, _reading(tenant) if is_new else known)

    return events_of


def _synced(route: str, **query: str) -> Callable[[Tenant, str], Callable[[], Any]]:
    """A request about an integration with 100 records that were synced twice."""

    def events_of(tenant: Tenant, _: str) -> Callable[[], Any]:
        one = _reading(tenant)
        states = []
        for _version in range(2):
            _rows.version += 1
            states.append(_begun(tenant, one))
            tenant.deployment.run(SYNC, states[-1])
        path = {"sync_id": states[-1]["id"]} if "sync_id" in route else {}
        return lambda: tenant.event(route, query=query, integration_id=one, **path)

    return events_of


def _batch(bodies: list[dict[str, Any]]) -> dict[str, Any]:
    texts = [json.dumps(body, ensure_ascii=False) for body in bodies]
    return {"Records": [{"messageId": str(number), "body": text} for number, text in enumerate(texts)]}


def _heard(size: int, **settings: Any) -> Callable[[Tenant, str], Callable[[], Any]]:
    def events_of(tenant: Tenant, _: str) -> Callable[[], Any]:
        _new(tenant, settings=settings)
        caller = Caller(tenant.name, "enterprise", "user_1", "req_1")
        told = {"user_id": "user_1", "name": "张三", "email": "zhang@example.com", "role": "member"}
        return lambda: _batch([{"detail": events.event("user.created", caller, told)} for _number in range(size)])

    return events_of


def _post(tenant: Tenant, receiver: str) -> Callable[[], Any]:
    def event() -> Any:
        one = _new(tenant, service_type="http", config={"url": f"{receiver}/ok"})
        known = {"tenant": tenant.name, "integration_id": one, "event_id": ids.new("evt"), "due": 0, "tries": 0}
        return _batch([{**known, "text": "【新用户】\n名称:张三", "signature": "2026-11-20 13:00:30 UTC"}])

    return event
