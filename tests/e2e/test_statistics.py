"""Statistics on the running stack: what is told over HTTP is what was done, whatever becomes of its events."""

import json
import random
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from tests.e2e.conftest import OpenReceiver
from tests.e2e.polling import eventually
from tests.e2e.running import ROOT, Client, RunningStack, without_proxy

FUNCTION, QUEUE = "SupportStatisticsFunction", "SupportStatisticsQueue"
CONVERSATIONS, TICKETS = "/v1/conversations", "/v1/tickets"


@dataclass
class Desk:
    """A support desk that is kept busy, and a plain record of what happened there."""

    api: Client
    conversations: list[dict[str, Any]] = field(default_factory=list)
    tickets: list[dict[str, Any]] = field(default_factory=list)
    answers: list[int] = field(default_factory=list)

    def keep_busy(self, conversations: int, tickets: int) -> None:
        """Conversations with messages, some of them rated or closed; tickets, some of them moved."""
        for number in range(conversations):
            body = {"user_id": "user_1", "channel": random.choice(["web", "app"]), "initial_message": f"你好 {number}"}
            one = self._sent("POST", CONVERSATIONS, body)
            for sender in random.choices(["agent", "customer"], k=random.randint(0, 3)):
                said = self._sent("POST", f"{CONVERSATIONS}/{one['id']}/messages", {"text": "好", "sender": sender})
                self.answers += [] if said["response_seconds"] is None else [said["response_seconds"]]
            changes = random.choice(
                [{}, {"satisfaction": random.randint(1, 5)}, {"satisfaction": 5, "status": "closed"}]
            )
            self.conversations.append(self._sent("PATCH", f"{CONVERSATIONS}/{one['id']}", changes) if changes else one)
        for _ in range(tickets):
            one = self._sent("POST", TICKETS, {"title": "产品咨询", "priority": random.choice(["low", "high"])})
            changes = random.choice([{}, {"status": "in_progress"}, {"status": "resolved", "comment": "问题已解决"}])
            self.tickets.append(self._sent("PATCH", f"{TICKETS}/{one['id']}", changes) if changes else one)

    def _sent(self, method: str, path: str, body: Any) -> dict[str, Any]:
        answer = self.api.request(method, path, json=body)
        assert answer.status_code < 300, answer.text
        found: dict[str, Any] = answer.json()["data"]
        return found

    def expected(self) -> dict[str, Any]:
        """What the API has to tell."""
        ratings = [one["satisfaction"] for one in self.conversations if one["satisfaction"]]
        return {
            "total_conversations": len(self.conversations),
            "total_tickets": len(self.tickets),
            "avg_response_time": round(sum(self.answers) / len(self.answers)) if self.answers else None,
            "satisfaction_rate": round(sum(one > 3 for one in ratings) / len(ratings), 4) if ratings else None,
        }

    def told(self) -> dict[str, Any]:
        """What it tells."""
        answer = self.api.get("/v1/statistics?timezone=Asia/Kathmandu&group_by=week")
        assert answer.status_code == 200, answer.text
        data: dict[str, Any] = answer.json()["data"]
        trends = data.pop("trends")
        for name in ("conversations", "tickets"):
            assert sum(one[name] for one in trends) == data[f"total_{name}"]
        return data

    def totals_agree(self) -> bool:
        """Whether every list of either kind tells as many as there are."""
        wanted: Counter[str] = Counter()
        for path, kind, things in (
            (CONVERSATIONS, "channel", self.conversations),
            (TICKETS, "priority", self.tickets),
        ):
            for one in things:
                for query in ("", f"status={one['status']}", f"{kind}={one[kind]}"):
                    wanted[f"{path}?{query}"] += 1
                wanted[f"{path}?status={one['status']}&{kind}={one[kind]}"] += 1
        return all(self.api.get(f"{path}&limit=1").json()["data"]["total"] == number for path, number in wanted.items())

    def is_counted(self) -> bool:
        """Whether everything that is told is what happened."""
        return self.told() == self.expected() and self.totals_agree()


def rebuild(stack: RunningStack, *arguments: str) -> str:
    """`make rebuild-statistics`, as its recipe calls it; answers what it printed."""
    command = [sys.executable, "-m", "operations", "rebuild-statistics", "--state-dir", str(stack.state_dir)]
    done = subprocess.run(
        [*command, *arguments],
        cwd=ROOT,
        env=without_proxy(),
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def spoil(stack: RunningStack, tenant: str) -> None:
    """Write nonsense over the totals, and forget what was counted."""
    table, partition = stack.physical_ids["ActivityTable"], {"S": f"T#{tenant}#COUNTED"}
    for name in ("TICKETS", "CONVERSATIONS"):
        place = {"pk": {"S": f"T#{tenant}#COUNTER"}, "sk": {"S": name}}
        stack.data.put_item(TableName=table, Item={**place, "open__low": {"N": "999"}, "active__web": {"N": "-7"}})
    rows = stack.data.query(
        TableName=table, KeyConditionExpression="pk = :pk", ExpressionAttributeValues={":pk": partition}
    )["Items"]
    assert rows
    for row in rows[::2]:
        stack.data.delete_item(TableName=table, Key={"pk": row["pk"], "sk": row["sk"]})


def test_statistics_are_what_was_done_whatever_becomes_of_its_events(
    stack: RunningStack, api: Client, receiver: OpenReceiver
) -> None:
    inbox = receiver()
    api.new_webhook(inbox.url, "conversation.*", "ticket.*")
    desk = Desk(api)
    desk.keep_busy(conversations=6, tickets=5)
    eventually(desk.is_counted, "everything counted", seconds=60, pause=0.5)

    told = [one.event for one in inbox.received]
    assert len(told) >= 11
    again = [*told, *told]
    random.shuffle(again)
    for one in again:
        detail = {**one, "tenant": api.tenant, "requestId": "req_again"}
        entry: Any = {
            "EventBusName": stack.outputs["EventBusName"],
            "Source": "hub.support",
            "DetailType": one["type"],
            "Detail": json.dumps(detail),
        }
        sent = stack.bus.put_events(Entries=[entry])
        assert sent["FailedEntryCount"] == 0
    ticket = api.post(TICKETS, {"title": "最后一个"}).json()["data"]
    desk.tickets.append(ticket)
    eventually(desk.is_counted, "the ticket made after the duplicates", seconds=60, pause=0.5)
    eventually(lambda: stack.waiting(QUEUE) == 0, "every duplicate counted", seconds=60, pause=0.5)
    assert desk.told() == desk.expected()
    assert desk.totals_agree()

    assert f"{api.tenant}: counted " in rebuild(stack, "--tenant", api.tenant)
    assert desk.told() == desk.expected()


def test_a_rebuild_repairs_and_leaves_counting_on(stack: RunningStack, api: Client) -> None:
    desk = Desk(api)
    desk.keep_busy(conversations=3, tickets=3)
    eventually(desk.is_counted, "everything counted", seconds=60, pause=0.5)
    assert f"{api.tenant}: counted conversations 3, " in rebuild(stack, "--tenant", api.tenant)

    spoil(stack, api.tenant)
    assert not desk.totals_agree()
    printed = rebuild(stack)
    assert "TICKETS open__low: 999, now " in printed
    assert desk.is_counted()
    assert "all agreed" in rebuild(stack, "--tenant", api.tenant)

    stack.set_polling(FUNCTION, enabled=False)
    try:
        desk.keep_busy(conversations=1, tickets=1)
        eventually(lambda: stack.waiting(QUEUE) > 0, "events that wait")
        assert "Counting is on" in rebuild(stack, "--tenant", api.tenant)
    finally:
        stack.set_polling(FUNCTION, enabled=True)
    assert desk.is_counted(), "the rebuild counted what the waiting events tell"
    eventually(lambda: stack.waiting(QUEUE) == 0, "the events that waited", seconds=60, pause=0.5)
    desk.keep_busy(conversations=1, tickets=1)
    eventually(desk.is_counted, "what happened after the rebuild", seconds=60, pause=0.5)
