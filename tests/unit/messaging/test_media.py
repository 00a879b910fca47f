"""Pictures, films, sounds and files over each platform, as its API takes them."""

import base64
import json
from collections.abc import Iterator
from typing import Any

import pytest

from functions.integrations import service as integrations
from functions.integrations.models import NewIntegration
from functions.messaging.messages import sending, service, store
from functions.messaging.messages.models import NewThirdPartyMessage
from hub.events import Caller
from tests.contract.connectors.fakes import Asked, Fake, Reply, told
from tests.contract.messaging import CONFIGS

CALLER = Caller("default", "enterprise", "ak_1", "req_1")
PICTURE = b"\x89PNG\r\n\x1a\n a picture"

pytestmark = pytest.mark.usefixtures("aws")


class Platforms(Fake):
    """All four, told apart by their paths; and the server of the file."""

    def answer(self, asked: Asked) -> Reply:
        """What each documents."""
        if asked.path == "/a.png":
            return Reply(200, PICTURE, {"Content-Type": "image/png"})
        if asked.path.startswith("/bot"):
            return told({"ok": True, "result": {"message_id": 7, "chat": {"id": 42}}})
        if asked.path == "/v2/send":
            return told({"timestamp": "1708285141000"}, 201)
        if asked.path.endswith("/stable_token"):
            return told({"access_token": "a-token", "expires_in": 7200})
        if asked.path.endswith("/media/upload"):
            return told({"type": "image", "media_id": "media-1", "created_at": 1})
        if asked.path.startswith("/cgi-bin/"):
            return told({"errcode": 0, "errmsg": "ok"})
        return told({"messages": [{"id": "wamid.1"}]})


@pytest.fixture
def platforms() -> Iterator[Platforms]:
    with Platforms() as fake:
        yield fake


def send(platforms: Platforms, platform: str, kind: str, content: str) -> list[Asked]:
    """Send a file with a text; what the platform was asked, the file's own server left out."""
    config = CONFIGS[platform] | {"base_url": platforms.url}
    integrations.create(CALLER, NewIntegration(name="一", service_type=platform, config=config))
    media = {"url": f"{platforms.url}/a.png", "name": "图.png"}
    body = {"to": "42", "from": "a", "content": content, "type": kind, "media": media}
    made = service.create(CALLER, platform, NewThirdPartyMessage.model_validate(body))["id"]
    outcome, after = sending.attempt("default", store.get("default", platform, made, consistent=True))
    assert (outcome, after.error) == ("sent", None)
    return [asked for asked in platforms.asked if asked.path not in ("/a.png", "/cgi-bin/stable_token")]


@pytest.mark.parametrize("kind", ["image", "video", "audio", "file"])
def test_whatsapp_is_told_the_address(platforms: Platforms, kind: str) -> None:
    (asked,) = send(platforms, "whatsapp", kind, "" if kind == "audio" else "看")
    name = "document" if kind == "file" else kind
    expected: dict[str, Any] = {"link": f"{platforms.url}/a.png"}
    expected |= {} if kind == "audio" else {"caption": "看"}
    expected |= {"filename": "图.png"} if kind == "file" else {}
    assert (asked.json["type"], asked.json[name]) == (name, expected)


@pytest.mark.parametrize(
    ("kind", "method", "name"),
    [
        ("image", "sendPhoto", "photo"),
        ("video", "sendVideo", "video"),
        ("audio", "sendAudio", "audio"),
        ("file", "sendDocument", "document"),
    ],
)
def test_telegram_is_told_the_address(platforms: Platforms, kind: str, method: str, name: str) -> None:
    (asked,) = send(platforms, "telegram", kind, "看")
    assert asked.path.endswith(f"/{method}")
    assert {part: asked.json[part] for part in (name, "caption")} == {name: f"{platforms.url}/a.png", "caption": "看"}


def test_wechat_gets_a_picture_without_a_text_itself(platforms: Platforms) -> None:
    upload, asked = send(platforms, "wechat", "image", "")
    assert upload.path == "/cgi-bin/media/upload"
    assert PICTURE in upload.body
    assert asked.json == {"touser": "42", "msgtype": "image", "image": {"media_id": "media-1"}}


@pytest.mark.parametrize(("kind", "content"), [("image", "看"), ("video", ""), ("file", "看")])
def test_wechat_gets_the_address_of_what_it_does_not_take(platforms: Platforms, kind: str, content: str) -> None:
    asked = send(platforms, "wechat", kind, content)[-1]
    assert asked.json["text"]["content"] == f"{content}\n{platforms.url}/a.png".strip()


@pytest.mark.parametrize("kind", ["image", "video", "audio", "file"])
def test_signal_gets_the_file_itself(platforms: Platforms, kind: str) -> None:
    (asked,) = send(platforms, "signal", kind, "看")
    assert asked.json["message"] == "看"
    (attached,) = asked.json["base64_attachments"]
    assert base64.b64decode(attached.rpartition("base64,")[2]) == PICTURE
    assert json.dumps(attached).startswith('"data:image/png')
