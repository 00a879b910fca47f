"""Any HTTP service: messages as signed posts, records from a list in pages."""

import re
from typing import Annotated, Any, ClassVar

from pydantic import Field

from hub import signing, times
from hub.connectors import callbacks, calls
from hub.connectors.protocol import (
    SECRET,
    Account,
    Callback,
    Config,
    Connector,
    Heard,
    Limits,
    Outgoing,
    Page,
    Permanent,
    Record,
    Sent,
    Unverified,
)

MAX_TEXT = 100_000
_LONGEST = 256
_LATEST = 253_402_300_799_999
"""The end of the year 9999, epoch ms."""


class HttpConfig(Config):
    """`url` gets the messages, signed with `secret` as the headers of Standard Webhooks say; `records_url` is read.

    What is posted to us must be signed so, too.
    """

    url: Annotated[str, Field(max_length=2048, pattern=r"^https?://\S+$")]
    secret: Annotated[str, SECRET] = ""
    token: Annotated[str, SECRET] = ""
    records_url: Annotated[str, Field(max_length=2048, pattern=r"^(https?://\S+)?$")] = ""


class Http(Connector[HttpConfig]):
    """A service of one's own."""

    service_type = "http"
    config = HttpConfig
    limits: ClassVar[Limits] = Limits(text=MAX_TEXT, per_second=10)
    abilities: ClassVar = frozenset({"send", "records", "changes"})

    def test(self, config: HttpConfig) -> Account:
        """`HEAD` of the address: whatever it answers but a server error shows that somebody is there."""
        answer = calls.call("HEAD", config.url, headers=_authorization(config))
        if answer.status in (401, 403) or answer.status >= 500:
            raise calls.refused(answer)
        return Account(config.url, "")

    def send(self, config: HttpConfig, message: Outgoing) -> Sent:
        """Post `{"id","to","from","text","media","timestamp"}`; an `id` in the answer is the message's there."""
        body: dict[str, Any] = {"id": message.id, "to": message.to, "from": message.sender, "text": message.text}
        if message.media:
            body["media"] = {"type": message.media.kind, "url": message.media.url, "name": message.media.name}
        answer = calls.signed_post(
            config.url,
            {**body, "timestamp": times.iso_ms(times.now_ms())},
            message.id,
            config.secret,
            _authorization(config),
        )
        if answer.ok:
            return Sent(str(answer.fields.get("id") or message.id))
        if answer.status in (404, 405):
            raise Permanent(str(answer.status), "the address takes no posts")
        raise calls.refused(answer)

    def reads(self, config: HttpConfig) -> bool:
        """Where there is an address to read from."""
        return bool(config.records_url)

    def records(self, config: HttpConfig, cursor: str | None) -> Page[Record]:
        """Read `{"items": [{"id", "kind", "updatedAt", …}], "next"}`, page after page by `?cursor=`."""
        if not config.records_url:
            raise Permanent("missing_records_url", "the config names no address to read from")
        query = {"cursor": cursor} if cursor else {}
        answer = calls.call("GET", config.records_url, query=query, headers=_authorization(config))
        if not answer.ok:
            raise calls.refused(answer)
        if answer.json is None:
            raise calls.refused(answer)
        items, following = answer.fields.get("items"), answer.fields.get("next")
        if not isinstance(items, list) or not all(isinstance(one, dict) and "id" in one for one in items):
            raise Permanent("bad_answer", "the answer is not {items: [{id, …}], next}")
        if following and str(following) == cursor:
            raise Permanent("bad_answer", "the list goes on where it is")
        return Page([_record(one) for one in items], str(following) if following else None)

    def hear(self, config: HttpConfig, callback: Callback) -> Heard:
        """Whatever is signed tells that records changed."""
        event_id, stamp, given = (
            callback.headers.get(f"webhook-{name}", "") for name in ("id", "timestamp", "signature")
        )
        if not signing.is_signed(callback.body, event_id, stamp, given, config.secret) or not callbacks.is_fresh(stamp):
            raise Unverified
        return Heard(records_changed=True)


def _authorization(config: HttpConfig) -> dict[str, str]:
    return {"Authorization": f"Bearer {config.token}"} if config.token else {}


def _record(one: dict[str, Any]) -> Record:
    updated = one.get("updatedAt")
    try:
        changed = times.epoch_ms(updated) if isinstance(updated, str) else updated
    except (ValueError, OverflowError):
        changed = -1
    if changed is not None and (type(changed) is not int or not 0 <= changed <= _LATEST):
        raise Permanent("bad_answer", "updatedAt is neither epoch milliseconds nor ISO 8601")
    told, kind = str(one["id"]), str(one.get("kind", "record"))
    if not 1 <= len(told) <= _LONGEST or not re.fullmatch(r"[\w.-]{1,64}", kind):
        raise Permanent("bad_answer", f"an id has 1 to {_LONGEST} characters, a kind 1 to 64 letters, digits, '.', '-'")
    return Record(told, kind, one, changed)


CONNECTOR = Http()
