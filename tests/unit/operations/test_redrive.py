"""`redrive` against the template's queues in memory; what it hands to the publisher, the real publisher takes."""

import io
import json
import re
import socket
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from threading import get_ident
from types import SimpleNamespace
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from botocore.stub import Stubber

from functions.outbox import publisher
from hub import aws as clients
from hub import events
from hub.events import Caller
from hub.store.items import to_attribute, to_item
from operations import dead_letters, redrive
from operations.__main__ import main
from operations.stack import OperationError, Stack, chosen
from tests.contract import memory

EVENT = events.event("api_key.created", Caller("acme", "enterprise", "ak_1", "req_1"), {"name": "密钥", "rate": 0.1})
ON_THE_BUS = {"version": "0", "id": "17793124", "detail-type": EVENT["type"], "source": "hub.identity", "detail": EVENT}
DELIVERY = {"tenant": "acme", "webhook_id": "wh_1", "id": "log_1", "event_id": "evt_1", "event": "api_key.created"}
_SESSION = boto3.Session(region_name=memory.REGION)
DELIVERIES, EVENTS = "WebhookDeliveryQueue", "WebhookEventsQueue"
DEAD_DELIVERIES, DEAD_EVENTS = "WebhookDeliveryDeadLetterQueue", "WebhookEventsDeadLetterQueue"


class Publisher:
    """Lambda, as far as it is asked for the publisher."""

    def __init__(self) -> None:
        self.calls = 0
        self.error: str | None = None

    def invoke(self, *, FunctionName: str, Payload: str) -> dict[str, Any]:  # noqa: N803 - as botocore names them
        assert FunctionName == "the-publisher"
        self.calls += 1
        if self.error:
            return {"FunctionError": self.error, "Payload": io.BytesIO(b'{"errorMessage": "no"}')}
        answer = publisher.handler(json.loads(Payload), SimpleNamespace(aws_request_id="an-invocation"))
        return {"Payload": io.BytesIO(json.dumps(answer).encode())}


class StackInMemory(Stack):
    """The stack `hub-dev`, its queues moto's."""

    def __init__(self, *, embedded: bool) -> None:
        super().__init__("hub-dev", _SESSION)
        self.is_embedded = embedded
        self.publisher = Publisher()
        # Making a client takes longer than a test.
        ready = {
            "queues": memory.client("sqs"),
            "_stacks": memory.client("cloudformation"),
            "functions": self.publisher,
        }
        self.__dict__.update(ready)

    def resources(self, kind: str) -> dict[str, str]:
        """Moto runs no functions."""
        return {"PublisherFunction": "the-publisher"} if kind == "AWS::Lambda::Function" else super().resources(kind)

    def url(self, queue: str) -> str:
        """Where a queue of the template is."""
        return self.resources("AWS::SQS::Queue")[queue]

    def put(self, queue: str, body: Any, **more: Any) -> None:
        """Send a message; one that is text goes as it is."""
        text = body if isinstance(body, str) else json.dumps(body, ensure_ascii=False)
        self.queues.send_message(QueueUrl=self.url(queue), MessageBody=text, **more)

    def take(self, queue: str) -> list[Any]:
        """Receive what can be received."""
        wanted: Any = {"MessageSystemAttributeNames": ["All"], "MessageAttributeNames": ["All"]}
        answer = self.queues.receive_message(QueueUrl=self.url(queue), MaxNumberOfMessages=10, **wanted)
        return list(answer.get("Messages", []))


def made(*, embedded: bool) -> StackInMemory:
    queues = {
        name: resource
        for name, resource in memory.TEMPLATE["Resources"].items()
        if resource["Type"] == "AWS::SQS::Queue"
    }
    memory.client("cloudformation").create_stack(StackName="hub-dev", TemplateBody=json.dumps({"Resources": queues}))
    return StackInMemory(embedded=embedded)


@pytest.fixture
def stack(aws: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[StackInMemory]:
    monkeypatch.setattr(dead_letters, "_WAIT_SECONDS", 0)
    made_here = made(embedded=True)
    with monkeypatch.context() as patched:
        patched.setenv("POISON_EVENTS_QUEUE_URL", made_here.url("PoisonEventsQueue"))
        yield made_here


def test_every_dead_letter_queue_knows_where_its_letters_go(stack: StackInMemory) -> None:
    found = {one.queue.name: one.source and one.source.name for one in dead_letters.of(stack)}
    assert found == {
        "PoisonEventsQueue": None,
        DEAD_EVENTS: EVENTS,
        DEAD_DELIVERIES: DELIVERIES,
        "WebhookSlowDeliveryDeadLetterQueue": "WebhookSlowDeliveryQueue",
        "PluginEventsDeadLetterQueue": "PluginEventsQueue",
        "PluginRunsDeadLetterQueue": "PluginRunsQueue",
        "PluginSlowRunsDeadLetterQueue": "PluginSlowRunsQueue",
        "WhatsAppMessagesDeadLetterQueue": "WhatsAppMessagesQueue",
        "TelegramMessagesDeadLetterQueue": "TelegramMessagesQueue",
        "WeChatMessagesDeadLetterQueue": "WeChatMessagesQueue",
        "SignalMessagesDeadLetterQueue": "SignalMessagesQueue",
        "SupportInboundDeadLetterQueue": "SupportInboundQueue",
        "SupportStatisticsDeadLetterQueue": "SupportStatisticsQueue",
        "TotalsDeadLetterQueue": "TotalsQueue",
        "DeviceEventsDeadLetterQueue": "DeviceEventsQueue",
        "FileUploadsDeadLetterQueue": "FileUploadsQueue",
        "MessagingHeardDeadLetterQueue": "MessagingHeardQueue",
        "MessagingRepliesDeadLetterQueue": "MessagingRepliesQueue",
        "IntegrationEventsDeadLetterQueue": "IntegrationEventsQueue",
        "IntegrationForwardDeadLetterQueue": "IntegrationForwardQueue",
        "KookSchedulesDeadLetterQueue": "KookSchedulesQueue",
        "KookPollDeadLetterQueue": "KookPollQueue",
        "ForwardDeadLetterQueue": "ForwardQueue",
        "ForwardReleaseDeadLetterQueue": "ForwardReleaseQueue",
        "ForwardingChangesDeadLetterQueue": "ForwardingChangesQueue",
        "LivePushDeadLetterQueue": "LivePushQueue",
        "ForwardFiguresDeadLetterQueue": "ForwardFiguresQueue",
    }


def test_one_thread_makes_the_client_that_several_use(stack: StackInMemory, monkeypatch: pytest.MonkeyPatch) -> None:
    """A session of boto3 makes one client at a time."""
    client, threads = stack.queues, list[int]()

    def queues(_: Stack) -> Any:
        threads.append(get_ident())
        return client

    monkeypatch.setattr(StackInMemory, "queues", property(queues))
    assert len(dead_letters.of(stack)) > 20
    assert threads == [get_ident()]


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (DELIVERY, "acme  wh_1  evt_1  api_key.created  received 1 times"),
        ({**DELIVERY, "event_id": None}, "acme  wh_1  -  api_key.created  received 1 times"),
        (
            {"tenant": "acme", "webhook_id": "wh_1", "id": "log_1", "generation": 2},
            "acme  wh_1  log_1  -  received 1 times",
        ),
        (ON_THE_BUS, f"acme  -  {EVENT['id']}  api_key.created  received 1 times"),
        ({"reason": "MalformedDetail", "record": EVENT}, f"acme  -  {EVENT['id']}  api_key.created  MalformedDetail"),
        (
            {"reason": "'data'", "record": {"eventID": "1", "Keys": to_item({"pk": "T#acme#API_KEY", "sk": "ak_1"})}},
            "acme  -  ak_1  API_KEY  'data'",
        ),
        (
            {"DDBStreamBatchInfo": {"shardId": "shard-1", "startSequenceNumber": "42", "batchSize": 3}},
            "-  -  -  -  3 changes from 42 on in shard-1",
        ),
        (
            {"topic": "hub/acme:device_1/alerts", "base64OriginalPayload": "e30=", "receivedAt": 1, "id": "a-uuid"},
            "acme  -  a-uuid  hub/acme:device_1/alerts  received 1 times",
        ),
        (
            {
                "ruleName": "DevicePresenceRule",
                "topic": "$aws/events/presence/connected/acme:device_1",
                "cloudwatchTraceId": "a-trace",
                "base64OriginalPayload": "e30=",
                "failures": [{"failedAction": "SqsAction", "errorMessage": "Access denied"}],
            },
            "acme  -  a-trace  $aws/events/presence/connected/acme:device_1  Access denied",
        ),
        (
            {"topic": 5, "base64OriginalPayload": None, "failures": [5]},
            "-  -  -  5  received 1 times",
        ),
        (
            {"Records": [{"eventName": "ObjectCreated:Put", "s3": {"object": {"key": "files/acme/file_1"}}}]},
            "acme  -  file_1  ObjectCreated:Put  received 1 times",
        ),
        ({"Records": [{"s3": 5}]}, "-  -  -  -  received 1 times"),
        ("{", "-  -  -  -  no message of ours: {"),
        ("[1]", "-  -  -  -  no message of ours: [1]"),
        ("\t{}", "-  -  -  -  received 1 times"),
        ({"tenant": "\u001b[2Jacme", "record": 1, "detail": "x"}, "?[2Jacme  -  -  -  received 1 times"),
        ({"reason": {}, "record": {"Keys": {"pk": 1}}}, "1  -  -  -  {}"),
    ],
    ids=[
        "delivery",
        "half",
        "by hand",
        "event",
        "refused",
        "unread",
        "batch",
        "device",
        "error action",
        "odd device",
        "upload",
        "odd upload",
        "no JSON",
        "list",
        "empty",
        "odd",
        "keys",
    ],
)
def test_a_letter_is_told_in_a_line(body: Any, told: str) -> None:
    text = body if isinstance(body, str) else json.dumps(body)
    letter = dead_letters.Letter("1", "a-receipt", text, 1_795_179_600_000, 1, "", {})
    assert redrive.line(letter) == f"2026-11-20T13:00:00Z  {told}"


def test_a_queue_is_told_with_its_number_its_oldest_and_where_it_goes(
    stack: StackInMemory, capsys: pytest.CaptureFixture[str]
) -> None:
    stack.put(DEAD_DELIVERIES, DELIVERY)
    assert redrive.show(stack, 10) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[:2] == ["Dead letters of hub-dev on this machine", ""]
    assert "PoisonEventsQueue: none" in lines
    place = next(number for number, line in enumerate(lines) if line.startswith(f"{DEAD_DELIVERIES}: "))
    assert re.fullmatch(
        rf"{DEAD_DELIVERIES}: 1 message, the oldest sent \d seconds ago; back to {DELIVERIES}", lines[place]
    )
    assert lines[place + 1].endswith("Z  acme  wh_1  evt_1  api_key.created  received 1 times")


def test_what_eventbridge_put_aside_tells_its_error(stack: StackInMemory, capsys: pytest.CaptureFixture[str]) -> None:
    attributes: Any = {"ERROR_CODE": {"DataType": "String", "StringValue": "NO_PERMISSIONS"}}
    stack.put(DEAD_EVENTS, ON_THE_BUS, MessageAttributes=attributes)
    redrive.show(stack, 10)
    assert f"acme  -  {EVENT['id']}  api_key.created  EventBridge: NO_PERMISSIONS" in capsys.readouterr().out


def test_looking_takes_nothing_away(stack: StackInMemory, capsys: pytest.CaptureFixture[str]) -> None:
    for number in range(25):
        stack.put(DEAD_DELIVERIES, {**DELIVERY, "event_id": f"evt_{number}"})
    redrive.show(stack, 12)
    printed = capsys.readouterr().out
    assert f"{DEAD_DELIVERIES}: 25 messages, the oldest of the 12 below sent " in printed
    assert printed.count("wh_1") == 12
    (queue,) = [one.queue for one in dead_letters.of(stack) if one.queue.name == DEAD_DELIVERIES]
    assert (queue.waiting, queue.in_flight) == (25, 0)
    redrive.show(stack, 0)
    assert f"{DEAD_DELIVERIES}: 25 messages; back to" in capsys.readouterr().out


def test_letters_go_back_as_they_were(stack: StackInMemory, capsys: pytest.CaptureFixture[str]) -> None:
    attributes: Any = {"ERROR_CODE": {"DataType": "String", "StringValue": "TIMEOUT"}}
    stack.put(DEAD_EVENTS, ON_THE_BUS, MessageAttributes=attributes)
    for number in range(12):
        stack.put(DEAD_DELIVERIES, {**DELIVERY, "id": str(number)}, MessageGroupId="wh_1")
    assert redrive.send_back(stack, [DEAD_DELIVERIES]) == 0
    assert capsys.readouterr().out == f"{DEAD_DELIVERIES}: 12 to {DELIVERIES}\n"
    messages = stack.take(DELIVERIES) + stack.take(DELIVERIES)
    assert {json.loads(message["Body"])["id"] for message in messages} == {str(number) for number in range(12)}
    assert {message["Attributes"]["MessageGroupId"] for message in messages} == {"wh_1"}
    assert stack.take(DEAD_DELIVERIES) == stack.take(EVENTS) == []

    assert redrive.send_back(stack, [redrive.ALL]) == 0
    (message,) = stack.take(EVENTS)
    assert json.loads(message["Body"]) == ON_THE_BUS
    assert message["MessageAttributes"]["ERROR_CODE"]["StringValue"] == "TIMEOUT"


def test_letters_of_a_queue_in_order_go_back_in_order_however_soon(stack: StackInMemory) -> None:
    dead = "ForwardDeadLetterQueue"
    for number in range(3):
        # As it was sent first: by that SQS knows it for five minutes.
        first_sent = {"MessageGroupId": "default#1", "MessageDeduplicationId": f"default#1#{number}"}
        stack.put("ForwardQueue", {"number": number}, **first_sent)
        stack.put(dead, {"number": number}, **first_sent)
    stack.queues.purge_queue(QueueUrl=stack.url("ForwardQueue"))
    assert redrive.send_back(stack, [dead]) == 0
    assert [json.loads(one["Body"])["number"] for one in stack.take("ForwardQueue")] == [0, 1, 2]
    assert stack.take(dead) == []


@pytest.mark.parametrize("call", ["send_message", "delete_message"])
def test_a_call_that_fails_loses_nothing(stack: StackInMemory, monkeypatch: pytest.MonkeyPatch, call: str) -> None:
    for number in range(3):
        stack.put(DEAD_DELIVERIES, {**DELIVERY, "id": str(number)})
    make, calls = getattr(stack.queues, call), count(1)

    def fail_once(**parameters: Any) -> Any:
        if next(calls) == 2:
            raise ClientError({"Error": {"Code": "InternalError"}}, call)
        return make(**parameters)

    monkeypatch.setattr(stack.queues, call, fail_once)
    with pytest.raises(ClientError):
        redrive.send_back(stack, [DEAD_DELIVERIES])
    (sent, kept) = (
        [json.loads(one["Body"])["id"] for one in stack.take(queue)] for queue in (DELIVERIES, DEAD_DELIVERIES)
    )
    assert {*sent, *kept} == {"0", "1", "2"}
    assert len(kept) == 2, "put back at once"
    assert len(sent) == (1 if call == "send_message" else 2)


@pytest.mark.parametrize(
    "record",
    [EVENT, {"eventID": "1", "Keys": to_item({"pk": "T#acme#API_KEY", "sk": "ak_1"}), "events": to_attribute([EVENT])}],
    ids=["refused by the bus", "not read"],
)
def test_a_poison_event_is_published(stack: StackInMemory, record: Any) -> None:
    stack.put("PoisonEventsQueue", {"reason": "AccessDenied", "record": record})
    assert redrive.send_back(stack, ["PoisonEventsQueue"]) == 0
    (published,) = (json.loads(body) for body in memory.received("Subscriber"))
    assert (published["detail-type"], published["detail"]) == ("api_key.created", EVENT)
    assert stack.take("PoisonEventsQueue") == []


def test_a_poison_record_brings_its_audit_record(stack: StackInMemory) -> None:
    from hub import audit

    told = audit.record("api_key.deleted", Caller("acme", "enterprise", "ak_1", "req_1"), "ak_2")
    keys = to_item({"pk": "T#acme#API_KEY", "sk": "ak_2"})
    stack.put("PoisonEventsQueue", {"reason": "'data'", "record": {"Keys": keys, "audit": to_attribute(told)}})
    assert redrive.send_back(stack, ["PoisonEventsQueue"]) == 0
    assert [item["action"]["S"] for item in memory.stored()] == ["api_key.deleted"]


@pytest.mark.parametrize(
    "body",
    [
        "{",
        {"DDBStreamBatchInfo": {"shardId": "shard-1"}},
        {"reason": "x", "record": {"eventID": "1", "Keys": to_item({"pk": "T#acme#API_KEY", "sk": "ak_1"})}},
        {"reason": "x", "record": {"id": "evt_1", "type": "api_key.created", "tenant": "acme"}},
        {"reason": "x", "record": "text"},
    ],
    ids=["no JSON", "batch", "keys only", "names only", "text"],
)
def test_what_tells_of_no_event_stays(stack: StackInMemory, capsys: pytest.CaptureFixture[str], body: Any) -> None:
    stack.put("PoisonEventsQueue", body)
    assert redrive.send_back(stack, ["PoisonEventsQueue"]) == 1
    assert "0 to PublisherFunction; 1 stay" in capsys.readouterr().out
    assert stack.publisher.calls == 0
    assert len(stack.take("PoisonEventsQueue")) == 1


def test_what_the_bus_refuses_again_is_put_aside_again_and_tried_once(stack: StackInMemory) -> None:
    stack.put("PoisonEventsQueue", {"reason": "x", "record": EVENT | {"type": "nobody.knows"}})
    assert redrive.send_back(stack, ["PoisonEventsQueue"]) == 0
    assert stack.publisher.calls == 1
    (aside,) = stack.take("PoisonEventsQueue")
    assert "nobody.knows" in json.loads(aside["Body"])["reason"]


@pytest.mark.parametrize("failure", ["function", "bus"])
def test_what_the_publisher_does_not_take_stays(
    stack: StackInMemory, monkeypatch: pytest.MonkeyPatch, failure: str
) -> None:
    if failure == "function":
        stack.publisher.error = "Unhandled"
    postponed = {"Entries": [{"ErrorCode": "ThrottlingException"}]}
    monkeypatch.setattr(clients.events(), "put_events", lambda **_: postponed)
    stack.put("PoisonEventsQueue", {"reason": "x", "record": EVENT})
    assert redrive.send_back(stack, ["PoisonEventsQueue"]) == 1
    assert len(stack.take("PoisonEventsQueue")) == 1


def test_a_queue_that_is_none_is_refused(stack: StackInMemory) -> None:
    with pytest.raises(OperationError, match=f"no dead-letter queue {DELIVERIES}; it has .*, PoisonEventsQueue, "):
        redrive.send_back(stack, [DELIVERIES, DEAD_EVENTS])


@pytest.mark.parametrize(
    ("task", "status", "printed"),
    [
        ({"Status": "COMPLETED", "ApproximateNumberOfMessagesMoved": 3}, 0, "3 to WebhookEventsQueue, completed"),
        ({"Status": "FAILED", "FailureReason": "AccessDenied"}, 1, "0 to WebhookEventsQueue, failed (AccessDenied)"),
        (
            {"Status": "RUNNING", "ApproximateNumberOfMessagesMoved": 1},
            0,
            "1 to WebhookEventsQueue so far; SQS goes on",
        ),
    ],
    ids=["completed", "failed", "running"],
)
def test_on_aws_sqs_moves_the_letters(
    aws: None,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    task: dict[str, Any],
    status: int,
    printed: str,
) -> None:
    monkeypatch.setattr(redrive, "_TASK_SECONDS", -1)
    stack = made(embedded=False)
    (one,) = [one for one in dead_letters.of(stack) if one.queue.name == DEAD_EVENTS]
    assert one.source
    named = {"SourceArn": one.queue.arn, "DestinationArn": one.source.arn, "MaxNumberOfMessagesPerSecond": 50}
    monkeypatch.setattr(dead_letters, "of", lambda _: [one])
    with Stubber(stack.queues) as sqs:
        sqs.add_response("start_message_move_task", {"TaskHandle": "a"}, named)
        sqs.add_response("list_message_move_tasks", {"Results": [task]}, {"SourceArn": one.queue.arn})
        assert redrive.send_back(stack, [redrive.ALL]) == status
        sqs.assert_no_pending_responses()
    assert printed in capsys.readouterr().out


def test_without_a_name_the_embedded_stack_is_meant_then_the_first_of_samconfig(tmp_path: Path) -> None:
    (tmp_path / "samconfig.toml").write_text(
        'version = 0.1\n[default.deploy.parameters]\nstack_name = "hub-dev"\nregion = "eu-north-1"\n'
    )
    state = tmp_path / ".local"
    on_aws = chosen(None, tmp_path, state)
    assert (on_aws.name, on_aws.is_embedded, on_aws.queues.meta.region_name) == ("hub-dev", False, "eu-north-1")

    state.mkdir()
    with socket.create_server(("127.0.0.1", 0)) as server:
        endpoint = f"http://127.0.0.1:{server.getsockname()[1]}"
        (state / "stack.json").write_text(json.dumps({"aws_endpoint": endpoint, "region": "us-east-1"}))
        embedded = chosen(None, tmp_path, state)
        assert (embedded.name, embedded.is_embedded) == ("hub", True)
        assert embedded.queues.meta.endpoint_url == endpoint
    with pytest.raises(OperationError, match="does not run"):
        chosen(None, tmp_path, state)

    named = chosen("hub-dev", tmp_path, state)
    assert (named.name, named.is_embedded) == ("hub-dev", False)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--stack", "no-such-stack"], "no-such-stack"),
        (["--stack", "hub-dev", "--send", "Nothing"], "no dead-letter queue"),
    ],
    ids=["stack", "queue"],
)
def test_what_is_wrong_is_said_in_one_line(
    stack: StackInMemory,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    said: str,
) -> None:
    monkeypatch.setattr("sys.argv", ["operations", "redrive", *arguments])
    assert main() == 1
    printed = capsys.readouterr()
    assert (printed.out, printed.err.count("\n")) == ("", 1)
    assert said in printed.err
