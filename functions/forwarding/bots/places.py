"""Where a bot writes by itself."""

from collections.abc import Mapping
from typing import Any

_NAMED_BY = {"telegram": ("chat_id",), "feishu": ("webhook_url", "chat_id"), "slack": ("webhook_url", "channel")}
"""The fields of a config of which one must be there; the other platforms' addresses are one chat's."""


def has_own(platform: str, config: Mapping[str, Any]) -> bool:
    """Whether a bot with this config knows where to write to without being told."""
    names = _NAMED_BY.get(platform)
    return names is None or any(config.get(name) for name in names)
