"""Corrections to MiniStack 1.5.33, made in its process before it serves.

They reach into private names, so the version is pinned exactly and `apply` refuses any other: a new version is looked
at by a person first. Each correction brings the emulator nearer to what AWS does.
"""

from importlib.metadata import version

from local.corrections import devices, functions, gateway, tables
from local.corrections.devices import disconnect_devices
from local.corrections.functions import busy, stop_polling

__all__ = ["MINISTACK_VERSION", "apply", "busy", "disconnect_devices", "stop_polling"]

MINISTACK_VERSION = "1.5.33"


def apply(sink: functions.LogSink) -> None:
    """Correct the imported MiniStack; `sink` gets every line a function writes as `{"kind","function","line"}`."""
    installed = version("ministack")
    if installed != MINISTACK_VERSION:
        raise RuntimeError(f"ministack {installed} is installed, but local/corrections knows {MINISTACK_VERSION}")
    functions.end_invocations_with_a_mark(sink)
    functions.show_failures(sink)
    functions.keep_exception_names()
    gateway.answer_failures_as_api_gateway()
    gateway.answer_connects_as_api_gateway()
    tables.keep_stream_records()
    tables.read_expressions_once()
    functions.read_again_what_a_stream_consumer_reports()
    functions.unpack_layers_once()
    functions.start_few_workers_at_once()
    functions.start_with_few_batches()
    devices.listen_for_devices_on_loopback()
    devices.hold_devices_to_their_policies()
    devices.disconnect_devices_whose_certificate_ends()
    devices.keep_presence_versions()
