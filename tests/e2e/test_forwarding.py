"""From KOOK to three platforms on the running stack: in order, once, on each platform's terms, held and let go."""

import json
import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from threading import Event
from typing import Any

from functions.forwarding.delivery import leases
from tests.contract.connectors.fakes import Reply, told
from tests.e2e.forwarding import PLATFORMS, World, message_id, text
from tests.e2e.listening import Listener, Listeners
from tests.e2e.polling import eventually
from tests.e2e.running import Client, RunningStack

CHANNELS = 2
FIRST, SECOND = 4, 3
LIMITED = told(
    {"ok": False, "error_code": 429, "description": "Too Many Requests", "parameters": {"retry_after": 3}}, 429
)
DOWN = Reply(502, b"<html>")
WAY = (
    "kook_server_id",
    "kook_channel_id",
    "kook_channel_name",
    "target_platform",
    "target_bot_id",
    "target_channel_id",
)


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
        world.edit(0, 1, "改过的")
        world.delete(0, 2)
        poll(stack, api, world)
        platforms = world.platforms.values()
        eventually(lambda: all(len(one.changed) == 2 for one in platforms), "an edit and a deletion at each", 60, 0.2)
        assert all([kind for kind, _ in one.changed] == ["edit", "delete"] for one in platforms)
        assert world.platforms["discord"].changed[0] == ("edit", "改过的")
        assert world.total() == 2 * len(PLATFORMS)


def test_what_is_said_is_pushed_with_its_latency_and_so_is_the_status_when_a_mapping_comes_or_goes(
    api: Client, stack: RunningStack
) -> None:
    with World(api, 1) as world, Listeners(stack.description["ws_url"]) as listeners:
        listener = listeners.open({"Authorization": f"Bearer {api.key}"})
        world.say(0, 1)
        eventually(lambda: len(pushed(listener, "log")) >= len(PLATFORMS), "a push for each target", 60, 0.2)
        shown = {row["target_platform"]: row for row in rows(api, "success")}
        assert {one["platform"] for one in pushed(listener, "log")} == set(PLATFORMS) == set(shown)
        for one in pushed(listener, "log"):
            [taken] = world.platforms[one["platform"]].taken
            assert world.arrived(0, one["platform"]) == [1]
            assert one["message_id"] == message_id(0, 1)
            assert (one["status"], one["content"]) == ("success", shown[one["platform"]]["content"])
            assert one["latency_ms"] == shown[one["platform"]]["latency_ms"]
            # From KOOK's own time to the target's yes, which comes behind the message; times are rounded and cut.
            assert taken.at - world.said[text(0, 1)] - 2 <= one["latency_ms"] < 60_000

        [first, *_] = api.get("/api/mappings").json()["data"]
        assert api.request("DELETE", f"/api/mappings/{first['id']}").status_code == 204
        eventually(lambda: counts(listener) == (1, 1, 3, 2), "that it is gone", 60, 0.2)
        made = api.post("/api/mappings", {name: first[name] for name in WAY})
        assert made.status_code == 201, made.text
        eventually(lambda: counts(listener) == (1, 1, 3, 3), "that one came", 60, 0.2)
        assert api.request("DELETE", f"/api/accounts/{world.account}").status_code == 204
        eventually(lambda: counts(listener) == (0, 0, 3, 3), "that its account is gone", 60, 0.2)
        status = api.get("/api/system/status").json()
        assert {**pushed(listener, "status")[-1], "uptime_seconds": 0} == {**status, "uptime_seconds": 0}


def test_a_forwarder_that_is_killed_at_work_gives_its_messages_back_within_a_lease(
    api: Client, stack: RunningStack
) -> None:
    with World(api, 1) as world:
        hanging, discord = Event(), world.platforms["discord"]
        discord.trouble = lambda _: None if hanging.wait(8) else DOWN
        world.say(0, 1)
        eventually(lambda: discord.asked, "the message is on its way", 60)
        # A lease is taken after a second; the queue itself would show the message after 450.
        time.sleep(3)
        assert stack.kill("ForwardFunction") >= 1
        killed = time.monotonic()
        discord.trouble = lambda _: None
        eventually(lambda: world.arrived(0, "discord") == [1], "it comes again", leases.SECONDS + 30, 0.2)
        assert time.monotonic() - killed > 5, "nobody gave it back before"
        eventually(lambda: len(rows(api, "success")) == len(PLATFORMS), "a row for each", 60, 0.5)


def pushed(listener: Listener, kind: str) -> list[dict[str, Any]]:
    """What a WebSocket was told."""
    return [one["data"] for one in listener.told if one["type"] == kind]


def counts(listener: Listener) -> tuple[int, ...]:
    """Accounts, those that capture, bots and mappings, as they were pushed last."""
    names = ("account_count", "active_accounts", "bot_count", "mapping_count")
    return tuple(one for name in names for one in [status[name] for status in pushed(listener, "status")][-1:])


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
