"""One attempt at forwarding a thing to its target, and what its row says of it then."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from functions.forwarding import captured
from functions.forwarding.accounts import store as accounts
from functions.forwarding.bots import store as bots
from functions.forwarding.bots.store import StoredBot
from functions.forwarding.captured import TYPES, Captured
from functions.forwarding.conversion import document, outgoing
from functions.forwarding.conversion.outgoing import Part
from functions.forwarding.mappings import store as mappings
from functions.forwarding.mappings.store import StoredMapping
from functions.forwarding.messages import store
from functions.forwarding.messages.store import Change, StoredMessage
from hub import connections, connectors, ids, pacing, times
from hub.connectors import kook
from hub.connectors.kook import Said
from hub.connectors.protocol import Config, Connector, Disabled, Outgoing, ProviderError, Temporary
from hub.errors import Conflict, NotFound
from hub.events import Caller
from hub.outcomes import Trouble
from hub.store import versioned
from hub.telemetry import count, logger

MAX_AGE_MS = 86_400_000
"""From when a thing was captured, or let go: what its target has not taken by then has failed."""

MAX_WAIT_MS = 900_000
_FIRST_WAIT_MS = 4000
"""Then 16 s, 64 s … until a quarter of an hour."""


@dataclass(frozen=True, slots=True)
class Target:
    """A mapping's target as its connector takes it. `since` (epoch ms): what was captured before was let go then."""

    tenant: str
    mapping: StoredMapping
    bot: StoredBot
    config: Config
    since: int = 0

    @property
    def connector(self) -> Connector[Any]:
        """The platform's."""
        return connectors.connector(self.mapping.target_platform)

    def parts(self, said: Said) -> list[Part]:
        """What the target is sent for a message."""
        read = document.read(said, named=self.mapping.sender_prefix)
        return outgoing.parts(read, self.mapping.target_platform, self.connector.limits_for(self.config))

    @property
    def paces(self) -> list[tuple[str, float]]:
        """The paces that it keeps: the bot's, and the channel's where that is another."""
        limits, name = self.connector.limits_for(self.config), bots.place(self.bot.id)
        found = [(name, limits.per_second)]
        if limits.per_second_each and limits.per_second_each != limits.per_second:
            found.append((f"{name}#{self.mapping.target_channel_id}", limits.per_second_each))
        return found


@dataclass(frozen=True, slots=True)
class Waits:
    """It is to be tried again, at a time (epoch ms)."""

    until: int


Outcome = Waits | None
"""`None`: nothing is left to do."""


def new_row(one: Captured, number: int, mapping: StoredMapping) -> StoredMessage:
    """The row of a message that was not tried yet."""
    assert one.said is not None  # noqa: S101 - what is no change is a message
    now = times.now_ms()
    return StoredMessage(
        id=one.message_id,
        mapping_id=one.mapping_id,
        number=number,
        bot_id=f"{mapping.target_bot_id:012}",
        channel=one.said.channel_id,
        target_platform=mapping.target_platform,
        target_channel=mapping.target_channel_id,
        sender_name=one.said.author.name,
        message_type=TYPES[one.said.type],
        content=captured.bounded(document.shown(one.said)),
        status="pending",
        error=None,
        latency_ms=None,
        attempts=0,
        provider_ids=[],
        created_at=one.captured_at,
        updated_at=now,
    )


def send(
    target: Target,
    one: Captured,
    parts: Sequence[Part],
    before: StoredMessage | None,
    row: StoredMessage,
    slot: Callable[[], Outcome],
) -> Outcome:
    """Send the parts of a message that its target has not taken yet, each when `slot` lets it.

    `before` is the message's row as it was read, if it had one, `row` what it is to be from now on.
    """
    assert one.said is not None  # noqa: S101 - what is no change is a message
    taken = list(row.provider_ids)
    moved_to: str | None = None
    after = replace(row, attempts=row.attempts + 1)
    try:
        for position in range(len(taken), len(parts)):
            if wait := slot():
                return _interrupted(target, before, replace(row, provider_ids=taken), wait)
            told = _outgoing(target, one, parts[position], position)
            sent = target.connector.send(target.config, told)
            taken.append(sent.provider_id)
            moved_to = sent.moved_to or moved_to
    except Temporary as error:
        return _postponed(target, one, before, replace(after, provider_ids=taken), error)
    except ProviderError as error:
        told_by = replace(after, provider_ids=taken)
        return give_up(target.tenant, before, told_by, trouble(target, error))
    after = replace(
        after,
        status="success",
        error=None,
        provider_ids=taken,
        texts=sum(1 for part in parts if part.text),
        latency_ms=max(0, times.now_ms() - one.said.at),
    )
    count("MessagesForwarded")
    outcome = _settled(target.tenant, before, after, "message")
    if moved_to is not None:
        _follow(target, moved_to)
    return outcome


def give_up(tenant: str, before: StoredMessage | None, row: StoredMessage, told: Trouble) -> Outcome:
    """Note that a message will not be forwarded, and why."""
    count("ForwardsFailed")
    return _settled(tenant, before, replace(row, status="failed", error=told), "message")


def change(target: Target, one: Captured, kind: Literal["edit", "delete"], row: StoredMessage) -> Outcome:
    """Carry out an edit or a deletion of a message that its target has taken."""
    if row.status != "success" or row.withdrawn_at or not row.provider_ids:
        return None
    after = replace(row, attempts=row.attempts + 1)
    try:
        if kind not in target.connector.able(target.config):
            return _not_changed(target, kind, row, {"code": "not_possible", "message": _IMPOSSIBLE[kind]})
        if kind == "delete":
            for provider_id in row.provider_ids:
                target.connector.delete(target.config, provider_id)
            after = replace(after, withdrawn_at=times.now_ms(), error=None)
        else:
            after = _edited(target, one, after)
    except Temporary as error:
        until = _until(target, error, row.attempts)
        if until - max(one.captured_at, target.since) <= MAX_AGE_MS:
            _pause(target, error)
            return Waits(until)
        return _not_changed(target, kind, row, trouble(target, error))
    except ProviderError as error:
        return _not_changed(target, kind, row, trouble(target, error))
    return _settled(target.tenant, row, after, kind)


def trouble(target: Target, error: ProviderError) -> Trouble:
    """A target's own words; a bot that it will hear nothing more of is disabled."""
    told = connections.trouble(error, target.config)
    if isinstance(error, Disabled) and bots.disable(target.tenant, target.bot, told):
        count("BotsDisabled")
    return told


_IMPOSSIBLE = {"edit": "the target cannot change a message", "delete": "the target cannot take a message back"}


def _edited(target: Target, one: Captured, row: StoredMessage) -> StoredMessage:
    """Write a message's texts anew: those that are more than before are sent, those that are fewer taken back."""
    said = _now(target.tenant, one, row)
    parts = [part for part in target.parts(said) if part.text]
    texts, others = list(row.provider_ids[: row.texts]), list(row.provider_ids[row.texts :])
    for position, part in enumerate(parts):
        told = _outgoing(target, one, part, position)
        if position < len(texts):
            target.connector.edit(target.config, told, texts[position])
        else:
            again = replace(told, id=one.identity(len(others) + position + 1))
            texts.append(target.connector.send(target.config, again).provider_id)
    if "delete" in target.connector.able(target.config):
        while len(texts) > max(len(parts), 1):
            target.connector.delete(target.config, texts.pop())
    shown = captured.bounded(document.shown(said))
    return replace(
        row,
        content=shown,
        provider_ids=[*texts, *others],
        texts=len(texts),
        edited_at=times.now_ms(),
        error=None,
    )


def _now(tenant: str, one: Captured, row: StoredMessage) -> Said:
    """A message as it is after its edit: KOOK tells the names of those it mentions to whoever asks."""
    assert one.said is not None  # noqa: S101 - an edit has a text
    if one.said.author.id:
        return one.said  # A poll has read all of it; an event tells the text alone.
    kinds = {name: kind for kind, name in TYPES.items()}
    told = replace(one.said, type=kinds[row.message_type], author=replace(one.said.author, name=row.sender_name))
    try:
        account = accounts.get(tenant, one.account_id)
        if not account.has_token:
            return told
        seen = kook.message_of(accounts.opened(tenant, account), row.channel, one.message_id)
    except (NotFound, ProviderError):
        count("EditsNotRead")
        return told
    # The text is the event's: what KOOK shows may be an edit further.
    return replace(seen, content=told.content)


def _not_changed(target: Target, kind: Change, row: StoredMessage, told: Trouble) -> Outcome:
    count("ChangesNotPossible")
    return _settled(target.tenant, row, replace(row, error=told), kind, is_taken=False)


def _follow(target: Target, chat_id: str) -> None:
    """Have the mapping, or the bot where that writes to its own chat, name a chat by its new id.

    What is in the way is told by the next message again, which arrives all the same.
    """
    mapping, bot, now = target.mapping, target.bot, times.now_ms()
    caller = Caller(target.tenant, "", "", ids.new("req"))
    try:
        if mapping.target_channel_id:
            moved = replace(mapping, target_channel_id=chat_id, updated_at=now, version=mapping.version + 1)
            mappings.replace(caller, mapping, moved)
        else:
            config = {**bot.config, "chat_id": chat_id}
            bots.replace(caller, bot, replace(bot, config=config, updated_at=now, version=bot.version + 1))
    except (versioned.Changed, Conflict):
        told = {"tenant": target.tenant, "mapping_id": mapping.id, "moved_to": chat_id}
        logger().warning("a chat's new id is not kept yet", extra=told)


def _outgoing(target: Target, one: Captured, part: Part, position: int) -> Outgoing:
    sender = one.said.author.name if one.said and target.mapping.target_platform == "http" else ""
    return Outgoing(
        one.identity(position),
        target.mapping.target_channel_id,
        part.text,
        part.media,
        sender=sender,
        format=part.format,
    )


def _postponed(
    target: Target, one: Captured, before: StoredMessage | None, row: StoredMessage, error: Temporary
) -> Outcome:
    told = connections.trouble(error, target.config)
    until = _until(target, error, row.attempts - 1)
    if until - max(one.captured_at, target.since) > MAX_AGE_MS:
        return give_up(target.tenant, before, row, told)
    _pause(target, error)
    count("ForwardsPostponed")
    return Waits(until) if _write(target.tenant, before, replace(row, status="pending", error=told)) else None


def _interrupted(target: Target, before: StoredMessage | None, row: StoredMessage, wait: Waits) -> Outcome:
    """Of a message in parts, remember those that the target has, before the next one's slot is waited for."""
    if len(row.provider_ids) == len(before.provider_ids if before else []):
        return wait
    return wait if _write(target.tenant, before, row) else None


def _until(target: Target, error: Temporary, tries: int) -> int:
    wait = min(_FIRST_WAIT_MS * 4 ** min(tries, 6), MAX_WAIT_MS)
    return times.now_ms() + wait if error.retry_at is None else error.retry_at


def _pause(target: Target, error: Temporary) -> None:
    """Others of the same bot need not ask again before the time that the target named."""
    if error.retry_at is not None:
        pacing.pause(target.tenant, bots.place(target.bot.id), error.retry_at)


def _settled(
    tenant: str,
    before: StoredMessage | None,
    row: StoredMessage,
    kind: Change,
    *,
    is_taken: bool | None = None,
) -> Outcome:
    is_success = row.status == "success" if is_taken is None else is_taken
    _write(tenant, before, row, lambda now: (store.succeeded if is_success else store.failed)(tenant, now, kind))
    return None


def _write(
    tenant: str,
    before: StoredMessage | None,
    row: StoredMessage,
    event_of: Callable[[StoredMessage], dict[str, Any]] | None = None,
) -> bool:
    """Write a row; one that is another by now belongs to somebody else, who was here meanwhile."""
    now = replace(row, updated_at=times.now_ms(), version=before.version + 1 if before else 1)
    try:
        store.write(tenant, before, now, event_of(now) if event_of else None)
    except versioned.Changed:
        count("ForwardsOvertaken")
        return False
    return True
