"""What KOOK tells an account, or why it does not."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from hub import connections
from hub.connectors import kook
from hub.connectors.kook import KookConfig
from hub.connectors.protocol import Page, ProviderError, Temporary
from hub.errors import HubError, Unavailable, Unprocessable

MAX_PAGES = 10
"""Of a list of KOOK's, fifty rows each: more would take longer than an answer may."""


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
        return Unavailable("kook_unavailable", code="KOOK_UNAVAILABLE", reason=reason)
    return Unprocessable("kook_refused", code="KOOK_REFUSED", reason=reason)


def guilds(config: KookConfig) -> tuple[list[dict[str, Any]], bool]:
    """The servers that a bot is in; and whether there are more. Raises `Unprocessable` and `Unavailable`."""
    return _all(config, lambda page: kook.guilds(config, page))


def channels(config: KookConfig, guild_id: str) -> tuple[list[dict[str, Any]], bool]:
    """The text channels of a server; and whether there are more. Raises `Unprocessable` and `Unavailable`."""
    return _all(config, lambda page: kook.channels(config, guild_id, page))


def _all(config: KookConfig, read: Callable[[int], Page[dict[str, Any]]]) -> tuple[list[dict[str, Any]], bool]:
    rows: list[dict[str, Any]] = []
    with asking(config):
        for page in range(1, MAX_PAGES + 1):
            found = read(page)
            rows += found.items
            if found.next is None:
                return rows, False
    return rows, True
