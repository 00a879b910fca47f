"""Connectors: one module per provider, one protocol for all (`hub.connectors.protocol`)."""

from importlib import import_module
from typing import Any

from hub.connectors.protocol import Connector

SERVICE_TYPES = (
    "slack",
    "discord",
    "telegram",
    "feishu",
    "dingtalk",
    "wecom",
    "whatsapp",
    "wechat",
    "signal",
    "kook",
    "github",
    "jira",
    "http",
)


def connector(service_type: str) -> Connector[Any]:
    """The connector of a service type; its module is imported when it is first asked for."""
    if service_type not in SERVICE_TYPES:
        raise ValueError(service_type)
    found: Connector[Any] = import_module(f"hub.connectors.{service_type}").CONNECTOR
    return found
