"""WhatsApp over a socket (https://developers.facebook.com/docs/whatsapp/cloud-api)."""

from typing import Any

import pytest

from hub.connectors.protocol import Account, Disabled, Media, Outgoing, Permanent, ProviderError, Sent, Temporary
from hub.connectors.whatsapp import CONNECTOR, WhatsAppConfig
from tests.contract.connectors.fakes import Fake, Reply, told

NUMBER = "106540352242922"
# https://developers.facebook.com/docs/whatsapp/cloud-api/guides/send-messages
ACCEPTED = told(
    """{
  "messaging_product": "whatsapp",
  "contacts": [{"input": "+16505551234", "wa_id": "16505551234"}],
  "messages": [{"id": "wamid.HBgLMTY0NjcwNDM1OTUVAgARGBI1RjQyNUE3NEYxMzAzMzQ5MkEA"}]
}"""
)
RATE_LIMIT = """{
  "error": {
    "message": "(#130429) Rate limit hit",
    "type": "OAuthException",
    "code": 130429,
    "error_data": {
      "messaging_product": "whatsapp",
      "details": "Message failed to send because there were too many messages sent from this phone number"
    },
    "error_subcode": 2494055,
    "fbtrace_id": "Az8or2yhqkZfEZ-_4Qn_Bam"
  }
}"""
EXPIRED = """{
  "error": {
    "message": "Error validating access token: Session has expired on Friday, 05-Jun-26 12:00:00 PDT.",
    "type": "OAuthException",
    "code": 190,
    "error_subcode": 463,
    "fbtrace_id": "AhW"
  }
}"""


def config(provider: Fake) -> WhatsAppConfig:
    return WhatsAppConfig(phone_number_id=NUMBER, access_token="EAAJB-token", base_url=f"{provider.url}/v25.0")


def message(**more: Any) -> Outgoing:
    return Outgoing(**{"id": "msg_1", "to": "+16505551234", "text": "你好", **more})


def test_the_number_says_who_it_is(provider: Fake) -> None:
    found = {"display_phone_number": "+1 555-078-3881", "verified_name": "Lucky Shrub", "id": NUMBER}
    provider.will(told(found))
    assert CONNECTOR.test(config(provider)) == Account("+1 555-078-3881", "Lucky Shrub")
    [asked] = provider.asked
    assert (asked.method, asked.path) == ("GET", f"/v25.0/{NUMBER}")
    assert asked.headers["authorization"] == "Bearer EAAJB-token"


def test_a_text_is_sent(provider: Fake) -> None:
    provider.will(ACCEPTED)
    sent = CONNECTOR.send(config(provider), message())
    assert sent == Sent("wamid.HBgLMTY0NjcwNDM1OTUVAgARGBI1RjQyNUE3NEYxMzAzMzQ5MkEA")
    [asked] = provider.asked
    assert (asked.method, asked.path) == ("POST", f"/v25.0/{NUMBER}/messages")
    assert asked.json == {
        "messaging_product": "whatsapp",
        "recipient_type": "individual",
        "to": "+16505551234",
        "type": "text",
        "text": {"body": "你好", "preview_url": False},
    }


def test_who_has_no_number_is_written_to_by_the_user_id(provider: Fake) -> None:
    provider.will(ACCEPTED)
    CONNECTOR.send(config(provider), message(to="US.13491208655302741918"))
    assert provider.asked[0].json["recipient"] == "US.13491208655302741918"
    assert "to" not in provider.asked[0].json


@pytest.mark.parametrize(
    ("media", "sent"),
    [
        (Media("image", "https://a.example/b"), {"image": {"link": "https://a.example/b", "caption": "你好"}}),
        (Media("video", "https://a.example/b"), {"video": {"link": "https://a.example/b", "caption": "你好"}}),
        (
            Media("file", "https://a.example/b", "b.pdf"),
            {"document": {"link": "https://a.example/b", "caption": "你好", "filename": "b.pdf"}},
        ),
    ],
)
def test_media_are_sent(provider: Fake, media: Media, sent: dict[str, Any]) -> None:
    provider.will(ACCEPTED)
    CONNECTOR.send(config(provider), message(media=media))
    asked = provider.asked[0].json
    assert {asked["type"]: asked[asked["type"]]} == sent


def test_audio_has_no_text(provider: Fake) -> None:
    provider.will(ACCEPTED)
    audio = Media("audio", "https://a.example/b")
    CONNECTOR.send(config(provider), message(media=audio, text=""))
    assert provider.asked[0].json["audio"] == {"link": "https://a.example/b"}
    with pytest.raises(Permanent, match="no_caption"):
        CONNECTOR.send(config(provider), message(media=audio))
    assert len(provider.asked) == 1


def test_a_template_is_sent_as_it_stands(provider: Fake) -> None:
    template = {"name": "hello_world", "language": {"code": "en_US"}}
    provider.will(ACCEPTED)
    CONNECTOR.send(config(provider), message(options={"template": template}))
    asked = provider.asked[0].json
    assert (asked["type"], asked["template"], "text" in asked) == ("template", template, False)


@pytest.mark.parametrize(
    ("reply", "error", "code", "words"),
    [
        (told(RATE_LIMIT, 429), Temporary, "130429", "Message failed to send because there were too many messages"),
        (told(EXPIRED, 401), Disabled, "190", "Error validating access token"),
        (told({"error": {"code": 131047, "message": "Re-engagement message"}}, 400), Permanent, "131047", "Re-engage"),
        (told({"error": {"code": 131026, "message": "Undeliverable"}}, 400), Permanent, "131026", "Undeliverable"),
        (told({"messages": []}), Temporary, "bad_answer", ""),
        (told({"messages": [{}]}), Temporary, "bad_answer", ""),
        (told({"success": True}), Temporary, "bad_answer", ""),
    ],
)
def test_a_refusal_is_what_it_says(
    provider: Fake, reply: Reply, error: type[ProviderError], code: str, words: str
) -> None:
    provider.will(reply)
    with pytest.raises(ProviderError) as caught:
        CONNECTOR.send(config(provider), message())
    assert type(caught.value) is error
    assert caught.value.code == code
    assert caught.value.message.startswith(words)
    assert len(provider.asked) == 1


def test_a_providers_wait_is_its_own_or_none(provider: Fake) -> None:
    # Meta names no time: the one who sends waits 4 s, then 16 s, 64 s …, as Meta advises.
    provider.will(told(RATE_LIMIT, 429))
    with pytest.raises(Temporary) as caught:
        CONNECTOR.send(config(provider), message())
    assert caught.value.retry_at is None
