"""Many mappings at once: a batch, in which each row is for itself, and exports and imports, which are whole."""

from collections.abc import Sequence
from dataclasses import replace

from functions.forwarding import changes
from functions.forwarding.bots import store as bots
from functions.forwarding.mappings import store
from functions.forwarding.mappings.models import (
    MAX_MAPPINGS,
    ExportedMapping,
    MappingBatch,
    MappingBatchRow,
    MappingExport,
    MappingsImported,
    NewMapping,
    NewMappings,
)
from functions.forwarding.mappings.service import asked, check, new, over_quota, row
from functions.forwarding.mappings.store import StoredMapping
from hub import times
from hub.errors import FieldError, HubError, InvalidRequest
from hub.events import Caller
from hub.store import sequences
from hub.web.localisation import Language, text
from hub.web.styles import D5

VERSION = "1.0"

_ROW_ERRORS = 5
_ROW_PLACE = 50
"""What a batch tells of a row that is wrong in many places: the answer is kept for 24 hours in an item of 400 KB."""


def add(caller: Caller, wanted: NewMappings, language: Language) -> MappingBatch:
    """Make mappings, whether or not others of the batch can be made; tells of each row by its number from 0."""
    return add_rows(caller, wanted.rows, language)


def add_rows(caller: Caller, wanted: Sequence[NewMapping | InvalidRequest], language: Language) -> MappingBatch:
    """The same for rows that were read already."""
    outcome = _checked(caller.tenant, wanted)
    rows = [one for one in outcome if isinstance(one, NewMapping)]
    room = MAX_MAPPINGS - store.count(caller.tenant, MAX_MAPPINGS)
    mapping_ids = iter(store.next_ids(caller.tenant, len(rows)) if rows else [])
    made = [new(next(mapping_ids), one) if isinstance(one, NewMapping) else one for one in outcome]
    good = [one for one in made if isinstance(one, StoredMapping)]
    failed: dict[str, HubError] = {one.id: over_quota() for one in good[max(room, 0) :]}
    failed |= store.add_many(caller, good[: max(room, 0)])
    told = [
        _told(index, failed.get(one.id, one) if isinstance(one, StoredMapping) else one, language)
        for index, one in enumerate(made)
    ]
    wrong = sum("error_code" in one for one in told)
    created = len(told) - wrong
    message = text("mappings_added", language, {"created": created, "failed": wrong})
    return {"message": message, "created": created, "failed": wrong, "data": told}


def export(tenant: str) -> MappingExport:
    """All mappings, as an import takes them."""
    mappings = [row(mapping) for mapping in store.everything(tenant, consistent=True)]
    return {"version": VERSION, "export_time": times.iso_without_zone(times.now()), "mappings": mappings}


def take(caller: Caller, rows: Sequence[ExportedMapping], language: Language) -> MappingsImported:
    """Make the mappings of an export, or change those that go the same way; all or none.

    Raises `InvalidRequest` that names each row that cannot be, `Unprocessable` over the quota, `Conflict` while another
    import or a restore is written.
    """
    known = bots.get_many(caller.tenant, [sequences.padded(one.target_bot_id) for one in rows])
    _refuse_bad(rows, known)
    counted = {"created": 0, "updated": 0, "unchanged": 0}

    def work_out() -> list[changes.Write]:
        there = {mapping.way: mapping for mapping in store.everything(caller.tenant, consistent=True)}
        ours = bots.get_many(caller.tenant, [sequences.padded(one.target_bot_id) for one in rows])
        _refuse_bad(rows, ours)
        fresh = [one for one in rows if _way(one) not in there]
        if len(there) + len(fresh) > MAX_MAPPINGS:
            raise over_quota()
        mapping_ids = iter(store.next_ids(caller.tenant, len(fresh)) if fresh else [])
        made = [new(next(mapping_ids), one) for one in fresh]
        standing = [(there[_way(one)], one) for one in rows if _way(one) in there]
        changed = [(before, _changed(before, one)) for before, one in standing if _differs(before, one)]
        counted.update(created=len(made), updated=len(changed), unchanged=len(rows) - len(made) - len(changed))
        together = {**there, **{mapping.way: mapping for mapping in made}}
        uses = store.uses(together.values())
        more = {one.target_bot_id for one in made}
        return [
            *(bots.recounted(caller.tenant, sequences.padded(bot), uses[bot]) for bot in sorted(more)),
            *(write for mapping in made for write in store.writes(caller, mapping)),
            *(write for before, after in changed for write in store.writes(caller, after, before)),
        ]

    changes.make(caller.tenant, work_out)
    return {"message": text("mappings_imported", language, counted), **counted}  # type: ignore[typeddict-item]


def _checked(tenant: str, rows: Sequence[NewMapping | InvalidRequest]) -> list[NewMapping | HubError]:
    """The rows, and instead of one that cannot be made, why not."""
    named = [sequences.padded(one.target_bot_id) for one in rows if isinstance(one, NewMapping)]
    known = bots.get_many(tenant, named)
    outcome: list[NewMapping | HubError] = []
    for one in rows:
        try:
            if isinstance(one, NewMapping):
                check(one, known)
            outcome.append(one)
        except HubError as error:
            outcome.append(error)
    return outcome


def _refuse_bad(rows: Sequence[ExportedMapping], known: dict[str, bots.StoredBot]) -> None:
    """Raises `InvalidRequest` where a row cannot be."""
    wrong: list[FieldError] = []
    ways: set[tuple[str, int, str]] = set()
    for index, one in enumerate(rows):
        try:
            check(one, known)
        except InvalidRequest as error:
            wrong += [replace(field, field=f"mappings.{index}.{field.field}") for field in error.fields]
        except HubError:
            wrong.append(FieldError(f"mappings.{index}.target_bot_id", "does_not_exist"))
        if _way(one) in ways:
            wrong.append(FieldError(f"mappings.{index}", "duplicate"))
        ways.add(_way(one))
    if wrong:
        raise InvalidRequest(wrong[:20])


def _way(wanted: NewMapping) -> tuple[str, int, str]:
    return wanted.kook_channel_id, wanted.target_bot_id, wanted.target_channel_id


def _differs(mapping: StoredMapping, wanted: ExportedMapping) -> bool:
    return any(getattr(mapping, name) != value for name, value in asked(wanted).items())


def _changed(mapping: StoredMapping, wanted: ExportedMapping) -> StoredMapping:
    now = max(times.now_ms(), mapping.updated_at)
    return replace(mapping, **asked(wanted), updated_at=now, version=mapping.version + 1)


def _told(index: int, outcome: StoredMapping | HubError | NewMapping, language: Language) -> MappingBatchRow:
    if isinstance(outcome, StoredMapping):
        return {"index": index, "mapping_id": outcome.number}
    assert isinstance(outcome, HubError)  # noqa: S101 - every other row became a mapping
    outcome.fields = tuple(replace(one, field=one.field[:_ROW_PLACE]) for one in outcome.fields[:_ROW_ERRORS])
    told = D5().error(outcome, language, "")
    return {
        "index": index,
        "error_code": told["error_code"],
        "error_message": told["error_message"],
        "solution": told["solution"],
    }
