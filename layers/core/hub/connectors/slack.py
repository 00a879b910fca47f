"""Slack, by an incoming webhook or a bot's token (https://docs.slack.dev).

Neither has a key against a second copy of a message.
"""

import hashlib
import hmac
import json
import re
from typing import Annotated, Any, ClassVar, Self

from pydantic import Field, model_validator

from hub.connectors import callbacks, calls
from hub.connectors.protocol import (
    SECRET,
    Ability,
    Account,
    ApiConfig,
    Callback,
    Connector,
    Contact,
    Disabled,
    Heard,
    Limits,
    Outgoing,
    Page,
    Permanent,
    ProviderError,
    Record,
    Sent,
    Target,
    Temporary,
    Unverified,
)
from hub.web.validation import refused

API = "https://slack.com/api"
PAGE = "200"
_CHANNELS = {"types": "public_channel,private_channel"}

_TOO_MANY = frozenset({"ratelimited", "rate_limited"})
_TEMPORARY = frozenset(
    {
        "internal_error",
        "fatal_error",
        "service_unavailable",
        "request_timeout",
        "rollup_error",
        "team_added_to_org",
    }
)
_DISABLED = frozenset(
    {
        "account_inactive",
        "invalid_auth",
        "not_authed",
        "invalid_token",
        "no_active_hooks",
        "no_service",
        "no_team",
        "team_disabled",
        "token_expired",
        "token_revoked",
        "access_denied",
        "org_login_required",
        "ekm_access_denied",
        "not_allowed_token_type",
    }
)
_OF_CHANNEL = frozenset(
    {
        "action_prohibited",
        "channel_is_archived",
        "channel_not_found",
        "is_archived",
        "not_in_channel",
        "posting_to_general_channel_denied",
        "restricted_action",
    }
)
"""What disables a connection that writes to this channel alone, and is nothing to one that may write to others."""
_TELLING = ("channel_", "group_", "user_", "team_join", "member_joined_channel", "member_left_channel")
"""How events begin that a channel or a person is another by."""
_EMPTY = frozenset({"no_text", "missing_text_or_fallback_or_attachments", "invalid_payload"})


class SlackConfig(ApiConfig):
    """`webhook_url` posts to its own channel (only old ones heed `channel` and `username`); `bot_token` does it all.

    `signing_secret` is the app's, by which its events are checked.
    """

    webhook_url: Annotated[str, SECRET, Field(max_length=2048, pattern=r"^https?://\S+$")] = ""
    bot_token: Annotated[str, SECRET, Field(pattern=r"^xox[bp]-[A-Za-z0-9-]{10,255}$")] = ""
    signing_secret: Annotated[str, SECRET] = ""
    channel: Annotated[str, Field(max_length=80)] = ""
    username: Annotated[str, Field(max_length=80)] = ""

    @model_validator(mode="after")
    def _reaches_slack(self) -> Self:
        if not self.webhook_url and not self.bot_token:
            raise refused("missing", field="webhook_url")
        return self


class Slack(Connector[SlackConfig]):
    """A workspace: channels to post to, people and channels to read."""

    service_type = "slack"
    config = SlackConfig
    limits: ClassVar[Limits] = Limits(text=4000, per_second=1, per_second_each=1, formats={"markdown": 3000})
    abilities: ClassVar = frozenset({"send", "edit", "delete", "contacts", "records", "targets", "changes"})

    def able(self, config: SlackConfig) -> frozenset[Ability]:
        """An incoming webhook does nothing but post."""
        return self.abilities if config.bot_token else frozenset({"send"})

    def test(self, config: SlackConfig) -> Account:
        """`auth.test`. Of an incoming webhook nothing can be asked without a post: an empty one is refused in words."""
        if config.bot_token:
            found = _call(config, "auth.test")
            return Account(str(found["team_id"]), str(found["team"]))
        answer = calls.call("POST", config.webhook_url, body={})
        if answer.status == 400 and _word(answer) in _EMPTY:
            return Account("webhook", config.channel)
        raise _refused(answer, _word(answer))

    def send(self, config: SlackConfig, message: Outgoing) -> Sent:
        """`chat.postMessage`, or a post to the webhook, which tells no id: the message's own stands for it."""
        channel = message.to or config.channel
        own = _content(message) | {
            name: value
            for name, value in (("channel", channel), ("username", message.sender or config.username))
            if value
        }
        try:
            if config.bot_token:
                found = _call(config, "chat.postMessage", {**own, "unfurl_links": False})
                return Sent(f"{found['channel']}:{found['ts']}")
            answer = calls.call("POST", config.webhook_url, body=own)
            if answer.ok and _word(answer) == "ok":
                return Sent(message.id)
            raise _refused(answer, _word(answer))
        except Disabled as error:
            if error.code in _OF_CHANNEL and message.to not in ("", config.channel):
                raise Permanent(error.code, error.message) from error
            raise

    def edit(self, config: SlackConfig, message: Outgoing, provider_id: str) -> None:
        """`chat.update`."""
        _done(_call(config, "chat.update", {**_place(config, provider_id), **_content(message)}))

    def delete(self, config: SlackConfig, provider_id: str) -> None:
        """`chat.delete`."""
        try:
            _done(_call(config, "chat.delete", _place(config, provider_id)))
        except Permanent as error:
            if error.code != "message_not_found":
                raise

    def targets(self, config: SlackConfig, cursor: str | None) -> Page[Target]:
        """`conversations.list`: the channels that are not archived."""
        found = _listed(config, "conversations.list", cursor, {**_CHANNELS, "exclude_archived": "true"})
        with calls.reading():
            rows = [
                Target(one["id"], str(one.get("name", "")), str(one.get("context_team_id", "")))
                for one in found["channels"]
            ]
            return Page(rows, _next(found, cursor))

    def contacts(self, config: SlackConfig, cursor: str | None) -> Page[Contact]:
        """`users.list`, without bots and those who left."""
        found = _listed(config, "users.list", cursor)
        with calls.reading():
            return Page([_contact(one) for one in found["members"] if _is_person(one)], _next(found, cursor))

    def reads(self, config: SlackConfig) -> bool:
        """A bot token reads, an incoming webhook does not."""
        return bool(config.bot_token)

    def records(self, config: SlackConfig, cursor: str | None) -> Page[Record]:
        """`conversations.list`, then `users.list`: the channels and the people of the workspace."""
        kind, _, place = (cursor or "channel:").partition(":")
        if kind == "channel":
            found = _listed(config, "conversations.list", place or None, _CHANNELS)
            following = _next(found, place)
            return Page(_records(found, "channels", "channel"), f"channel:{following}" if following else "user:")
        found = _listed(config, "users.list", place or None)
        following = _next(found, place)
        return Page(_records(found, "members", "user"), f"user:{following}" if following else None)

    def hear(self, config: SlackConfig, callback: Callback) -> Heard:
        """Answer the verification of the address, or read an event of the app's (Events API)."""
        _verify(config, callback)
        [heard] = callbacks.readable(_heard, [callback.body]) or [Heard()]
        return heard


def _verify(config: SlackConfig, callback: Callback) -> None:
    """Check Slack's signature, version 0, over the time and the body. Raises `Unverified`."""
    stamp = callback.headers.get("x-slack-request-timestamp", "")
    signed = b":".join((b"v0", stamp.encode(errors="replace"), callback.body))
    expected = f"v0={hmac.digest(config.signing_secret.encode(), signed, hashlib.sha256).hex()}"
    given = callback.headers.get("x-slack-signature", "")
    if not config.signing_secret or not callbacks.is_secret(given, expected) or not callbacks.is_fresh(stamp):
        raise Unverified


def _heard(body: bytes) -> Heard:
    told = json.loads(body)
    match told["type"]:
        case "url_verification":
            return Heard(reply=str(told["challenge"])[:256])
        case "event_callback":
            return Heard(records_changed=told["event"]["type"].startswith(_TELLING))
        case "app_rate_limited":
            # Slack has dropped events and does not say which.
            return Heard(records_changed=True)
    return Heard()


def _content(message: Outgoing) -> dict[str, Any]:
    """A text, or a section of mrkdwn whose text notifications show; `options["blocks"]` go as they stand."""
    media = message.media
    if "blocks" in message.options:
        return {"text": _plain(message.text), "blocks": message.options["blocks"]}
    if message.format != "markdown":
        return {"text": _plain(f"{message.text}\n{media.url}".strip() if media else message.text)}
    # A mention in a text from outside must not ping anybody.
    text = re.sub(r"<(?=[!@])", "&lt;", message.text)
    blocks: list[dict[str, Any]] = [{"type": "section", "text": {"type": "mrkdwn", "text": text}}] if text else []
    if media and media.kind == "image":
        blocks.append({"type": "image", "image_url": media.url, "alt_text": media.name or media.kind})
    elif media:
        name = _plain(media.name or media.kind).replace("|", " ")
        blocks.append({"type": "section", "text": {"type": "mrkdwn", "text": f"<{media.url}|{name}>"}})
    return {"text": text or _plain(media.name or media.kind if media else ""), "blocks": blocks}


def _plain(text: str) -> str:
    # A mention in a text from outside must not ping anybody.
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _done(found: dict[str, Any]) -> None:
    """What changed a message tells which. Raises `Temporary`."""
    found["ts"]


def _place(config: SlackConfig, provider_id: str) -> dict[str, str]:
    if not config.bot_token:
        raise Permanent("missing_token", "an incoming webhook can only post: a bot token can do more")
    channel, _, stamp = provider_id.partition(":")
    return {"channel": channel, "ts": stamp}


def _call(config: SlackConfig, method: str, parameters: dict[str, Any] | None = None) -> dict[str, Any]:
    address = f"{calls.base(config.base_url, API)}/{method}"
    headers = {"Authorization": f"Bearer {config.bot_token}"}
    return _told(calls.call("POST", address, body=parameters or {}, headers=headers))


def _listed(config: SlackConfig, method: str, cursor: str | None, more: dict[str, str] | None = None) -> dict[str, Any]:
    """A page of a list: those methods take their parameters from the query alone."""
    if not config.bot_token:
        raise Permanent("missing_token", "an incoming webhook cannot be read from: a bot token can")
    query = {"limit": PAGE, **(more or {}), **({"cursor": cursor} if cursor else {})}
    address = f"{calls.base(config.base_url, API)}/{method}"
    return _told(calls.call("GET", address, query=query, headers={"Authorization": f"Bearer {config.bot_token}"}))


def _told(answer: calls.Answer) -> dict[str, Any]:
    told = answer.fields
    if answer.ok and told.get("ok") is True:
        return told
    code = told.get("error")
    raise _refused(answer, code if isinstance(code, str) else "", str(told.get("needed", "")))


def _word(answer: calls.Answer) -> str:
    """What a webhook answers with: `ok`, or the name of an error."""
    return answer.body[:100].decode(errors="replace").strip()


def _refused(answer: calls.Answer, code: str, scopes: str = "") -> ProviderError:
    if answer.status == 429 or code in _TOO_MANY:
        return Temporary("ratelimited", "too many requests", calls.after(answer.headers.get("Retry-After")))
    if code in _TEMPORARY:
        return Temporary(code, code)
    if code in _DISABLED or code in _OF_CHANNEL:
        return Disabled(code, code)
    if answer.ok and code and answer.json is not None:
        return Permanent(code, f"{code}: {scopes}" if scopes else code)
    return calls.refused(answer, code, code)


def _next(found: dict[str, Any], cursor: str | None) -> str | None:
    with calls.reading():
        return calls.onward((found.get("response_metadata") or {}).get("next_cursor"), cursor)


def _records(found: dict[str, Any], name: str, kind: str) -> list[Record]:
    with calls.reading():
        return [Record(one["id"], kind, one, _milliseconds(one)) for one in found[name]]


def _is_person(one: dict[str, Any]) -> bool:
    # Slack's own bot is the one that is not told to be one.
    return not one.get("deleted") and not one.get("is_bot") and one["id"] != "USLACKBOT"


def _contact(one: dict[str, Any]) -> Contact:
    profile = one.get("profile") or {}
    return Contact(one["id"], profile.get("real_name") or one.get("name", ""), profile.get("image_192"))


def _milliseconds(one: dict[str, Any]) -> int | None:
    """When it changed: channels tell milliseconds, people seconds."""
    updated = one.get("updated")
    if not isinstance(updated, int):
        return None
    return updated if updated > 10**11 else updated * 1000


CONNECTOR = Slack()
