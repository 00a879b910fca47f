"""Clearing the log: whole days, the oldest messages first, in the background.

A queue carries the clearing from one run of the worker to the next, with how far it has come. What waits to be
forwarded stays, however old.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

from functions.forwarding.messages import store
from functions.forwarding.statistics import days
from functions.forwarding.statistics import service as statistics
from hub import queues, settings, times
from hub.errors import Unavailable
from hub.store import keys, sequences, table
from hub.telemetry import count

TYPE = "logs.clear"
ROWS = 1000
"""Of a run: some 50 calls."""

_CHUNK = 100
_DAY_MS = 86_400_000


@dataclass(frozen=True)
class QueueSettings:
    """The queue of the worker that clears."""

    forward_figures_queue_url: str


@dataclass(frozen=True, slots=True)
class Clearing:
    """Messages from before a time (epoch ms) go; `after` is the number, padded, of the last that was looked at."""

    tenant: str
    before: int
    after: str = ""


def begin(tenant: str, days_kept: int) -> int:
    """Have messages from before the days that stay cleared; answers with the time (epoch ms). Raises `Unavailable`."""
    today = times.epoch_ms(f"{days.day_of(times.now_ms())}T00:00:00Z")
    before = today - days_kept * _DAY_MS
    statistics.clear(tenant, days.day_of(before))
    _send(Clearing(tenant, before))
    return before


def read(message: Mapping[str, Any]) -> Clearing:
    """Read what `begin` and `go_on` send. Raises `KeyError`, `TypeError` or `ValueError` for what is none."""
    data = message["data"]
    after = data["after"]
    if not isinstance(data["before"], int) or not (after == "" or sequences.is_padded(after)):
        raise ValueError(data)
    return Clearing(message["tenant"], data["before"], after)


def go_on(clearing: Clearing) -> None:
    """Clear the next messages, and send on what is left. Raises `Unavailable`."""
    query = replace(store.rows(clearing.tenant), newest_first=False)
    if clearing.after:
        query = query.since(clearing.after)
    looked_at = 0
    for page, following in table.pages(query, limit=_CHUNK):
        for start in range(0, len(page), _CHUNK):
            rows = page[start : start + _CHUNK]
            if not _clear(clearing, [{"pk": row["pk"], "sk": row["sk"]} for row in rows]):
                return
        looked_at += len(page)
        if following and looked_at >= ROWS:
            _send(replace(clearing, after=query.sort_key(page[-1])))
            return


def _clear(clearing: Clearing, places: list[keys.Key]) -> bool:
    """Remove those of up to 100 rows that are old enough; answers whether there may be more behind them.

    Numbers are given when a row is first written, which is within a day of the message; a day's leave is left for it.
    """
    found = [store.read(item) for item in table.get_many({table.entities(): places}).values()]
    old = [row for row in found if row.created_at < clearing.before and row.status != "pending"]
    if old:
        store.remove([store.key(clearing.tenant, row.mapping_id, row.id) for row in old])
        count("ForwardLogsCleared", len(old))
    return not found or any(row.created_at < clearing.before + _DAY_MS for row in found)


def _send(clearing: Clearing) -> None:
    data = {"before": clearing.before, "after": clearing.after}
    body = json.dumps({"type": TYPE, "tenant": clearing.tenant, "data": data})
    if queues.send(_settings().forward_figures_queue_url, [queues.Message(body)]):
        raise Unavailable


@cache
def _settings() -> QueueSettings:
    return settings.load(QueueSettings)
