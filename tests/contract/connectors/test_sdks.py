"""What the providers' own SDKs ask for, and well-known clients: the same as we do, over the same socket."""

import io
import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qsl

import pytest
import wechatpy
from slack_sdk import WebClient

from hub.connectors import feishu, slack, tokens, wechat
from hub.connectors.protocol import Media, Outgoing
from tests.contract.connectors import lark
from tests.contract.connectors.fakes import Asked, Fake, Reply, picture, told

CHAT = "oc_a0553eda9014c201e6969b478895c230"
FEISHU_TOKEN = told({"code": 0, "msg": "ok", "tenant_access_token": "t-1", "expire": 7200})
FEISHU_OK = told(
    {"code": 0, "msg": "success", "data": {"message_id": "om_1", "image_key": "img_1", "file_key": "file_1"}}
)
UPLOADS = ("/open-apis/im/v1/images", "/open-apis/im/v1/files")
FEISHU_LIST = told({"code": 0, "msg": "success", "data": {"items": [], "has_more": False}})
SLACK_TOKEN = "xoxb-17653672481-19874698323-pdFZKVeTuE8sk7oOcHrzqqgy"
SLACK_OK = told({"ok": True, "channel": "C1", "ts": "1.2", "channels": [], "members": []})
WECHAT_OK = told({"errcode": 0, "errmsg": "ok", "msgid": 1, "media_id": "media_1", "type": "image"})


@pytest.fixture(autouse=True)
def no_tokens() -> Iterator[None]:
    tokens._kept.clear()
    yield
    tokens._kept.clear()


def twice(provider: Fake, number: int) -> tuple[list[Asked], list[Asked]]:
    """Of what was asked, ours and theirs."""
    assert len(provider.asked) == 2 * number
    return provider.asked[:number], provider.asked[number:]


def feishu_shape(asked: Asked) -> tuple[Any, ...]:
    """What counts of a request: JSON in JSON is read, of a form the parts that say something."""
    body = None
    if asked.headers.get("content-type", "").startswith("multipart/"):
        body = {name: content for name, (_, _, content) in asked.form.items() if content}
    elif asked.body:
        body = {name: json.loads(one) if name == "content" else one for name, one in asked.json.items()}
    return asked.method, asked.path, dict(asked.query), asked.headers.get("authorization"), body


@pytest.mark.usefixtures("lark_messaging")
def test_feishus_sdk_asks_what_we_ask(provider: Fake) -> None:
    text, card = Outgoing("msg_1", CHAT, "你好"), Outgoing("msg_1", CHAT, "neu", format="card")
    own = feishu.FeishuConfig(app_id="cli_a", app_secret="s", base_url=provider.url)
    provider.will(FEISHU_TOKEN, *[FEISHU_OK] * 3, FEISHU_LIST, FEISHU_OK)
    feishu.CONNECTOR.send(own, text)
    feishu.CONNECTOR.edit(own, text, "om_1")
    feishu.CONNECTOR.edit(own, card, "om_2")
    feishu.CONNECTOR.targets(own, "page-2")
    feishu.CONNECTOR.delete(own, "om_1")
    for kind, name in (("image", "a.png"), ("file", "a.pdf")):
        provider.will(Reply(200, b"bytes"), FEISHU_OK, FEISHU_OK)
        feishu.CONNECTOR.send(own, Outgoing("msg_2", CHAT, media=Media(kind, f"{provider.url}/{name}")))  # type: ignore[arg-type]
    ours = [feishu_shape(asked) for asked in provider.asked]
    uploads = [one for one in ours if one[1] in UPLOADS]

    provider.asked.clear()
    provider.will(FEISHU_TOKEN, *[FEISHU_OK] * 3, FEISHU_LIST, *[FEISHU_OK] * 3)
    lark_asks(provider.url, card=json.dumps(ours[3][4]["content"]))
    theirs = [feishu_shape(asked) for asked in provider.asked]
    assert ours[:6] == theirs[:6]
    assert uploads == theirs[6:]


@pytest.fixture
def lark_messaging() -> Iterator[None]:
    with lark.messaging():
        yield


def lark_asks(url: str, card: str) -> None:
    """The same by lark-oapi."""
    from lark_oapi.api.im import v1 as im
    from lark_oapi.api.im.service import ImService
    from lark_oapi.core.model import Config

    config = Config()
    config.app_id, config.app_secret, config.domain = "cli_a", "s", url
    client = ImService(config).v1
    content = '{"text":"你好"}'
    message = im.CreateMessageRequestBody.builder().receive_id(CHAT).msg_type("text").content(content).uuid("msg_1")
    create = im.CreateMessageRequest.builder().receive_id_type("chat_id").request_body(message.build())
    update = im.UpdateMessageRequestBody.builder().msg_type("text").content(content).build()
    patch = im.PatchMessageRequestBody.builder().content(card).build()
    image = im.CreateImageRequestBody.builder().image_type("message").image(io.BytesIO(b"bytes")).build()
    file = im.CreateFileRequestBody.builder().file_type("pdf").file_name("a.pdf").file(io.BytesIO(b"bytes")).build()
    done = [
        client.message.create(create.build()),
        client.message.update(im.UpdateMessageRequest.builder().message_id("om_1").request_body(update).build()),
        client.message.patch(im.PatchMessageRequest.builder().message_id("om_2").request_body(patch).build()),
        client.chat.list(im.ListChatRequest.builder().page_size(100).page_token("page-2").build()),
        client.message.delete(im.DeleteMessageRequest.builder().message_id("om_1").build()),
        client.image.create(im.CreateImageRequest.builder().request_body(image).build()),
        client.file.create(im.CreateFileRequest.builder().request_body(file).build()),
    ]
    assert all(one.success() for one in done)


def slack_shape(asked: Asked) -> tuple[Any, ...]:
    """What counts of a request: Slack takes parameters in the query, as a form and as JSON."""
    told_as = dict(asked.query)
    if asked.headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
        told_as |= dict(parse_qsl(asked.body.decode()))
    elif asked.body:
        told_as |= asked.json
    return asked.path, asked.headers["authorization"], told_as


def test_slacks_sdk_posts_updates_and_deletes_as_we_do(provider: Fake) -> None:
    provider.will(*[SLACK_OK] * 6)
    config = slack.SlackConfig(bot_token=SLACK_TOKEN, base_url=provider.url)
    message = Outgoing("msg_1", "C1", "*b*", format="markdown")
    slack.CONNECTOR.send(config, message)
    slack.CONNECTOR.edit(config, message, "C1:1.2")
    slack.CONNECTOR.delete(config, "C1:1.2")
    client = WebClient(token=SLACK_TOKEN, base_url=provider.url + "/")
    blocks = [{"type": "section", "text": {"type": "mrkdwn", "text": "*b*"}}]
    client.chat_postMessage(channel="C1", text="*b*", blocks=blocks, unfurl_links=False)
    client.chat_update(channel="C1", ts="1.2", text="*b*", blocks=blocks)
    client.chat_delete(channel="C1", ts="1.2")
    ours, theirs = twice(provider, 3)
    assert list(map(slack_shape, ours)) == list(map(slack_shape, theirs))


def test_slacks_sdk_lists_what_we_list(provider: Fake) -> None:
    provider.will(*[SLACK_OK] * 4)
    config = slack.SlackConfig(bot_token=SLACK_TOKEN, base_url=provider.url)
    slack.CONNECTOR.targets(config, "next")
    slack.CONNECTOR.contacts(config, "next")
    client = WebClient(token=SLACK_TOKEN, base_url=provider.url + "/")
    client.conversations_list(types="public_channel,private_channel", exclude_archived=True, limit=200, cursor="next")
    client.users_list(limit=200, cursor="next")
    ours, theirs = ([slack_shape(asked) for asked in some] for some in twice(provider, 2))
    ours[0][2]["exclude_archived"] = theirs[0][2]["exclude_archived"] = {"true": "1"}[ours[0][2]["exclude_archived"]]
    assert ours == theirs


class WeChatClient(wechatpy.WeChatClient):  # type: ignore[misc]
    """wechatpy's client, at the fake."""

    API_BASE_URL = ""


def test_wechatpy_sends_what_we_send(provider: Fake) -> None:
    given = told({"access_token": "ACCESS", "expires_in": 7200})
    provider.will(given, WECHAT_OK, picture(b"bytes"), WECHAT_OK, WECHAT_OK)
    config = wechat.WeChatConfig(app_id="wxb11529c136998cb6", app_secret="s", base_url=provider.url)
    wechat.CONNECTOR.send(config, Outgoing("msg_1", "OPENID", "你好"))
    wechat.CONNECTOR.send(config, Outgoing("msg_2", "OPENID", media=Media("image", f"{provider.url}/a.png")))
    WeChatClient.API_BASE_URL = f"{provider.url}/cgi-bin/"
    client = WeChatClient("wxb11529c136998cb6", "s", access_token="ACCESS")
    provider.will(WECHAT_OK, WECHAT_OK, WECHAT_OK)
    client.message.send_text("OPENID", "你好")
    client.media.upload("image", ("a.png", b"bytes", "image/png"))
    client.message.send_image("OPENID", "media_1")
    ours = [asked for asked in provider.asked[:5] if asked.query]
    theirs = provider.asked[5:]
    for one, other in zip(ours, theirs, strict=True):
        assert (one.method, one.path, one.query["access_token"]) == (other.method, other.path, "ACCESS")
        if "multipart" in one.headers["content-type"]:
            assert one.query["type"] == other.query["type"] == "image"
            assert one.form["media"] == other.form["media"]
        else:
            assert one.json == other.json
