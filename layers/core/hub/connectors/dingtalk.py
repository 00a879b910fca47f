"""DingTalk, by a group's custom robot (https://open.dingtalk.com/document/robots/custom-robot-access)."""

import base64
import hashlib
import hmac
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
_TOO_MANY = 130101
_BLOCKED_SECONDS = 600
_NO_CONTENT = frozenset({40035, 400101, 400102, 430101})
_DISABLED = frozenset({300001, 300005, 310000, 400013, 40014})


class DingTalkConfig(ApiConfig):
    """`access_token` of the robot's address; `secret` where the robot checks signatures."""

    access_token: Annotated[str, SECRET, Field(pattern=r"^[A-Za-z0-9]{16,128}$")]
    secret: Annotated[str, SECRET] = ""


class DingTalk(Connector[DingTalkConfig]):
    """A group."""

    service_type = "dingtalk"
    config = DingTalkConfig
    limits: ClassVar[Limits] = Limits(text=18_000, unit="bytes", per_second=1 / 3, per_second_each=1 / 3)
    abilities: ClassVar = frozenset({"send"})

    def test(self, config: DingTalkConfig) -> Account:
        """A message without content is refused for that alone when token and signature are right."""
        answer = _post(config, {"msgtype": "text"})
        if answer.ok and answer.fields.get("errcode") in _NO_CONTENT:
            return Account("robot", "")
        raise _error(answer)

    def send(self, config: DingTalkConfig, message: Outgoing) -> Sent:
        """Send a text; the robot tells no id, the message's own stands for it."""
        text = f"{message.text}\n{message.media.url}".strip() if message.media else message.text
        answer = _post(config, {"msgtype": "text", "text": {"content": text}, "at": {"isAtAll": False}})
        if answer.ok and answer.fields.get("errcode") == 0:
            return Sent(message.id)
        raise _error(answer)


def _post(config: DingTalkConfig, body: dict[str, Any]) -> calls.Answer:
    query = {"access_token": config.access_token}
    if config.secret:
        now = str(times.now_ms())
        digest = hmac.new(config.secret.encode(), f"{now}\n{config.secret}".encode(), hashlib.sha256).digest()
        query |= {"timestamp": now, "sign": base64.b64encode(digest).decode()}
    return calls.call("POST", f"{calls.base(config.base_url, API)}/robot/send", query=query, body=body)


def _error(answer: calls.Answer) -> ProviderError:
    told = answer.fields
    code, text = told.get("errcode"), str(told.get("errmsg", ""))
    if code == _TOO_MANY:
        return Temporary(str(code), text, calls.after(_BLOCKED_SECONDS))
    if code == -1:
        return Temporary("-1", text)
    if code in _DISABLED:
        return Disabled(str(code), text)
    return Permanent(str(code), text) if answer.ok and code else calls.refused(answer, code, text)


CONNECTOR = DingTalk()
