"""From IoT Core's rules to the items: who came and went, what became of commands, which alerts were raised.

A message may come twice, late and before another that was sent earlier. What is known already changes nothing: a
lifecycle event is held against the latest one, a command is acknowledged once, an alert's id comes of its message's.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from functions.iot import messages, presence, topics
from functions.iot.alerts import service as alerts
from functions.iot.alerts.models import RaisedAlert
from functions.iot.commands import service as commands
from functions.iot.commands import store as stored_commands
from functions.iot.commands.models import Acknowledgement
from functions.iot.devices import store as devices
from functions.iot.devices.store import StoredDevice
from functions.iot.messages import Garbled, Message, Subscription
from functions.iot.presence import Lifecycle
from functions.iot.topics import Place
from hub import events, queues
from hub.errors import NotFound, Unavailable
from hub.store import items, keys, table, versioned
from hub.store.items import Item
from hub.telemetry import count, lambda_handler, logger

SEEN_EVERY_MS = 60_000
"""How exactly `lastSeenAt` is kept where nothing else of a device is written."""

Found = Mapping[tuple[str, str], Item]


@lambda_handler
def handler(event: dict[str, Any], _context: Any) -> dict[str, Any]:
    """Take a batch of what devices say from SQS; what is garbled goes to the dead letters alone."""
    bodies, failed = queues.read(event, "topic", "base64OriginalPayload")
    queued_at = {record["messageId"]: int(record["attributes"]["SentTimestamp"]) for record in event["Records"]}
    groups: dict[Place, list[Message]] = {}
    for receipt, body in bodies.items():
        try:
            message = messages.read(receipt, body, queued_at[receipt])
        except Garbled as problem:
            logger().error("a message is garbled", extra={"message_id": receipt, "problem": str(problem)})
            count("BrokenMessages")
            failed.append(receipt)
            continue
        if message is None:
            count("DeviceMessagesDropped")
        else:
            groups.setdefault(message.place, []).append(message)
    found = _look_up([message for group in groups.values() for message in group])
    for place, group in groups.items():
        try:
            _hear(place, sorted(group, key=lambda message: message.at), found)
        except (Unavailable, ClientError, BotoCoreError):
            logger().exception("what a device said is to come again", extra={"device_id": place.device_id})
            failed += [message.receipt for message in group]
    return queues.failures(failed)


def _look_up(said: Sequence[Message]) -> Found:
    """The devices that messages are of, and the commands that they acknowledge, by key."""
    wanted: list[keys.Key] = []
    for message in said:
        tenant, device_id = message.place.tenant, message.place.device_id
        wanted.append(keys.entity(tenant, devices.KIND, device_id))
        if isinstance(message.said, Acknowledgement):
            wanted.append(stored_commands.key(tenant, device_id, message.said.id))
    found = table.get_many({table.entities(): wanted}, consistent=True)
    return {(pk, sk): item for (_, pk, sk), item in found.items()}


def _hear(place: Place, said: Sequence[Message], found: Found) -> None:
    """Take what one device said, in the order of time."""
    item = _at(keys.entity(place.tenant, devices.KIND, place.device_id), found)
    if item is None:
        # Another stack's, or deleted by now.
        count("DeviceMessagesDropped", len(said))
        return
    _note_presence(items.entity(StoredDevice, item), said)
    listens = None
    for message in said:
        match message.said:
            case Acknowledgement() as told:
                command = _at(stored_commands.key(place.tenant, place.device_id, told.id), found)
                if command is None:
                    count("AcknowledgementsDropped")
                else:
                    commands.acknowledge(message.caller, stored_commands.read(command), told, message.at)
            case RaisedAlert() as raised:
                alerts.raise_alert(message.caller, place.device_id, raised, message.id, message.at)
            case Subscription(topics=listened) if _commands_of(place) in listened:
                listens = message.caller
    if listens is not None:
        commands.deliver_waiting(listens, place.device_id)


def _note_presence(device: StoredDevice, said: Sequence[Message]) -> None:
    """Write whether a device is online and when it was last heard of, and tell when it comes and goes."""
    for attempt in range(versioned.TRIES):
        table.back_off(attempt)
        try:
            return _write_presence(device, said)
        except versioned.Changed:
            try:
                device = devices.get(said[0].place.tenant, device.id, consistent=True)
            except NotFound:
                return None
    raise Unavailable


def _write_presence(device: StoredDevice, said: Sequence[Message]) -> None:
    tenant = said[0].place.tenant
    callers = {message.said: message.caller for message in said if isinstance(message.said, Lifecycle)}
    known = _known(device)
    now_known, turns = presence.latest(known, callers)
    seen = max(device.last_seen_at or 0, *(message.at for message in said))
    if now_known is None or now_known is known:
        if seen - (device.last_seen_at or 0) >= SEEN_EVERY_MS:
            devices.note(tenant, device, replace(device, last_seen_at=seen))
        return
    if not turns:
        devices.note(tenant, device, _after(device, now_known, seen))
        return
    after, made = device, []
    for turn in turns:
        after = _after(after, turn, seen)
        if turn.connected:
            made.append(events.event("device.online", callers[turn], devices.told(after)))
        else:
            told = {**devices.told(after), "reason": turn.reason}
            made.append(events.event("device.offline", callers[turn], told))
    if turns[-1] is not now_known:
        after = _after(after, now_known, seen)
    devices.replace(tenant, device, after, made)


def _known(device: StoredDevice) -> Lifecycle | None:
    if device.session_id is None or device.session_number is None or device.session_at is None:
        return None
    return Lifecycle(device.status == "online", device.session_number, device.session_at, device.session_id)


def _after(device: StoredDevice, event: Lifecycle, seen: int) -> StoredDevice:
    return replace(
        device,
        status="online" if event.connected else "offline",
        session_id=event.session,
        session_number=event.number,
        session_at=event.at,
        last_seen_at=seen,
        version=device.version + 1,
    )


def _commands_of(place: Place) -> str:
    return topics.commands(topics.thing_name(place.tenant, place.device_id))


def _at(key: keys.Key, found: Found) -> Item | None:
    return found.get((key["pk"], key["sk"]))
