"""IoT Core: where it listens, its policies, its certificates, its presence events."""

import asyncio
import ssl
import time
from typing import Any

from ministack.services import iot

from local.process import loopback_hosts

_GOODBYE_SECONDS = 2


def listen_for_devices_on_loopback() -> None:
    """Open the MQTT port on loopback alone (MiniStack binds every interface), and ask each device for a certificate."""
    build = iot._mtls_build_ssl_context
    assert callable(iot._mtls_start_locked)

    async def start() -> None:
        if iot._mtls_server is None:
            loop = asyncio.get_running_loop()
            hosts = [host.strip("[]") for host in loopback_hosts()]
            iot._mtls_server = await loop.create_server(iot._MtlsAcceptor, host=hosts, port=iot._mtls_port())
            iot._mtls_loop = loop

    def build_and_require() -> ssl.SSLContext:
        context: ssl.SSLContext = build()
        context.verify_mode = ssl.CERT_REQUIRED
        return context

    iot._mtls_start_locked = start
    iot._mtls_build_ssl_context = build_and_require


def hold_devices_to_their_policies() -> None:
    """Let a device do what its certificate's IoT policies allow.

    MiniStack looks at them only where it enforces IAM for all services, which the accounts of this run do not have.
    """
    session = iot._WSSession
    assert callable(session._evaluates_policies)
    session._evaluates_policies = lambda self: self.certificate_id is not None


def disconnect_devices_whose_certificate_ends() -> None:
    """Close the connections of a certificate that is deactivated or deleted, as AWS does within minutes."""
    handle = iot._handle_certificate

    def handle_and_disconnect(method: str, path: str, body: bytes, parameters: dict[str, Any]) -> Any:
        answer = handle(method, path, body, parameters)
        certificate = path.removeprefix("/certificates/")
        if not iot._mtls_active_registrations(certificate):
            for session in list(iot._connected_clients.values()):
                if session.certificate_id == certificate:
                    asyncio.run_coroutine_threadsafe(session._send({"type": "websocket.close"}), iot._mtls_loop)
        return answer

    iot._handle_certificate = handle_and_disconnect


def keep_presence_versions() -> None:
    """Count a device's connections on after a restart: to readers of presence events a lower version is an old one."""
    save, load = iot.get_state, iot.load_persisted_state

    def save_with_versions() -> dict[str, Any]:
        state: dict[str, Any] = save()
        state["local_presence_versions"] = [[*key, following] for key, following in iot._presence_versions.items()]
        return state

    def load_with_versions(state: dict[str, Any]) -> None:
        for account, region, client, following in (state or {}).pop("local_presence_versions", []):
            iot._presence_versions[account, region, client] = following
        load(state)

    iot.get_state, iot.load_persisted_state = save_with_versions, load_with_versions


async def disconnect_devices() -> None:
    """Close every device's connection, and wait until what tells of it is in its queues: no connection is saved."""
    await iot.mtls_stop()
    deadline = time.monotonic() + _GOODBYE_SECONDS
    while iot._connected_clients and time.monotonic() < deadline:  # noqa: ASYNC110 - a session that ends tells no event
        await asyncio.sleep(0.02)
