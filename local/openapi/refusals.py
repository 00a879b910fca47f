"""Which errors a route can answer with."""

from collections.abc import Mapping
from typing import Any

from functions.forwarding.accounts import api as accounts_api
from functions.forwarding.backups import api as backups_api
from functions.forwarding.bots import api as bots_api
from functions.forwarding.mappings import api as mappings_api
from functions.forwarding.smart_mapping import api as smart_mapping_api
from functions.identity.users import api as users_api
from functions.integrations import api as integrations_api
from functions.messaging import api as messaging_api
from functions.messaging import callbacks as callbacks_api
from functions.support.tickets import api as tickets_api
from hub.web.resolver import Route

_RULED: set[Any] = {
    users_api.update_user,
    users_api.patch_user,
    users_api.delete_user,
    tickets_api.update_ticket,
    messaging_api.send_message,
    accounts_api.update_account,
    accounts_api.patch_account,
    accounts_api.list_account_servers,
    accounts_api.list_account_channels,
    mappings_api.update_mapping,
    smart_mapping_api.list_kook_servers,
    smart_mapping_api.list_kook_channels,
}
"""Routes that refuse by a rule what is well-formed, beside those that refuse another body for an `Idempotency-Key`."""

_NAMING: set[Any] = {
    smart_mapping_api.list_kook_servers,
    smart_mapping_api.list_kook_channels,
    smart_mapping_api.match_channels,
    backups_api.restore_backup,
}
"""Routes that name what they are about in their query or body."""

_GATED: set[Any] = {accounts_api.delete_account, bots_api.delete_bot, mappings_api.delete_mapping}
"""Deletions that are refused while something else stands in their way."""

_VERIFYING: set[Any] = {callbacks_api.verify_callback, callbacks_api.receive_callback, integrations_api.receive_change}
"""Public routes that take what its sender has signed, in the sender's own form."""


def statuses(route: Route, hints: Mapping[str, Any], *, names_one: bool, is_raw: bool, is_versioned: bool) -> list[int]:
    """The statuses of the errors that the resolver and a route's own rules can raise.

    `names_one`: its path names a thing; `is_raw`: no style wraps its answer; `is_versioned`: its answer has an `ETag`.
    """
    reads_form, reads_body = "form" in hints, "body" in hints or "form" in hints
    changes = route.method in ("POST", "PUT", "PATCH") and not is_raw
    # A route that is public and yet reads a body reads a password or a client's secret there.
    authenticates = not route.public or reads_body
    occurring = {
        400: reads_body or "query" in hints or is_idempotent(route) or "platform" in hints,
        401: authenticates,
        403: not route.public or route.function in _VERIFYING,
        404: names_one or route.function in _NAMING,
        409: (changes and not reads_form) or route.function in _GATED,
        412: is_versioned and route.method not in ("GET", "POST"),
        413: reads_body or is_idempotent(route) or route.function in _VERIFYING,
        415: reads_body,
        422: is_idempotent(route) or route.function in _RULED,
        429: authenticates,
        500: True,
        503: True,
    }
    return [status for status, occurs in occurring.items() if occurs]


def is_idempotent(route: Route) -> bool:
    """Whether a request may have an `Idempotency-Key`."""
    return route.method == "POST" and not route.public
