"""What a function is allowed to do, and what its work needs."""

import importlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlsplit

import pytest
from botocore.client import BaseClient
from botocore.signers import RequestSigner

from tests.contract.memory import ROUTES, TEMPLATE
from tests.contract.sign_in_server import Server

Grants = set[tuple[str, str]]
"""Pairs of action and logical id (`ActivityTable/index/gsi1` for an index)."""

IOT_RESOURCES = {
    "CreateCertificateFromCsr": "*",
    "CreateKeysAndCertificate": "*",
    "DescribeEndpoint": "*",
    "AttachPolicy": "cert",
    "AttachThingPrincipal": "cert",
    "DeleteCertificate": "cert",
    "DetachPolicy": "cert",
    "DetachThingPrincipal": "cert",
    "UpdateCertificate": "cert",
    "Publish": "topic",
}
"""What IoT Core's actions are about, where that is no thing (Service Authorization Reference, "AWS IoT")."""

BUCKETS = {"files-bucket": "FilesBucket", "forwarding-bucket": "ForwardingBucket"}
ALWAYS = {
    ("events", "PutEvents"): ("events:PutEvents", "EventBus"),
    ("apigatewaymanagementapi", "PostToConnection"): (
        "execute-api:ManageConnections",
        "LiveApi/ws/POST/@connections/*",
    ),
    ("apigatewaymanagementapi", "DeleteConnection"): (
        "execute-api:ManageConnections",
        "LiveApi/ws/DELETE/@connections/*",
    ),
}
"""Calls that need the same whatever they are about."""

CONTEXT = SimpleNamespace(
    aws_request_id="an-invocation", function_name="a-function", get_remaining_time_in_millis=lambda: 240_000
)


def granted(function: str) -> Grants:
    found: Grants = set()
    for policy in TEMPLATE["Resources"][function]["Properties"].get("Policies", []):
        for statement in policy["Statement"]:
            actions, resources = (
                value if isinstance(value, list) else [value] for value in (statement["Action"], statement["Resource"])
            )
            found |= {(action, logical_id(resource)) for action in actions for resource in resources}
    return found


def logical_id(resource: dict[str, Any] | str) -> str:
    match resource:
        case "*":
            return "*"
        case {"Fn::Sub": str(text)} if text.startswith("arn:${AWS::Partition}:iot:"):
            return text.rpartition(":${AWS::AccountId}:")[2].partition("/")[0]
        case {"Fn::Sub": str(text)} if ":schedule/${" in text:
            return text.rpartition(":schedule/${")[2].partition("}")[0]
        case {"Fn::Sub": str(text)} if text.startswith("arn:${AWS::Partition}:execute-api:"):
            return text.rpartition(":${AWS::AccountId}:")[2].replace("${LiveApi}", "LiveApi")
        case {"Ref": str(name)}:
            return name
        case {"Fn::GetAtt": [str(name), "Arn"]} | {"Fn::GetAtt": str(name)}:
            return name.removesuffix(".Arn")
        case {"Fn::Sub": str(text)}:
            return text.replace("${", "").replace(".Arn}", "")
    raise AssertionError(resource)


def needed(service: str, operation: str, parameters: dict[str, Any]) -> Grants:
    """What a call needs."""
    match service, operation:
        case "dynamodb", _:
            return needed_of_tables(operation, parameters)
        case "sqs", _:
            return {(f"sqs:{operation.removesuffix('Batch')}", _queue(parameters))}
        case "kms", "Sign" | "GetPublicKey":
            # Either may be the one that signs: a parameter of the stack says.
            return {(f"kms:{operation}", key) for key in ("SigningKeyA", "SigningKeyB")}
        case "kms", _:
            return {(f"kms:{operation}", "EncryptionKey")}
        case _ if (service, operation) in ALWAYS:
            return {ALWAYS[service, operation]}
        case "iot" | "iot-data", _:
            return {(f"iot:{operation}", IOT_RESOURCES.get(operation, "thing"))}
        case "stepfunctions", "StartExecution":
            return {("states:StartExecution", parameters["stateMachineArn"].rpartition(":")[2])}
        case "scheduler", _:
            return needed_of_schedules(operation)
        case "s3", _:
            return needed_of_bucket(operation, parameters["Bucket"], parameters["Key"])
    raise AssertionError(f"{service}:{operation} is not known here")


def _queue(parameters: dict[str, Any]) -> str:
    """The logical id of a call's queue."""
    name: str = parameters["QueueUrl"].rpartition("/")[2]
    return name.removesuffix(".fifo")


def needed_of_tables(operation: str, parameters: dict[str, Any]) -> Grants:
    """What a call of DynamoDB needs. A transaction needs the permissions of its parts."""
    match operation:
        case "TransactWriteItems":
            return {
                (f"dynamodb:{kind}Item", part["TableName"])
                for entry in parameters["TransactItems"]
                for kind, part in entry.items()
            }
        case "BatchGetItem" | "BatchWriteItem":
            return {(f"dynamodb:{operation}", table) for table in parameters["RequestItems"]}
    index = f"/index/{parameters['IndexName']}" if "IndexName" in parameters else ""
    return {(f"dynamodb:{operation}", parameters["TableName"] + index)}


def needed_of_schedules(operation: str) -> Grants:
    """What a call about a schedule needs: who has it send as a role must be allowed to give it that role."""
    found = {(f"scheduler:{operation}", "ScheduleGroup")}
    return found if operation == "DeleteSchedule" else found | {("iam:PassRole", "ScheduleRole")}


def needed_of_bucket(operation: str, name: str, key: str) -> Grants:
    """What a call about an object needs, or its presigned address."""
    bucket = BUCKETS[name]
    place = f"{bucket}/{key.partition('/')[0]}/*"
    match operation:
        case "HeadObject":
            # To be told that there is none, one must be allowed to look.
            return {("s3:GetObject", place), ("s3:ListBucket", bucket)}
        case "CreateMultipartUpload" | "UploadPart" | "CompleteMultipartUpload":
            return {("s3:PutObject", place)}
    return {(f"s3:{operation}", place)}


class Work:
    """Runs one function and keeps what its calls need."""

    def __init__(self, function: str, token: str, monkeypatch: pytest.MonkeyPatch) -> None:
        self._function = function
        module, _, name = TEMPLATE["Resources"][function]["Properties"]["Handler"].rpartition(".")
        self._handler = getattr(importlib.import_module(module), name)
        self._token = token
        self._recording = False
        self.used: Grants = set()
        call = BaseClient._make_api_call  # type: ignore[attr-defined]

        def record(client: Any, operation: str, parameters: dict[str, Any]) -> Any:
            if self._recording:
                self.used |= needed(client.meta.service_model.service_name, operation, parameters)
            return call(client, operation, parameters)

        monkeypatch.setattr(BaseClient, "_make_api_call", record)
        sign = RequestSigner.generate_presigned_url

        def record_signature(signer: Any, request_dict: dict[str, Any], operation_name: str, **more: Any) -> Any:
            if self._recording:
                # Whoever follows a presigned address may do what its signer may.
                (name,) = (bucket for bucket in BUCKETS if bucket in request_dict["url"])
                key = urlsplit(request_dict["url"]).path.removeprefix(f"/{name}").removeprefix("/")
                self.used |= needed_of_bucket(operation_name, name, key)
            return sign(signer, request_dict, operation_name, **more)

        monkeypatch.setattr(RequestSigner, "generate_presigned_url", record_signature)

    def run(self, event: Any) -> Any:
        """Invoke it as a new process would."""
        with self._watched():
            return self._handler(event, CONTEXT)

    def watch(self, server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
        """Keep also what those requests to a server need that this function answers."""
        request = server.request

        def watched(method: str, url: str, **more: Any) -> Any:
            if ROUTES.get(f"{method} {urlsplit(url).path}") != self._function:
                return request(method, url, **more)
            with self._watched():
                return request(method, url, **more)

        monkeypatch.setattr(server, "request", watched)

    @contextmanager
    def _watched(self) -> Iterator[None]:
        """As in a new process: with no key in memory."""
        from hub import secrets, tokens

        secrets.forget_keys()
        tokens.keys.cache_clear()
        self._recording = True
        try:
            yield
        finally:
            self._recording = False

    def event(self, route: str, body: Any = None, **path: str) -> dict[str, Any]:
        """A request with an idempotency key of its own."""
        from hub import ids

        return {
            "routeKey": route,
            "rawPath": route.partition(" ")[2].format(**path),
            "headers": {
                "authorization": f"Bearer {self._token}",
                "content-type": "application/json",
                "idempotency-key": ids.new("key"),
            },
            "pathParameters": path,
            "requestContext": {"domainName": "api.example.com", "http": {"sourceIp": "192.0.2.1"}},
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
