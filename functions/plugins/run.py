"""From the lanes to the plugins: every event once per installation, a batch at a time, again where that may help."""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import cache
from random import uniform
from typing import Any

from functions.plugins import execution, lanes, runs, service, store
from functions.plugins.execution import Outcome
from functions.plugins.lanes import Wanted
from functions.plugins.runs import MAX_NOTE, StoredRun
from functions.plugins.store import Listener, StoredPlugin
from hub import queues, times
from hub.outcomes import Trouble
from hub.store import keys, table
from hub.telemetry import count, lambda_handler, logger

CONCURRENCY = 10
"""As many as a batch has messages: one plugin that takes its ten seconds delays no other of the batch."""

WAITS = (5, 30, 180, 900)
"""Seconds before each further try, up to a fifth more."""

MAX_WAIT = 900
MAX_FAILURES = 10
"""Runs that failed for good in a row, until a plugin is switched off. Those that may pass are tried for a quarter of
an hour first, so an outage of minutes switches nothing off."""

SLOW_MS = 2000

INACTIVE: Trouble = {"code": "plugin_inactive", "message": "the plugin was switched off before this was run"}
TOO_LARGE: Trouble = {"code": "event_too_large", "message": "the event is longer than plugins are told"}


@dataclass(frozen=True, slots=True)
class _Standing:
    """What there is to know of a message: its plugin, what it listens to, and the run's row if it has one."""

    plugin: StoredPlugin | None
    listener: Listener | None
    run: StoredRun | None


@lambda_handler
def handler(event: dict[str, Any], _context: Any) -> dict[str, Any]:
    """Take a batch from either lane."""
    messages, broken = queues.read(event, "tenant", "plugin", "installation_id", "event")
    wanted = {message_id: lanes.read(body) for message_id, body in messages.items()}
    standings = _standings(list(wanted.values())) if wanted else []
    told = dict(zip(wanted, zip(wanted.values(), standings, strict=True), strict=True))
    moved = {
        message_id: replace(one, slow=True) for message_id, (one, standing) in told.items() if _is_late(one, standing)
    }
    untaken = lanes.queue(list(moved.values()))
    ends = {message_id: _pool().submit(_run, *one) for message_id, one in told.items() if message_id not in moved}
    again = [message_id for message_id, one in moved.items() if one in untaken]
    for message_id, end in ends.items():
        try:
            is_done = end.result()
        except Exception:  # noqa: BLE001 - whatever is wrong with one run must not take its batch along
            logger().exception("a run could not be made or its end not noted", extra={"message_id": message_id})
            is_done = False
        if not is_done:
            again.append(message_id)
    return queues.failures([*broken, *again])


def _standings(wanted: Sequence[Wanted]) -> list[_Standing]:
    """Read all there is to know of a batch in one call; consistently, as what is switched on may be told at once."""
    places = [
        (
            store.key(one.tenant, one.plugin),
            store.listener_key(one.tenant, one.plugin),
            runs.key(one.tenant, one.installation_id, runs.of_event(one.installation_id, dict(one.event)).id),
        )
        for one in wanted
    ]
    entities: list[keys.Key] = [key for plugin, listener, _ in places for key in (plugin, listener)]
    found = table.get_many(
        {table.entities(): entities, table.activity(): [run for _, _, run in places]}, consistent=True
    )
    standings = []
    for one, (plugin, listener, run) in zip(wanted, places, strict=True):
        has_plugin, has_listener, has_run = (
            found.get((name, key["pk"], key["sk"]))
            for name, key in ((table.entities(), plugin), (table.entities(), listener), (table.activity(), run))
        )
        installed = store.from_item(has_plugin) if has_plugin else None
        if installed is not None and installed.installation_id != one.installation_id:
            installed = None
        standings.append(
            _Standing(
                installed,
                store.listener(has_listener) if has_listener else None,
                runs.from_item(has_run) if has_run else None,
            )
        )
    return standings


def _is_late(one: Wanted, standing: _Standing) -> bool:
    """Whether a message came by the quick lane for a plugin that was found to be slow meanwhile."""
    return not one.slow and standing.run is None and standing.listener is not None and standing.listener.slow


def _run(one: Wanted, standing: _Standing) -> bool:
    """Do what a message asks for; `False` where it is to come again."""
    plugin, known = standing.plugin, standing.run
    if plugin is None:
        count("PluginRunsDropped")
        return True
    if known is not None and known.status != "pending":
        return True
    if known is not None and known.tries > one.tries:
        # A run died before it could have this tried again, or the message came twice.
        return not lanes.queue([_again(one, known)])
    if known is not None and known.is_taken:
        return False
    taken = runs.claim(
        one.tenant, plugin.installation_id, known or runs.of_event(plugin.installation_id, dict(one.event))
    )
    if taken is None:
        return False
    return _attempt(one, plugin, standing.listener, taken)


def _attempt(one: Wanted, plugin: StoredPlugin, listener: Listener | None, taken: StoredRun) -> bool:
    if plugin.status != "active":
        return _ended(one, taken, Outcome(None, INACTIVE, 0)) is not None
    if one.event["data"] is None:
        return _ended(one, taken, Outcome(None, TOO_LARGE, 0)) is not None
    outcome = execution.event(one.tenant, plugin, one.event)
    after = _ended(one, taken, outcome)
    if after is None:
        return True
    if listener is not None and listener.installation_id == plugin.installation_id:
        _learn(one, listener, after, outcome)
    return after.status != "pending" or not lanes.queue([_again(one, after)])


def _ended(one: Wanted, taken: StoredRun, outcome: Outcome) -> StoredRun | None:
    """Note how a try ended, and what follows; `None` where another took it over."""
    now, tries = times.now_ms(), taken.tries + 1
    after = replace(
        taken,
        status="failed" if outcome.error else "success",
        tries=tries,
        note=str(outcome.result or "")[:MAX_NOTE],
        error=outcome.error,
        response_time=outcome.milliseconds,
        updated_at=now,
        next_try_at=None,
        leased_until=0,
    )
    if outcome.may_pass and tries <= len(WAITS):
        wait = WAITS[tries - 1] * uniform(1, 1.2)  # noqa: S311 - jitter, no secret
        due = max(now + round(wait * 1000), outcome.retry_at or 0)
        after = replace(after, status="pending", next_try_at=min(due, now + MAX_WAIT * 1000))
    count({"success": "PluginRunsSucceeded", "failed": "PluginRunsFailed"}.get(after.status, "PluginRunsPostponed"))
    return after if runs.end(one.tenant, one.installation_id, taken, after) else None


def _again(one: Wanted, after: StoredRun) -> Wanted:
    """The message of the next try, which is nothing for the quick lane."""
    wait = max(0, -(-((after.next_try_at or 0) - times.now_ms()) // 1000))
    return replace(one, tries=after.tries, slow=True, wait=wait)


def _learn(one: Wanted, listener: Listener, after: StoredRun, outcome: Outcome) -> None:
    """Note what is new of how a plugin fares; one that fails again and again, or is gone by its own word, goes off."""
    # A refusal that comes quickly says nothing of how long the work takes.
    slow = outcome.milliseconds > SLOW_MS or (outcome.error is not None and listener.slow)
    if after.status == "success" and (listener.failures or slow != listener.slow):
        store.fared(one.tenant, listener, failures=0, slow=slow)
    elif after.status == "pending" and slow != listener.slow:
        store.fared(one.tenant, listener, failures=listener.failures, slow=slow)
    elif after.status == "failed":
        failures = store.fared(one.tenant, listener, slow=slow)
        if outcome.error is not None and (failures >= MAX_FAILURES or outcome.is_gone):
            _disable(one, outcome.error, failures, is_gone=outcome.is_gone)


def _disable(one: Wanted, error: Trouble, failures: int, *, is_gone: bool) -> None:
    told = f"the plugin says that it is gone: {error['message']}"
    if not is_gone:
        told = f"{failures} runs failed in a row, the last with {error['code']}: {error['message']}"
    reason: Trouble = {"code": "gone" if is_gone else "failing", "message": told[:500]}
    service.disable(one.tenant, one.installation_id, one.plugin, reason, _request_id(one.event))
    count("PluginsDisabled")


def _request_id(event: Mapping[str, Any]) -> str:
    return str(event.get("requestId", ""))


@cache
def _pool() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(CONCURRENCY)
