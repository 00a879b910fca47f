"""The marketplace: the plugins that ship with this deployment, one manifest each in `functions/plugins/catalogue`."""

import re
from functools import cache
from pathlib import Path

from functions.plugins.manifest import Manifest, parts, read
from hub.errors import FieldError, InvalidRequest
from hub.store.paging import CursorPage, OffsetPage, Page, read_cursor, write_cursor

_FOLDER = Path(__file__).parent / "catalogue"


@cache
def manifests() -> dict[str, Manifest]:
    """Every plugin by its id, in the order of names, the newest version first."""
    found = [read(file.read_bytes(), place=file.name) for file in _FOLDER.glob("*.json")]
    newest_first = sorted(found, key=lambda one: _order(one.version), reverse=True)
    return {one.id: one for one in sorted(newest_first, key=lambda one: one.family)}


def versions(name: str) -> dict[str, Manifest]:
    """The versions of a plugin, the newest first."""
    return {one.version: one for one in manifests().values() if one.family == name}


def find(plugin_id: str) -> Manifest | None:
    """A plugin by its id."""
    # One file, where a list would read them all.
    if parts(plugin_id) is None:
        return None
    file = _FOLDER / f"{plugin_id}.json"
    return read(file.read_bytes(), place=file.name) if file.is_file() else None


def page(number: int, size: int, cursor: str | None) -> Page[Manifest]:
    """A page of all: by number, or behind the plugin that a cursor names (`""`: the first)."""
    found = list(manifests().values())
    if cursor is None:
        return OffsetPage(found[(number - 1) * size : number * size], number, size, len(found))
    last, ids = read_cursor(cursor) if cursor else "", list(manifests())
    if last and last not in ids:
        raise InvalidRequest(FieldError("cursor", "malformed"))
    start = ids.index(last) + 1 if last else 0
    rows = found[start : start + size]
    return CursorPage(rows, size, write_cursor(rows[-1].id) if start + size < len(found) else None)


def _order(version: str) -> tuple[list[int], bool, str]:
    """Semantic Versioning's precedence as far as a catalogue of ours needs it: what is not released comes before."""
    numbers, _, unreleased = version.partition("-")
    return [int(number) for number in re.findall(r"\d+", numbers)], not unreleased, unreleased
