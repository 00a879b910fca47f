"""The template's data plane in memory (moto): handlers run as deployed, events come out of a queue behind the bus."""

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from threading import RLock
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

import boto3
from botocore.client import BaseClient
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa, utils
from moto import mock_aws
from moto.iot.models import IoTBackend
from moto.kms.utils import RSAPrivateKey
from samtranslator.yaml_helper import yaml_parse  # type: ignore[import-untyped]

from local import gateway
from tests.contract import pristine
from tests.contract.quick_moto import quick_moto

ROOT = Path(__file__).parents[2]
REGION = "us-east-1"
TEMPLATE: dict[str, Any] = yaml_parse((ROOT / "template.yaml").read_text())
ROUTES = {
    route.key: route.function
    for route in gateway.routes_of(TEMPLATE["Resources"]["HttpApi"]["Properties"]["DefinitionBody"])
}
"""The API's routes, and the logical id of the function that answers each."""

_TABLE_PROPERTIES = ("KeySchema", "AttributeDefinitions", "GlobalSecondaryIndexes", "BillingMode")
_SETTINGS = {
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
    "AWS_DEFAULT_REGION": REGION,
    "POWERTOOLS_SERVICE_NAME": "test",
    "TABLE_NAME": "Table",
    "ACTIVITY_TABLE_NAME": "ActivityTable",
    "ENCRYPTION_KEY_ARN": f"arn:aws:kms:{REGION}:123456789012:alias/hub",
    "EVENT_BUS_NAME": "hub",
    "POISON_EVENTS_QUEUE_URL": f"https://sqs.{REGION}.amazonaws.com/123456789012/PoisonEventsQueue",
    "WEBHOOK_DELIVERY_QUEUE_URL": f"https://sqs.{REGION}.amazonaws.com/123456789012/WebhookDeliveryQueue",
    "WEBHOOK_SLOW_DELIVERY_QUEUE_URL": f"https://sqs.{REGION}.amazonaws.com/123456789012/WebhookSlowDeliveryQueue",
    "WEBHOOK_DELIVERIES_PER_MINUTE": "100",
    "WEBHOOK_RETRY_STATE_MACHINE_ARN": f"arn:aws:states:{REGION}:123456789012:stateMachine:WebhookRetryStateMachine",
    "WEBHOOK_REPLAY_STATE_MACHINE_ARN": f"arn:aws:states:{REGION}:123456789012:stateMachine:WebhookReplayStateMachine",
    "PLUGIN_RUNS_QUEUE_URL": f"https://sqs.{REGION}.amazonaws.com/123456789012/PluginRunsQueue",
    "PLUGIN_SLOW_RUNS_QUEUE_URL": f"https://sqs.{REGION}.amazonaws.com/123456789012/PluginSlowRunsQueue",
    "WHATSAPP_QUEUE_URL": f"https://sqs.{REGION}.amazonaws.com/123456789012/WhatsAppMessagesQueue",
    "TELEGRAM_QUEUE_URL": f"https://sqs.{REGION}.amazonaws.com/123456789012/TelegramMessagesQueue",
    "WECHAT_QUEUE_URL": f"https://sqs.{REGION}.amazonaws.com/123456789012/WeChatMessagesQueue",
    "SIGNAL_QUEUE_URL": f"https://sqs.{REGION}.amazonaws.com/123456789012/SignalMessagesQueue",
    "MESSAGING_HEARD_QUEUE_URL": f"https://sqs.{REGION}.amazonaws.com/123456789012/MessagingHeardQueue",
    "MESSAGING_RETRY_STATE_MACHINE_ARN": (
        f"arn:aws:states:{REGION}:123456789012:stateMachine:MessagingRetryStateMachine"
    ),
    "CONTACT_SYNC_STATE_MACHINE_ARN": f"arn:aws:states:{REGION}:123456789012:stateMachine:ContactSyncStateMachine",
    "IMPORT_STATE_MACHINE_ARN": f"arn:aws:states:{REGION}:123456789012:stateMachine:ImportStateMachine",
    "EXPORT_STATE_MACHINE_ARN": f"arn:aws:states:{REGION}:123456789012:stateMachine:ExportStateMachine",
    "INTEGRATION_EVENTS_QUEUE_URL": f"https://sqs.{REGION}.amazonaws.com/123456789012/IntegrationEventsQueue",
    "INTEGRATION_EVENTS_QUEUE_ARN": f"arn:aws:sqs:{REGION}:123456789012:IntegrationEventsQueue",
    "INTEGRATION_FORWARD_QUEUE_URL": f"https://sqs.{REGION}.amazonaws.com/123456789012/IntegrationForwardQueue",
    "SYNC_STATE_MACHINE_ARN": f"arn:aws:states:{REGION}:123456789012:stateMachine:IntegrationSyncStateMachine",
    "FILES_BUCKET_NAME": "files-bucket",
    "FORWARDING_BUCKET_NAME": "forwarding-bucket",
    "FORWARDING_CHANGES_QUEUE_URL": f"https://sqs.{REGION}.amazonaws.com/123456789012/ForwardingChangesQueue",
    "FORWARD_FIGURES_QUEUE_URL": f"https://sqs.{REGION}.amazonaws.com/123456789012/ForwardFiguresQueue",
    "ALLOW_LOOPBACK_TARGETS": "true",
    "SCHEDULE_GROUP": "hub",
    "SCHEDULE_ROLE_ARN": "arn:aws:iam::123456789012:role/schedules",
    "FORWARD_QUEUE_URL": f"https://sqs.{REGION}.amazonaws.com/123456789012/ForwardQueue.fifo",
    "FORWARD_RELEASE_QUEUE_URL": f"https://sqs.{REGION}.amazonaws.com/123456789012/ForwardReleaseQueue",
    "KOOK_POLL_QUEUE_ARN": f"arn:aws:sqs:{REGION}:123456789012:KookPollQueue",
    "DEVICE_TOPIC_PREFIX": "hub",
    "DEVICE_POLICY_NAME": "DevicePolicy",
    "DEVICE_CA_URL": "https://www.amazontrust.com/repository/AmazonRootCA1.pem",
}
_PSEUDO_PARAMETERS = {"Partition": "aws", "Region": REGION, "AccountId": "123456789012", "StackName": "hub"}


@cache
def client(service: str) -> Any:
    """An AWS client of the tests'; making one takes longer than most tests."""
    return boto3.client(service, region_name=REGION)  # type: ignore[call-overload]


@dataclass(frozen=True)
class Tenant:
    """A tenant that BootstrapFunction made, and its first API key."""

    name: str
    api_key: str


@contextmanager
def data_plane() -> Iterator[None]:
    """Tables, key, queues, bus, state machines and the policy of devices, empty."""
    # Passwords carry the cost of their hash; one that keeps an attacker busy keeps tests busy too.
    with (
        patch.dict("os.environ", _SETTINGS),
        patch("hub.passwords._COST", 2),
        _atomic_calls(),
        _iot_core(),
        quick_moto(),
        mock_aws(),
    ):
        _forget()
        pristine.restore_or_make(_make)
        try:
            yield
        finally:
            _forget()


def bootstrap(tenant: str) -> Tenant:
    """Make a tenant as the operator does."""
    return pristine.once(_make_tenant, tenant)


def _make_tenant(tenant: str) -> Tenant:
    from functions.identity import bootstrap

    made = bootstrap.handler({"tenant": tenant}, SimpleNamespace(aws_request_id="a-request"))
    return Tenant(made["tenant"], made["api_key"])


def published(queue: str = "Subscriber") -> list[dict[str, Any]]:
    """Run the publisher over the table's stream, and take what came through the bus to a queue."""
    from functions.outbox import publisher

    publisher.handler({"Records": list(_stream_records())}, None)
    return [json.loads(body) for body in received(queue)]


def told(prefix: str = "") -> list[dict[str, Any]]:
    """The events, of all names that begin so, that the table's items have carried: each once, in its stream's order."""
    from hub.store.items import from_item

    images = (from_item(record["dynamodb"].get("NewImage", {})) for record in _stream_records())
    found = {event["id"]: event for image in images for event in image.get("events", [])}
    return [event for event in found.values() if event["type"].startswith(prefix)]


def received(queue: str) -> list[str]:
    """Take all messages of a queue."""
    sqs = client("sqs")
    url = sqs.get_queue_url(QueueName=queue)["QueueUrl"]
    bodies = []
    while batch := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
        bodies += [message["Body"] for message in batch]
        # moto looks through all that a queue holds for each message that it gives out.
        taken = [{"Id": str(number), "ReceiptHandle": one["ReceiptHandle"]} for number, one in enumerate(batch)]
        sqs.delete_message_batch(QueueUrl=url, Entries=taken)
    return bodies


def executions(machine: str = "WebhookRetryStateMachine") -> list[dict[str, Any]]:
    """The input of every execution of a machine that was started, the oldest first."""
    machines = client("stepfunctions")
    arn = f"arn:aws:states:{REGION}:123456789012:stateMachine:{machine}"
    started = machines.list_executions(stateMachineArn=arn)["executions"]
    described = [machines.describe_execution(executionArn=one["executionArn"]) for one in reversed(started)]
    return [json.loads(one["input"]) for one in described]


def stored() -> list[dict[str, Any]]:
    """Every item of both tables, as DynamoDB has it."""
    dynamodb = client("dynamodb")
    names = ("Table", "ActivityTable")
    pages = [page for name in names for page in dynamodb.get_paginator("scan").paginate(TableName=name)]
    return [dict(item) for page in pages for item in page["Items"]]


@contextmanager
def signing_keys() -> Iterator[None]:
    """The two keys of access tokens; making them takes longer than most tests."""
    with (
        patch.dict("os.environ", SIGNING_KEY_ARNS=",".join(pristine.once(_make_signing_keys))),
        patch.object(RSAPrivateKey, "sign", _sign_digest),
    ):
        yield


def _make_signing_keys() -> list[str]:
    kms = client("kms")
    return [kms.create_key(KeySpec="RSA_2048", KeyUsage="SIGN_VERIFY")["KeyMetadata"]["Arn"] for _ in range(2)]


def _sign_digest(key: Any, message: bytes, signing_algorithm: str) -> bytes:
    """What KMS does with a message of type DIGEST, which moto would hash again."""
    assert (len(message), signing_algorithm) == (32, "RSASSA_PKCS1_V1_5_SHA_256")
    signature: bytes = key.private_key.sign(message, padding.PKCS1v15(), utils.Prehashed(hashes.SHA256()))
    return signature


@contextmanager
def _atomic_calls() -> Iterator[None]:
    """A call of DynamoDB's happens at once; moto's, of several threads, would happen into each other."""
    one_by_one = RLock()
    make = BaseClient._make_api_call  # type: ignore[attr-defined]

    def call(client: Any, operation: str, parameters: Any) -> Any:
        if client.meta.service_model.service_name == "apigatewaymanagementapi":
            return make(client, operation, parameters)  # no moto: its tests have a server of their own
        with one_by_one:
            pristine.note_call()
            return make(client, operation, parameters)

    with patch.object(BaseClient, "_make_api_call", call):
        yield


def device_policy() -> dict[str, Any]:
    """The policy of all devices, as CloudFormation writes it; IoT Core's own variables stand in it still."""

    def written(value: Any) -> Any:
        match value:
            case {"Fn::Sub": str(text)}:
                for name, put in _PSEUDO_PARAMETERS.items():
                    text = text.replace(f"${{AWS::{name}}}", put)
                return text.replace("${!", "${")
            case dict():
                return {name: written(inner) for name, inner in value.items()}
            case list():
                return [written(inner) for inner in value]
        return value

    document: dict[str, Any] = written(TEMPLATE["Resources"]["DevicePolicy"]["Properties"]["PolicyDocument"])
    return document


@contextmanager
def _iot_core() -> Iterator[None]:
    """Certificates from a CSR are active where that was asked for only, which moto takes any text for.

    All have one key: making them takes longer than most tests.
    """
    make = IoTBackend.create_certificate_from_csr

    def made(backend: IoTBackend, csr: str, set_as_active: Any) -> Any:
        return make(backend, csr, set_as_active == "true")

    keys = SimpleNamespace(generate_private_key=lambda **_: _rsa_key(), RSAPrivateKey=rsa.RSAPrivateKey)
    with patch.object(IoTBackend, "create_certificate_from_csr", made), patch("moto.iot.models.rsa", keys):
        yield


@cache
def _rsa_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, 2048)


def _make() -> None:
    dynamodb = client("dynamodb")
    for name in ("Table", "ActivityTable"):
        properties = TEMPLATE["Resources"][name]["Properties"]
        wanted = {key: properties[key] for key in _TABLE_PROPERTIES if key in properties}
        if stream := properties.get("StreamSpecification"):
            wanted["StreamSpecification"] = stream | {"StreamEnabled": True}
        dynamodb.create_table(TableName=name, **wanted)
    kms = client("kms")
    kms.create_alias(AliasName="alias/hub", TargetKeyId=kms.create_key()["KeyMetadata"]["KeyId"])
    client("iot").create_policy(policyName="DevicePolicy", policyDocument=json.dumps(device_policy()))
    for name in ("files-bucket", "forwarding-bucket"):
        client("s3").create_bucket(Bucket=name)
    client("scheduler").create_schedule_group(Name="hub")
    sqs = client("sqs")
    for name in (
        "PoisonEventsQueue",
        "WebhookDeliveryQueue",
        "WebhookSlowDeliveryQueue",
        "PluginEventsQueue",
        "PluginRunsQueue",
        "PluginSlowRunsQueue",
        "WhatsAppMessagesQueue",
        "TelegramMessagesQueue",
        "WeChatMessagesQueue",
        "SignalMessagesQueue",
        "MessagingHeardQueue",
        "MessagingRepliesQueue",
        "TotalsQueue",
        "SupportStatisticsQueue",
        "ForwardingChangesQueue",
        "ForwardFiguresQueue",
        "ForwardReleaseQueue",
        "KookSchedulesQueue",
        "IntegrationEventsQueue",
        "IntegrationForwardQueue",
        "Subscriber",
    ):
        sqs.create_queue(QueueName=name)
    sqs.create_queue(QueueName="ForwardQueue.fifo", Attributes={"FifoQueue": "true"})
    events = client("events")
    events.create_event_bus(Name="hub")
    patterns: dict[str, Any] = {"Subscriber": {"source": [{"prefix": "hub."}]}}
    for name in (
        "Totals",
        "PluginEvents",
        "SupportStatistics",
        "ForwardFigures",
        "WhatsAppMessages",
        "TelegramMessages",
        "WeChatMessages",
        "SignalMessages",
        "ForwardRelease",
        "KookSchedules",
        "IntegrationEvents",
        "MessagingReplies",
    ):
        patterns[f"{name}Queue"] = TEMPLATE["Resources"][f"{name}Rule"]["Properties"]["EventPattern"]
    for queue, pattern in patterns.items():
        events.put_rule(Name=queue, EventBusName="hub", EventPattern=json.dumps(pattern))
        arn = f"arn:aws:sqs:{REGION}:123456789012:{queue}"
        events.put_targets(Rule=queue, EventBusName="hub", Targets=[{"Id": queue, "Arn": arn}])
    for name in (
        "WebhookRetryStateMachine",
        "WebhookReplayStateMachine",
        "MessagingRetryStateMachine",
        "ContactSyncStateMachine",
        "ImportStateMachine",
        "ExportStateMachine",
        "IntegrationSyncStateMachine",
    ):
        client("stepfunctions").create_state_machine(
            name=name,
            definition='{"StartAt": "Done", "States": {"Done": {"Type": "Succeed"}}}',
            roleArn="arn:aws:iam::123456789012:role/machine",
        )


def _forget() -> None:
    """Drop what the process has read of settings and keys, as a new one starts without.

    The clients stay: every data plane here has the same account, region and endpoint.
    """
    from hub import secrets

    for name, module in list(sys.modules.items()):
        if name.split(".")[0] in ("hub", "functions") and name not in _cached and name != "hub.aws":
            _cached[name] = [value.cache_clear for value in vars(module).values() if hasattr(value, "cache_clear")]
    for clears in _cached.values():
        for clear in clears:
            clear()
    secrets.forget_keys()


_cached: dict[str, list[Callable[[], None]]] = {}
"""What clears the caches of each module; a module is looked through once."""


def _stream_records() -> Iterator[Any]:
    arn = client("dynamodb").describe_table(TableName="Table")["Table"]["LatestStreamArn"]
    streams = client("dynamodbstreams")
    for shard in streams.describe_stream(StreamArn=arn)["StreamDescription"]["Shards"]:
        start = streams.get_shard_iterator(StreamArn=arn, ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON")
        yield from streams.get_records(ShardIterator=start["ShardIterator"])["Records"]
