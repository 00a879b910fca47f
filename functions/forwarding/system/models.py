"""Shapes of the system's groups on the wire (document 5 "系统控制API", "健康检查API", "更新检查API")."""

from typing import Literal, TypedDict


class SystemTold(TypedDict):
    """What was done."""

    success: Literal[True]
    message: str


class CacheStatistics(TypedDict):
    """What the cache did; rates from 0 to 1, both 0 while it was not asked."""

    cache_size: int
    hit_rate: float
    miss_rate: float
    total_hits: int
    total_misses: int


class Health(TypedDict):
    """That the API answers."""

    status: Literal["healthy"]


class CacheHealth(TypedDict):
    """The cache and queue store of this deployment."""

    status: Literal["up", "down"]
    latency_ms: int


class DatabaseHealth(TypedDict):
    """The table."""

    status: Literal["up", "down"]
    latency_ms: int


class WorkerHealth(TypedDict):
    """Whether messages are forwarded, or held back."""

    status: Literal["running", "stopped"]


class Scrapers(TypedDict):
    """Accounts, and those that capture just now."""

    total: int
    active: int


class Components(TypedDict):
    """What was looked at."""

    redis: CacheHealth
    database: DatabaseHealth
    worker: WorkerHealth
    scrapers: Scrapers


class HealthCheck(TypedDict):
    """`degraded`: forwarding is stopped, or a started account captures nothing; `unhealthy`: a store is down."""

    status: Literal["healthy", "degraded", "unhealthy"]
    components: Components
    timestamp: str


class UpdateCheck(TypedDict):
    """Without an address to ask (`UpdatesUrl`), what is not known is `null`, and `message` says so."""

    current_version: str
    latest_version: str | None
    update_available: bool
    release_notes: str | None
    download_url: str | None
    message: str | None
