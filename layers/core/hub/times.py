"""Times on the wire: ISO 8601 in UTC, and the epoch seconds they are stored as."""

import time
from datetime import UTC, datetime


def now() -> int:
    """Epoch seconds."""
    return int(time.time())


def now_ms() -> int:
    """Epoch milliseconds."""
    return time.time_ns() // 1_000_000


def iso(seconds: float) -> str:
    """`2024-01-15T10:30:00Z`."""
    return datetime.fromtimestamp(int(seconds), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def iso_ms(milliseconds: int) -> str:
    """`2024-01-15T10:30:00.123Z`."""
    seconds, rest = divmod(milliseconds, 1000)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{rest:03d}Z"


def iso_without_zone(seconds: float) -> str:
    """`2025-10-19T15:30:00`, UTC: document 5's form."""
    return iso(seconds)[:-1]


def hour_of(seconds: float) -> str:
    """The hour that a time falls in, as figures are kept by: `2026-11-20T13`, UTC."""
    return iso(seconds)[:13]


def epoch_ms(text: str) -> int:
    """Read what `iso` or `iso_ms` wrote."""
    return round(datetime.fromisoformat(text).timestamp() * 1000)
