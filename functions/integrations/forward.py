"""Posts of events to integrations: each at its slot, in parts that its provider takes, once."""

import json
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

from functions.integrations import service
from functions.integrations import store as integrations
from functions.integrations.forwards import store
from functions.integrations.store import StoredIntegration
from hub import connections, connectors, executions, ids, pacing, queues, settings, times
from hub.connectors import texts
from hub.connectors.protocol import Config, Connector, Disabled, Outgoing, ProviderError, Sent, Temporary
from hub.errors import NotFound
from hub.events import Caller
from hub.telemetry import count, lambda_handler, logger

EARLY_MS = 1000
"""SQS counts whole seconds."""

MAX_TRIES = 6
FIRST_WAIT_SECONDS = 4
"""Then 16 s, 64 s …, where the provider does not say how long."""

MAX_AHEAD_MS = 3_600_000
"""What would have to wait longer is no news any more, and is dropped."""

MAX_AGE_MS = 86_400_000


@dataclass(frozen=True)
class ForwardSettings:
    """This function's own queue."""

    integration_forward_queue_url: str


@dataclass(frozen=True, slots=True)
class _Post:
    """A post of the batch: SQS's id of it, what to post where, the slot it waits for, how often it was refused."""

    message_id: str
    tenant: str
    integration_id: str
    event_id: str
    text: str
    signature: str
    due: int
    tries: int


@lambda_handler
def handler(event: dict[str, Any], _context: Any) -> dict[str, Any]:
    """Take a batch of posts (`listen.handler`'s)."""
    fields = ("tenant", "integration_id", "event_id", "text", "signature", "due", "tries")
    messages, broken = queues.read(event, *fields)
    posts = [_Post(message_id, *(told[name] for name in fields)) for message_id, told in messages.items()]
    found = _integrations(posts)
    posts = [post for post in posts if (post.tenant, post.integration_id) in found]
    posts = _with_slots(posts, found)
    now = times.now_ms()
    late = [post for post in posts if post.due - now > MAX_AHEAD_MS]
    if late:
        count("EventsNotForwarded", len(late))
    due = [post for post in posts if post.due - now <= EARLY_MS]
    waiting = [post for post in posts if EARLY_MS < post.due - now <= MAX_AHEAD_MS]
    with ThreadPoolExecutor(max(1, len(due))) as pool:
        ends = list(pool.map(lambda post: _attempt(post, found[post.tenant, post.integration_id]), due))
    waiting += [end for end in ends if isinstance(end, _Post)]
    failed = queues.send(_settings().integration_forward_queue_url, [_again(post) for post in waiting])
    taken = [end for end in ends if isinstance(end, str)]
    return queues.failures([*broken, *taken, *(waiting[position].message_id for position in failed)])


def _integrations(posts: Sequence[_Post]) -> dict[tuple[str, str], StoredIntegration]:
    """The integrations of a batch that are still to be posted to."""
    found: dict[tuple[str, str], StoredIntegration] = {}
    for place in dict.fromkeys((post.tenant, post.integration_id) for post in posts):
        try:
            one = integrations.get(*place)
        except NotFound:
            continue
        if one.status == "active":
            found[place] = one
    return found


def _with_slots(posts: Sequence[_Post], found: dict[tuple[str, str], StoredIntegration]) -> list[_Post]:
    """Posts with the time from which each may go, at the pace of its connection, which messages share."""
    fresh: dict[tuple[str, str], list[_Post]] = {}
    ready: list[_Post] = []
    for post in posts:
        place = (post.tenant, post.integration_id)
        if post.due and not pacing.is_stale(post.due) and not pacing.is_paused(*place):
            ready.append(post)
        else:
            fresh.setdefault(place, []).append(post)
    for place, some in fresh.items():
        connector = connectors.connector(found[place].service_type)
        # As many slots as parts: a long one takes as long as several.
        parts = [len(_parts(connector, post)) for post in some]
        slots = pacing.reserve(*place, sum(parts), connector.limits.per_second)
        firsts = [sum(parts[:position]) for position in range(len(parts))]
        ready += [replace(post, due=slots[first]) for post, first in zip(some, firsts, strict=True)]
    return ready


def _attempt(post: _Post, integration: StoredIntegration) -> _Post | str | None:
    """Post an event: answers with what is to be queued again, or SQS's id of what somebody else is at."""
    try:
        posted = store.take(post.tenant, post.integration_id, post.event_id)
    except store.Taken:
        return post.message_id
    if posted is None:
        return None
    config = connections.opened(post.tenant, integration)
    connector = connectors.connector(integration.service_type)
    parts = _parts(connector, post)
    moved_to: str | None = None
    try:
        for number in range(posted, len(parts)):
            moved_to = _send(connector, config, post, number, parts[number]).moved_to or moved_to
            posted = number + 1
            if posted < len(parts):
                store.note(post.tenant, post.integration_id, post.event_id, posted, is_done=False)
    except ProviderError as error:
        return _refused(post, integration, config, error, posted)
    store.note(post.tenant, post.integration_id, post.event_id, posted, is_done=True)
    count("EventsPosted")
    if moved_to is not None:
        service.follow(_caller(post), integration, moved_to)
    return None


def _parts(connector: Connector[Any], post: _Post) -> list[str]:
    """A post in parts that the provider takes, each with its signature."""
    limits = connector.limits
    room = limits.text - texts.length(post.signature, limits.unit) - 1
    return [f"{part}\n{post.signature}" for part in texts.split(post.text, replace(limits, text=room))]


def _send(connector: Connector[Any], config: Config, post: _Post, number: int, text: str) -> Sent:
    message_id = ids.derived("msg", 0, post.integration_id, post.event_id, str(number))
    return connector.send(config, Outgoing(message_id, "", text))


def _caller(post: _Post) -> Caller:
    return Caller(post.tenant, "", "forwarding", ids.new("req"))


def _refused(
    post: _Post, integration: StoredIntegration, config: Config, error: ProviderError, posted: int
) -> _Post | None:
    """What follows from a refusal: later, never, or nothing any more until somebody mends the integration."""
    now = times.now_ms()
    is_over = not isinstance(error, Temporary) or post.tries + 1 >= MAX_TRIES
    until = 0
    if isinstance(error, Temporary):
        until = error.retry_at or now + FIRST_WAIT_SECONDS ** (post.tries + 1) * 1000
        is_over = is_over or until - now > MAX_AGE_MS
        if error.retry_at is not None:
            pacing.pause(post.tenant, post.integration_id, error.retry_at)
    if isinstance(error, Disabled):
        service.note(_caller(post), integration, connections.trouble(error, config))
    store.note(post.tenant, post.integration_id, post.event_id, posted, is_done=is_over)
    if not is_over:
        return replace(post, due=until, tries=post.tries + 1)
    count("EventsNotForwarded")
    told = {"tenant": post.tenant, "integration_id": post.integration_id, "event_id": post.event_id}
    logger().warning("an event was not forwarded", extra=told | {"error": connections.trouble(error, config)})
    return None


def _again(post: _Post) -> queues.Message:
    body = {name: getattr(post, name) for name in _Post.__slots__ if name != "message_id"}
    return queues.Message(json.dumps(body, ensure_ascii=False), executions.seconds_until(post.due), post.integration_id)


@cache
def _settings() -> ForwardSettings:
    return settings.load(ForwardSettings)
