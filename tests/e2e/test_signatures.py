"""Deliveries under the verifiers that receivers have, before, during and after a rotation of the secret."""

from typing import Any

from tests.e2e.conftest import OpenReceiver
from tests.e2e.polling import eventually
from tests.e2e.receiving import Answer, Received, Receiver
from tests.e2e.running import Client
from tests.e2e.signatures import LIBRARIES, accepting, document_3_status


def test_every_library_accepts_before_during_and_after_a_rotation(api: Client, receiver: OpenReceiver) -> None:
    inbox = receiver()
    webhook = api.new_webhook(inbox.url, "api_key.created")
    first = webhook["secret"]
    before = _delivered(api, inbox, "before 轮换前 🔑")
    assert accepting(before, first) == LIBRARIES
    assert document_3_status(before, first) == 200

    second = _rotate(api, webhook, overlap_seconds=3600)["secret"]
    during = _delivered(api, inbox, "during 轮换中 🔑")
    assert accepting(during, second) == accepting(during, first) == LIBRARIES
    assert (document_3_status(during, second), document_3_status(during, first)) == (200, 401)

    third = "a-secret-of-my-own"
    rotated = _rotate(api, webhook, overlap_seconds=1, secret=third)
    assert rotated["secret"] == third
    eventually(lambda: _shown(api, webhook)["previous_secret_expires_at"] is None, "the end of the overlap")
    after = _delivered(api, inbox, "after 轮换后 🔑")
    assert accepting(after, third) == LIBRARIES
    assert accepting(after, second) == accepting(after, first) == set()
    assert (document_3_status(after, third), document_3_status(after, second)) == (200, 401)


def test_rotating_again_drops_the_oldest_secret_at_once(api: Client, receiver: OpenReceiver) -> None:
    inbox = receiver()
    webhook = api.new_webhook(inbox.url, "api_key.created")
    second, third = (_rotate(api, webhook, overlap_seconds=3600)["secret"] for _ in range(2))

    request = _delivered(api, inbox, "Rotated twice")

    assert accepting(request, third) == accepting(request, second) == LIBRARIES
    assert accepting(request, webhook["secret"]) == set()


def test_what_is_sent_again_is_signed_with_the_secrets_of_its_day(api: Client, receiver: OpenReceiver) -> None:
    inbox = receiver(Answer(410))
    webhook = api.new_webhook(inbox.url, "api_key.created")
    _delivered(api, inbox, "Refused")
    eventually(lambda: _shown(api, webhook)["disabled_reason"] == "gone", "a webhook that is switched off")
    (refused,) = api.logs(webhook)
    assert api.request("PUT", f"/v1/webhooks/{webhook['id']}", json={"active": True}).status_code == 200

    new = _rotate(api, webhook)["secret"]
    answer = api.post(f"/v1/webhooks/{webhook['id']}/retry", {"log_ids": [refused["id"]]})
    assert answer.status_code == 202, answer.text
    first, again = inbox.wait_for(2)

    assert again.headers["webhook-id"] == first.headers["webhook-id"]
    assert accepting(first, webhook["secret"]) == LIBRARIES
    assert accepting(first, new) == set()
    assert accepting(again, new) == accepting(again, webhook["secret"]) == LIBRARIES


def _delivered(api: Client, inbox: Receiver, name: str) -> Received:
    """The request about a new API key."""
    api.new_key(name)
    return eventually(lambda: inbox.about(name), f"the event of {name!r}")[0]


def _rotate(api: Client, webhook: dict[str, Any], **more: Any) -> dict[str, Any]:
    answer = api.post(f"/v1/webhooks/{webhook['id']}/rotate-secret", more)
    assert answer.status_code == 200, answer.text
    rotated: dict[str, Any] = answer.json()["data"]
    return rotated


def _shown(api: Client, webhook: dict[str, Any]) -> dict[str, Any]:
    shown: dict[str, Any] = api.get(f"/v1/webhooks/{webhook['id']}").json()["data"]
    return shown
