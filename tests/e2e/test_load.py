"""`make load` on a small scale: twenty endpoints, four of them bad."""

import pytest

from tests.e2e.running import RunningStack
from tests.load.receivers import Behaviour
from tests.load.run import ENDPOINTS, run

EVENTS = 10
PER_MINUTE = 60
SECONDS = 120


@pytest.mark.slow
def test_the_healthy_get_every_event_while_the_bad_still_keep_theirs(stack: RunningStack) -> None:
    made = run(stack, ENDPOINTS, EVENTS, PER_MINUTE, SECONDS)

    assert [one.refused for one in made.outcomes if one.refused] == []
    assert {len(one.sent) for one in made.outcomes} == {EVENTS}
    assert [one.missing for one in made.healthy] == [0] * 16
    for one in made.outcomes:
        if one.endpoint.behaviour is Behaviour.ANSWERS:
            # The warm-up's event has a row too.
            assert one.rows == {"success": EVENTS + 1}
        elif one.endpoint.behaviour is Behaviour.BUSY:
            assert one.rows["pending"]
            assert not one.rows["failed"], "its patience outlasts the run"
