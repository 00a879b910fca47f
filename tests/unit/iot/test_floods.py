"""Devices that say too much, and commands that are too many."""

import pytest

from functions.iot.alerts import service as alerts
from tests.conftest import Clock
from tests.contract.talking import Talker, hear
from tests.unit.iot.conftest import make, raised, told


def test_a_device_raises_no_more_alerts_than_so_many(
    talker: Talker, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(alerts, "MAX_RAISED", 3)
    said = [talker.raises(message=str(number)) for number in range(5)]
    assert hear(*said[:4]) == hear(*said[4:]) == [], "what is dropped does not come again"
    assert sorted(raised(talker)) == ["0", "1", "2"]
    assert told(talker) == ["device.alert"] * 3
    other = make()
    hear(other.raises(message="another's"))
    assert raised(other) == ["another's"]
    clock.advance(900)
    hear(talker.raises(message="later"))
    assert sorted(raised(talker)) == ["0", "1", "2", "later"]
