"""What a restore writes: the configuration of a backup in place of the one that stands."""

from dataclasses import replace

from functions.forwarding.accounts import store as accounts
from functions.forwarding.accounts.store import StoredAccount
from functions.forwarding.backups.archive import Configuration
from functions.forwarding.bots import store as bots
from functions.forwarding.changes import Write
from functions.forwarding.mappings import store as mappings
from hub import times
from hub.events import Caller
from hub.store import table


def writes(caller: Caller, there: Configuration, wanted: Configuration) -> list[Write]:
    """What makes of the configuration that is there the one of a backup.

    What is not in the backup goes. Things that are in both have a new version, so that nobody's change that was read
    before is written over them.
    """
    # What stays is written behind its removal: it may have gone another way, or had another email.
    return [
        *(write for one in there.mappings for write in mappings.removals(caller, one)),
        *_bots(caller, there, wanted),
        *_mappings(caller, there, wanted),
        *(write for one in there.accounts for write in accounts.removals(caller, one)),
        *_accounts(caller, there, wanted),
        *_learned(there, wanted),
    ]


def _bots(caller: Caller, there: Configuration, wanted: Configuration) -> list[Write]:
    now, uses = times.now_ms(), mappings.uses(wanted.mappings)
    known = {one.id: one for one in there.bots}
    kept = {one.id for one in wanted.bots}
    found: list[Write] = [
        table.Put(table.entities(), bots.tombstone(caller, one)) for one in there.bots if one.id not in kept
    ]
    for one in wanted.bots:
        before = known.get(one.id)
        version = max(one.version, before.version if before else 0) + 1
        after = replace(one, mapping_count=uses.get(one.number, 0), updated_at=now, version=version)
        found.append(bots.put(caller, before, after))
    return found


def _mappings(caller: Caller, there: Configuration, wanted: Configuration) -> list[Write]:
    now = times.now_ms()
    known = {one.id: one for one in there.mappings}
    found: list[Write] = []
    for one in wanted.mappings:
        before = known.get(one.id)
        version = max(one.version, before.version if before else 0) + 1
        found += mappings.writes(caller, replace(one, updated_at=now, version=version), before)
    return found


def _accounts(caller: Caller, there: Configuration, wanted: Configuration) -> list[Write]:
    known = {one.id: one for one in there.accounts}
    found: list[Write] = []
    for one in wanted.accounts:
        before = known.get(one.id)
        found += accounts.writes(caller, _account(one, before), before)
    return found


def _account(backed_up: StoredAccount, there: StoredAccount | None) -> StoredAccount:
    """An account as it was, but for what is known of it since."""
    version = max(backed_up.version, there.version if there else 0) + 1
    one = replace(backed_up, updated_at=times.now_ms(), version=version)
    if there and there.is_started and one.is_started:
        return replace(one, status=there.status, error=there.error, last_active=there.last_active)
    # Whether KOOK takes its token still is known when it is next asked.
    return replace(one, status="offline", error=None)


def _learned(there: Configuration, wanted: Configuration) -> list[Write]:
    gone = {one["sk"]: one["pk"] for one in there.learned}
    return [
        *(table.Delete(table.activity(), {"pk": pk, "sk": sk}) for sk, pk in gone.items()),
        *(table.Put(table.activity(), one) for one in wanted.learned),
    ]
