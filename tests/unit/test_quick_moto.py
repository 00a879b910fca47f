"""The data plane in memory: quick as it is, it answers as moto does, and begins with nothing."""

import json
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from typing import Any
from unittest.mock import patch

from botocore.exceptions import ClientError

from tests.contract import memory

KEY = {"pk": {"S": "一"}, "sk": {"S": "1"}}
EVERYTHING = {
    "text": {"S": "文字"},
    "empty": {"S": ""},
    "number": {"N": "1.50"},
    "bytes": {"B": b"\x00\xff"},
    "yes": {"BOOL": True},
    "nothing": {"NULL": True},
    "texts": {"SS": ["a", "b"]},
    "numbers": {"NS": ["1", "2"]},
    "many bytes": {"BS": [b"a", b"\xff"]},
    "list": {"L": [{"S": "a"}, {"M": {"deep": {"B": b"b"}}}, {"L": []}]},
    "map": {"M": {"a": {"N": "1"}, "none": {"M": {}}}},
}


def test_the_answers_are_motos() -> None:
    with patch.object(memory, "quick_moto", nullcontext), memory.data_plane():
        expected = list(answers())
    with memory.data_plane():
        found = list(answers())
    assert found == expected
    assert "ConditionalCheckFailedException" in str(found)


def answers() -> Iterator[Any]:
    """What the services answer to calls of every kind, without what is another each time."""
    yield from dynamodb_answers()
    sqs, machines, s3, kms = (memory.client(name) for name in ("sqs", "stepfunctions", "s3", "kms"))
    url = sqs.get_queue_url(QueueName="Subscriber")["QueueUrl"]
    yield url, sqs.send_message(QueueUrl=url, MessageBody="消息")["MD5OfMessageBody"]
    yield [one["Body"] for one in sqs.receive_message(QueueUrl=url)["Messages"]]
    entry = {"Source": "hub.test", "DetailType": "test", "Detail": '{"a": "事件"}', "EventBusName": "hub"}
    yield memory.client("events").put_events(Entries=[entry])["FailedEntryCount"]
    yield json.loads(sqs.receive_message(QueueUrl=url)["Messages"][0]["Body"])["detail"]
    arn = f"arn:aws:states:{memory.REGION}:123456789012:stateMachine:WebhookRetryStateMachine"
    yield machines.start_execution(stateMachineArn=arn, name="one", input='{"a": 1}')["executionArn"]
    yield answered(lambda: machines.start_execution(stateMachineArn=arn, name="one", input='{"a": 2}'))
    yield memory.executions()
    yield s3.put_object(Bucket="files-bucket", Key="a/文件 1?", Body=b"\x00file")["ETag"]
    yield s3.get_object(Bucket="files-bucket", Key="a/文件 1?")["Body"].read()
    yield answered(lambda: s3.get_object(Bucket="files-bucket", Key="another"))
    secret = kms.encrypt(KeyId="alias/hub", Plaintext=b"secret", EncryptionContext={"tenant": "a"})["CiphertextBlob"]
    yield kms.decrypt(CiphertextBlob=secret, EncryptionContext={"tenant": "a"})["Plaintext"]


def dynamodb_answers() -> Iterator[Any]:
    dynamodb = memory.client("dynamodb")

    def update(expression: str, condition: str = "", **values: Any) -> Any:
        more: dict[str, Any] = {"ConditionExpression": condition} if condition else {}
        if values:
            more["ExpressionAttributeValues"] = {f":{name}": value for name, value in values.items()}
        if "#" in expression + condition:
            more["ExpressionAttributeNames"] = {"#map": "map"}
        return dynamodb.update_item(
            TableName="Table",
            Key=KEY,
            UpdateExpression=expression,
            ReturnValues="ALL_NEW",
            ReturnValuesOnConditionCheckFailure="ALL_OLD",
            **more,
        )

    def walk(**more: Any) -> list[Any]:
        pages = dynamodb.get_paginator("query").paginate(TableName="Table", **more, PaginationConfig={"PageSize": 1})
        return [(page["Items"], page.get("LastEvaluatedKey")) for page in pages]

    absent = {"ConditionExpression": "attribute_not_exists(pk)", "ReturnValuesOnConditionCheckFailure": "ALL_OLD"}
    query = {"TableName": "Table", "KeyConditionExpression": "pk = :pk AND sk BETWEEN :a AND :b", "Limit": 2}
    wanted = {":pk": KEY["pk"], ":a": {"S": "1"}, ":b": {"S": "3"}}
    asked: list[Callable[[], Any]] = [
        lambda: dynamodb.put_item(TableName="Table", Item=KEY | EVERYTHING),
        lambda: dynamodb.put_item(TableName="Table", Item=KEY, **absent),
        lambda: dynamodb.get_item(TableName="Table", Key=KEY, ConsistentRead=True),
        lambda: dynamodb.get_item(TableName="Table", Key=KEY | {"sk": {"S": "none"}}),
        lambda: update("SET #map.a = #map.a + :n, again = if_not_exists(again, :n) ADD hits :n", n={"N": "1"}),
        lambda: update("SET #map.a = #map.a + :n, again = if_not_exists(again, :n) ADD hits :n", n={"N": "2"}),
        lambda: update("REMOVE #map, texts SET kept = :m", "hits > :n", m=EVERYTHING["map"], n={"N": "2"}),
        lambda: update("SET a = :n", "hits > :n OR (attribute_exists(none) AND yes = :n)", n={"N": "9"}),
        lambda: update("SET a = :n SET b = :n", n={"N": "9"}),
        lambda: update("ADD numbers :more DELETE texts :more", more={"NS": ["3"]}),
        lambda: update("REMOVE #map.none"),
        lambda: dynamodb.transact_write_items(TransactItems=[put(2), put(3)]),
        lambda: dynamodb.transact_write_items(TransactItems=[put(4), {"Put": put(2)["Put"] | absent}]),
        lambda: dynamodb.transact_write_items(TransactItems=[changed(2), changed(9), put(5), put(2)]),
        lambda: dynamodb.transact_write_items(TransactItems=[changed(2), changed(9), put(5), checked(7)]),
        lambda: dynamodb.transact_write_items(TransactItems=[changed(2), gone(3), put(5), checked(2)]),
        lambda: dynamodb.transact_write_items(TransactItems=[changed(3), gone(2), put(5)]),
        lambda: dynamodb.put_item(TableName="Table", Item=KEY | {"large": {"S": "x" * 409_000}}),
        lambda: dynamodb.put_item(TableName="Table", Item=KEY | {name: {"S": "x" * 40_000} for name in "abcdefghijk"}),
        lambda: dynamodb.query(**query, ExpressionAttributeValues=wanted),
        lambda: dynamodb.query(
            **query, FilterExpression="hits > :n", ExpressionAttributeValues=wanted | {":n": {"N": "1"}}
        ),
        lambda: dynamodb.query(**query, ScanIndexForward=False, ExpressionAttributeValues=wanted),
        lambda: dynamodb.batch_get_item(RequestItems={"Table": {"Keys": [KEY, KEY | {"sk": {"S": "2"}}]}}),
        lambda: dynamodb.batch_write_item(RequestItems={"Table": [{"DeleteRequest": {"Key": KEY}}]}),
        lambda: dynamodb.put_item(TableName="Table", Item=KEY),
        lambda: dynamodb.put_item(TableName="Absent", Item=KEY),
    ]
    for ask in asked:
        yield answered(ask)
    for more in (
        {"IndexName": "gsi1", "KeyConditionExpression": "gsi1_pk = :p"},
        {"KeyConditionExpression": "pk = :p"},
    ):
        partition = {":p": {"S": "place"} if "IndexName" in more else KEY["pk"]}
        for forward in (True, False):
            yield walk(**more, ExpressionAttributeValues=partition, ScanIndexForward=forward)
    records = list(memory._stream_records())
    yield memory.stored()
    unsteady = {"ApproximateCreationDateTime": None, "SizeBytes": None}
    yield [(one["eventName"], one["dynamodb"] | unsteady) for one in records]


def put(number: int) -> dict[str, Any]:
    place = {"gsi1_pk": {"S": "place"}, "gsi1_sk": {"S": f"{9 - number}"}}
    return {"Put": {"TableName": "Table", "Item": KEY | {"sk": {"S": f"{number}"}} | place}}


def changed(number: int) -> dict[str, Any]:
    names: dict[str, Any] = {"UpdateExpression": "ADD hits :n", "ExpressionAttributeValues": {":n": {"N": "1"}}}
    return {"Update": {"TableName": "Table", "Key": KEY | {"sk": {"S": f"{number}"}}, **names}}


def gone(number: int) -> dict[str, Any]:
    return {"Delete": {"TableName": "Table", "Key": KEY | {"sk": {"S": f"{number}"}}}}


def checked(number: int) -> dict[str, Any]:
    key = {"TableName": "Table", "Key": KEY | {"sk": {"S": f"{number}"}}}
    return {"ConditionCheck": {**key, "ConditionExpression": "attribute_exists(pk)"}}


def answered(ask: Callable[[], Any]) -> Any:
    """An answer or an error, but for its id and the time."""
    try:
        answer = ask()
    except ClientError as error:
        answer = error.response
    answer["ResponseMetadata"] = answer["ResponseMetadata"]["HTTPStatusCode"]
    return answer


def test_each_data_plane_begins_with_nothing() -> None:
    for _ in range(3):
        with memory.data_plane():
            begun_with = memory.stored(), memory.told(), memory.executions(), memory.received("Subscriber")
            assert begun_with == ([], [], [], [])
            memory.bootstrap("a-tenant")
            assert memory.published()
            memory.client("sqs").create_queue(QueueName="another")
            arn = f"arn:aws:states:{memory.REGION}:123456789012:stateMachine:WebhookRetryStateMachine"
            memory.client("stepfunctions").start_execution(stateMachineArn=arn, input="{}")
            memory.client("s3").put_object(Bucket="files-bucket", Key="a", Body=b"b")
            assert memory.client("s3").list_objects_v2(Bucket="files-bucket")["KeyCount"] == 1
