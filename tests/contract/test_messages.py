"""Document 4, "发送第三方平台消息" and "获取消息状态": messages that go out."""

import json
import re
from typing import Any

import pytest

from functions.messaging.messages import service
from tests.conftest import Answer, Deployment
from tests.contract import memory

DOCUMENT_4 = {
    "to": "+8613800138000",
    "from": "+8613900139000",
    "content": "Hello from OpenChat!",
    "type": "text",
    "metadata": {"conversationId": "conv-001"},
}
CONFIGS: dict[str, dict[str, str]] = {
    "whatsapp": {"phone_number_id": "106540352242922", "access_token": "EAAJB-whatsapp-access-token"},
    "telegram": {"bot_token": "110201543:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw"},
    "wechat": {"app_id": "wxb11529c136998cb6", "app_secret": "wechat-app-secret"},
    "signal": {"base_url": "https://signal.example.com", "number": "+4915112345678"},
}
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
ENGLISH = {"accept-language": "en-US"}


def connect(deployment: Deployment, platform: str, **config: str) -> str:
    wanted = {"name": "一", "service_type": platform, "config": CONFIGS[platform] | config}
    made = deployment.call("POST", "/v1/integrations", wanted)
    assert made.status == 201, made.text
    return str(made.json["id"])


def send(deployment: Deployment, platform: str = "telegram", **changes: Any) -> Answer:
    return deployment.call("POST", f"/third-party/{platform}/messages", DOCUMENT_4 | changes)


def refused(answer: Answer, *fields: str) -> None:
    """It is a 400 in document 4's words that is about these fields, and nothing was made."""
    assert answer.status == 400, answer.text
    assert answer.json.keys() == {"statusCode", "message", "error"}
    assert (answer.json["statusCode"], answer.json["error"]) == (400, "Bad Request")
    assert len(answer.json["message"].split("; ")) == len(fields), answer.json["message"]
    assert not [item for item in memory.stored() if "#MESSAGE_OUT#" in item["pk"]["S"]]


@pytest.mark.parametrize("platform", CONFIGS)
def test_documents_message_is_taken_and_queued_on_its_platforms_queue(deployment: Deployment, platform: str) -> None:
    integration = connect(deployment, platform)
    answer = send(deployment, platform)
    assert answer.status == 201, answer.text
    made = answer.json
    assert re.fullmatch(r"msg_[0-9A-HJKMNP-TV-Z]{26}", made["id"])
    assert {name: made[name] for name in DOCUMENT_4} == DOCUMENT_4
    assert (made["platform"], made["status"], made["media"], made["error"]) == (platform, "pending", None, None)
    assert TIME.fullmatch(made["createdAt"])
    assert made["updatedAt"] == made["createdAt"]
    (event,) = (one for one in memory.published() if one["source"] == "hub.messaging")
    assert event["detail-type"] == "message.created"
    assert event["detail"]["data"]["integration_id"] == integration
    queues = {name: f"{name}MessagesQueue" for name in ("WhatsApp", "Telegram", "WeChat", "Signal")}
    queued = {name.lower(): [json.loads(body) for body in memory.received(queue)] for name, queue in queues.items()}
    assert {name: [one["detail"] for one in bodies] for name, bodies in queued.items()} == {
        name: [event["detail"]] if name == platform else [] for name in queued
    }


@pytest.mark.parametrize("status", ["sent", "delivered", "read", "failed"])
def test_the_status_is_a_json_string_and_moves_forward_only(deployment: Deployment, status: Any) -> None:
    connect(deployment, "telegram")
    made = send(deployment).json["id"]
    path = f"/third-party/telegram/messages/{made}/status"
    assert deployment.call("GET", path).text == '"pending"'
    service.move(deployment.tenant, "telegram", made, status)
    answer = deployment.call("GET", path)
    assert (answer.status, answer.text) == (200, f'"{status}"')
    assert answer.headers["Content-Type"].startswith("application/json")
    for before in ("pending", "sent"):
        service.move(deployment.tenant, "telegram", made, before)
    assert deployment.call("GET", path).json == status
    changes = [one for one in memory.published() if one["detail-type"] in ("message.sent", "message.status")]
    name = "message.sent" if status == "sent" else "message.status"
    assert [(one["detail-type"], one["detail"]["data"]["status"]) for one in changes] == [(name, status)]


def test_a_delivered_message_has_not_failed_and_a_gone_one_is_left(deployment: Deployment) -> None:
    connect(deployment, "telegram")
    made = send(deployment).json["id"]
    service.move(deployment.tenant, "telegram", made, "delivered")
    service.move(deployment.tenant, "telegram", made, "failed")
    assert deployment.call("GET", f"/third-party/telegram/messages/{made}/status").json == "delivered"
    service.move(deployment.tenant, "telegram", "msg_none", "delivered")


@pytest.mark.parametrize("platform", ["kook", "WhatsApp", "line"])
def test_an_unknown_platform_is_a_400(deployment: Deployment, platform: str) -> None:
    refused(send(deployment, platform), "platform")
    status = deployment.call("GET", f"/third-party/{platform}/messages/msg_1/status", headers=ENGLISH)
    refused(status, "platform")
    assert "whatsapp, telegram, wechat, signal" in status.json["message"]


def test_an_unknown_message_is_a_404_in_both_languages(deployment: Deployment, other_tenant: Deployment) -> None:
    connect(deployment, "telegram")
    made = send(deployment).json["id"]
    answers = [
        deployment.call("GET", "/third-party/telegram/messages/msg_none/status"),
        deployment.call("GET", f"/third-party/whatsapp/messages/{made}/status"),
        other_tenant.call("GET", f"/third-party/telegram/messages/{made}/status"),
    ]
    assert {(one.status, one.text) for one in answers} == {(404, answers[0].text)}
    assert (answers[0].json["statusCode"], answers[0].json["error"]) == (404, "Not Found")
    english = deployment.call("GET", "/third-party/telegram/messages/msg_none/status", headers=ENGLISH)
    assert english.json["message"].isascii()
    assert not answers[0].json["message"].isascii()


def test_without_a_connection_it_is_a_422(deployment: Deployment, other_tenant: Deployment) -> None:
    connect(other_tenant, "telegram")
    connect(deployment, "whatsapp")
    answer = send(deployment)
    assert answer.status == 422
    assert answer.json == {
        "statusCode": 422,
        "message": "没有可用的 telegram 集成",
        "error": "Unprocessable Entity",
    }
    english = deployment.call("POST", "/third-party/telegram/messages", DOCUMENT_4, headers=ENGLISH)
    assert english.json["message"] == "There is no telegram integration to send over"


def test_from_names_one_of_several_connections(deployment: Deployment) -> None:
    first = connect(deployment, "whatsapp", phone_number="+8613900139000")
    second = connect(deployment, "whatsapp", phone_number="+8613900139001")
    for sender, expected in (("+8613900139000", first), ("+8613900139001", second), (second, second)):
        assert send(deployment, "whatsapp", **{"from": sender}).status == 201
        told = [one for one in memory.published() if one["detail-type"] == "message.created"]
        assert told[-1]["detail"]["data"]["integration_id"] == expected
    unknown = send(deployment, "whatsapp", **{"from": "+8613900139002"})
    assert unknown.status == 400
    assert unknown.json["error"] == "Bad Request"


@pytest.mark.parametrize(
    ("platform", "longest"),
    [("whatsapp", "长" * 4096), ("telegram", "😀" * 2048), ("wechat", "长" * 682)],
)
def test_a_text_is_as_long_as_its_platform_takes(deployment: Deployment, platform: str, longest: str) -> None:
    connect(deployment, platform)
    refused(send(deployment, platform, content=longest + "长"), "content")
    assert send(deployment, platform, content=longest).status == 201


@pytest.mark.parametrize(
    ("changes", "fields"),
    [
        ({"to": ""}, ["to"]),
        ({"to": 5, "from": None}, ["to", "from"]),
        ({"to": " "}, ["to"]),
        ({"content": "  "}, ["content"]),
        ({"content": ["a"]}, ["content"]),
        ({"type": "sticker"}, ["type"]),
        ({"type": "image"}, ["media"]),
        ({"type": "template"}, ["template"]),
        ({"type": "template", "template": {"name": "hello"}}, ["type"]),
        ({"media": {"url": "https://example.com/a.png"}}, ["media"]),
        ({"template": {"name": "hello"}}, ["template"]),
        ({"type": "image", "media": {"url": "https://example.com/a.png"}, "template": {"name": "hello"}}, ["template"]),
        ({"type": "template", "template": {"name": "hello"}, "media": {"url": "https://example.com/a"}}, ["media"]),
        ({"type": "image", "media": {"url": "http://10.0.0.1/a.png"}}, ["media.url"]),
        ({"metadata": {"a": "a" * 9000}}, ["metadata"]),
        ({"metadata": []}, ["metadata"]),
        ({"status": "sent"}, ["status"]),
    ],
)
def test_bad_bodies(deployment: Deployment, changes: dict[str, Any], fields: list[str]) -> None:
    connect(deployment, "telegram")
    refused(send(deployment, **changes), *fields)


def test_a_picture_with_its_caption(deployment: Deployment) -> None:
    connect(deployment, "telegram")
    media = {"url": "https://example.com/a.png", "name": "a.png"}
    made = send(deployment, type="image", content="", media=media)
    assert (made.status, made.json["media"]) == (201, media)
    assert send(deployment, type="image", content="字" * 1024, media=media).status == 201
    assert send(deployment, type="image", content="字" * 1025, media=media).status == 400


TEMPLATES: dict[str, dict[str, Any]] = {
    "whatsapp": {"name": "hello_world", "language": {"code": "en_US"}},
    "wechat": {"template_id": "ngqIpbwh8bUfcSsECmogfXcV14J0tQlEpBO27izEYtY", "data": {"first": {"value": "您好"}}},
}


@pytest.mark.parametrize("platform", TEMPLATES)
def test_templates_where_a_platform_has_them(deployment: Deployment, platform: str) -> None:
    connect(deployment, platform)
    whole = TEMPLATES[platform]
    for name in whole:
        refused(send(deployment, platform, type="template", template={**whole, name: None}), f"template.{name}")
    for empty in ({}, {"name": "", "data": None}):
        refused(send(deployment, platform, type="template", template=empty), *(f"template.{name}" for name in whole))
    made = send(deployment, platform, type="template", template=whole)
    assert (made.status, made.json["type"]) == (201, "template")


def test_audio_goes_without_a_text_over_whatsapp(deployment: Deployment) -> None:
    connect(deployment, "whatsapp")
    audio = {"type": "audio", "media": {"url": "https://example.com/a.mp3"}}
    answer = send(deployment, "whatsapp", **audio)
    refused(answer, "content")
    assert answer.json["message"] == "content类型 audio 不能带此字段"
    english = deployment.call("POST", "/third-party/whatsapp/messages", DOCUMENT_4 | audio, headers=ENGLISH)
    assert english.json["message"] == "content does not go with the type audio"
    assert send(deployment, "whatsapp", **audio, content="").status == 201
    connect(deployment, "telegram")
    assert send(deployment, "telegram", **audio).status == 201


def test_wechat_is_sent_the_address_of_a_file_with_its_caption(deployment: Deployment) -> None:
    connect(deployment, "wechat")
    media = {"url": "https://example.com/" + "a" * 980, "name": "a.png"}
    assert send(deployment, "wechat", type="image", content="a" * 1047, media=media).status == 201
    longer = deployment.call(
        "POST",
        "/third-party/wechat/messages",
        DOCUMENT_4 | {"type": "image", "content": "a" * 1048, "media": media},
        headers=ENGLISH,
    )
    assert (longer.status, "1047" in longer.json["message"]) == (400, True)


def test_a_message_is_shown_and_listed_by_status(deployment: Deployment, other_tenant: Deployment) -> None:
    connect(deployment, "telegram")
    sent, waiting = (send(deployment, content=text).json for text in ("一", "二"))
    service.move(deployment.tenant, "telegram", sent["id"], "sent")
    path = "/third-party/telegram/messages"
    assert deployment.call("GET", f"{path}/{waiting['id']}").json == waiting
    listed = deployment.call("GET", path)
    assert [one["id"] for one in listed.json] == [waiting["id"], sent["id"]]
    assert "Link" not in listed.headers
    for status, expected in (("pending", [waiting["id"]]), ("sent", [sent["id"]]), ("read", [])):
        for cursor in ("", "&cursor="):
            found = deployment.call("GET", f"{path}?status={status}{cursor}")
            assert [one["id"] for one in found.json] == expected
    following = deployment.call("GET", f"{path}?limit=1").headers["Link"]
    assert following == f'<{path}?limit=1&page=2>; rel="next"'
    assert [one["id"] for one in deployment.call("GET", f"{path}?limit=1&page=2").json] == [sent["id"]]
    assert other_tenant.call("GET", path).json == []
    for bad in ("status=gone", "limit=101", "page=0", "page=1&cursor=", "cursor=!", "to=42"):
        assert deployment.call("GET", f"{path}?{bad}").status == 400, bad


def test_sent_again_with_its_idempotency_key_it_is_one_message(deployment: Deployment) -> None:
    connect(deployment, "telegram")
    once = [
        deployment.call("POST", "/third-party/telegram/messages", DOCUMENT_4, headers={"idempotency-key": "one"})
        for _ in range(2)
    ]
    assert once[0].json == once[1].json
    assert len([one for one in memory.published() if one["detail-type"] == "message.created"]) == 1
