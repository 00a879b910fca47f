"""What devices are called, and which messages are read as whose."""

import pytest

from functions.iot import topics
from functions.iot.topics import Place
from hub import ids
from hub.store import keys

DEVICE = ids.first("device", 1_700_000_000_000)
LONGEST = "a" * 32


@pytest.fixture(autouse=True)
def prefix(aws: None) -> None:
    """The deployment's prefix is `hub`."""


@pytest.mark.parametrize("tenant", ["acme", "9", "a-b", LONGEST])
def test_a_thing_has_a_name_that_iot_core_takes_and_that_leads_back(tenant: str) -> None:
    assert keys.TENANT_PATTERN.match(tenant)
    thing = topics.thing_name(tenant, DEVICE)
    assert len(thing) <= 128
    assert set(thing) <= set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789:_-")
    assert topics.place_of_thing(thing) == Place(tenant, DEVICE)


@pytest.mark.parametrize(
    "thing",
    [
        "",
        ":",
        DEVICE,
        f":{DEVICE}",
        f"acme:{DEVICE}\n",
        f"acme:{DEVICE} ",
        f"acme:{DEVICE}x",
        f"acme:{DEVICE.lower()}",
        f"acme:x:{DEVICE}",
        f"Acme:{DEVICE}",
        f"-acme:{DEVICE}",
        f"acme\n:{DEVICE}",
        f"{LONGEST}a:{DEVICE}",
        "acme:device_1",
        f"acme:{DEVICE.replace('device', 'user')}",
        "iotconsole-1511213971966-0",
    ],
)
def test_another_things_name_leads_nowhere(thing: str) -> None:
    assert topics.place_of_thing(thing) is None


def test_what_a_device_says_is_read_as_its_own() -> None:
    thing, place = topics.thing_name("acme", DEVICE), Place("acme", DEVICE)
    assert topics.read(topics.alerts(thing)) == ("alert", place)
    assert topics.read(topics.acknowledgements(thing)) == ("acknowledgement", place)
    for kind in ("connected", "disconnected"):
        assert topics.read(f"$aws/events/presence/{kind}/{thing}") == (kind, place)
    assert topics.read(f"$aws/events/subscriptions/subscribed/{thing}") == ("subscribed", place)


@pytest.mark.parametrize(
    "topic",
    [
        "",
        "hub",
        "hub/{thing}",
        "hub/{thing}/commands",
        "hub/{thing}/commands/ack/more",
        "hub/{thing}/alerts/",
        "/hub/{thing}/alerts",
        "other/{thing}/alerts",
        "hub/other/alerts",
        "hub/{thing}/{thing}/alerts",
        "$aws/events/presence/joined/{thing}",
        "$aws/events/presence/connected/",
        "$aws/events/presence/connected/{thing}/more",
        "$aws/events/subscriptions/unsubscribed/{thing}",
        "$aws/things/{thing}/shadow/update",
    ],
)
def test_another_topic_says_nothing(topic: str) -> None:
    assert topics.read(topic.format(thing=topics.thing_name("acme", DEVICE))) is None
