"""From KOOK to three platforms on the running stack: in order, once, on each platform's terms, held and let go."""

import json
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from tests.contract.connectors.fakes import Reply, told
from tests.e2e.forwarding import PLATFORMS, World
from tests.e2e.polling import eventually
from tests.e2e.running import Client, RunningStack

CHANNELS = 2
FIRST, SECOND = 4, 3
LIMITED = told(
    {"ok": False, "error_code": 429, "description": "Too Many Requests", "parameters": {"retry_after": 3}}, 429
)
DOWN = Reply(502, b"<html>")


def test_messages_go_in_order_while_one_platform_limits_and_one_is_down_and_wait_while_all_is_stopped(
    api: Client,
) -> None:
    with World(api, CHANNELS) as world:
        # For one chat of each, Telegram asks for patience once, and Feishu is down when it is asked first.
        here = world.chat(0)
        for platform, trouble in (("telegram", [LIMITED]), ("feishu", [DOWN])):
            world.platforms[platform].trouble = lambda chat, left=trouble: (  # type: ignore[misc]
                left.pop() if left and chat == here else None
            )
        say_all(world, range(1, FIRST + 1))
        ways = CHANNELS * len(PLATFORMS)
        eventually(lambda: world.total() >= ways * FIRST, "all of the first messages", 120, 0.2)

        assert api.post("/api/system/stop").status_code == 200
        say_all(world, range(FIRST + 1, FIRST + SECOND + 1))
        eventually(lambda: len(rows(api, "pending")) == ways * SECOND, "all are held", 60, 0.5)
        assert world.total() == ways * FIRST
        assert api.post("/api/system/start").status_code == 200
        say_all(world, [FIRST + SECOND + 1])
        last = FIRST + SECOND + 1
        eventually(lambda: world.total() >= ways * last, "what was held, and what came after", 120, 0.2)

        for platform in PLATFORMS:
            for channel in range(CHANNELS):
                assert world.arrived(channel, platform) == list(range(1, last + 1)), (platform, channel)
        assert world.platforms["telegram"].texts(here)[0] == "<b>频道0</b> 第 1 条"
        assert [world.platforms[name].refused for name in PLATFORMS] == [0, 1, 1]
        ended = eventually(lambda: len(rows(api, "success")) == ways * last, "a row for each", 30, 0.5)
        assert ended
        assert {row["target_platform"] for row in rows(api, "success")} == set(PLATFORMS)


def test_a_started_account_is_polled_and_what_a_callback_brought_too_comes_once(
    api: Client, stack: RunningStack
) -> None:
    with World(api, 1) as world:
        poll(stack, api, world)
        world.say(0, 1)
        world.remember(0, 1)
        world.remember(0, 2)
        poll(stack, api, world)
        eventually(lambda: world.total() >= 2 * len(PLATFORMS), "both messages everywhere", 60, 0.2)
        poll(stack, api, world)
        for platform in PLATFORMS:
            assert world.arrived(0, platform) == [1, 2]


def say_all(world: World, numbers: Iterable[int]) -> None:
    """Say so many things in every channel, in the channels at the same time."""
    said = list(numbers)

    def one(channel: int) -> None:
        for number in said:
            world.say(channel, number)

    with ThreadPoolExecutor(world.channels) as pool:
        list(pool.map(one, range(world.channels)))


def rows(api: Client, status: str) -> list[dict[str, Any]]:
    """Rows of the log."""
    answer = api.get(f"/api/logs?limit=100&status={status}")
    assert answer.status_code == 200, answer.text
    return list(answer.json()["data"])


def poll(stack: RunningStack, api: Client, world: World) -> None:
    """Have the account's turn come now, as its schedule does once a minute."""
    body = json.dumps({"tenant": api.tenant, "account": f"{world.account:012}"})
    asked = len(world.kook.asked)
    stack.queues.send_message(QueueUrl=stack.physical_ids["KookPollQueue"], MessageBody=body)
    eventually(lambda: len(world.kook.asked) > asked and stack.waiting("KookPollQueue") == 0, "a poll", 60)
