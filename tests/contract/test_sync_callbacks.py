"""What providers tell of their records: verified as each prescribes, answered at once, and a sync begins."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from slack_sdk.signature import SignatureVerifier

from functions.integrations import listen, sync
from functions.integrations.syncs import asked
from hub import times
from tests.conftest import Answer, Clock, Deployment
from tests.contract import memory
from tests.contract.connectors.fakes import Fake, told
from tests.unit.connectors import test_github as github
from tests.unit.connectors import test_http as http
from tests.unit.connectors import test_jira as jira
from tests.unit.connectors import test_slack as slack
from tests.unit.connectors.configs import CONFIGS

PATH = "/v1/integrations"
QUEUE = "IntegrationEventsQueue"
Signed = tuple[bytes, dict[str, str]]


def _slack() -> Signed:
    body = json.dumps(slack.event("channel_rename", channel={"id": "C02ELGNBH", "name": "new_name"})).encode()
    return body, slack.signed(body, CONFIGS["slack"]["signing_secret"])


def _github() -> Signed:
    body = github.told(CONFIGS["github"]["repository"])
    own = {"x-hub-signature-256": github.openssl(body, CONFIGS["github"]["webhook_secret"])}
    return body, github.headers(body) | own


def _jira() -> Signed:
    body = jira.told()
    return body, {"x-hub-signature": github.openssl(body, CONFIGS["jira"]["webhook_secret"])}


def _http() -> Signed:
    body = b'{"type":"record.updated"}'
    return body, http.signed(body, CONFIGS["http"]["secret"])


TELLING: dict[str, Callable[[], Signed]] = {"slack": _slack, "github": _github, "jira": _jira, "http": _http}
SECRETS = {"slack": "signing_secret", "github": "webhook_secret", "jira": "webhook_secret", "http": "secret"}
every_type = pytest.mark.parametrize("service_type", TELLING)


def connect(deployment: Deployment, service_type: str, **change: Any) -> str:
    config = {name: value for name, value in (CONFIGS[service_type] | change).items() if value is not None}
    made = deployment.call("POST", PATH, {"name": "一", "service_type": service_type, "config": config})
    assert made.status == 201, made.text
    memory.published()
    queued()
    return str(made.json["id"])


def tell(deployment: Deployment, one: str, signed: Signed, **change: str) -> Answer:
    body, headers = signed
    return deployment.call("POST", f"{PATH}/{one}/callback", body, headers=headers | change, key=None)


def queued() -> list[dict[str, Any]]:
    return [json.loads(body) for body in memory.received(QUEUE)]


def hear(*bodies: Any) -> None:
    records = [{"messageId": str(number), "body": json.dumps(body)} for number, body in enumerate(bodies)]
    assert listen.handler({"Records": records}, None) == {"batchItemFailures": []}


def refused(answer: Answer, status: int) -> None:
    assert answer.status == status, answer.text
    assert answer.json["error"].keys() == {"code", "message", "details"}


@every_type
def test_a_callback_begins_a_sync(deployment: Deployment, service_type: str) -> None:
    one = connect(deployment, service_type)
    answer = tell(deployment, one, TELLING[service_type](), **{"x-request-id": "req_of_theirs"})
    assert (answer.status, answer.text) == (200, "")
    assert answer.headers["Content-Type"].startswith("text/plain")
    (message,) = queued()
    assert message == {
        "do": "sync",
        "tenant": deployment.tenant,
        "integration_id": one,
        "due": message["due"],
        "request_id": "req_of_theirs",
    }
    assert abs(message["due"] - times.now_ms()) < 10_000
    hear(message)
    (begun,) = deployment.call("GET", f"{PATH}/{one}/syncs").json["data"]
    assert (begun["trigger"], begun["status"]) == ("callback", "pending")
    (state,) = memory.executions("IntegrationSyncStateMachine")
    assert state["id"] == begun["id"]


@every_type
@pytest.mark.parametrize("encoded", [False, True])
def test_a_body_in_base64_is_the_same(deployment: Deployment, service_type: str, encoded: bool) -> None:
    one = connect(deployment, service_type)
    body, headers = TELLING[service_type]()
    answer = deployment.call("POST", f"{PATH}/{one}/callback", body, headers=headers, key=None, encoded=encoded)
    assert answer.status == 200
    assert len(queued()) == 1


@every_type
def test_what_is_not_the_provider_s_is_a_403_and_asks_for_nothing(deployment: Deployment, service_type: str) -> None:
    one = connect(deployment, service_type)
    body, headers = TELLING[service_type]()
    one_digit = {
        name: value[:-1] + ("1" if value[-1] == "0" else "0") for name, value in headers.items() if "signature" in name
    }
    for forged in (
        (body + b" ", headers),
        (body, {}),
        (body, dict.fromkeys(headers, "sha256=0")),
        (body, headers | one_digit),
    ):
        refused(tell(deployment, one, forged), 403)
    assert queued() == []


@every_type
def test_without_its_secret_nothing_is_the_provider_s(deployment: Deployment, service_type: str) -> None:
    one = connect(deployment, service_type, **{SECRETS[service_type]: None})
    refused(tell(deployment, one, TELLING[service_type]()), 403)
    assert queued() == []


@pytest.mark.parametrize("service_type", ["slack", "http"])
def test_a_callback_that_was_recorded_is_refused_after_five_minutes(
    deployment: Deployment, clock: Clock, service_type: str
) -> None:
    one = connect(deployment, service_type)
    signed = TELLING[service_type]()
    clock.advance(300)
    assert tell(deployment, one, signed).status == 200
    clock.advance(1)
    refused(tell(deployment, one, signed), 403)


def test_slack_s_own_sdk_signs_what_is_taken_and_knows_its_challenge(deployment: Deployment) -> None:
    one = connect(deployment, "slack")
    body = '{"token":"Jhj5dZrVaK7ZwHHjRyZWjbDl","challenge":"3eZbrw1aBm2rZgRNFdxV2595E9CY3gmdALWMmHkvFXO7tYXAYM8P","type":"url_verification"}'  # noqa: E501 - as documented
    stamp = str(times.now())
    verifier = SignatureVerifier(CONFIGS["slack"]["signing_secret"])
    headers = {
        "x-slack-request-timestamp": stamp,
        "x-slack-signature": verifier.generate_signature(timestamp=stamp, body=body) or "",
    }
    for status in ("active", "inactive"):
        assert deployment.call("PUT", f"{PATH}/{one}", {"status": status}).status == 200
        answer = tell(deployment, one, (body.encode(), headers))
        assert (answer.status, answer.text) == (200, json.loads(body)["challenge"])
    memory.published()
    assert not [message for message in queued() if "do" in message]


def test_github_s_ping_is_answered_and_begins_nothing(deployment: Deployment) -> None:
    one = connect(deployment, "github")
    body, headers = _github()
    assert tell(deployment, one, (body, headers | {"x-github-event": "ping"})).status == 200
    assert queued() == []


def test_of_an_unknown_integration_or_one_that_tells_otherwise_nothing_is_heard(
    deployment: Deployment, other_tenant: Deployment
) -> None:
    deleted = connect(other_tenant, "http")
    assert other_tenant.call("DELETE", f"{PATH}/{deleted}").status == 204
    for one in ("int_none", deleted, "x" * 129):
        refused(tell(deployment, one, _http()), 404)
    for service_type in set(CONFIGS) - set(TELLING):
        refused(tell(deployment, connect(deployment, service_type), _http()), 404)
    memory.published()
    assert not [message for message in queued() if "do" in message]


def test_another_s_secret_does_not_open_it(deployment: Deployment, other_tenant: Deployment) -> None:
    one = connect(deployment, "http")
    connect(other_tenant, "http", secret="whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD")
    body, _ = _http()
    refused(tell(deployment, one, (body, http.signed(body, "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"))), 403)


def test_what_is_beyond_all_measure_is_a_413(deployment: Deployment) -> None:
    one = connect(deployment, "http")
    largest = b" " * 1_048_576
    assert tell(deployment, one, (largest, http.signed(largest, CONFIGS["http"]["secret"]))).status == 200
    huge = b" " * 1_048_577
    refused(tell(deployment, one, (huge, http.signed(huge, CONFIGS["http"]["secret"]))), 413)


@every_type
def test_one_that_is_switched_off_hears_nothing_and_its_provider_gives_up_nothing(
    deployment: Deployment, service_type: str
) -> None:
    one = connect(deployment, service_type)
    deployment.call("PUT", f"{PATH}/{one}", {"status": "inactive"})
    memory.published()
    queued()
    signed = TELLING[service_type]()
    assert tell(deployment, one, signed).status == 200
    refused(tell(deployment, one, (signed[0], {})), 403)
    assert queued() == []


@pytest.mark.parametrize(("service_type", "missing"), [("slack", "bot_token"), ("http", "records_url")])
def test_one_that_cannot_be_read_from_begins_no_sync_that_would_fail(
    deployment: Deployment, service_type: str, missing: str
) -> None:
    one = connect(deployment, service_type, **{missing: None})
    assert tell(deployment, one, TELLING[service_type]()).status == 200
    assert queued() == []


def test_what_sqs_does_not_take_the_provider_tells_again(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = connect(deployment, "http")
    with monkeypatch.context() as patch:
        patch.setattr("hub.queues.send", lambda _url, _messages: {0})
        refused(tell(deployment, one, _http()), 503)
    assert tell(deployment, one, _http()).status == 200
    assert len(queued()) == 1, "nothing was noted that was not queued"


def test_two_integrations_and_two_tenants_have_their_own_syncs(
    deployment: Deployment, other_tenant: Deployment
) -> None:
    ones = [connect(deployment, "http"), connect(deployment, "http"), connect(other_tenant, "http")]
    for one in ones:
        assert tell(deployment, one, _http()).status == 200
    found = queued()
    assert [message["integration_id"] for message in found] == ones
    assert [message["tenant"] for message in found] == [deployment.tenant, deployment.tenant, other_tenant.tenant]


def test_ten_callbacks_are_two_syncs_and_what_changed_is_listed(
    deployment: Deployment, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [{"id": "1", "kind": "issue", "title": "新的标题"}]
    with Fake(told({"items": []}), told({"items": rows}), told({"items": rows})) as provider:
        one = connect(deployment, "http", url=provider.url, records_url=provider.url)
        for number in range(10):
            assert tell(deployment, one, _http()).status == 200
            clock.advance(0.1)
            if number == 4:
                hear(*queued())
                work()
        clock.advance(asked.APART_MS / 1000 + 1)
        # moto's clock is not ours: what waits is taken from it.
        hear(*waiting())
        work()
        found = deployment.call("GET", f"{PATH}/{one}/syncs").json["data"]
        assert [(sync["trigger"], sync["status"]) for sync in found] == [("callback", "completed")] * 2
        (record,) = deployment.call("GET", f"{PATH}/{one}/records").json["data"]
        assert (record["id"], record["change"], record["data"]["title"]) == ("1", "added", "新的标题")
        assert len(provider.asked) == 2


def work() -> None:
    """Have every sync that was begun come to its end."""
    for state in memory.executions("IntegrationSyncStateMachine"):
        assert sync.handler(state, None)["status"] == "ended"


def waiting() -> list[dict[str, Any]]:
    """What waits in the queue, its delay over or not."""
    from moto.sqs.models import sqs_backends

    queue = sqs_backends["123456789012"][memory.REGION].queues[QUEUE]
    return [message for message in (json.loads(one.body) for one in queue._messages) if "due" in message]
