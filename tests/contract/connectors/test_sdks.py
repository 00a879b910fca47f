"""What the providers' own SDKs ask for, and well-known clients: the same as we do, over the same socket."""

import io
import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qsl

import lark_oapi
import pytest
import wechatpy
from lark_oapi.api.im.v1 import (
    CreateFileRequest,
    CreateFileRequestBody,
    CreateImageRequest,
    CreateImageRequestBody,
    CreateMessageRequest,
    CreateMessageRequestBody,
    DeleteMessageRequest,
    ListChatRequest,
    PatchMessageRequest,
    PatchMessageRequestBody,
    UpdateMessageRequest,
    UpdateMessageRequestBody,
)
from slack_sdk import WebClient

from hub.connectors import feishu, slack, tokens, wechat
from hub.connectors.protocol import Media, Outgoing
from tests.contract.connectors.fakes import Asked, Fake, Reply, picture, told

CHAT = "oc_a0553eda9014c201e6969b478895c230"
FEISHU_TOKEN = told({"code": 0, "msg": "ok", "tenant_access_token": "t-1", "expire": 7200})
FEISHU_OK = told(
    {"code": 0, "msg": "success", "data": {"message_id": "om_1", "image_key": "img_1", "file_key": "file_1"}}
)
UPLOADS = ("/open-apis/im/v1/images", "/open-apis/im/v1/files")
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


def lark(provider: Fake) -> lark_oapi.Client:
    lark_oapi.core.token.manager.TokenManager.cache = lark_oapi.core.cache.LocalCache()
    return lark_oapi.Client.builder().app_id("cli_a").app_secret("s").domain(provider.url).build()


def app(provider: Fake) -> feishu.FeishuConfig:
    return feishu.FeishuConfig(app_id="cli_a", app_secret="s", base_url=provider.url)


def feishu_shape(asked: Asked) -> tuple[Any, ...]:
    """What counts of a request: JSON in JSON is read."""
    body = None
    if asked.headers.get("content-type", "").startswith("multipart/"):
        body = {name: (found[0], found[2]) for name, found in asked.form.items()}
    elif asked.body:
        body = {name: json.loads(one) if name == "content" else one for name, one in asked.json.items()}
    return asked.method, asked.path, dict(asked.query), asked.headers.get("authorization"), body


def test_feishus_sdk_sends_what_we_send(provider: Fake) -> None:
    provider.will(FEISHU_TOKEN, FEISHU_OK, FEISHU_TOKEN, FEISHU_OK)
    feishu.CONNECTOR.send(app(provider), Outgoing("msg_1", CHAT, "你好"))
    body = CreateMessageRequestBody.builder().receive_id(CHAT).msg_type("text").content('{"text":"你好"}').uuid("msg_1")
    request = CreateMessageRequest.builder().receive_id_type("chat_id").request_body(body.build()).build()
    assert lark(provider).im.v1.message.create(request).success()
    ours, theirs = twice(provider, 2)
    assert list(map(feishu_shape, ours)) == list(map(feishu_shape, theirs))


def test_feishus_sdk_edits_and_recalls_as_we_do(provider: Fake) -> None:
    provider.will(*[FEISHU_TOKEN, FEISHU_OK, FEISHU_OK, FEISHU_OK] * 2)
    config, client = app(provider), lark(provider)
    feishu.CONNECTOR.edit(config, Outgoing("msg_1", "", "neu"), "om_1")
    card = Outgoing("msg_1", "", "neu", format="card")
    feishu.CONNECTOR.edit(config, card, "om_2")
    feishu.CONNECTOR.delete(config, "om_1")
    text = UpdateMessageRequestBody.builder().msg_type("text").content('{"text":"neu"}').build()
    client.im.v1.message.update(UpdateMessageRequest.builder().message_id("om_1").request_body(text).build())
    content = provider.asked[2].json["content"]
    patch = PatchMessageRequestBody.builder().content(content).build()
    client.im.v1.message.patch(PatchMessageRequest.builder().message_id("om_2").request_body(patch).build())
    client.im.v1.message.delete(DeleteMessageRequest.builder().message_id("om_1").build())
    ours, theirs = twice(provider, 4)
    assert list(map(feishu_shape, ours)) == list(map(feishu_shape, theirs))


def test_feishus_sdk_uploads_as_we_do(provider: Fake) -> None:
    provider.will(picture(b"bytes"), FEISHU_TOKEN, FEISHU_OK, FEISHU_OK)
    provider.will(Reply(200, b"bytes"), FEISHU_OK, FEISHU_OK, FEISHU_TOKEN, FEISHU_OK, FEISHU_OK)
    config, client = app(provider), lark(provider)
    feishu.CONNECTOR.send(config, Outgoing("msg_1", CHAT, media=Media("image", f"{provider.url}/a.png")))
    feishu.CONNECTOR.send(config, Outgoing("msg_2", CHAT, media=Media("file", f"{provider.url}/a.pdf")))
    image = CreateImageRequestBody.builder().image_type("message").image(io.BytesIO(b"bytes")).build()
    assert client.im.v1.image.create(CreateImageRequest.builder().request_body(image).build()).success()
    file = CreateFileRequestBody.builder().file_type("pdf").file_name("a.pdf").file(io.BytesIO(b"bytes")).build()
    assert client.im.v1.file.create(CreateFileRequest.builder().request_body(file).build()).success()
    ours = [feishu_shape(asked) for asked in provider.asked if asked.path in UPLOADS][:2]
    theirs = [feishu_shape(asked) for asked in provider.asked if asked.path in UPLOADS][2:]
    for one, other in zip(ours, theirs, strict=True):
        assert one[:4] == other[:4]
        assert {name: content for name, (_, content) in one[4].items()} == {
            name: content for name, (_, content) in other[4].items() if content or name != "duration"
        }


def test_feishus_sdk_lists_chats_as_we_do(provider: Fake) -> None:
    listed = told({"code": 0, "msg": "success", "data": {"items": [], "has_more": False}})
    provider.will(FEISHU_TOKEN, listed, FEISHU_TOKEN, listed)
    feishu.CONNECTOR.targets(app(provider), "page-2")
    request = ListChatRequest.builder().page_size(100).page_token("page-2").build()
    assert lark(provider).im.v1.chat.list(request).success()
    ours, theirs = twice(provider, 2)
    assert list(map(feishu_shape, ours)) == list(map(feishu_shape, theirs))


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
