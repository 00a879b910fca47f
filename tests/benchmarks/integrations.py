"""Samples of the integrations' routes."""

from collections.abc import Callable
from typing import Any

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
