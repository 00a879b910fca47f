"""`POST /v1/webhooks/{webhook_id}/rotate-secret`: two secrets for a while, and never one more."""

import base64
from collections.abc import Callable
from typing import Any

import pytest

from functions.webhooks import store
from hub import outbound, signing
from tests.conftest import Answer, Clock, Deployment
from tests.contract import memory

Signing = Callable[[dict[str, Any]], list[str]]

NAMED = "a-secret-of-my-own"


@pytest.fixture
def signing_secrets(deployment: Deployment, monkeypatch: pytest.MonkeyPatch) -> Signing:
    """Sends a webhook's test event and tells which secrets signed it, in their order.

    It knows the secrets that it can recognise by what `rotate` and `new_webhook` were answered.
    """
    sent: list[tuple[dict[str, str], bytes]] = []

    def send(method: str, url: str, *, headers: Any, body: bytes, **_: Any) -> outbound.Response:
        del method, url
        sent.append((dict(headers), body))
        return outbound.Response(200, {}, b"", 1)

    monkeypatch.setattr(outbound, "send", send)

    def signing_of(webhook: dict[str, Any]) -> list[str]:
        deployment.call("POST", f"/v1/webhooks/{webhook['id']}/test")
        headers, body = sent[-1]
        found = []
        for signature in headers["webhook-signature"].split(" "):
            for name, secret in webhook["secrets"].items():
                made = signing.headers(body, headers["webhook-id"], "", int(headers["webhook-timestamp"]), [secret])
                if made["webhook-signature"] == signature:
                    found.append(name)
                    break
            else:
                found.append("unknown")
        current = webhook["secrets"][found[0]]
        document_3 = signing.headers(body, "", "", 0, [current])["X-Webhook-Signature"]
        assert headers["X-Webhook-Signature"] == document_3, "document 3's signature is the current secret's"
        return found

    return signing_of


@pytest.fixture
def webhook(deployment: Deployment) -> dict[str, Any]:
    """A webhook; `secrets` are those it had, by a name for each."""
    made = deployment.new_webhook()
    return made | {"secrets": {"first": made["secret"]}}


def rotate(deployment: Deployment, webhook: dict[str, Any], name: str, **body: Any) -> dict[str, Any]:
    answer = deployment.call("POST", f"/v1/webhooks/{webhook['id']}/rotate-secret", body)
    assert answer.status == 200, answer.text
    rotated: dict[str, Any] = answer.json["data"]
    webhook["secrets"][name] = rotated["secret"]
    return rotated


def shown(deployment: Deployment, webhook: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = deployment.call("GET", f"/v1/webhooks/{webhook['id']}").json["data"]
    return found


def test_both_sign_until_the_overlap_ends(
    deployment: Deployment, clock: Clock, webhook: dict[str, Any], signing_secrets: Signing
) -> None:
    assert webhook["previous_secret_expires_at"] is None
    assert signing_secrets(webhook) == ["first"]

    rotated = rotate(deployment, webhook, "second", overlap_seconds=600)

    assert rotated["secret"].startswith("whsec_")
    assert rotated["secret"] != webhook["secret"]
    assert rotated["previous_secret_expires_at"] == "2026-11-20T13:10:30Z"
    assert rotated == shown(deployment, webhook) | {"secret": rotated["secret"]}, "shown in this answer only"
    (listed,) = deployment.call("GET", "/v1/webhooks").json["data"]
    assert listed == shown(deployment, webhook)
    assert signing_secrets(webhook) == ["second", "first"]
    clock.advance(599)
    assert signing_secrets(webhook) == ["second", "first"]
    clock.advance(1)
    assert signing_secrets(webhook) == ["second"]
    assert shown(deployment, webhook)["previous_secret_expires_at"] is None


def test_a_day_by_default_and_no_body_needed(deployment: Deployment, clock: Clock, webhook: dict[str, Any]) -> None:
    answer = deployment.call("POST", f"/v1/webhooks/{webhook['id']}/rotate-secret")
    assert answer.json["data"]["previous_secret_expires_at"] == "2026-11-21T13:00:30Z"


def test_a_secret_of_ones_own(deployment: Deployment, webhook: dict[str, Any], signing_secrets: Signing) -> None:
    assert rotate(deployment, webhook, "own", secret=NAMED)["secret"] == NAMED
    assert signing_secrets(webhook) == ["own", "first"]


def test_without_an_overlap_the_old_one_ends_at_once(
    deployment: Deployment, webhook: dict[str, Any], signing_secrets: Signing
) -> None:
    assert rotate(deployment, webhook, "second", overlap_seconds=0)["previous_secret_expires_at"] is None
    assert signing_secrets(webhook) == ["second"]


def test_rotating_again_drops_the_older_of_the_two(
    deployment: Deployment, clock: Clock, webhook: dict[str, Any], signing_secrets: Signing
) -> None:
    rotate(deployment, webhook, "second", overlap_seconds=604_800)
    assert rotate(deployment, webhook, "third", overlap_seconds=60)["previous_secret_expires_at"].endswith("13:01:30Z")
    assert signing_secrets(webhook) == ["third", "second"]
    clock.advance(60)
    assert signing_secrets(webhook) == ["third"]


@pytest.mark.parametrize("method", ["PUT", "PATCH"])
def test_a_secret_that_is_replaced_ends_at_once_and_so_does_the_overlap(
    deployment: Deployment, webhook: dict[str, Any], signing_secrets: Signing, method: str
) -> None:
    rotate(deployment, webhook, "second")
    answer = deployment.call(method, f"/v1/webhooks/{webhook['id']}", {"secret": NAMED})
    webhook["secrets"]["replaced"] = NAMED
    assert answer.json["data"]["previous_secret_expires_at"] is None
    assert signing_secrets(webhook) == ["replaced"]


def test_any_other_change_leaves_the_overlap(
    deployment: Deployment, clock: Clock, webhook: dict[str, Any], signing_secrets: Signing
) -> None:
    ends = rotate(deployment, webhook, "second")["previous_secret_expires_at"]
    changed = deployment.call("PATCH", f"/v1/webhooks/{webhook['id']}", {"description": "说明"}).json["data"]
    assert changed["previous_secret_expires_at"] == ends
    assert signing_secrets(webhook) == ["second", "first"]


def test_the_same_secret_again_is_no_rotation(
    deployment: Deployment, webhook: dict[str, Any], signing_secrets: Signing
) -> None:
    """Sent again because an answer was lost, it would drop the secret that receivers still have."""
    rotate(deployment, webhook, "own", secret=NAMED)
    answer = deployment.call("POST", f"/v1/webhooks/{webhook['id']}/rotate-secret", {"secret": NAMED})
    assert (answer.status, answer.json["errors"]) == (400, [{"field": "secret", "message": "密钥与当前的相同"}])
    assert signing_secrets(webhook) == ["own", "first"]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"overlap_seconds": -1}, "overlap_seconds"),
        ({"overlap_seconds": 604_801}, "overlap_seconds"),
        ({"overlap_seconds": "60"}, "overlap_seconds"),
        ({"secret": "short"}, "secret"),
        ({"secret": "with a space"}, "secret"),
        ({"secret": "x" * 257}, "secret"),
        ({"expires": 1}, "expires"),
    ],
)
def test_what_cannot_be_is_refused(
    deployment: Deployment, webhook: dict[str, Any], body: dict[str, Any], field: str
) -> None:
    before = shown(deployment, webhook)
    answer = deployment.call("POST", f"/v1/webhooks/{webhook['id']}/rotate-secret", body)
    assert (answer.status, answer.json["error"]["details"]["field"]) == (400, field)
    assert shown(deployment, webhook) == before


def test_it_needs_the_permission_to_write(deployment: Deployment, webhook: dict[str, Any]) -> None:
    reader = deployment.new_key("webhooks:read")["key"]
    assert deployment.call("POST", f"/v1/webhooks/{webhook['id']}/rotate-secret", {}, key=reader).status == 403
    writer = deployment.new_key("webhooks:write")["key"]
    assert deployment.call("POST", f"/v1/webhooks/{webhook['id']}/rotate-secret", {}, key=writer).status == 200


def test_one_that_is_not_there(deployment: Deployment, other_tenant: Deployment, webhook: dict[str, Any]) -> None:
    assert other_tenant.call("POST", f"/v1/webhooks/{webhook['id']}/rotate-secret", {}).status == 404


@pytest.mark.parametrize("second", ["rotate", "change"])
def test_of_two_at_once_one_is_done(
    deployment: Deployment,
    monkeypatch: pytest.MonkeyPatch,
    webhook: dict[str, Any],
    signing_secrets: Signing,
    second: str,
) -> None:
    path = f"/v1/webhooks/{webhook['id']}"
    requests: dict[str, tuple[Any, ...]] = {
        "rotate": ("POST", f"{path}/rotate-secret", {}),
        "change": ("PATCH", path, {"description": "b"}),
    }
    read = store.get
    came: list[Answer] = []

    def overtaken(tenant: str, webhook_id: str) -> store.StoredWebhook:
        found = read(tenant, webhook_id)
        if not came:
            monkeypatch.setattr(store, "get", read)
            came.append(deployment.call(*requests["rotate"]))
        return found

    monkeypatch.setattr(store, "get", overtaken)
    late = deployment.call(*requests[second])
    assert came[0].status == 200
    assert (late.status, late.json["error"]["code"], late.json["code"]) == (409, "CONFLICT", 40901)
    webhook["secrets"]["second"] = came[0].json["data"]["secret"]
    assert signing_secrets(webhook) == ["second", "first"]


def test_the_same_request_rotates_once(
    deployment: Deployment, webhook: dict[str, Any], signing_secrets: Signing
) -> None:
    path, once = f"/v1/webhooks/{webhook['id']}/rotate-secret", {"idempotency-key": "rotation-1"}
    first, again = (deployment.call("POST", path, {}, headers=once) for _ in range(2))
    assert (again.status, again.json) == (first.status, first.json)
    assert again.headers["Idempotency-Replayed"] == "true"
    webhook["secrets"]["second"] = first.json["data"]["secret"]
    assert signing_secrets(webhook) == ["second", "first"]


def test_no_secret_stands_in_the_tables(deployment: Deployment, webhook: dict[str, Any]) -> None:
    rotate(deployment, webhook, "own", secret=NAMED)
    rotate(deployment, webhook, "second")
    dump = repr(memory.stored())
    assert webhook["id"] in dump
    for secret in webhook["secrets"].values():
        assert secret not in dump
        assert base64.b64encode(secret.encode()).decode() not in dump
