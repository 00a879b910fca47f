"""Each function may do exactly what it does: the calls of a whole round of its work are the actions of its policy.

The emulator enforces no IAM, so a permission that is missing would first be missed on AWS.
"""

import importlib
import json
import re
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.client import BaseClient

from tests.contract.memory import TEMPLATE, bootstrap, data_plane

Grants = set[tuple[str, str]]
"""Pairs of action and logical id (`ActivityTable/index/gsi1` for an index)."""

CONTEXT = SimpleNamespace(aws_request_id="an-invocation", function_name="a-function")


def granted(function: str) -> Grants:
    found: Grants = set()
    for policy in TEMPLATE["Resources"][function]["Properties"].get("Policies", []):
        for statement in policy["Statement"]:
            actions, resources = (
                value if isinstance(value, list) else [value] for value in (statement["Action"], statement["Resource"])
            )
            found |= {(action, logical_id(resource)) for action in actions for resource in resources}
    return found


def logical_id(resource: dict[str, Any]) -> str:
    match resource:
        case {"Ref": str(name)}:
            return name
        case {"Fn::GetAtt": [str(name), "Arn"]} | {"Fn::GetAtt": str(name)}:
            return name.removesuffix(".Arn")
        case {"Fn::Sub": str(text)}:
            return text.replace("${", "").replace(".Arn}", "")
    raise AssertionError(resource)


def needed(service: str, operation: str, parameters: dict[str, Any]) -> Grants:
    """What a call needs. A transaction needs the permissions of its parts."""
    match service, operation:
        case "dynamodb", "TransactWriteItems":
            return {
                (f"dynamodb:{kind}Item", part["TableName"])
                for entry in parameters["TransactItems"]
                for kind, part in entry.items()
            }
        case "dynamodb", "BatchGetItem" | "BatchWriteItem":
            return {(f"dynamodb:{operation}", table) for table in parameters["RequestItems"]}
        case "dynamodb", _:
            index = f"/index/{parameters['IndexName']}" if "IndexName" in parameters else ""
            return {(f"dynamodb:{operation}", parameters["TableName"] + index)}
        case "sqs", "SendMessageBatch":
            return {("sqs:SendMessage", parameters["QueueUrl"].rpartition("/")[2])}
        case "kms", _:
            return {(f"kms:{operation}", "EncryptionKey")}
        case "events", "PutEvents":
            return {("events:PutEvents", "EventBus")}
        case "stepfunctions", "StartExecution":
            return {("states:StartExecution", parameters["stateMachineArn"].rpartition(":")[2])}
    raise AssertionError(f"{service}:{operation} is not known here")


class Work:
    """Runs one function and keeps what its calls need."""

    def __init__(self, function: str, api_key: str, monkeypatch: pytest.MonkeyPatch) -> None:
        module, _, name = TEMPLATE["Resources"][function]["Properties"]["Handler"].rpartition(".")
        self._handler = getattr(importlib.import_module(module), name)
        self._api_key = api_key
        self._recording = False
        self.used: Grants = set()
        call = BaseClient._make_api_call  # type: ignore[attr-defined]

        def record(client: Any, operation: str, parameters: dict[str, Any]) -> Any:
            if self._recording:
                self.used |= needed(client.meta.service_model.service_name, operation, parameters)
            return call(client, operation, parameters)

        monkeypatch.setattr(BaseClient, "_make_api_call", record)

    def run(self, event: Any) -> Any:
        """Invoke it as a new process would: with no data key in memory."""
        from hub import secrets

        secrets.forget_keys()
        self._recording = True
        try:
            return self._handler(event, CONTEXT)
        finally:
            self._recording = False

    def event(self, route: str, body: Any = None, **path: str) -> dict[str, Any]:
        """A request with an idempotency key of its own."""
        from hub import ids

        return {
            "routeKey": route,
            "rawPath": route.partition(" ")[2].format(**path),
            "headers": {
                "authorization": f"Bearer {self._api_key}",
                "content-type": "application/json",
                "idempotency-key": ids.new("key"),
            },
            "pathParameters": path,
            "body": None if body is None else json.dumps(body),
        }

    def request(self, route: str, body: Any = None, **path: str) -> Any:
        """Send a request and read the JSON of its answer; every POST twice, the second is answered as the first."""
        event = self.event(route, body, **path)
        answer = self.run(event)
        assert answer["statusCode"] < 300, answer
        if route.startswith("POST"):
            assert self.run(event)["headers"]["Idempotency-Replayed"] == "true"
        return json.loads(answer.get("body") or "null")

    def batch(self, *bodies: Any) -> Any:
        """Hand it messages of a queue."""
        return self.run(
            {"Records": [{"messageId": str(number), "body": json.dumps(body)} for number, body in enumerate(bodies)]}
        )


@pytest.fixture(autouse=True)
def tenant() -> Iterator[str]:
    """A tenant in an empty deployment; answers with its API key."""
    with data_plane():
        yield bootstrap("default").api_key


def add_webhook(url: str = "http://127.0.0.1:1/") -> str:
    from functions.webhooks import service
    from functions.webhooks.models import NewWebhook
    from hub.events import Caller

    wanted = NewWebhook(url=url, events=["*"], headers={"X-Token": "secret"})
    return service.create(Caller("default", "enterprise", "operator", "req"), wanted)["id"]


def new_delivery(webhook_id: str) -> Any:
    from functions.webhooks import delivery
    from hub import events

    event = events.event("api_key.created", events.Caller("default", "enterprise", "operator", "req"), {"name": "键"})
    return delivery.new("default", webhook_id, event)


def test_api_keys(tenant: str, monkeypatch: pytest.MonkeyPatch) -> None:
    work = Work("ApiKeysFunction", tenant, monkeypatch)
    key = work.request("POST /v1/api-keys", {"name": "a", "permissions": ["read"]})["id"]
    work.request("GET /v1/api-keys")
    work.request("GET /v1/api-keys/{api_key_id}", api_key_id=key)
    work.request("PUT /v1/api-keys/{api_key_id}", {"name": "b"}, api_key_id=key)
    work.request("GET /v1/api-keys/{api_key_id}/usage", api_key_id=key)
    work.request("POST /v1/api-keys/{api_key_id}/rotate", {}, api_key_id=key)
    work.request("DELETE /v1/api-keys/{api_key_id}", api_key_id=key)
    assert work.used == granted("ApiKeysFunction")


def test_webhooks(tenant: str, monkeypatch: pytest.MonkeyPatch) -> None:
    work = Work("WebhooksFunction", tenant, monkeypatch)
    body = {"url": "http://127.0.0.1:1/", "events": ["*"], "headers": {"X-Token": "secret"}}
    webhook = work.request("POST /v1/webhooks", body)["data"]["id"]
    work.request("GET /v1/webhooks")
    work.request("GET /v1/webhooks/{webhook_id}", webhook_id=webhook)
    work.request("PUT /v1/webhooks/{webhook_id}", {"headers": {"X-Token": "***"}}, webhook_id=webhook)
    work.request("PATCH /v1/webhooks/{webhook_id}", {"secret": "whsec_new_one"}, webhook_id=webhook)
    tested = work.request("POST /v1/webhooks/{webhook_id}/test", {}, webhook_id=webhook)["data"]["log_id"]
    work.request("GET /v1/webhooks/{webhook_id}/logs", webhook_id=webhook)
    work.request("POST /v1/webhooks/{webhook_id}/retry", {"log_ids": [tested]}, webhook_id=webhook)
    work.request("POST /v1/webhooks/{webhook_id}/retry", {}, webhook_id=webhook)
    work.request("DELETE /v1/webhooks/{webhook_id}", webhook_id=webhook)
    gone = work.run(work.event("POST /v1/webhooks/{webhook_id}/test", {}, webhook_id=webhook))
    assert gone["statusCode"] == 404
    assert work.used == granted("WebhooksFunction")


def test_reference(tenant: str, monkeypatch: pytest.MonkeyPatch) -> None:
    work = Work("ReferenceFunction", tenant, monkeypatch)
    assert work.run({"routeKey": "GET /openapi.json"})["statusCode"] == 200
    assert work.run({"routeKey": "GET /docs"})["statusCode"] == 200
    assert work.used == granted("ReferenceFunction") == set()


def test_bootstrap(tenant: str, monkeypatch: pytest.MonkeyPatch) -> None:
    work = Work("BootstrapFunction", tenant, monkeypatch)
    assert work.run({"tenant": "second"})["tenant"] == "second"
    assert work.used == granted("BootstrapFunction")


def test_publisher(tenant: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from hub.store.items import to_item

    work = Work("PublisherFunction", tenant, monkeypatch)
    event = new_delivery("wh").body
    item = {"events": [json.loads(event) | {"tenant": "default", "requestId": "req"}]}
    work.run({"Records": [{"dynamodb": {"NewImage": to_item(item)}}, {"dynamodb": {"NewImage": {"events": "broken"}}}]})
    assert work.used == granted("PublisherFunction")


def test_webhook_fan_out(tenant: str, monkeypatch: pytest.MonkeyPatch) -> None:
    add_webhook()
    work = Work("WebhookFanOutFunction", tenant, monkeypatch)
    event = json.loads(new_delivery("wh").body) | {"tenant": "default", "requestId": "req"}
    assert work.batch(event) == {"batchItemFailures": []}
    assert work.used == granted("WebhookFanOutFunction")


def test_webhook_deliver(tenant: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from functions.webhooks import delivery, store

    webhook = add_webhook()
    work = Work("WebhookDeliverFunction", tenant, monkeypatch)
    failed = delivery.with_attempt(new_delivery(webhook), {"at": 1, "code": 500, "ms": 1, "error": None}, "failed")
    store.put_deliveries([failed])
    first, again = delivery.message(new_delivery(webhook)), delivery.retry_message(failed)
    assert work.batch(json.loads(first), json.loads(again)) == {"batchItemFailures": []}
    assert work.used == granted("WebhookDeliverFunction")


def test_webhook_retry(tenant: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from functions.webhooks import delivery, store

    webhook = add_webhook()
    pending = delivery.with_attempt(new_delivery(webhook), {"at": 1, "code": 500, "ms": 1, "error": None}, "pending")
    store.put_deliveries([pending])
    work = Work("WebhookRetryFunction", tenant, monkeypatch)
    place = {"tenant": "default", "webhook_id": webhook, "id": pending.id, "generation": 0}
    assert work.run(place)["status"] == "pending"
    assert work.used == granted("WebhookRetryFunction")


def test_every_function_is_tried_here() -> None:
    functions = {name for name, one in TEMPLATE["Resources"].items() if one["Type"] == "AWS::Serverless::Function"}
    assert functions == set(re.findall(r'Work\("(\w+)"', Path(__file__).read_text()))
