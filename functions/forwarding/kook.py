"""Why KOOK does not tell an account what it asked."""

from collections.abc import Iterator
from contextlib import contextmanager

from hub import connections, times
from hub.connectors.kook import KookConfig
from hub.connectors.protocol import ProviderError, Temporary
from hub.errors import HubError, Unavailable, Unprocessable


@contextmanager
def asking(config: KookConfig) -> Iterator[None]:
    """Ask KOOK; what it refuses is told in its own words. Raises `Unprocessable` and `Unavailable`."""
    try:
        yield
    except ProviderError as error:
        raise told(error, config) from error


def told(error: ProviderError, config: KookConfig) -> HubError:
    """The answer to a request for which KOOK did not accept a call."""
    words = connections.trouble(error, config)
    reason = f"{words['code']} {words['message']}".strip()
    if isinstance(error, Temporary):
        wait = None if error.retry_at is None else max(1, (error.retry_at - times.now_ms()) // 1000)
        return Unavailable("kook_unavailable", code="KOOK_UNAVAILABLE", retry_after=wait, reason=reason)
    return Unprocessable("kook_refused", code="KOOK_REFUSED", reason=reason)
