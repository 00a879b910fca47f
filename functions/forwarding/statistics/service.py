"""Figures of a period, and of the log as a whole, out of those of its days."""

from typing import Any, Literal, TypedDict

from functions.forwarding import cache
from functions.forwarding.messages import store
from functions.forwarding.statistics import days
from functions.forwarding.statistics.days import Figures
from hub import times

Period = Literal["today", "week", "month"]

_DAYS: dict[Period, int] = {"today": 1, "week": 7, "month": 30}
_DAY_MS = 86_400_000
_SUM = "log"
_SUM_SECONDS = 600
_DOCUMENTED = ("discord", "telegram", "feishu")


class ForwardStatistics(TypedDict):
    """How many messages ended in a period (`total` = `success` + `failed`), in how many milliseconds, and where.

    `success_rate` is in per cent, 0 where nothing ended.
    """

    total: int
    success: int
    failed: int
    success_rate: float
    avg_latency_ms: int
    by_platform: dict[str, int]


def statistics(tenant: str, period: Period) -> ForwardStatistics:
    """Sum up today, or the last 7 or 30 days with today, by UTC."""
    now = times.now_ms()
    first = days.day_of(now - (_DAYS[period] - 1) * _DAY_MS)
    figures = days.between(tenant, first, days.day_of(now))
    success, failed = figures.number("success"), figures.number("failed")
    total = success + failed
    platforms = [*_DOCUMENTED, *sorted({platform for _, platform in figures.counts} - {*_DOCUMENTED})]
    return {
        "total": total,
        "success": success,
        "failed": failed,
        "success_rate": round(100 * success / total, 1) if total else 0.0,
        "avg_latency_ms": round(figures.latency_ms / figures.latency_n) if figures.latency_n else 0,
        "by_platform": {platform: figures.number(platform=platform) for platform in platforms},
    }


def ended(tenant: str) -> Figures:
    """What has ended of all that is in the log. The sum of the days that are over is cached for ten minutes."""
    now = times.now_ms()
    today = days.day_of(now)
    first, last = days.day_of(now - store.KEEP_SECONDS * 1000), days.day_of(now - _DAY_MS)
    # By name of the day: a sum of yesterday's is no longer one of all that is over.
    written = cache.through(tenant, f"{_SUM}#{last}", _SUM_SECONDS, lambda: _written(days.kept(tenant, first, last)))
    over = Figures({(row["status"], row["platform"]): row["count"] for row in written})
    running = days.between(tenant, today, today)
    places = {*over.counts, *running.counts}
    return Figures({place: over.number(*place) + running.number(*place) for place in places})


def clear(tenant: str, first: str) -> None:
    """Have the log's sums be without the days before one."""
    days.clear(tenant, first)
    cache.forget(tenant, f"{_SUM}#{days.day_of(times.now_ms() - _DAY_MS)}")


def _written(figures: Figures) -> list[dict[str, Any]]:
    return [{"status": status, "platform": place, "count": n} for (status, place), n in figures.counts.items()]
