"""What smart mapping can do: propose which channel goes where, apply what was chosen, and learn from it."""

from collections.abc import Iterable, Sequence

from functions.forwarding import kook
from functions.forwarding.accounts import store as accounts
from functions.forwarding.mappings import many
from functions.forwarding.mappings import store as mappings
from functions.forwarding.mappings.models import MappingBatch, NewMapping
from functions.forwarding.smart_mapping import names, store, targets
from functions.forwarding.smart_mapping.models import (
    AutoMatch,
    ChosenMatches,
    Feedback,
    JudgedMatch,
    Learned,
    Match,
    Matches,
)
from functions.forwarding.smart_mapping.names import Method
from functions.forwarding.smart_mapping.store import Pair
from functions.forwarding.smart_mapping.targets import Target
from hub.connectors.kook import Channel, Guild, KookConfig, channels, guilds
from hub.errors import FieldError, InvalidRequest
from hub.events import Caller
from hub.store import sequences
from hub.web.localisation import Language, text

MAX_CHANNELS = 300
MAX_SERVERS = 10
"""Of which the channels are read: each costs a call of KOOK's."""

_EXTRA = {"target_name", "kook_server_name", "score", "method", "reason"}


def propose(caller: Caller, wanted: AutoMatch, language: Language) -> Matches:
    """Propose where an account's channels go; no two to the same chat, and no way that is mapped already.

    Raises `NotFound` without the account, `Unprocessable` and `Unavailable` as KOOK does.
    """
    account = accounts.get(caller.tenant, sequences.padded(wanted.account_id))
    there = mappings.everything(caller.tenant)
    rows = _channels(accounts.opened(caller.tenant, account), wanted.server_id)
    known = [one for one in there if one.target_platform == wanted.platform]
    found, skipped = targets.of_platform(caller.tenant, wanted.platform, known)
    taken = {one.way for one in there}
    weights = store.weights(caller.tenant)
    scored = sorted(
        (
            (*_score(channel.name, target, weights), channel, guild, target)
            for guild, channel in rows
            for target in found
            if (channel.id, target.bot_id, target.channel_id) not in taken
        ),
        key=lambda row: (-row[0], row[2].id, row[4].bot_id, row[4].channel_id),
    )
    matches: list[Match] = []
    used: set[tuple[int, str]] = set()
    matched: set[str] = set()
    for score, method, channel, guild, target in scored:
        place = (target.bot_id, target.channel_id)
        if score < wanted.min_score or channel.id in matched or place in used:
            continue
        matched.add(channel.id)
        used.add(place)
        matches.append(_match(wanted, channel, guild, target, score, method, language))
    return {
        "matches": matches,
        "unmatched": [
            {"id": one.id, "name": one.name, "type": "text", "server_id": one.guild_id}
            for _, one in rows
            if one.id not in matched
        ],
        "skipped": [{"bot_id": bot, "error": error} for bot, error in skipped.items()],
    }


def apply(caller: Caller, wanted: ChosenMatches, language: Language) -> MappingBatch:
    """Make the mappings of chosen proposals, each for itself, and learn from those that were made."""
    rows = [NewMapping.model_validate(one.model_dump(exclude=_EXTRA)) for one in wanted.matches]
    made = many.add_rows(caller, rows, language)
    accepted = [
        (one.kook_channel_name, one.target_name)
        for one, row in zip(wanted.matches, made["data"], strict=True)
        if "mapping_id" in row
    ]
    store.learn(caller.tenant, _pairs(accepted), ())
    return made


def judge(caller: Caller, wanted: Feedback, language: Language) -> Learned:
    """Learn from proposals that were accepted and rejected. Raises `InvalidRequest` for none at all."""
    if not wanted.accepted and not wanted.rejected:
        raise InvalidRequest(FieldError("accepted", "missing"))
    learned = store.learn(caller.tenant, _judged(wanted.accepted), _judged(wanted.rejected))
    return {"message": text("learned", language), "learned": learned}


def _channels(config: KookConfig, server_id: str | None) -> list[tuple[Guild, Channel]]:
    """The text channels of an account's servers, or of one. Raises `Unprocessable` and `Unavailable`."""
    with kook.asking(config):
        servers = [one for one in guilds(config) if server_id in (None, one.id)]
        rows = [(one, channel) for one in servers[:MAX_SERVERS] for channel in channels(config, one.id)]
    return rows[:MAX_CHANNELS]


def _score(name: str, target: Target, weights: dict[str, float]) -> tuple[float, Method]:
    """How well a channel's name goes with the best of a chat's, and what tells, with what was learned of both."""
    return max(
        (_weighed(names.read(name), names.read(other), weights) for other in target.names),
        default=(0.0, "similar"),
        key=lambda found: found[0],
    )


def _weighed(one: names.Name, other: names.Name, weights: dict[str, float]) -> tuple[float, Method]:
    score, method = names.likeness(one, other)
    weight = weights.get(Pair(one.plain, other.plain).key, 0.0)
    # Accepted once, it is half as far from certain; rejected once, half as sure.
    return (score + (1 - score) * (1 - 0.5**weight) if weight > 0 else score * 0.5**-weight), method


def _match(
    wanted: AutoMatch, channel: Channel, guild: Guild, target: Target, score: float, method: Method, language: Language
) -> Match:
    return {
        "kook_server_id": channel.guild_id,
        "kook_server_name": guild.name,
        "kook_channel_id": channel.id,
        "kook_channel_name": channel.name[:100],
        "target_platform": wanted.platform,
        "target_bot_id": target.bot_id,
        "target_channel_id": target.channel_id,
        "target_name": target.names[0],
        "score": round(score, 3),
        "method": method,
        "reason": text(f"match_{method}", language),
    }


def _pairs(judged: Iterable[tuple[str, str]]) -> list[Pair]:
    return [Pair(names.read(kook_name).plain, names.read(target).plain) for kook_name, target in judged]


def _judged(rows: Sequence[JudgedMatch]) -> list[Pair]:
    return _pairs((one.kook_channel_name, one.target_name) for one in rows)
