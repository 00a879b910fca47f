"""Samples of the routes of commands and alerts, and of the worker that takes what devices say."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from tests.benchmarks.deployment import Tenant
from tests.benchmarks.devices import new_device
from tests.benchmarks.subject import Subject
from tests.contract.talking import Talker, batch

COMMANDS, TELEMETRY = "functions.iot.commands.api", "functions.iot.telemetry"
NEW_COMMAND = {"command": "turnOn", "params": {"brightness": 80}}

_COMMANDS, _ALERTS = (f"/v1/iot/devices/{{device_id}}/{name}" for name in ("commands", "alerts"))


def subjects() -> list[Subject]:
    """All of them."""
    return [
        Subject(f"POST {_COMMANDS}", COMMANDS, _send(online=True)),
        Subject(f"POST {_COMMANDS} (offline)", COMMANDS, _send(online=False)),
        Subject(f"GET {_COMMANDS}", COMMANDS, _listed(_COMMANDS, pageSize="20")),
        Subject(f"GET {_COMMANDS} (cursor)", COMMANDS, _listed(_COMMANDS, limit="20")),
        Subject(f"GET {_COMMANDS}/{{command_id}}", COMMANDS, _get),
        Subject(f"GET {_ALERTS}", COMMANDS, _listed(_ALERTS, pageSize="20")),
    ]


def workers() -> list[Subject]:
    """Batches of each kind of message; a device that comes back has one command waiting."""
    return [
        Subject("telemetry, 10 devices come online", TELEMETRY, _presence(10), 10),
        Subject("telemetry, 1 device comes online", TELEMETRY, _presence(1)),
        Subject("telemetry, 10 acknowledgements", TELEMETRY, _acknowledgements(10), 10),
        Subject("telemetry, 10 alerts", TELEMETRY, _alerts(10), 10),
        Subject("telemetry, 1 device begins to listen", TELEMETRY, _listens),
    ]


def _device(tenant: Tenant, *, online: bool) -> Talker:
    talker = Talker(tenant.name, new_device(tenant)["id"])
    if online:
        tenant.deployment.run(TELEMETRY, batch(talker.connected()))
    return talker


def _command(tenant: Tenant, talker: Talker) -> str:
    made: str = tenant.ask(COMMANDS, f"POST {_COMMANDS}", NEW_COMMAND, device_id=talker.id)["data"]["id"]
    return made


def _send(*, online: bool) -> Callable[[Tenant, str], Callable[[], Any]]:
    def events_of(tenant: Tenant, _: str) -> Callable[[], Any]:
        talker = _device(tenant, online=online)
        return lambda: tenant.event(f"POST {_COMMANDS}", NEW_COMMAND, device_id=talker.id)

    return events_of


def _listed(path: str, **query: str) -> Callable[[Tenant, str], Callable[[], Any]]:
    def events_of(tenant: Tenant, _: str) -> Callable[[], Any]:
        talker = _device(tenant, online=True)
        for _number in range(20):
            _command(tenant, talker)
            tenant.deployment.run(TELEMETRY, batch(talker.raises()))
        return lambda: tenant.event(f"GET {path}", query=query, device_id=talker.id)

    return events_of


def _get(tenant: Tenant, _: str) -> Callable[[], Any]:
    talker = _device(tenant, online=True)
    path: dict[str, Any] = {"device_id": talker.id, "command_id": _command(tenant, talker)}
    return lambda: tenant.event(f"GET {_COMMANDS}/{{command_id}}", **path)


def _presence(number: int) -> Callable[[Tenant, str], Callable[[], Any]]:
    return lambda tenant, _: lambda: batch(*(_device(tenant, online=False).connected() for _ in range(number)))


def _acknowledgements(number: int) -> Callable[[Tenant, str], Callable[[], Any]]:
    def events_of(tenant: Tenant, _: str) -> Callable[[], Any]:
        talkers = [_device(tenant, online=True) for _ in range(number)]
        return lambda: batch(*(one.acknowledges(_command(tenant, one), result={"brightness": 80}) for one in talkers))

    return events_of


def _alerts(number: int) -> Callable[[Tenant, str], Callable[[], Any]]:
    def events_of(tenant: Tenant, _: str) -> Callable[[], Any]:
        talkers = [_device(tenant, online=True) for _ in range(number)]
        return lambda: batch(*(one.raises(data={"temperature": 86.5}) for one in talkers))

    return events_of


def _listens(tenant: Tenant, _: str) -> Callable[[], Any]:
    def event() -> Any:
        talker = _device(tenant, online=False)
        _command(tenant, talker)
        return batch(replace(talker, number=1).subscribed())

    return event
