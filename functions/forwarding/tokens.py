"""What KOOK is called with for an account whose messages are captured: its bot's token."""

from functions.forwarding.accounts.store import StoredAccount
from hub import connections
from hub.connectors.kook import KookConfig


def opened(tenant: str, account: StoredAccount) -> KookConfig:
    """The config, its secrets opened, of an account that has a token."""
    config = connections.opened(tenant, account.connection)
    assert isinstance(config, KookConfig)  # noqa: S101 - what the connector of KOOK makes
    return config
