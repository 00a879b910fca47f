"""Messaging as its platforms and its tenants meet it: connections, the platforms' documented callbacks, the workers."""

import hashlib
import hmac
import json
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlencode

from tests.conftest import Answer, Deployment
from tests.contract import memory

TOKEN = "110201543:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw"
NUMBER = "106540352242922"
WECHAT_TOKEN = "wechatCallbackToken"
CONFIGS: dict[str, dict[str, str]] = {
    "whatsapp": {
        "phone_number_id": NUMBER,
        "access_token": "EAAJB-whatsapp-access-token",
        "app_secret": "whatsapp-app-secret",
        "verify_token": "whatsapp-verify-token",
    },
    "telegram": {"bot_token": TOKEN, "webhook_secret": "telegram-webhook-secret"},
    "wechat": {"app_id": "wxb11529c136998cb6", "app_secret": "wechat-app-secret", "token": WECHAT_TOKEN},
    "signal": {
        "base_url": "https://signal.example.com",
        "number": "+4915112345678",
        "callback_secret": "signal-callback-secret",
    },
}
CONTEXT = SimpleNamespace(aws_request_id="an-invocation")


@dataclass(frozen=True, slots=True)
class Callback:
    """A platform's call of ours, as it makes it."""

    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)
    query: Mapping[str, str] = field(default_factory=dict)

    def to(self, platform: str, integration: str) -> str:
        """Its path and query."""
        asked = f"?{urlencode(self.query)}" if self.query else ""
        return f"/third-party/{platform}/callback/{integration}{asked}"


def connect(deployment: Deployment, platform: str, **config: str) -> str:
    """An integration of a platform, whose callbacks can be verified."""
    wanted = {"name": "一", "service_type": platform, "config": CONFIGS[platform] | config}
    made = deployment.call("POST", "/v1/integrations", wanted)
    assert made.status == 201, made.text
    return str(made.json["id"])


def wrote(platform: str, text: str, *, number: int = 1, person: str = "16505551234", name: str = "Sheena") -> Callback:
    """Somebody wrote a message; `number` tells it from others."""
    match platform:
        case "whatsapp":
            message: dict[str, Any] = {
                "from": person,
                "id": f"wamid.{number}",
                "timestamp": "1749416383",
                "type": "text",
                "text": {"body": text},
            }
            contact = {"profile": {"name": name}, "wa_id": person}
            return _whatsapp(contacts=[contact], messages=[message])
        case "telegram":
            chat: dict[str, Any] = {"id": int(person), "first_name": name, "type": "private"}
            message = {"date": 1441645532, "chat": chat, "message_id": number, "from": chat, "text": text}
            return _telegram({"update_id": number, "message": message})
        case "wechat":
            xml = (
                f"<xml><ToUserName>gh_1</ToUserName><FromUserName>{person}</FromUserName><CreateTime>1348831860</CreateTime>"
                f"<MsgType>text</MsgType><Content><![CDATA[{text}]]></Content><MsgId>{number}</MsgId></xml>"
            )
            return _wechat(xml)
    envelope = {"source": f"+{person}", "sourceNumber": f"+{person}", "sourceName": name, "timestamp": 1708285141830}
    told = {**envelope, "dataMessage": {"timestamp": 1708285141000 + number, "message": text}}
    return _signal(told)


def moved(before: int, after: int) -> Callback:
    """A group of Telegram's became a supergroup (https://core.telegram.org/bots/api#message)."""
    chat = {"id": before, "title": "客户群", "type": "group"}
    told = {"message_id": 9, "date": 1441645532, "chat": chat, "migrate_to_chat_id": after}
    return _telegram({"update_id": 9, "message": told})


def became(platform: str, provider_id: str, status: str) -> Callback:
    """A message of ours was delivered, read or failed; of platforms that tell it."""
    match platform:
        case "whatsapp":
            told: dict[str, Any] = {"id": provider_id, "status": status, "timestamp": "1750263773"}
            if status == "failed":
                told["errors"] = [{"code": 131047, "title": "Re-engagement message"}]
            return _whatsapp(statuses=[told])
        case "wechat":
            word = "success" if status == "delivered" else "failed:user block"
            return _wechat(
                "<xml><ToUserName>gh_1</ToUserName><FromUserName>oMG</FromUserName><CreateTime>1348831860</CreateTime>"
                "<MsgType>event</MsgType><Event>TEMPLATESENDJOBFINISH</Event>"
                f"<MsgID>{provider_id}</MsgID><Status>{word}</Status></xml>"
            )
        case "signal":
            receipt = {
                "isDelivery": status == "delivered",
                "isRead": status == "read",
                "timestamps": [int(provider_id)],
            }
            return _signal({"source": "+4", "timestamp": 1708285141830, "receiptMessage": receipt})
    raise LookupError(platform)


def tell(deployment: Deployment, platform: str, integration: str, callback: Callback) -> Answer:
    """Make a platform's call."""
    path = callback.to(platform, integration)
    return deployment.call("POST", path, callback.body, key=None, headers={"content-type": "", **callback.headers})


def queued() -> list[dict[str, Any]]:
    """What waits in MessagingHeardQueue."""
    return [json.loads(body) for body in memory.received("MessagingHeardQueue")]


def hear(bodies: Iterable[Any] | None = None) -> list[str]:
    """Run the worker over what was heard; answers with the places of what is to come again."""
    from functions.messaging import heard

    found = queued() if bodies is None else list(bodies)
    records = [
        {"messageId": str(place), "body": one if isinstance(one, str) else json.dumps(one)}
        for place, one in enumerate(found)
    ]
    if not records:
        return []
    return [one["itemIdentifier"] for one in heard.handler({"Records": records}, CONTEXT)["batchItemFailures"]]


def _whatsapp(**value: Any) -> Callback:
    found = {"messaging_product": "whatsapp", "metadata": {"phone_number_id": NUMBER}, **value}
    told = {
        "object": "whatsapp_business_account",
        "entry": [{"id": "1", "changes": [{"field": "messages", "value": found}]}],
    }
    body = json.dumps(told).encode()
    signature = hmac.digest(CONFIGS["whatsapp"]["app_secret"].encode(), body, "sha256").hex()
    return Callback(body, {"x-hub-signature-256": f"sha256={signature}"})


def _telegram(update: dict[str, Any]) -> Callback:
    secret = CONFIGS["telegram"]["webhook_secret"]
    return Callback(json.dumps(update).encode(), {"x-telegram-bot-api-secret-token": secret})


def _wechat(xml: str) -> Callback:
    return Callback(xml.encode(), {}, wechat_query())


def wechat_query() -> dict[str, str]:
    """The query by which WeChat shows that it is it who calls."""
    asked = {"timestamp": str(int(time.time())), "nonce": "1372623149"}
    signature = hashlib.sha1("".join(sorted((WECHAT_TOKEN, *asked.values()))).encode()).hexdigest()
    return {**asked, "signature": signature}


def _signal(envelope: dict[str, Any]) -> Callback:
    told = {"jsonrpc": "2.0", "method": "receive", "params": {"envelope": envelope, "account": "+4915112345678"}}
    return Callback(json.dumps(told).encode(), {}, {"secret": CONFIGS["signal"]["callback_secret"]})
