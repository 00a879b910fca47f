"""Somebody else's rule on the bus, made from what the stack's outputs tell."""

import json
from typing import Any

from tests.e2e.polling import eventually
from tests.e2e.running import Client, RunningStack


def test_an_outside_rule_gets_the_domain_event(stack: RunningStack, api: Client) -> None:
    queue = stack.queues.create_queue(QueueName=f"outside-{api.tenant}")["QueueUrl"]
    arn = stack.queues.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    bus, rule = stack.outputs["EventBusName"], f"outside-{api.tenant}"
    pattern = {"source": ["hub.identity"], "detail-type": ["api_key.deleted"], "detail": {"tenant": [api.tenant]}}
    stack.bus.put_rule(Name=rule, EventBusName=bus, EventPattern=json.dumps(pattern))
    stack.bus.put_targets(Rule=rule, EventBusName=bus, Targets=[{"Id": "queue", "Arn": arn}])

    key = api.new_key("Seen from outside")
    deleted = api.request("DELETE", f"/v1/api-keys/{key['id']}", headers={"X-Request-ID": "from-outside"})
    assert deleted.status_code == 204

    def received() -> list[Any]:
        return list(stack.queues.receive_message(QueueUrl=queue, WaitTimeSeconds=1).get("Messages", []))

    (message,) = eventually(received, "the event in the outside queue")
    event = json.loads(message["Body"])
    assert event["source"] == "hub.identity"
    assert event["detail-type"] == event["detail"]["type"] == "api_key.deleted"
    assert set(event["detail"]) == {"id", "type", "timestamp", "tenant", "requestId", "data"}
    assert event["detail"]["tenant"] == api.tenant
    assert event["detail"]["requestId"] == "from-outside"
    assert event["detail"]["data"]["api_key_id"] == key["id"]
    assert key["key"] not in message["Body"]

    stack.bus.remove_targets(Rule=rule, EventBusName=bus, Ids=["queue"])
    stack.bus.delete_rule(Name=rule, EventBusName=bus)
    stack.queues.delete_queue(QueueUrl=queue)
