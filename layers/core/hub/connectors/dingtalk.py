"""DingTalk, by a group's custom robot (https://open.dingtalk.com/document/robots/custom-robot-access)."""

import base64
import hashlib
import hmac
import re
from typing import Annotated, Any, ClassVar

from pydantic import Field

from hub import times
from hub.connectors import calls
from hub.connectors.protocol import (
    SECRET,
    Account,
    ApiConfig,
    Connector,
    Disabled,
    Limits,
    Outgoing,
    Permanent,
    ProviderError,
    Sent,
    Temporary,
)

API = "https://oapi.dingtalk.com"
_TOO_MANY = frozenset({130101, 410100})
_TOO_MANY_TODAY = 90030
_BLOCKED_SECONDS = 600
_NO_CONTENT = 40035
_NOT_CHECKED = 310000
_DISABLED = frozenset({300001, 300005, 40014, 400013, 400101, 400102, 400106})


class DingTalkConfig(ApiConfig):
    """`access_token` of the robot's address; `secret` where the robot checks signatures."""

    access_token: Annotated[str, SECRET, Field(pattern=r"^[A-Za-z0-9]{16,128}$")]
    secret: Annotated[str, SECRET] = ""


class DingTalk(Connector[DingTalkConfig]):
    """A group.

    A post may have 20,000 bytes: as many as a text of quotation marks and a media's address have in JSON at the limit.
    """

    service_type = "dingtalk"
    config = DingTalkConfig
    limits: ClassVar[Limits] = Limits(
        text=8_800, unit="bytes", per_second=1 / 3, per_second_each=1 / 3, formats={"markdown": 8_000}
    )
    abilities: ClassVar = frozenset({"send"})

    def test(self, config: DingTalkConfig) -> Account:
        """A message without content is refused for that alone, or for want of a keyword, when all else is right."""
        answer = _post(config, {"msgtype": "text"})
        if answer.ok and (answer.code("errcode") == _NO_CONTENT or _lacks_keyword(answer)):
            return Account("robot", "")
        raise _error(answer)

    def send(self, config: DingTalkConfig, message: Outgoing) -> Sent:
        """Send a text or markdown; the robot tells no id, the message's own stands for it, and has no key against a
        second copy."""
        answer = _post(config, {**_content(message), "at": {"isAtAll": False}})
        if answer.ok and answer.code("errcode") == 0:
            return Sent(message.id)
        raise _error(answer)


def _content(message: Outgoing) -> dict[str, Any]:
    """A text, or markdown, which shows a picture; its title is what a notification shows."""
    media, text = message.media, message.text
    if message.format != "markdown":
        return {"msgtype": "text", "text": {"content": f"{text}\n{media.url}".strip() if media else text}}
    if media:
        name = re.sub(r"[\[\]\n]", " ", media.name).strip() or media.kind
        text = f"{text}\n\n{'!' if media.kind == 'image' else ''}[{name}]({media.url})".strip()
    title = str(message.options.get("title") or re.sub(r"[*#>`\[\]!]", "", text).strip().partition("\n")[0])
    return {"msgtype": "markdown", "markdown": {"title": title[:64] or "-", "text": text}}


def _post(config: DingTalkConfig, body: dict[str, Any]) -> calls.Answer:
    query = {"access_token": config.access_token}
    if config.secret:
        now = str(times.now_ms())
        digest = hmac.new(config.secret.encode(), f"{now}\n{config.secret}".encode(), hashlib.sha256).digest()
        query |= {"timestamp": now, "sign": base64.b64encode(digest).decode()}
    return calls.call("POST", f"{calls.base(config.base_url, API)}/robot/send", query=query, body=body)


def _error(answer: calls.Answer) -> ProviderError:
    code, text = answer.code("errcode"), str(answer.fields.get("errmsg", ""))
    if code in _TOO_MANY:
        return Temporary(str(code), text, calls.after(_BLOCKED_SECONDS))
    if code == _TOO_MANY_TODAY:
        return Temporary(str(code), text, calls.china_midnight())
    if code == -1:
        return Temporary("-1", text)
    if code in _DISABLED or (code == _NOT_CHECKED and not _lacks_keyword(answer)):
        return Disabled(str(code), text)
    return Permanent(str(code), text) if answer.ok and code else calls.refused(answer, code, text)


def _lacks_keyword(answer: calls.Answer) -> bool:
    """Whether a robot that takes only texts with its keywords refused this one; signature and address have the same
    code."""
    return answer.code("errcode") == _NOT_CHECKED and "keywords" in str(answer.fields.get("errmsg", ""))


CONNECTOR = DingTalk()
