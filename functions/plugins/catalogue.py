"""The marketplace: the plugins that ship with this deployment, one manifest each in `functions/plugins/catalogue`."""

import re
from functools import cache
from pathlib import Path

from functions.plugins.manifest import Manifest, parts, read

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


def _order(version: str) -> tuple[list[int], bool, str]:
    """Semantic Versioning's precedence as far as a catalogue of ours needs it: what is not released comes before."""
    numbers, _, unreleased = version.partition("-")
    return [int(number) for number in re.findall(r"\d+", numbers)], not unreleased, unreleased
