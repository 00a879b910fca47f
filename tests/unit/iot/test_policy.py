"""What the policy of all devices lets each of them do, evaluated as IoT Core does.

https://docs.aws.amazon.com/iot/latest/developerguide/iot-policies.html, "Thing policy variables": the name of the thing
is known where a device's client id is that name and its certificate is attached to the thing.
"""

import json
import re
from dataclasses import dataclass
from typing import Any

import pytest

from functions.iot import topics
from hub import ids
from tests.contract import memory

ROOT = f"arn:aws:iot:{memory.REGION}:123456789012:"
THING = "iot:Connection.Thing.ThingName"
IS_ATTACHED = "iot:Connection.Thing.IsAttached"


@dataclass(frozen=True)
class Session:
    """A connection with a client id; `attached` are the things that its certificate is attached to."""

    client_id: str
    attached: tuple[str, ...]

    def may(self, action: str, resource: str) -> bool:
        """Whether the policy allows it; nothing else does."""
        variables = {IS_ATTACHED: str(self.client_id in self.attached).lower()}
        if self.client_id in self.attached:
            variables[THING] = self.client_id
        return any(_allows(statement, variables, action, resource) for statement in POLICY["Statement"])

    def connects(self) -> bool:
        """Whether it comes to be."""
        return self.may("iot:Connect", f"client/{self.client_id}")

    def publishes(self, topic: str) -> bool:
        """Whether it can write there."""
        return self.may("iot:Publish", f"topic/{topic}")

    def hears(self, topic: str, topic_filter: str = "") -> bool:
        """Whether a message of a topic reaches it, having subscribed to the topic or to a filter that matches it."""
        subscribed = self.may("iot:Subscribe", f"topicfilter/{topic_filter or topic}")
        return subscribed and self.may("iot:Receive", f"topic/{topic}")


POLICY: dict[str, Any] = memory.device_policy()


def _allows(statement: dict[str, Any], variables: dict[str, str], action: str, resource: str) -> bool:
    assert statement["Effect"] == "Allow"
    assert statement.keys() <= {"Effect", "Action", "Resource", "Condition"}
    resources = statement["Resource"] if isinstance(statement["Resource"], list) else [statement["Resource"]]
    conditions = statement.get("Condition", {"Bool": {}})
    assert conditions.keys() == {"Bool"}
    return (
        action == statement["Action"]
        and all(variables[name] == value for name, value in conditions["Bool"].items())
        and any(_matches(pattern, variables, ROOT + resource) for pattern in resources)
    )


def _matches(pattern: str, variables: dict[str, str], arn: str) -> bool:
    for name, value in variables.items():
        pattern = pattern.replace(f"${{{name}}}", value)
    # `*` is any text, slashes included; `+` and `#` are no wildcards of policies.
    return "${" not in pattern and re.fullmatch(re.escape(pattern).replace(r"\*", ".*"), arn) is not None


def things() -> tuple[str, str]:
    """Two devices of a tenant's; tenants are told apart by the same name."""
    one, other = (topics.thing_name("acme", ids.new("device")) for _ in range(2))
    return one, other


@pytest.fixture(autouse=True)
def prefix(aws: None) -> None:
    """The deployment's prefix is `hub`."""


def test_a_device_connects_as_itself_only() -> None:
    one, other = things()
    assert Session(one, (one,)).connects()
    for client_id in (other, "", "+", "#", "*", f"{one}x", one.upper(), "acme", "$aws", "hub"):
        assert not Session(client_id, (one,)).connects(), client_id
    assert not Session(one, ()).connects(), "a certificate that is attached to nothing"
    assert not Session(one, (other,)).connects()


def test_a_device_uses_its_own_topics() -> None:
    one, _ = things()
    session, shadow = Session(one, (one,)), topics.shadow(one)
    for topic in (topics.alerts(one), topics.acknowledgements(one), f"{shadow}/get", f"{shadow}/update"):
        assert session.publishes(topic), topic
    for topic in (
        topics.commands(one),
        f"{shadow}/get/accepted",
        f"{shadow}/get/rejected",
        f"{shadow}/update/accepted",
        f"{shadow}/update/rejected",
        f"{shadow}/update/delta",
        f"{shadow}/update/documents",
    ):
        assert session.hears(topic), topic
    assert session.hears(f"{shadow}/update/delta", f"{shadow}/update/#")


def test_a_device_neither_writes_nor_hears_on_anothers_topics() -> None:
    one, other = things()
    session = Session(one, (one,))
    shadow = topics.shadow(other)
    for topic in (
        topics.alerts(other),
        topics.acknowledgements(other),
        topics.commands(other),
        f"{shadow}/get",
        f"{shadow}/update",
        f"{shadow}/update/delta",
        f"{shadow}/update/documents",
        f"$aws/events/presence/connected/{other}",
        f"$aws/events/presence/connected/{one}",
    ):
        assert not session.publishes(topic), topic
        assert not session.may("iot:Subscribe", f"topicfilter/{topic}"), topic
        assert not session.may("iot:Receive", f"topic/{topic}"), topic


@pytest.mark.parametrize(
    "topic_filter",
    [
        "#",
        "+/+/commands",
        "hub/#",
        "hub/+/commands",
        "hub/+/commands/ack",
        "hub/+/alerts",
        "hub/{one}/#",
        "hub/{one}/+",
        "$aws/things/+/shadow/update/delta",
        "$aws/things/{one}/#",
        "$aws/things/{one}/shadow/#",
        "$aws/events/#",
        "$share/group/hub/{one}/commands",
        "$share/group/hub/+/commands",
    ],
)
def test_a_wildcard_reaches_nothing_of_others(topic_filter: str) -> None:
    one, _ = things()
    assert not Session(one, (one,)).may("iot:Subscribe", f"topicfilter/{topic_filter.format(one=one)}")


def test_a_device_cannot_pass_for_hub_nor_take_away_its_shadow() -> None:
    one, _ = things()
    session, shadow = Session(one, (one,)), topics.shadow(one)
    for topic in (
        topics.commands(one),
        f"{shadow}/delete",
        f"{shadow}/name/other/update",
        f"{shadow}/update/delta",
        f"$aws/things/{one}/jobs/start-next",
        f"{topics.alerts(one)}/more",
        "hub/alerts",
        f"$aws/rules/DeviceAlertsRule/{topics.alerts(one)}",
    ):
        assert not session.publishes(topic), topic
    actions = {statement["Action"] for statement in POLICY["Statement"]}
    assert actions == {"iot:Connect", "iot:Publish", "iot:Subscribe", "iot:Receive"}


def test_a_certificate_that_was_detached_can_do_nothing() -> None:
    one, _ = things()
    session = Session(one, ())
    assert not session.connects()
    assert not session.publishes(topics.alerts(one))
    assert not session.hears(topics.commands(one))


def test_the_page_about_devices_shows_this_policy() -> None:
    page = (memory.ROOT / "docs" / "iot.md").read_text()
    (shown,) = re.findall("```json\n(.*?)```", page, re.DOTALL)
    assert json.loads(shown) == POLICY


def test_the_policy_has_room_for_the_longest_stack_name() -> None:
    """IoT Core takes 2048 characters; a stack's name has 128 at most."""
    written = json.dumps(POLICY, separators=(",", ":"))
    assert len(written.replace("arn:aws:", "arn:aws-us-gov:").replace("/hub/", f"/{'s' * 128}/")) <= 2048
    assert written.count("/hub/") == 4
