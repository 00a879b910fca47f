"""Where the bots of a platform can write to."""

import time
from collections.abc import Iterator
from dataclasses import dataclass

from functions.forwarding.bots import places
from functions.forwarding.bots import store as bots
from functions.forwarding.bots.store import Platform, StoredBot
from functions.forwarding.mappings.store import StoredMapping
from hub import connections, connectors
from hub.connectors.protocol import ProviderError
from hub.connectors.protocol import Target as Place
from hub.outcomes import Trouble

MAX_TARGETS = 300
MAX_PAGES = 5
"""Of a bot's list of chats."""

MAX_SECONDS = 15.0
"""After which no further bot is asked: an answer must be there within 29."""


@dataclass(frozen=True, slots=True)
class Target:
    """A bot's chat. `names` is what it goes by, the first as it is shown."""

    bot_id: int
    channel_id: str
    names: tuple[str, ...]


def of_platform(
    tenant: str, platform: Platform, mappings: list[StoredMapping]
) -> tuple[list[Target], dict[int, Trouble]]:
    """The chats of a platform's bots that are switched on, and why some bots did not tell theirs.

    A chat goes by its own name, where the bot has but one by the bot's, and by those of channels mapped to it already.
    """
    until = time.monotonic() + MAX_SECONDS
    known: dict[tuple[int, str], list[str]] = {}
    for mapping in mappings:
        known.setdefault((mapping.target_bot_id, mapping.target_channel_id), []).append(mapping.kook_channel_name)
    found: list[Target] = []
    skipped: dict[int, Trouble] = {}
    for bot in bots.everything(tenant):
        if bot.platform != platform or bot.status == "inactive":
            continue
        told, trouble = _told(tenant, bot, until)
        if trouble:
            skipped[bot.number] = trouble
        found += [
            Target(bot.number, place, (*names, *known.get((bot.number, place), ())))
            for place, names in _named(bot, told)
        ]
    return found[:MAX_TARGETS], skipped


def _named(bot: StoredBot, told: list[Place]) -> Iterator[tuple[str, tuple[str, ...]]]:
    """A bot's chats with their names."""
    has_own = places.has_own(bot.platform, bot.config)
    for place in told:
        own = (bot.name,) if len(told) == 1 and has_own else ()
        yield place.id, tuple(filter(None, (place.name, *own)))
    if not told and has_own:
        yield "", (bot.name,)


def _told(tenant: str, bot: StoredBot, until: float) -> tuple[list[Place], Trouble | None]:
    """What a bot's platform tells of its chats, or why it does not."""
    config = bots.opened(tenant, bot)
    connector = connectors.connector(bot.platform)
    if "targets" not in connector.able(config):
        return [], None
    rows: list[Place] = []
    cursor: str | None = None
    try:
        for _ in range(MAX_PAGES):
            if time.monotonic() > until:
                return rows, {"code": "timed_out", "message": ""}
            page = connector.targets(config, cursor)
            rows += page.items
            cursor = page.next
            if cursor is None:
                break
    except ProviderError as error:
        return rows, connections.trouble(error, config)
    return rows, None
