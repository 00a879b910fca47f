"""What every builtin plugin speaks."""

from collections.abc import Mapping
from typing import Any

from hub.connectors.protocol import Permanent

Config = Mapping[str, Any]


class Builtin:
    """One plugin. What it raises is a `ProviderError` in the words of whom it asked."""

    def command(self, name: str, parameters: Mapping[str, Any], config: Config) -> Any:
        """Run a command whose parameters were checked; answers with its result, JSON. Raises `ProviderError`."""
        raise Permanent("unknown_command", name)

    def hear(self, event: Mapping[str, Any], config: Config) -> str:
        """React to an event (`id`, `type`, `timestamp`, `data`), once however often it is told.

        Answers with what it did, in a word for the log. Raises `ProviderError`.
        """
        raise Permanent("unknown_event", str(event["type"]))
