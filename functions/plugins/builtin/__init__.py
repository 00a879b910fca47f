"""Plugins that run here. Each module has one `PLUGIN`, and its manifest in `functions/plugins/catalogue`.

A builtin plugin gets what any plugin gets, its config and what it is asked or told, and calls nothing but addresses of
the internet through `hub.connectors.calls`: it has no table, no queue and no tenant.
"""

from importlib import import_module

from functions.plugins.builtin.protocol import Builtin

NAMES = ("weather", "exchange_rates", "escalation")


def builtin(name: str) -> Builtin:
    """The plugin that a manifest's runtime names. Raises `LookupError` for one that this deployment lacks."""
    if name not in NAMES:
        raise LookupError(name)
    plugin: Builtin = import_module(f"{__name__}.{name}").PLUGIN
    return plugin
