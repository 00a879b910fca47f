"""What a restore writes: the configuration of a backup in place of the one that stands."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from functions.forwarding.accounts import service
from functions.forwarding.accounts import store as accounts
from functions.forwarding.accounts.store import StoredAccount
from functions.forwarding.backups.archive import Configuration
from functions.forwarding.bots import store as bots
from functions.forwarding.changes import Write
from functions.forwarding.mappings import store as mappings
from hub import events, times
from hub.events import Caller
from hub.store import keys, table


def writes(caller: Caller, there: Configuration, wanted: Configuration) -> list[Write]:
    """What makes of the configuration that is there the one of a backup.

    What is not in the backup goes. Things that are in both have a new version, so that nobody's change that was read
    before is written over them.
    """
    tenant = caller.tenant
    removed: list[Write] = [write for one in there.mappings for write in mappings.removals(tenant, one)]
    return [
        *removed,
        *_bots(tenant, there, wanted),
        *_mappings(tenant, there, wanted),
        *_accounts(caller, there, wanted),
        *_learned(there, wanted),
    ]


def _bots(tenant: str, there: Configuration, wanted: Configuration) -> list[Write]:
    now, uses = times.now_ms(), mappings.uses(wanted.mappings)
    known = {one.id: one.version for one in there.bots}
    gone = known.keys() - {one.id for one in wanted.bots}
    restored = [
        replace(
            one,
            mapping_count=uses.get(one.number, 0),
            updated_at=now,
            version=max(one.version, known.get(one.id, 0)) + 1,
        )
        for one in wanted.bots
    ]
    return [
        *(table.Put(table.entities(), bots.item(tenant, one)) for one in restored),
        *(table.Delete(table.entities(), keys.entity(tenant, bots.KIND, one)) for one in sorted(gone)),
    ]


def _mappings(tenant: str, there: Configuration, wanted: Configuration) -> list[Write]:
    now = times.now_ms()
    known = {one.id: one.version for one in there.mappings}
    restored = [
        replace(one, updated_at=now, version=max(one.version, known.get(one.id, 0)) + 1) for one in wanted.mappings
    ]
    return [write for one in restored for write in mappings.writes(tenant, one)]


def _accounts(caller: Caller, there: Configuration, wanted: Configuration) -> list[Write]:
    known = {one.id: one for one in there.accounts}
    restored = [_account(one, known.get(one.id)) for one in wanted.accounts]
    kept = {one.id for one in restored}
    found: list[Write] = []
    for one in there.accounts:
        # An account that stays may have had another email.
        found += accounts.removals(caller.tenant, one)
        if one.id not in kept and one.is_started:
            stopped = replace(one, is_started=False, status="offline", version=one.version + 1)
            event = events.event("kook_account.stopped", caller, service.told(stopped))
            place = keys.entity(caller.tenant, accounts.KIND, one.id)
            found.append(table.Put(table.entities(), table.tombstone(place, [event], times.now()).item))
    for one in restored:
        found += accounts.writes(caller.tenant, one, events=_told(caller, one, known.get(one.id)))
    return found


def _account(backed_up: StoredAccount, there: StoredAccount | None) -> StoredAccount:
    """An account as it was, but for what is known of it since."""
    version = max(backed_up.version, there.version if there else 0) + 1
    one = replace(backed_up, updated_at=times.now_ms(), version=version)
    if there and there.is_started and one.is_started:
        return replace(one, status=there.status, error=there.error, last_active=there.last_active)
    # Whether KOOK takes its token still is known when it is next asked.
    return replace(one, status="offline", error=None)


def _told(caller: Caller, one: StoredAccount, there: StoredAccount | None) -> Sequence[Mapping[str, Any]]:
    was_started = there is not None and there.is_started
    if one.is_started and not was_started:
        return [events.event("kook_account.started", caller, service.told(one))]
    if was_started and not one.is_started:
        return [events.event("kook_account.stopped", caller, service.told(one))]
    return []


def _learned(there: Configuration, wanted: Configuration) -> list[Write]:
    gone = {one["sk"]: one["pk"] for one in there.learned}
    return [
        *(table.Delete(table.activity(), {"pk": pk, "sk": sk}) for sk, pk in gone.items()),
        *(table.Put(table.activity(), one) for one in wanted.learned),
    ]
