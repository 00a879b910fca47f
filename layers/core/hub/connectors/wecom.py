"""WeCom, by a group's robot (https://developer.work.weixin.qq.com/document/path/91770)."""

import re
from typing import Annotated, Any, ClassVar

from pydantic import Field

from hub.connectors import calls
from hub.connectors.protocol import (
    SECRET,
    Account,
    ApiConfig,
    Connector,
    Disabled,
    Limits,
    Media,
    Outgoing,
    Permanent,
    ProviderError,
    Sent,
    Temporary,
)

API = "https://qyapi.weixin.qq.com"
_TOO_MANY = 45009
_MINUTE = 60
_NO_CONTENT = frozenset({40008, 44004, 40058})
_REFUSED = 93000
_DISABLED = frozenset({93008, 93017})


class WeComConfig(ApiConfig):
    """`key` of the robot's address."""

    key: Annotated[str, SECRET, Field(pattern=r"^[A-Za-z0-9-]{16,64}$")]


class WeCom(Connector[WeComConfig]):
    """A group."""

    service_type = "wecom"
    config = WeComConfig
    limits: ClassVar[Limits] = Limits(
        text=2048,
        caption=512,
        unit="bytes",
        per_second=1 / 3,
        per_second_each=1 / 3,
        formats={"markdown": 4096},
    )
    abilities: ClassVar = frozenset({"send"})

    def test(self, config: WeComConfig) -> Account:
        """A message without content is refused for that alone when the key is right."""
        answer = _post(config, {"msgtype": "text", "text": {"content": ""}})
        if answer.ok and answer.code("errcode") in _NO_CONTENT:
            return Account("robot", "")
        raise _error(answer)

    def send(self, config: WeComConfig, message: Outgoing) -> Sent:
        """Send a text or markdown, or an article that leads to the media; the message's own id stands for one of the
        robot's, which has no key against a second copy."""
        if message.media is None and message.format == "markdown":
            body: dict[str, Any] = {"msgtype": "markdown", "markdown": {"content": _unpinging(message.text)}}
        elif message.media is None:
            body = {"msgtype": "text", "text": {"content": _unpinging(message.text)}}
        else:
            body = {"msgtype": "news", "news": {"articles": [_article(message.text, message.media)]}}
        answer = _post(config, body)
        if answer.ok and answer.code("errcode") == 0:
            return Sent(message.id)
        raise _error(answer)


def _unpinging(text: str) -> str:
    # A mention (`<@userid>`) in a text from outside must not ping anybody.
    return re.sub(r"<@([^<>\s]{1,64})>", r"@\1", text)


def _article(text: str, media: Media) -> dict[str, str]:
    """An article: WeCom itself cuts a title that is too long."""
    picture = {"picurl": media.url} if media.kind == "image" else {}
    return {"title": media.name or media.kind, "description": text, "url": media.url, **picture}


def _post(config: WeComConfig, body: dict[str, Any]) -> calls.Answer:
    address = f"{calls.base(config.base_url, API)}/cgi-bin/webhook/send"
    return calls.call("POST", address, query={"key": config.key}, body=body)


def _error(answer: calls.Answer) -> ProviderError:
    code, text = answer.code("errcode"), str(answer.fields.get("errmsg", ""))
    if code == _TOO_MANY:
        return Temporary(str(code), text, calls.after(_MINUTE))
    if code == -1:
        return Temporary("-1", text)
    # The same code is given for contents that are too long.
    if code in _DISABLED or (code == _REFUSED and "webhook url" in text):
        return Disabled(str(code), text)
    return Permanent(str(code), text) if answer.ok and code else calls.refused(answer, code, text)


CONNECTOR = WeCom()
