"""Starting and stopping, and what the cache did."""

from functions.forwarding import cache, state
from functions.forwarding.system.models import CacheStatistics
from hub.events import Caller


def start(caller: Caller) -> None:
    """Let messages go, those first that were held back; running already, it goes on. Raises `Unavailable`."""
    state.set_running(caller, running=True)


def stop(caller: Caller) -> None:
    """Hold messages back from now on: they are captured, wait, and none is lost. Raises `Unavailable`."""
    state.set_running(caller, running=False)


def restart(caller: Caller) -> None:
    """Stop, and start again. Raises `Unavailable`."""
    stop(caller)
    start(caller)


def cache_statistics(tenant: str) -> CacheStatistics:
    """What the cache did for a tenant."""
    found = cache.figures(tenant)
    asked = found.hits + found.misses
    hit_rate = round(found.hits / asked, 4) if asked else 0.0
    return {
        "cache_size": found.size,
        "hit_rate": hit_rate,
        "miss_rate": round(1 - hit_rate, 4) if asked else 0.0,
        "total_hits": found.hits,
        "total_misses": found.misses,
    }
