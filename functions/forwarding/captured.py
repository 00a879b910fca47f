"""What capture puts into the queue of a mapping, and forwarding takes out of it: a message, or a change of one."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

from functions.forwarding.messages.store import MAX_CONTENT, Type
from hub.connectors.kook import Quote, Said
from hub.connectors.protocol import Contact, Media
from hub.queues import Message

Kind = Literal["message", "edit", "delete", "release"]
"""`release` carries nothing: it has its mapping's messages go that were held back."""

MAX_TEXT = 20_000
"""Characters of a message: KOOK takes 8,000."""

TYPES: Mapping[int, Type] = {
    1: "text",
    2: "image",
    3: "video",
    4: "file",
    8: "audio",
    9: "kmarkdown",
    10: "card",
}
"""KOOK's types of messages that are forwarded."""


@dataclass(frozen=True, slots=True)
class Captured:
    """A thing for one mapping; times in epoch ms. `said` is the message, of a change as it is after it; a deletion and
    a release have none. `account_id` is whose token reads more of it."""

    tenant: str
    kind: Kind
    mapping_id: str
    bot_id: str
    account_id: str
    message_id: str
    captured_at: int
    said: Said | None = None

    @property
    def place(self) -> tuple[str, str]:
        """Where its row is."""
        return self.mapping_id, self.message_id

    def identity(self, part: int) -> str:
        """What a target knows a part of it by, at every try."""
        named = "#".join((self.tenant, self.mapping_id, self.message_id, str(part)))
        return hashlib.sha256(named.encode()).hexdigest()[:40]


def message(captured: Captured) -> Message:
    """As the queue takes it: in its mapping's order, and once in five minutes."""
    once = f"{captured.kind}#{captured.message_id}"
    if captured.kind == "edit" and captured.said is not None:
        once += f"#{captured.said.updated_at}"
    group = f"{captured.tenant}.{captured.mapping_id}"
    return Message(written(captured), group=group, once=hashlib.sha256(f"{group}#{once}".encode()).hexdigest())


def written(captured: Captured) -> str:
    """As JSON."""
    return json.dumps(asdict(captured), ensure_ascii=False, separators=(",", ":"))


def read(told: Mapping[str, Any]) -> Captured:
    """What `written` wrote."""
    said = told["said"]
    return Captured(**{**told, "said": _said(said) if said else None})


def bounded(text: str) -> str:
    """A message's text as its row has it."""
    return text if len(text) <= MAX_CONTENT else text[: MAX_CONTENT - 1] + "…"


def _said(told: Mapping[str, Any]) -> Said:
    made = {
        **told,
        "author": Contact(**told["author"]),
        "media": Media(**told["media"]) if told["media"] else None,
        "quote": Quote(**told["quote"]) if told["quote"] else None,
    }
    return Said(**made)
