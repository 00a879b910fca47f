"""What can be done with commands: told to a device, told again when it begins to listen, and acknowledged.

The item is written before the command is published, and published whether or not the device is known to be there: a
device that begins to listen after the item was written is told by `deliver_waiting`, one that did so before hears it
now. So a command that was answered is never lost between the two, whatever was thought of the device.
"""

from collections.abc import Callable
from itertools import islice
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from functions.iot import topics
from functions.iot.commands import store
from functions.iot.commands.models import Acknowledgement, Command, NewCommand
from functions.iot.commands.store import StoredCommand, shown
from functions.iot.devices import store as devices
from functions.iot.payload import compact
from hub import aws, events, ids, times
from hub.errors import NotFound, Unavailable, Unprocessable
from hub.events import Caller
from hub.store import keys, table, versioned
from hub.store.paging import Page
from hub.store.query import ListQuery
from hub.telemetry import count, logger

MAX_WAITING = 100
"""Commands that a device which is offline can have before it, and that one which begins to listen is told."""


def send(caller: Caller, device_id: str, wanted: NewCommand) -> Command:
    """Tell a device what to do. Raises `Unprocessable` where too many commands wait for one that is offline."""
    device = devices.get(caller.tenant, device_id, consistent=True)
    now = times.now_ms()
    online = device.status == "online"
    if not online and store.how_many_wait(caller.tenant, device_id, now, MAX_WAITING) >= MAX_WAITING:
        raise Unprocessable("quota_exceeded", limit=MAX_WAITING)
    command = StoredCommand(
        id=ids.new(store.PREFIX, now),
        device_id=device_id,
        command=wanted.command,
        params=wanted.params,
        created_at=now,
        expires_at=now + wanted.expiresIn * 1000,
    )
    store.add(caller.tenant, command)
    try:
        _publish(caller.tenant, command)
        if online:
            command = _change(caller, command, lambda one: one.sent(times.now_ms()))
    except (Unavailable, ClientError, BotoCoreError):
        # The command stands: an error would make the caller send another.
        logger().exception("a command may not be on its way", extra={"command_id": command.id})
        count("CommandsNotPublished")
    return shown(command, times.now_ms())


def get(tenant: str, device_id: str, command_id: str) -> Command:
    """Show a command. Raises `NotFound` also where the device is gone."""
    device, command = keys.entity(tenant, devices.KIND, device_id), store.key(tenant, device_id, command_id)
    found = table.get_many({table.entities(): [device, command]})
    item = found.get((table.entities(), command["pk"], command["sk"]))
    if item is None or len(found) < 2:
        raise NotFound
    return shown(store.read(item), times.now_ms())


def listed(tenant: str, device_id: str, query: ListQuery) -> Page[Command]:
    """List the commands of a device."""
    devices.get(tenant, device_id)
    return store.page(tenant, device_id, query)


def deliver_waiting(caller: Caller, device_id: str) -> None:
    """Publish what a device that begins to listen has not acknowledged yet, the oldest first.

    Also what is on its way already: whoever comes back may have lost it with the connection before.
    """
    waiting = list(islice(store.waiting(caller.tenant, device_id, times.now_ms()), MAX_WAITING + 1))
    if len(waiting) > MAX_WAITING:
        logger().warning("more commands wait than are published", extra={"device_id": device_id})
        count("CommandsLeftWaiting")
    for command in waiting[:MAX_WAITING]:
        _publish(caller.tenant, command)
        _change(caller, command, lambda one: one.sent(times.now_ms()))


def acknowledge(caller: Caller, command: StoredCommand, told: Acknowledgement, milliseconds: int) -> None:
    """Note what a device told of a command, once, also when the command has expired."""
    _change(caller, command, lambda one: one.acknowledged(told.status, told.result, milliseconds))


def _change(caller: Caller, command: StoredCommand, change: Callable[[StoredCommand], StoredCommand]) -> StoredCommand:
    """Write a change, whatever else of the command changes meanwhile, and tell of it."""
    for attempt in range(versioned.TRIES):
        table.back_off(attempt)
        after = change(command)
        if after == command:
            return command
        try:
            store.write(caller.tenant, command, after, _events(caller, command, after))
        except versioned.Changed:
            found = store.find(caller.tenant, command.device_id, command.id)
            if found is None:
                return command
            command = found
            continue
        return after
    raise Unavailable


def _events(caller: Caller, before: StoredCommand, after: StoredCommand) -> list[dict[str, Any]]:
    made = []
    if before.sent_at is None and after.sent_at is not None:
        made.append(events.event("device.command_sent", caller, _told(before.sent(after.sent_at))))
    if not after.waits:
        made.append(events.event("device.command_acknowledged", caller, _told(after)))
    return made


def _publish(tenant: str, command: StoredCommand) -> None:
    seconds = command.expires_at // 1000 - times.now()
    message = {
        "id": command.id,
        "command": command.command,
        "params": command.params,
        "expiresAt": times.iso(command.expires_at / 1000),
    }
    topic = topics.commands(topics.thing_name(tenant, command.device_id))
    aws.iot_data().publish(topic=topic, qos=1, payload=compact(message).encode(), messageExpiry=max(1, seconds))


def _told(command: StoredCommand) -> dict[str, Any]:
    return {
        "command_id": command.id,
        "device_id": command.device_id,
        "command": command.command,
        "params": command.params,
        "status": command.status,
        "created_at": times.iso(command.created_at / 1000),
        "expires_at": times.iso(command.expires_at / 1000),
        "sent_at": versioned.iso(command.sent_at),
        "acknowledged_at": versioned.iso(command.acknowledged_at),
        "result": command.result,
        "version": command.version,
    }
