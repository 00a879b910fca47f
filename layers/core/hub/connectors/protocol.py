"""What every connector speaks: how a provider is tested, sent to, read and listened to.

A connector is a module that holds one `Connector`. It knows its provider's addresses, formats, limits and error codes,
and nothing of tenants, items or queues.

    ProviderError
    ├── Permanent        the same will never be accepted: a chat that is gone, a text that is too long
    │   └── Disabled     nothing will be accepted any more: a token that was revoked, a webhook that was deleted
    └── Temporary        may be accepted later, at `retry_at` where the provider says when
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Annotated, Any, ClassVar, Generic, Literal, TypeVar

from pydantic import Field

from hub.outcomes import Status
from hub.web.validation import Body

MediaKind = Literal["image", "video", "audio", "file"]
Unit = Literal["characters", "utf16", "bytes"]
Format = Literal["text", "markdown", "html", "post", "card"]
"""What a text is written in: as it stands, or in the provider's own markup (`Connector.limits` names which it has).

`markdown` is Discord's, Slack's mrkdwn, KMarkdown, DingTalk's or WeCom's; `html` Telegram's; `post` and `card` are
Feishu's rich text (lines) and card (`lark_md`). Whoever writes in it has made safe what comes from outside.
"""
Ability = Literal["send", "edit", "delete", "contacts", "records", "targets", "callbacks", "changes"]
"""`callbacks` tell of messages and their statuses, `changes` that what a sync reads is another by now."""

SECRET = Field(json_schema_extra={"writeOnly": True}, min_length=1, max_length=4096)
"""Marks a field of a config that is encrypted in the item and shown as `***`; one that may be absent is `""`."""


MAX_MESSAGE = 4000


class ProviderError(Exception):
    """A provider did not accept a call. `code` and `message` are its own words (`timed_out`, … where it had none)."""

    def __init__(self, code: str, message: str) -> None:
        self.code = code
        self.message = message[:MAX_MESSAGE]
        super().__init__(code, self.message)


class Permanent(ProviderError):
    """The same call will never be accepted."""


class Disabled(Permanent):
    """No call will be accepted until a person changes something: the credential, the target."""


class Temporary(ProviderError):
    """The same call may be accepted later: at `retry_at` (epoch ms) where the provider says when."""

    def __init__(self, code: str, message: str, retry_at: int | None = None) -> None:
        super().__init__(code, message)
        self.retry_at = retry_at


class Unverified(Exception):
    """A callback that does not come from the provider."""


class Config(Body):
    """What an integration knows of its provider."""


class ApiConfig(Config):
    """One whose API may be at another address than the provider's own: a server of one's own, a proxy, a fake."""

    base_url: Annotated[str, Field(max_length=2048, pattern=r"^(https?://\S+)?$")] = ""


@dataclass(frozen=True, slots=True)
class Limits:
    """What a provider takes: `text` units in a message, `caption` units in one with media (`None`: as many), messages
    a second in all and to one receiver.

    `uncaptioned` are the kinds of media that go without a text; `formats` the formats it has besides `text`, with the
    units of each; `files` the kinds of files that are uploaded to it where it does not fetch them itself, with the
    bytes of each.
    """

    text: int
    caption: int | None = None
    unit: Unit = "characters"
    per_second: float = 10.0
    per_second_each: float | None = None
    uncaptioned: frozenset[MediaKind] = frozenset()
    formats: Mapping[Format, int] = field(default_factory=dict)
    files: Mapping[MediaKind, int] = field(default_factory=dict)

    def of(self, written: Format) -> "Limits":
        """The limits of a text in a format; of one that the provider does not have, `text`'s."""
        return replace(self, text=self.formats.get(written, self.text))


@dataclass(frozen=True, slots=True)
class Media:
    """A picture or a file at an address; `name` as receivers see it.

    `attach` asks for the file itself where the provider would else be told the address; one that cannot be had or is
    too large goes by its address all the same.
    """

    kind: MediaKind
    url: str
    name: str = ""
    attach: bool = False


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A message to send, its `text` in `format`. `id` is the same at every try, for providers that drop what they have
    seen."""

    id: str
    to: str
    text: str = ""
    media: Media | None = None
    sender: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)
    format: Format = "text"


@dataclass(frozen=True, slots=True)
class Sent:
    """What the provider calls a message that it accepted, and what it is by then.

    `provider_id` is what `edit` and `delete` take. `moved_to` is the receiver's new id, where it has got one.
    """

    provider_id: str
    status: Status = "sent"
    moved_to: str | None = None


@dataclass(frozen=True, slots=True)
class Account:
    """Who a config's credential is, as the provider tells."""

    id: str
    name: str


@dataclass(frozen=True, slots=True)
class Contact:
    """Someone the provider knows by `id`."""

    id: str
    name: str
    avatar: str | None = None


@dataclass(frozen=True, slots=True)
class Target:
    """A place that can be written to: `id` is an `Outgoing.to`, `group` what it is part of (a server, a workspace)."""

    id: str
    name: str
    group: str = ""


@dataclass(frozen=True, slots=True)
class Record:
    """A thing that a sync reads: a channel, a message, an issue. `updated_at` in epoch ms orders its versions."""

    id: str
    kind: str
    data: Mapping[str, Any]
    updated_at: int | None = None


T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """Some of a list, and where it goes on (`None`: nowhere)."""

    items: Sequence[T]
    next: str | None = None


@dataclass(frozen=True, slots=True)
class StatusChange:
    """A callback's news of a message that was sent; times in epoch ms."""

    provider_id: str
    status: Status
    at: int
    error: ProviderError | None = None


@dataclass(frozen=True, slots=True)
class Inbound:
    """A message that someone sent to us; `id` is the provider's."""

    id: str
    sender: Contact
    text: str
    at: int
    media: Sequence[Media] = ()
    data: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Move:
    """Somebody whom the provider knew as `before` and knows as `after` from now on."""

    before: str
    after: str


@dataclass(frozen=True, slots=True)
class Callback:
    """A provider's call of ours, as it came."""

    method: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Heard:
    """What a callback says, and what it is to be answered with (`reply`, of `content_type`).

    `records_changed`: what a sync reads is no longer what it was.
    """

    changes: Sequence[StatusChange] = ()
    messages: Sequence[Inbound] = ()
    moves: Sequence[Move] = ()
    records_changed: bool = False
    reply: str = ""
    content_type: str = "text/plain"


C = TypeVar("C", bound=Config)


class Connector(ABC, Generic[C]):
    """One provider. What it does not do it leaves out of `abilities`; `config` is what an integration must say."""

    service_type: ClassVar[str]
    config: type[C]
    limits: ClassVar[Limits]
    abilities: ClassVar[frozenset[Ability]]

    @abstractmethod
    def test(self, config: C) -> Account:
        """Ask the provider who we are, without anybody seeing it. Raises `ProviderError`."""

    def send(self, config: C, message: Outgoing) -> Sent:
        """Send a message that is within the limits. Raises `ProviderError`."""
        raise NotImplementedError

    def able(self, config: C) -> frozenset[Ability]:
        """The abilities of a config, where one kind of credential allows less than another."""
        return self.abilities

    def limits_for(self, config: C) -> Limits:
        """The limits of a config, where one kind of credential allows more than another."""
        return self.limits

    def edit(self, config: C, message: Outgoing, provider_id: str) -> None:
        """Replace the text of a message that was sent, in the format it was sent in. Raises `ProviderError`."""
        raise NotImplementedError

    def delete(self, config: C, provider_id: str) -> None:
        """Take a message back; one that is gone already is fine. Raises `ProviderError`."""
        raise NotImplementedError

    def targets(self, config: C, cursor: str | None) -> Page[Target]:
        """Read a page of the places that can be written to. Raises `ProviderError`."""
        raise NotImplementedError

    def contacts(self, config: C, cursor: str | None) -> Page[Contact]:
        """Read a page of contacts. Raises `ProviderError`."""
        raise NotImplementedError

    def records(self, config: C, cursor: str | None) -> Page[Record]:
        """Read a page of what a sync keeps. Raises `ProviderError`."""
        raise NotImplementedError

    def reads(self, config: C) -> bool:
        """Whether there is something for a sync to read with this config; an incoming webhook, say, only takes."""
        return bool(self.abilities & {"records", "contacts"})

    def hear(self, config: C, callback: Callback) -> Heard:
        """Check that a callback is the provider's and read it: what cannot be read of one is left out, as is what says
        nothing to us. Raises `Unverified`."""
        raise NotImplementedError
