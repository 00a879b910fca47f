"""Samples of the devices' routes."""

from collections.abc import Callable
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

from tests.benchmarks.deployment import Tenant
from tests.benchmarks.subject import Subject

DEVICES = "functions.iot.devices.api"
NEW_DEVICE = {"name": "客厅灯", "type": "lamp", "tags": ["家"], "attributes": {"房间": "客厅"}}

_ONE = "/v1/iot/devices/{device_id}"


def subjects() -> list[Subject]:
    """All of them."""
    return [
        Subject("POST /v1/iot/devices", DEVICES, _create({})),
        Subject("POST /v1/iot/devices (csr)", DEVICES, _create({"csr": _signing_request()})),
        _list(),
        _list(limit="20"),
        _list(limit="20", type="lamp"),
        _on_device(f"GET {_ONE}"),
        _on_device(f"PUT {_ONE}", {"name": "卧室灯"}),
        _on_device(f"PATCH {_ONE}", {"name": "卧室灯"}),
        _on_device(f"POST {_ONE}/certificates", {}),
        _on_device(f"DELETE {_ONE}/certificates/{{certificate_id}}"),
        _on_device(f"GET {_ONE}/shadow"),
        _on_device(f"PATCH {_ONE}/shadow", {"desired": {"on": True, "brightness": 80}}),
        _on_device(f"DELETE {_ONE}"),
    ]


def new_device(tenant: Tenant) -> dict[str, Any]:
    """A new device of a tenant's."""
    made: dict[str, Any] = tenant.ask(DEVICES, "POST /v1/iot/devices", NEW_DEVICE)["data"]
    return made


def _signing_request() -> str:
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "lamp")])
    builder = x509.CertificateSigningRequestBuilder().subject_name(name)
    return builder.sign(ec.generate_private_key(ec.SECP256R1()), hashes.SHA256()).public_bytes(Encoding.PEM).decode()


def _create(more: dict[str, str]) -> Callable[[Tenant, str], Callable[[], Any]]:
    return lambda tenant, _: lambda: tenant.event("POST /v1/iot/devices", NEW_DEVICE | more)


def _list(**query: str) -> Subject:
    def events_of(tenant: Tenant, _: str) -> Callable[[], Any]:
        for _number in range(20):
            new_device(tenant)
        return lambda: tenant.event("GET /v1/iot/devices", query=query)

    note = f" ({', '.join(query)})" if query else ""
    return Subject(f"GET /v1/iot/devices{note}", DEVICES, events_of)


def _on_device(route: str, body: Any = None) -> Subject:
    """A request about a device, each time another one: a change that changes nothing is not written."""

    def events_of(tenant: Tenant, _: str) -> Callable[[], Any]:
        def event() -> Any:
            device = new_device(tenant)
            ids = {"device_id": device["id"], "certificate_id": device["certificates"][0]["id"]}
            return tenant.event(route, body, **{name: ids[name] for name in ids if f"{{{name}}}" in route})

        return event

    return Subject(route, DEVICES, events_of)
