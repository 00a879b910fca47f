"""What is measured: one sample of every route and of every worker. A new route or worker gets its line here."""

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from hub import events, ids, times
from tests.benchmarks import (
    conversations,
    customers,
    delivery,
    device_commands,
    devices,
    files,
    forward_figures,
    forwarding,
    identity,
    integrations,
    messaging,
    orders,
    plugins,
    realtime,
    statistics,
    tickets,
)
from tests.benchmarks.deployment import Tenant, functions
from tests.benchmarks.subject import Subject, request

KEYS, WEBHOOKS = "functions.identity.api_keys.api", "functions.webhooks.api"
FAN_OUT, DELIVER = "functions.webhooks.fan_out", "functions.webhooks.deliver"
RETRY, PUBLISHER = "functions.webhooks.retry", "functions.outbox.publisher"
REPLAY, REAPER = "functions.webhooks.replay", "functions.webhooks.reaper"
NEW_KEY = {
    "name": "我的API密钥",
    "description": "用于生产环境的API密钥",
    "permissions": ["read", "write"],
    "expires_at": "2030-12-31T23:59:59Z",
}


def subjects() -> list[Subject]:
    """Everything that is measured, endpoints first."""
    return [
        *_api_keys(),
        *identity.subjects(),
        *_webhooks(),
        *integrations.subjects(),
        *plugins.subjects(),
        *forwarding.subjects(),
        *messaging.subjects(),
        *conversations.subjects(),
        *orders.subjects(),
        *tickets.subjects(),
        *customers.subjects(),
        *files.subjects(),
        *devices.subjects(),
        *device_commands.subjects(),
        *statistics.subjects(),
        *delivery.subjects(),
        *forward_figures.subjects(),
        *_reference(),
        *_workers(),
        *delivery.workers(),
    ]


def unmeasured() -> list[str]:
    """Routes and workers of the template that have no sample here."""
    found = subjects()
    names, modules = {subject.name.partition(" (")[0] for subject in found}, {subject.module for subject in found}
    missing = [route for function in functions() for route in function.routes if route not in names]
    workers = [function for function in functions() if not function.routes and function.module != _BOOTSTRAP]
    return missing + [function.name for function in workers if function.module not in modules]


_BOOTSTRAP = "functions.identity.bootstrap"
"""Run once by the operator: what it costs matters to nobody."""


def _on_key(route: str, body: Any = None) -> Subject:
    """A request about a key, each time a new one."""

    def events_of(tenant: Tenant, _: str) -> Callable[[], Any]:
        return lambda: tenant.event(route, body, api_key_id=_new_key(tenant))

    return Subject(route, KEYS, events_of)


def _new_key(tenant: Tenant) -> str:
    made: str = tenant.ask(KEYS, "POST /v1/api-keys", NEW_KEY)["id"]
    return made


def _api_keys() -> list[Subject]:
    def keyed(tenant: Tenant, _: str) -> Callable[[], Any]:
        route = "POST /v1/api-keys"
        return lambda: tenant.event(route, NEW_KEY, headers={"idempotency-key": ids.new("k")})

    def twenty(**query: str) -> Callable[[Tenant, str], Callable[[], Any]]:
        def events_of(tenant: Tenant, _: str) -> Callable[[], Any]:
            for _number in range(20):
                _new_key(tenant)
            return lambda: tenant.event("GET /v1/api-keys", query=query)

        return events_of

    return [
        request(KEYS, "POST /v1/api-keys", NEW_KEY),
        Subject("POST /v1/api-keys (Idempotency-Key)", KEYS, keyed),
        Subject("GET /v1/api-keys", KEYS, twenty(page="1", limit="20")),
        Subject("GET /v1/api-keys (cursor)", KEYS, twenty(cursor="", limit="20")),
        _on_key("GET /v1/api-keys/{api_key_id}"),
        _on_key("PUT /v1/api-keys/{api_key_id}", {"name": "更新后的名称"}),
        _on_key("DELETE /v1/api-keys/{api_key_id}"),
        _on_key("GET /v1/api-keys/{api_key_id}/usage"),
        _on_key("POST /v1/api-keys/{api_key_id}/rotate", {}),
    ]


def _new_webhook(receiver: str, path: str = "/ok") -> dict[str, Any]:
    return {"url": receiver + path, "events": ["api_key.*"], "headers": {"X-Custom-Header": "value"}}


def _webhook(tenant: Tenant, receiver: str, path: str = "/ok") -> str:
    made: str = tenant.ask(WEBHOOKS, "POST /v1/webhooks", _new_webhook(receiver, path))["data"]["id"]
    return made


def _on_webhook(route: str, body: Any = None, *, anew: bool = False, rows: int = 0, **more: Any) -> Subject:
    """A request about a webhook, with `rows` deliveries in its log; `anew`: each time another one."""

    def events_of(tenant: Tenant, receiver: str) -> Callable[[], Any]:
        one = _webhook(tenant, receiver)
        for _ in range(rows // 10):
            tenant.deployment.run(DELIVER, queued(tenant, one, 10))

        def event() -> Any:
            return tenant.event(route, body, webhook_id=_webhook(tenant, receiver) if anew else one, **more)

        return event

    return Subject(route, WEBHOOKS, events_of)


def _webhooks() -> list[Subject]:
    one, logs = "/v1/webhooks/{webhook_id}", "GET /v1/webhooks/{webhook_id}/logs"

    def create(tenant: Tenant, receiver: str) -> Callable[[], Any]:
        return lambda: tenant.event("POST /v1/webhooks", _new_webhook(receiver))

    def retry(tenant: Tenant, receiver: str) -> Callable[[], Any]:
        webhook = _webhook(tenant, receiver)

        def event() -> Any:
            failed = [_add_row(tenant, webhook, "failed") for _ in range(10)]
            return tenant.event(f"POST {one}/retry", {"log_ids": failed}, webhook_id=webhook)

        return event

    return [
        Subject("POST /v1/webhooks", WEBHOOKS, create),
        replace(_on_webhook("GET /v1/webhooks"), events=_listed),
        _on_webhook(f"GET {one}"),
        _on_webhook(f"PUT {one}", {"description": "新的说明"}),
        _on_webhook(f"PATCH {one}", {"description": "新的说明"}),
        _on_webhook(f"DELETE {one}", anew=True),
        _on_webhook(f"POST {one}/test", {}),
        _on_webhook(logs, rows=50),
        replace(_on_webhook(logs, rows=60, query={"cursor": ""}), name=f"{logs} (cursor)"),
        replace(_on_webhook(logs, rows=500), name=f"{logs} (500 rows, page 1)"),
        Subject(f"GET {one}/stats", WEBHOOKS, _statistics(24)),
        Subject(f"GET {one}/stats (30 days)", WEBHOOKS, _statistics(720)),
        Subject(f"POST {one}/retry", WEBHOOKS, retry),
        Subject(f"POST {one}/replay", WEBHOOKS, _begin_replay),
        Subject(f"GET {one}/replays/{{replay_id}}", WEBHOOKS, _shown_replay),
        _on_webhook(f"POST {one}/rotate-secret", {}),
    ]


def _statistics(hours: int) -> Callable[[Tenant, str], Callable[[], Any]]:
    """Every hour with answers of ten lengths."""

    def events_of(tenant: Tenant, receiver: str) -> Callable[[], Any]:
        from functions.webhooks import statistics

        webhook, now = _webhook(tenant, receiver), times.now_ms()
        starts = [now - ago * 3_600_000 for ago in range(hours)]
        took = [2**power for power in range(10)]
        statistics.add(
            tenant.name,
            webhook,
            [({"at": at, "code": 200, "ms": ms, "error": None}, "success") for at in starts for ms in took],
        )
        route = "GET /v1/webhooks/{webhook_id}/stats"
        return lambda: tenant.event(route, webhook_id=webhook, query={"hours": str(hours)})

    return events_of


def _begin_replay(tenant: Tenant, receiver: str) -> Callable[[], Any]:
    """A webhook's first one."""

    def event() -> Any:
        body = {"since": times.iso(times.now() - 3600)}
        return tenant.event("POST /v1/webhooks/{webhook_id}/replay", body, webhook_id=_webhook(tenant, receiver))

    return event


def _shown_replay(tenant: Tenant, receiver: str) -> Callable[[], Any]:
    route, webhook = "/v1/webhooks/{webhook_id}/replay", _webhook(tenant, receiver)
    body = {"since": times.iso(times.now() - 3600)}
    replay_id = tenant.ask(WEBHOOKS, f"POST {route}", body, webhook_id=webhook)["data"]["replay_id"]
    return lambda: tenant.event(f"GET {route}s/{{replay_id}}", webhook_id=webhook, replay_id=replay_id)


def _listed(tenant: Tenant, receiver: str) -> Callable[[], Any]:
    for _ in range(5):
        _webhook(tenant, receiver)
    return lambda: tenant.event("GET /v1/webhooks")


def _reference() -> list[Subject]:
    return [request("functions.reference.api", route) for route in ("GET /openapi.json", "GET /docs")]


def event_of(tenant: Tenant) -> dict[str, Any]:
    """An event."""
    caller = events.Caller(tenant.name, "enterprise", ids.new("ak"), ids.new("req"))
    told = {
        "api_key_id": ids.new("ak"),
        "name": "我的API密钥",
        "prefix": "sk_live_Ab3d",
        "permissions": ["read", "write"],
        "created_at": times.iso(times.now()),
        "expires_at": "2030-12-31T23:59:59Z",
    }
    return events.event("api_key.created", caller, told)


def on_the_bus(event: dict[str, Any]) -> str:
    """An event as EventBridge hands it to a queue."""
    envelope = {
        "version": "0",
        "id": "17793124-05d4-b198-2fde-7ededc63b103",
        "detail-type": event["type"],
        "source": f"hub.{events.AREAS[event['type']]}",
        "account": "123456789012",
        "time": event["timestamp"],
        "region": "us-east-1",
        "resources": [],
    }
    return json.dumps({**envelope, "detail": event}, ensure_ascii=False)


def batch(bodies: list[str]) -> dict[str, Any]:
    """Messages as SQS hands them to a Lambda."""
    return {"Records": [{"messageId": ids.new("msg"), "body": body} for body in bodies]}


def queued(tenant: Tenant, webhook_id: str, size: int) -> dict[str, Any]:
    """A batch of first deliveries."""
    from functions.webhooks import delivery, dispatch

    made = [dispatch.first(delivery.new(tenant.name, webhook_id, event_of(tenant))) for _ in range(size)]
    return batch([_due(message) for message in made])


def _due(message: dict[str, Any]) -> str:
    """A message that is due now, in the lane where those of a new webhook are."""
    return json.dumps({**message, "due": times.now_ms(), "slow": True}, ensure_ascii=False)


def _add_row(tenant: Tenant, webhook_id: str, status: str, overdue_ms: int = 0) -> str:
    """Write a delivery that one attempt failed; a pending one is due now, or was a while ago."""
    from functions.webhooks import delivery, log

    attempt = {"at": times.now_ms(), "code": 500, "ms": 12, "error": None}
    made = delivery.new(tenant.name, webhook_id, event_of(tenant))
    due_at = times.now_ms() - overdue_ms
    row = delivery.with_attempt(made, attempt, "failed" if status == "failed" else "pending", due_at)
    log.put([row])
    return row.id


def _fan_out(size: int) -> Callable[[Tenant, str], Callable[[], Any]]:
    def events_of(tenant: Tenant, receiver: str) -> Callable[[], Any]:
        _webhook(tenant, receiver)
        return lambda: batch([on_the_bus(event_of(tenant)) for _ in range(size)])

    return events_of


def _deliver(size: int, path: str) -> Callable[[Tenant, str], Callable[[], Any]]:
    def events_of(tenant: Tenant, receiver: str) -> Callable[[], Any]:
        webhook = _webhook(tenant, receiver, path)
        return lambda: queued(tenant, webhook, size)

    return events_of


def _sent_anew(tenant: Tenant, receiver: str) -> Callable[[], Any]:
    webhook = _webhook(tenant, receiver)

    def event() -> Any:
        place = {"tenant": tenant.name, "webhook_id": webhook, "generation": 1}
        return batch([_due(place | {"id": _add_row(tenant, webhook, "failed")}) for _ in range(10)])

    return event


def _retry(path: str) -> Callable[[Tenant, str], Callable[[], Any]]:
    def events_of(tenant: Tenant, receiver: str) -> Callable[[], Any]:
        webhook = _webhook(tenant, receiver, path)

        def event() -> Any:
            row = _add_row(tenant, webhook, "pending")
            # The execution's first question: the attempt takes a slot, which is due at once.
            waited = {"status": "pending", "wait_seconds": 0}
            return {"tenant": tenant.name, "webhook_id": webhook, "id": row, "generation": 0, "outcome": waited}

        return event

    return events_of


def _replay(tenant: Tenant, receiver: str) -> Callable[[], Any]:
    """A page of a hundred, each time of another webhook."""

    def event() -> Any:
        from functions.webhooks import replays
        from functions.webhooks.models import ReplayRequest

        webhook = _webhook(tenant, receiver)
        for _ in range(100):
            _add_row(tenant, webhook, "failed")
        since = json.dumps({"since": times.iso(times.now() - 3600)})
        # Its events happened in this very millisecond, which is after a replay's end.
        begun = replays.begin(tenant.name, webhook, ReplayRequest.model_validate_json(since))
        return replays.state(replace(begun, until=begun.until + 1000, started_at=begun.started_at + 1))

    return event


def _reap(tenant: Tenant, receiver: str) -> Callable[[], Any]:
    webhook = _webhook(tenant, receiver)

    def event() -> Any:
        for _ in range(10):
            _add_row(tenant, webhook, "pending", overdue_ms=1_800_000)
        return {"time": times.iso(times.now())}

    return event


def _inbound(size: int, *, new: bool) -> Callable[[Tenant, str], Callable[[], Any]]:
    def events_of(tenant: Tenant, _: str) -> Callable[[], Any]:
        def event() -> Any:
            contacts = [ids.new("contact") if new else "contact" for _number in range(size)]
            return batch([on_the_bus(conversations.received(tenant, contact)) for contact in contacts])

        return event

    return events_of


def _count(size: int) -> Callable[[Tenant, str], Callable[[], Any]]:
    return lambda tenant, _: lambda: batch([on_the_bus(statistics.told(tenant, number)) for number in range(size)])


def _total(size: int) -> Callable[[Tenant, str], Callable[[], Any]]:
    return lambda tenant, _: lambda: batch([on_the_bus(customers.told(tenant)) for _number in range(size)])


def _publish(size: int) -> Callable[[Tenant, str], Callable[[], Any]]:
    return lambda tenant, _: lambda: {"Records": [_change(tenant) for _ in range(size)]}


def _workers() -> list[Subject]:
    return [
        Subject("inbound, 10 of new contacts", conversations.INBOUND, _inbound(10, new=True), 10),
        Subject("inbound, 1 of a known contact", conversations.INBOUND, _inbound(1, new=False)),
        Subject("count, 10 events", statistics.COUNT, _count(10), 10),
        Subject("count, 1 event", statistics.COUNT, _count(1)),
        Subject("totals, 10 events", customers.TOTALS, _total(10), 10),
        Subject("totals, 1 event", customers.TOTALS, _total(1)),
        *files.workers(),
        *device_commands.workers(),
        *plugins.workers(),
        *forwarding.workers(),
        *messaging.workers(),
        *integrations.workers(),
        *realtime.workers(),
        *forward_figures.workers(),
        Subject("publisher, 10 changes", PUBLISHER, _publish(10), 10),
        Subject("publisher, 1 change", PUBLISHER, _publish(1)),
        Subject("fan_out, 10 events", FAN_OUT, _fan_out(10), 10),
        Subject("fan_out, 1 event", FAN_OUT, _fan_out(1)),
        Subject("deliver, 10 messages", DELIVER, _deliver(10, "/ok"), 10),
        Subject("deliver, 1 message", DELIVER, _deliver(1, "/ok")),
        Subject("deliver, 10 that fail", DELIVER, _deliver(10, "/fail"), 10),
        Subject("deliver, 1 that fails", DELIVER, _deliver(1, "/fail")),
        Subject("deliver, 10 sent anew by hand", DELIVER, _sent_anew, 10),
        Subject("retry, succeeds", RETRY, _retry("/ok")),
        Subject("retry, fails again", RETRY, _retry("/fail")),
        Subject("replay, a page of 100", REPLAY, _replay, 100),
        Subject("reaper, 10 taken over", REAPER, _reap, 10),
    ]


def _change(tenant: Tenant) -> dict[str, Any]:
    """A new key as the table's stream tells of it."""
    from hub.store.items import to_item

    item = {
        "pk": f"T#{tenant.name}#API_KEY",
        "sk": ids.new("ak"),
        "name": "我的API密钥",
        "permissions": ["read", "write"],
        "credentials": ["0" * 64],
        "events": [event_of(tenant)],
    }
    image = to_item(item)
    keys = {name: image[name] for name in ("pk", "sk")}
    return {"eventID": ids.new("e"), "eventName": "INSERT", "dynamodb": {"Keys": keys, "NewImage": image}}
