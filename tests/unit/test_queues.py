import json
import re
from itertools import pairwise
from typing import Any
from unittest.mock import patch

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hub import aws as clients
from hub import queues

ACCEPTED = re.compile("[\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]*")
"""docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-messages.html ("Message content")"""


@pytest.mark.parametrize("bodies", [[], ["a"], ["a"] * 10, ["a"] * 11, ["长" * 80_000] * 3, ["x" * 262_144, "y"]])
def test_a_batch_has_ten_messages_and_256_kilobytes_at_most(bodies: list[str]) -> None:
    batches = list(queues._batches([queues.Message(body) for body in bodies]))
    assert [position for batch in batches for position in batch] == list(range(len(bodies)))
    for batch in batches:
        assert 1 <= len(batch) <= 10
        assert sum(len(bodies[position].encode()) for position in batch) <= 262_144


@given(st.lists(st.integers(0, 262_144), max_size=60))
def test_no_message_is_left_out_or_sent_alone_needlessly(sizes: list[int]) -> None:
    batches = list(queues._batches([queues.Message("x" * size) for size in sizes]))
    assert [position for batch in batches for position in batch] == list(range(len(sizes)))
    for batch, following in pairwise(batches):
        full = sum(sizes[position] for position in batch) + sizes[following[0]] > 262_144
        assert len(batch) == 10 or full


@pytest.mark.usefixtures("aws")
def test_what_the_queue_does_not_take_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(**parameters: Any) -> dict[str, Any]:
        return {"Failed": [{"Id": entry["Id"]} for entry in parameters["Entries"] if entry["Id"] in ("3", "11")]}

    monkeypatch.setattr(clients.sqs(), "send_message_batch", refuse)
    assert queues.send("https://queue", [queues.Message(str(number)) for number in range(12)]) == {3, 11}
    assert queues.send("https://queue", []) == set()


@pytest.mark.parametrize(
    "body", ["", "{", "[]", "1", "null", '"a"', '{"other": 1}', "[" * 100_000], ids=lambda body: body[:12]
)
def test_a_message_that_is_none_goes_alone(body: str) -> None:
    event = {"Records": [{"messageId": "1", "body": body}, {"messageId": "2", "body": json.dumps({"id": "a"})}]}
    messages, broken = queues.read(event, "id")
    assert messages == {"2": {"id": "a"}}
    assert queues.failures(broken) == {"batchItemFailures": [{"itemIdentifier": "1"}]}


@pytest.mark.usefixtures("aws")
@settings(deadline=None)
@given(st.text(st.characters(exclude_categories=["Cs"]) | st.sampled_from("\ufffe\uffff")))
def test_every_character_of_json_can_be_sent(text: str) -> None:
    with patch.object(clients.sqs(), "send_message_batch", return_value={}) as send:
        queues.send("https://queue", [queues.Message(json.dumps({text: text}, ensure_ascii=False))])
    (body,) = (entry["MessageBody"] for entry in send.call_args.kwargs["Entries"])
    assert ACCEPTED.fullmatch(body)
    assert json.loads(body) == {text: text}


@pytest.mark.usefixtures("aws")
def test_a_message_has_the_delay_and_the_group_it_is_given() -> None:
    messages = [queues.Message("{}", 900, "wh_1"), queues.Message("{}", 901), queues.Message("{}")]
    with patch.object(clients.sqs(), "send_message_batch", return_value={}) as send:
        queues.send("https://queue", messages)
    sent = send.call_args.kwargs["Entries"]
    assert [entry.get("DelaySeconds") for entry in sent] == [900, 900, None], "SQS takes 15 minutes at most"
    assert [entry.get("MessageGroupId") for entry in sent] == ["wh_1", None, None]
