"""What platforms tell us: verified as each prescribes, answered at once, kept once, told of once."""

import json
from dataclasses import replace
from typing import Any

import pytest

from functions.messaging import heard, told
from functions.messaging.contacts import people
from functions.messaging.messages import service, store
from hub.connectors.protocol import Contact, Inbound, Media
from tests.conftest import Answer, Deployment
from tests.contract import memory
from tests.contract.messaging import (
    CONFIGS,
    became,
    connect,
    hear,
    queued,
    tell,
    wechat_query,
    wrote,
)
from tests.contract.test_messages import send

PERSONS = {"whatsapp": "+16505551234", "telegram": "16505551234", "wechat": "16505551234", "signal": "+16505551234"}


def names(answered: dict[str, Any] | None = None) -> list[str]:
    return [one["detail-type"] for one in memory.published() if one["source"] == "hub.messaging"]


def received_events() -> list[dict[str, Any]]:
    return [one["detail"] for one in memory.published() if one["detail-type"] == "message.received"]


def sent(deployment: Deployment, platform: str, provider_id: str, integration: str) -> str:
    """A message of ours that its platform took, and calls so."""
    made: str = send(deployment, platform).json["id"]
    service.move(deployment.tenant, platform, made, "sent")
    message = store.get(deployment.tenant, platform, made, consistent=True)
    store.name_at_provider(deployment.tenant, message, [provider_id])
    return made


@pytest.mark.parametrize("platform", CONFIGS)
def test_a_message_is_answered_at_once_queued_kept_and_told_of_once(deployment: Deployment, platform: str) -> None:
    integration = connect(deployment, platform)
    for _ in range(2):
        answer = tell(deployment, platform, integration, wrote(platform, "您好 👋"))
        assert (answer.status, answer.text) == (200, "success" if platform == "wechat" else "")
    assert hear() == []
    (event,) = received_events()
    data = event["data"]
    assert (data["integration_id"], data["platform"], data["text"]) == (integration, platform, "您好 👋")
    assert (data["type"], data["attachments"]) == ("text", [])
    assert data["contact"] == {"id": PERSONS[platform], "name": "" if platform == "wechat" else "Sheena"}
    listed = deployment.call("GET", f"/third-party/{platform}/received")
    assert listed.status == 200
    (shown,) = listed.json
    assert (shown["from"], shown["content"], shown["messageId"]) == (PERSONS[platform], "您好 👋", data["message_id"])
    assert shown["createdAt"] == data["timestamp"]
    (known,) = people.page(deployment.tenant, integration, None).items
    assert known.id == PERSONS[platform]


def test_whatsapp_asks_whether_the_address_is_ours(deployment: Deployment) -> None:
    integration = connect(deployment, "whatsapp")
    path = f"/third-party/whatsapp/callback/{integration}"
    asked = "hub.mode=subscribe&hub.challenge=1158201444&hub.verify_token="
    answer = deployment.call("GET", f"{path}?{asked}whatsapp-verify-token", key=None)
    assert (answer.status, answer.text) == (200, "1158201444")
    assert answer.headers["Content-Type"].startswith("text/plain")
    refused(deployment.call("GET", f"{path}?{asked}another", key=None), 403)


def test_wechat_asks_whether_the_address_is_ours(deployment: Deployment) -> None:
    integration = connect(deployment, "wechat")
    query = "&".join(f"{name}={value}" for name, value in wechat_query().items())
    path = f"/third-party/wechat/callback/{integration}?{query}"
    answer = deployment.call("GET", f"{path}&echostr=4375120948345356249", key=None)
    assert (answer.status, answer.text) == (200, "4375120948345356249")
    refused(deployment.call("GET", f"/third-party/wechat/callback/{integration}?echostr=4375", key=None), 403)


def refused(answer: Answer, status: int) -> None:
    assert answer.status == status, answer.text
    assert answer.json.keys() == {"statusCode", "message", "error"}
    assert answer.json["statusCode"] == status


@pytest.mark.parametrize("platform", CONFIGS)
def test_what_is_not_the_platforms_is_a_403_and_nothing_is_queued(deployment: Deployment, platform: str) -> None:
    integration = connect(deployment, platform)
    genuine = wrote(platform, "a")
    forged = replace(
        genuine,
        headers=dict.fromkeys(genuine.headers, "sha256=0"),
        query=dict.fromkeys(genuine.query, "0"),
    )
    for callback in (forged, replace(genuine, headers={}, query={})):
        refused(tell(deployment, platform, integration, callback), 403)
    assert queued() == []


@pytest.mark.parametrize("platform", CONFIGS)
def test_without_a_secret_nothing_is_the_platforms(deployment: Deployment, platform: str) -> None:
    secrets = {"app_secret", "webhook_secret", "token", "callback_secret"} - (
        {"app_secret"} if platform == "wechat" else set()
    )
    config = {name: value for name, value in CONFIGS[platform].items() if name not in secrets}
    wanted = {"name": "一", "service_type": platform, "config": config}
    integration = deployment.call("POST", "/v1/integrations", wanted).json["id"]
    refused(tell(deployment, platform, integration, wrote(platform, "a")), 403)


def test_of_an_unknown_integration_or_platform_nothing_is_heard(
    deployment: Deployment, other_tenant: Deployment
) -> None:
    integration = connect(deployment, "telegram")
    deleted = connect(other_tenant, "telegram")
    assert other_tenant.call("DELETE", f"/v1/integrations/{deleted}").status == 204
    for platform, one in (("telegram", "int_none"), ("telegram", deleted), ("whatsapp", integration)):
        refused(tell(deployment, platform, one, wrote("telegram", "a")), 404)
    refused(tell(deployment, "kook", integration, wrote("telegram", "a")), 400)
    assert queued() == []


def test_what_is_beyond_all_measure_is_a_413(deployment: Deployment) -> None:
    integration = connect(deployment, "telegram")
    huge = replace(wrote("telegram", "a"), body=b" " * 1_048_577)
    refused(tell(deployment, "telegram", integration, huge), 413)
    assert queued() == []


def test_a_connection_that_is_switched_off_hears_nothing_and_its_platform_gives_up_nothing(
    deployment: Deployment,
) -> None:
    integration = connect(deployment, "telegram")
    deployment.call("PUT", f"/v1/integrations/{integration}", {"status": "inactive"})
    assert tell(deployment, "telegram", integration, wrote("telegram", "a")).status == 200
    refused(tell(deployment, "telegram", integration, replace(wrote("telegram", "a"), headers={})), 403)
    assert queued() == []
    deployment.call("PUT", f"/v1/integrations/{integration}", {"status": "active"})
    tell(deployment, "telegram", integration, wrote("telegram", "a"))
    assert len(queued()) == 1


def test_what_sqs_does_not_take_the_platform_tells_again(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    integration = connect(deployment, "telegram")
    monkeypatch.setattr("hub.queues.send", lambda _url, _messages: {0})
    refused(tell(deployment, "telegram", integration, wrote("telegram", "a")), 503)


@pytest.mark.parametrize(
    ("platform", "provider_id", "told"),
    [
        ("whatsapp", "wamid.HBgLMTY1", ["delivered", "read"]),
        ("whatsapp", "wamid.HBgLMTY1", ["failed"]),
        ("wechat", "200163836", ["delivered"]),
        ("wechat", "200163836", ["failed"]),
        ("signal", "1708285141000", ["delivered", "read"]),
    ],
)
def test_the_status_follows_the_platform(
    deployment: Deployment, platform: str, provider_id: str, told: list[str]
) -> None:
    integration = connect(deployment, platform)
    made = sent(deployment, platform, provider_id, integration)
    path = f"/third-party/{platform}/messages/{made}/status"
    for status in told:
        assert tell(deployment, platform, integration, became(platform, provider_id, status)).status == 200
        assert hear() == []
        assert deployment.call("GET", path).text == f'"{status}"'
    if told == ["failed"]:
        shown = deployment.call("GET", f"/third-party/{platform}/messages/{made}").json
        assert shown["error"]["code"] in ("131047", "failed:user block")
    # What comes late, and again.
    for status in reversed(told):
        tell(deployment, platform, integration, became(platform, provider_id, status))
    assert hear() == []
    assert deployment.call("GET", path).json == told[-1]
    assert names() == ["message.created", "message.sent", *["message.status"] * len(told)]


def test_a_status_that_comes_before_its_message_is_known_comes_again(deployment: Deployment) -> None:
    integration = connect(deployment, "whatsapp")
    made = send(deployment, "whatsapp").json["id"]
    tell(deployment, "whatsapp", integration, became("whatsapp", "wamid.7", "delivered"))
    (early,) = queued()
    assert hear([early]) == []
    (again,) = delayed()
    assert again == {**early, "tries": 1}
    message = store.get(deployment.tenant, "whatsapp", made, consistent=True)
    store.name_at_provider(deployment.tenant, message, ["wamid.7"])
    assert hear([again]) == []
    assert deployment.call("GET", f"/third-party/whatsapp/messages/{made}/status").json == "delivered"


def test_a_status_of_no_message_of_ours_is_given_up(deployment: Deployment) -> None:
    integration = connect(deployment, "whatsapp")
    tell(deployment, "whatsapp", integration, became("whatsapp", "wamid.7", "read"))
    (told,) = queued()
    assert hear([{**told, "tries": len(heard.WAITS)}]) == []
    assert delayed() == []


def delayed() -> list[dict[str, Any]]:
    """What waits in the queue, its delay over or not."""
    from moto.sqs.models import sqs_backends

    queue = sqs_backends["123456789012"][memory.REGION].queues["MessagingHeardQueue"]
    return [told for told in (json.loads(one.body) for one in queue._messages) if 0 < told["tries"] < len(heard.WAITS)]


def test_several_things_of_one_call_are_each_their_own(deployment: Deployment) -> None:
    integration = connect(deployment, "whatsapp")
    made = sent(deployment, "whatsapp", "wamid.HBgLMTY1", integration)
    tell(deployment, "whatsapp", integration, wrote("whatsapp", "一"))
    tell(deployment, "whatsapp", integration, became("whatsapp", "wamid.HBgLMTY1", "delivered"))
    bodies = queued()
    broken = {**bodies[0], "message": {**bodies[0]["message"], "at": -1}}
    assert hear([broken, "{", *bodies]) == ["1", "0"]
    assert deployment.call("GET", f"/third-party/whatsapp/messages/{made}/status").json == "delivered"
    assert [one["content"] for one in deployment.call("GET", "/third-party/whatsapp/received").json] == ["一"]


def test_long_texts_are_cut_and_impossible_ids_left_out(deployment: Deployment) -> None:
    integration = connect(deployment, "telegram")
    tell(deployment, "telegram", integration, wrote("telegram", "\x00长" * 40_000, name="名" * 1000))
    assert hear() == []
    (shown,) = deployment.call("GET", "/third-party/telegram/received").json
    assert (len(shown["content"]), len(shown["name"])) == (told.MAX_TEXT, told.MAX_NAME)
    (event,) = received_events()
    assert len(json.dumps(event, ensure_ascii=False).encode()) < 200_000


def inbound(**changes: Any) -> Inbound:
    made = Inbound("1", Contact("a", "b"), "c", 1, data={"type": "image", "photo": {"id": "7"}})
    return replace(made, **changes)


@pytest.mark.parametrize(
    "told_by_platform",
    [
        inbound(id=""),
        inbound(id="x" * 513),
        inbound(id="a\nb"),
        inbound(sender=Contact("", "b")),
        inbound(sender=Contact("x" * 129, "b")),
        inbound(sender=Contact("\ud800", "b")),
    ],
)
def test_what_no_key_could_hold_is_left_out(told_by_platform: Inbound) -> None:
    assert list(told.written(told_by_platform)) == []


@pytest.mark.parametrize(
    ("changes", "kept"),
    [
        ({"text": "a\ud800b"}, {"text": "a?b"}),
        ({"at": -5}, {"at": 0}),
        ({"at": 10**18}, {"at": told.LATEST_MS}),
        ({"data": {"type": "image", "raw": "x" * 70_000}}, {"type": "image", "data": ""}),
        ({"data": {"a": "\ud800"}}, {"data": '{"a":"?"}', "type": "text"}),
        ({"sender": Contact("a", "b", "x" * 3000)}, {"sender": {"id": "a", "name": "b", "avatar": None}}),
        (
            {"media": [Media("image", "https://example.com/a.png", "a.png")], "data": {}},
            {"type": "image", "attachments": [{"url": "https://example.com/a.png", "name": "a.png"}]},
        ),
    ],
)
def test_what_can_be_kept_of_a_message_is_kept(changes: dict[str, Any], kept: dict[str, Any]) -> None:
    (written,) = told.written(inbound(**changes))
    assert {name: value for name, value in written.model_dump().items() if name in kept} == kept


def test_received_messages_are_a_tenants_own_and_come_in_pages(
    deployment: Deployment, other_tenant: Deployment
) -> None:
    integration = connect(deployment, "telegram")
    for number in range(3):
        tell(deployment, "telegram", integration, wrote("telegram", str(number), number=number))
    hear()
    first = deployment.call("GET", "/third-party/telegram/received?limit=2&cursor=")
    assert len(first.json) == 2
    following = first.headers["Link"].partition(">")[0].removeprefix("<")
    assert first.headers["Link"].endswith('; rel="next"')
    last = deployment.call("GET", following)
    assert len(last.json) == 1
    assert "Link" not in last.headers
    assert {one["id"] for one in (*first.json, *last.json)} == {
        one["id"] for one in deployment.call("GET", "/third-party/telegram/received").json
    }
    numbered = deployment.call("GET", "/third-party/telegram/received?limit=2&page=1")
    assert "page=2" in numbered.headers["Link"]
    assert other_tenant.call("GET", "/third-party/telegram/received").json == []
    assert deployment.call("GET", "/third-party/whatsapp/received").json == []
    refused(deployment.call("GET", "/third-party/telegram/received?status=sent"), 400)
    refused(deployment.call("GET", "/third-party/line/received"), 400)


def test_people_are_written_anew_only_for_news(deployment: Deployment, monkeypatch: pytest.MonkeyPatch) -> None:
    people.remember("default", "int_1", "42", "张三", None)
    monkeypatch.setattr("hub.store.table.write", lambda *_: pytest.fail("nothing is new"))
    people.remember("default", "int_1", "42", "张三", None)
    people.remember("default", "int_1", "42", "", None)
    monkeypatch.undo()
    people.remember("default", "int_1", "42", "张三丰", "https://example.com/a.png")
    assert people.page("default", "int_1", None).items == [Contact("42", "张三丰", "https://example.com/a.png")]
