"""What a device is called in AWS IoT Core, and the topics it speaks on (docs/iot.md).

Its thing and its MQTT client id are called `<tenant>:<device id>`; no two stacks share a prefix.

| topic | from | to |
|---|---|---|
| `<prefix>/<thing>/commands` | Hub | device |
| `<prefix>/<thing>/commands/ack` | device | Hub |
| `<prefix>/<thing>/alerts` | device | Hub |
| `$aws/events/presence/<connected or disconnected>/<thing>` | IoT Core | Hub |
| `$aws/events/subscriptions/subscribed/<thing>` | IoT Core | Hub |
"""

import re
from dataclasses import dataclass
from functools import cache
from typing import Literal

from hub import settings
from hub.store import keys

Kind = Literal["acknowledgement", "alert", "connected", "disconnected", "subscribed"]

_THING = re.compile(r"(?P<tenant>[^:/]+):(?P<device>device_[0-9A-HJKMNP-TV-Z]{26})\Z")

_KINDS: dict[tuple[str, ...], Kind] = {("commands", "ack"): "acknowledgement", ("alerts",): "alert"}


@dataclass(frozen=True)
class TopicSettings:
    """What the topics of this deployment begin with: the stack's name."""

    device_topic_prefix: str


@dataclass(frozen=True, slots=True)
class Place:
    """A device: whose it is and which."""

    tenant: str
    device_id: str


def thing_name(tenant: str, device_id: str) -> str:
    """What a device's thing is called, and the client id that it connects with."""
    return f"{tenant}:{device_id}"


def place_of_thing(thing: str) -> Place | None:
    """Whose thing it is; `None` for one that is not Hub's."""
    found = _THING.match(thing)
    if found is None or not keys.TENANT_PATTERN.match(found["tenant"]):
        return None
    return Place(found["tenant"], found["device"])


def commands(thing: str) -> str:
    """Where a device is told what to do."""
    return f"{prefix()}/{thing}/commands"


def acknowledgements(thing: str) -> str:
    """Where a device tells what became of a command."""
    return f"{prefix()}/{thing}/commands/ack"


def alerts(thing: str) -> str:
    """Where a device raises alerts."""
    return f"{prefix()}/{thing}/alerts"


def read(topic: str) -> tuple[Kind, Place] | None:
    """What a message on a topic is, and of which device; `None` where it is nothing that Hub listens to."""
    match topic.split("/"):
        case ["$aws", "events", "presence", "connected" | "disconnected" as kind, thing]:
            place = place_of_thing(thing)
            return (kind, place) if place else None
        case ["$aws", "events", "subscriptions", "subscribed" as kind, thing]:
            place = place_of_thing(thing)
            return (kind, place) if place else None
        case [first, thing, *rest] if first == prefix() and tuple(rest) in _KINDS:
            place = place_of_thing(thing)
            return (_KINDS[tuple(rest)], place) if place else None
    return None


def shadow(thing: str) -> str:
    """What the topics of a device's shadow begin with (IoT Core, "Shadow topics")."""
    return f"$aws/things/{thing}/shadow"


@cache
def prefix() -> str:
    """What the topics of this deployment begin with."""
    return settings.load(TopicSettings).device_topic_prefix
