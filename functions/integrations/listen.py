"""What integrations hear: every domain event, and when a sync is due, by their schedule or by callbacks.

An event goes to the integrations that subscribe to it. One query tells which of a tenant's forward anything; most
tenants have none, and that is all their events cost. Beside that an integration's own events keep its schedule.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from functions.integrations import schedule, store
from functions.integrations.forwards import words
from functions.integrations.store import StoredIntegration
from functions.integrations.syncs import asked, records
from functions.integrations.syncs import service as syncs
from hub import events, ids, queues, settings
from hub.errors import NotFound, Unavailable, Unprocessable
from hub.events import Caller
from hub.queues import Message
from hub.telemetry import count, lambda_handler, logger

FORGOTTEN_TOGETHER = 2000
"""Records of a deleted integration that are forgotten at a time."""

FORGET_AFTER_SECONDS = 120
"""Longer than the step of a sync that still runs goes on to write."""

_MESSAGES_ARE_RECORDS = frozenset({"github", "http", "jira"})
"""Service types where what is posted may be a record itself, of which a callback tells us."""

_SHAPING = {"config", "settings", "status"}
"""Changes of an integration that its schedule depends on."""


@dataclass(frozen=True)
class ListenSettings:
    """This function's own queue, and the one of the posts."""

    integration_events_queue_url: str
    integration_forward_queue_url: str


@lambda_handler
def handler(event: dict[str, Any], _context: Any) -> dict[str, Any]:
    """Take a batch: events as the bus carries them, and `{"do","tenant","integration_id"}` (`sync`, `forget`).

    A `sync` that callbacks asked for says when it is `due`, and with which request (`request_id`).
    """
    messages, broken = queues.read(event, "tenant", within="detail")
    failed = [*broken, *(message_id for message_id, message in messages.items() if not _is_known(message))]
    forwarding: dict[str, list[StoredIntegration]] = {}
    posts: list[tuple[str, Message]] = []
    for message_id, message in messages.items():
        if message_id in failed:
            continue
        try:
            if "do" in message:
                _do(message)
            else:
                _follow(message)
                posts += [(message_id, post) for post in _posts(forwarding, message)]
        except (Unavailable, ClientError, BotoCoreError):
            logger().exception("an event could not be seen to", extra={"message_id": message_id})
            failed.append(message_id)
    untaken = queues.send(_settings().integration_forward_queue_url, [post for _, post in posts])
    count("EventsForwarded", len(posts) - len(untaken))
    # An event sent twice makes the same posts again, which are then told by the event's id.
    return queues.failures(sorted({*failed, *(posts[position][0] for position in untaken)}))


def _is_known(message: Mapping[str, Any]) -> bool:
    """Whether a message is one of those that this queue carries; any other goes to the dead letters alone."""
    if "do" in message:
        named = {"integration_id", "request_id"} if "due" in message else {"integration_id"}
        return message["do"] in ("sync", "forget") and message.keys() >= named
    return message.keys() >= {"id", "type", "timestamp", "data"}


def _do(wanted: Mapping[str, Any]) -> None:
    tenant, integration_id = wanted["tenant"], wanted["integration_id"]
    if wanted["do"] == "forget":
        if not records.forget(tenant, integration_id, FORGOTTEN_TOGETHER):
            _again(wanted)
        return
    try:
        if "due" in wanted:
            asked.begin(Caller(tenant, "", "callback", wanted["request_id"]), integration_id, wanted["due"])
        else:
            syncs.start(Caller(tenant, "", "schedule", ids.new("req")), integration_id, "schedule")
    except NotFound:
        schedule.remove(tenant, integration_id)
    except Unprocessable:
        # Not active by now: its event is on its way, and takes the schedule with it.
        count("SyncsNotDue")


def _follow(event: Mapping[str, Any]) -> None:
    """Have an integration's schedule, and in the end its records, follow what happened to it."""
    if event["type"] not in ("integration.created", "integration.updated", "integration.deleted"):
        return
    tenant, integration_id = event["tenant"], event["data"]["integration_id"]
    if _SHAPING.isdisjoint(event["data"].get("changes", _SHAPING)):
        return
    schedule.reconcile(tenant, integration_id)
    if event["type"] == "integration.deleted":
        _again({"do": "forget", "tenant": tenant, "integration_id": integration_id}, FORGET_AFTER_SECONDS)


def _again(wanted: Mapping[str, Any], delay_seconds: int = 0) -> None:
    if queues.send(_settings().integration_events_queue_url, [Message(json.dumps(dict(wanted)), delay_seconds)]):
        raise Unavailable


def _posts(forwarding: dict[str, list[StoredIntegration]], event: Mapping[str, Any]) -> Iterator[Message]:
    """A message for each integration that an event is to be posted to."""
    tenant = event["tenant"]
    if event["type"] not in words.TITLES or _is_echo(event):
        return
    if tenant not in forwarding:
        forwarding[tenant] = store.forwarding(tenant)
    for one in forwarding[tenant]:
        if any(events.matches(pattern, event["type"]) for pattern in one.settings["forward_events"]):
            if _feeds_itself(one, event):
                continue
            body = {
                "tenant": tenant,
                "integration_id": one.id,
                "event_id": event["id"],
                "text": words.message(event, one.language, one.service_type),
                "signature": words.signature(event, one.service_type),
                "due": 0,
                "tries": 0,
            }
            yield Message(json.dumps(body, ensure_ascii=False), group=one.id)


def _is_echo(event: Mapping[str, Any]) -> bool:
    """Whether an event tells of a message that is itself an event's: somebody in the same chat has heard it."""
    return any(words.is_ours(str(event["data"].get(name, ""))) for name in ("text", "content"))


def _feeds_itself(one: StoredIntegration, event: Mapping[str, Any]) -> bool:
    """Whether posting an event there makes the next one.

    What came or went over a connection is not posted over it; what was forwarded out of KOOK is not posted into KOOK,
    where it may be heard and forwarded again; of a sync that a callback began is not told where that calls back.
    """
    area = event["type"].partition(".")[0]
    if event["data"].get("trigger") == "callback":
        return area == "integration" and one.service_type in _MESSAGES_ARE_RECORDS
    if area in ("message", "contact"):
        return bool(event["data"].get("integration_id") == one.id)
    return area == "forward" and one.service_type == "kook"


@cache
def _settings() -> ListenSettings:
    return settings.load(ListenSettings)
