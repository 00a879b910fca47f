"""How a webhook's deliveries went, hour by hour.

An hour is one item of ActivityTable, `T#<tenant>#STATS#<webhook id>` / `2026-11-20T15` (UTC): `attempts` made in it,
deliveries that ended by them (`delivered`, `failed`), and how many answers took about `n` milliseconds (`ms_<n>`).

Each `ms_<n>` counts the response times that `n` is at most a tenth off, so that a percentile is the time that an
answer took (the one of its rank, none interpolated) to within 10 % from 1 ms to 10 s. A longer one counts as 10 s.
"""

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Mapping
from math import ceil
from typing import Any

from functions.webhooks.models import Figures, StatisticsParameters, Status, WebhookStatistics
from hub import times
from hub.errors import FieldError, InvalidRequest
from hub.store import keys, table

KIND = "STATS"
HOUR = 3600
DAYS = 30
KEEP_SECONDS = DAYS * 86_400 + 2 * HOUR
"""From an hour's start: thirty days and, as they need not begin with an hour, what `period` takes beside them."""

LONGEST_MS = 10_000
_ENDED = {"success": "delivered", "failed": "failed"}


def add(tenant: str, webhook_id: str, settled: Iterable[tuple[Mapping[str, Any], Status]]) -> None:
    """Count a webhook's attempts, each with what its delivery is after it; one write for every hour they began in.

    An attempt is as `delivery.attempt` answers it. One without an answer has no response time.
    """
    hours: dict[int, Counter[str]] = {}
    for outcome, status in settled:
        counts = hours.setdefault(outcome["at"] // 1000 // HOUR * HOUR, Counter())
        counts["attempts"] += 1
        if status in _ENDED:
            counts[_ENDED[status]] += 1
        if outcome["code"] is not None:
            counts[f"ms_{_about(outcome['ms'])}"] += 1
    for start, counts in hours.items():
        _add(keys.belonging(tenant, KIND, webhook_id, times.hour_of(start)), counts, start + KEEP_SECONDS)


def period(query: StatisticsParameters) -> tuple[int, int]:
    """The hours asked for: the start of the first and the end of the last, in epoch seconds.

    Hours that `start` and `end` lie in count whole. Raises `InvalidRequest` for a start that is to come or was before
    the figures that are kept.
    """
    now = times.now()
    next_hour = now // HOUR * HOUR + HOUR
    if query.start is None:
        return next_hour - query.hours * HOUR, next_hour
    start = int(query.start.timestamp() // HOUR) * HOUR
    # An hour more than is kept by name, for a caller whose clock is a little late.
    if not now - DAYS * 86_400 - HOUR <= query.start.timestamp() < next_hour:
        raise InvalidRequest(FieldError("start", "not_recent", {"days": DAYS}))
    return start, next_hour if query.end is None else ceil(query.end.timestamp() / HOUR) * HOUR


def read(tenant: str, webhook_id: str, start: int, end: int) -> WebhookStatistics:
    """Read a webhook's figures from one full hour (epoch seconds) to another, in all and by hour."""
    between = times.hour_of(start), times.hour_of(end - HOUR)
    rows = table.Query(table.activity(), keys.partition(tenant, KIND, webhook_id), between=between)
    counted = {row["sk"]: Counter(_counts(row)) for row in table.items(rows)}
    total: Counter[str] = Counter()
    for counts in counted.values():
        total.update(counts)
    nothing: Counter[str] = Counter()
    return {
        "webhook_id": webhook_id,
        "start": times.iso(start),
        "end": times.iso(end),
        **_figures(total),
        "hours": [
            {"hour": times.iso(hour), **_figures(counted.get(times.hour_of(hour), nothing))}
            for hour in range(start, end, HOUR)
        ],
    }


def has_delivered_since(tenant: str, webhook_id: str, since_ms: int) -> bool:
    """Whether a delivery succeeded in a later hour than that of a time (epoch ms)."""
    between = times.hour_of(since_ms // 1000 + HOUR), times.hour_of(times.now())
    query = table.Query(
        table.activity(),
        keys.partition(tenant, KIND, webhook_id),
        between=between,
        condition="#delivered > :none",
        values={"none": 0},
    )
    return between[0] <= between[1] and any(table.items(query))


def _add(hour: keys.Key, counts: Mapping[str, int], expires_at: int) -> None:
    added = ", ".join(f"#{name} :{name}" for name in counts)
    change = table.Update(table.activity(), hour, f"ADD {added} SET #ttl = :ttl", values={**counts, "ttl": expires_at})
    table.write(change)


def _counts(row: Mapping[str, Any]) -> dict[str, int]:
    return {name: number for name, number in row.items() if name not in {"pk", "sk", "ttl"}}


def _figures(counts: Counter[str]) -> Figures:
    delivered, failed = counts["delivered"], counts["failed"]
    answers = sorted((int(name[3:]), number) for name, number in counts.items() if name.startswith("ms_"))
    return {
        "attempts": counts["attempts"],
        "delivered": delivered,
        "failed": failed,
        "success_rate": delivered / (delivered + failed) if delivered + failed else None,
        "response_time": {"p50": _percentile(answers, 50), "p95": _percentile(answers, 95)},
    }


def _percentile(answers: Iterable[tuple[int, int]], percent: int) -> int | None:
    """The nearest-rank percentile of `(milliseconds, how many)` in ascending order."""
    ranked = list(answers)
    rank = -(-percent * sum(number for _, number in ranked) // 100)
    for milliseconds, number in ranked:
        rank -= number
        if rank <= 0:
            return milliseconds
    return None


def _scale() -> tuple[list[int], list[int]]:
    """What response times are counted as, in milliseconds, and the longest that is counted as each."""
    shown: list[int] = []
    longest: list[int] = [-1]
    while longest[-1] < LONGEST_MS:
        shown.append((longest[-1] + 1) * 11 // 10)
        longest.append(shown[-1] * 10 // 9)
    return shown, longest[1:]


_SHOWN, _LONGEST = _scale()


def _about(milliseconds: int) -> int:
    return _SHOWN[bisect_left(_LONGEST, min(milliseconds, LONGEST_MS))]
