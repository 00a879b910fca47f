"""JSON Schema out of sample values: what a wire style really answers is called with placeholders and read back.

So an answer's description cannot say anything else than the code that makes it.
"""

from collections.abc import Mapping, Sequence
from typing import Any

Schema = dict[str, Any]

_HELD = "\0schema"
_NAMES: dict[type, str] = {bool: "boolean", int: "integer", float: "number", str: "string", type(None): "null"}


def placeholder(schema: Schema) -> dict[str, Any]:
    """A value that stands for any of a schema: a style wraps it, or spreads it among fields of its own."""
    return {_HELD: schema}


def schema_of(samples: Sequence[Any]) -> Schema:
    """The schema of which all samples are values.

    A property that a sample lacks is not required; a plain value that is the same in two samples or more is constant.
    """
    mappings = [sample for sample in samples if isinstance(sample, Mapping)]
    lists = [sample for sample in samples if isinstance(sample, list)]
    plain = [sample for sample in samples if not isinstance(sample, Mapping | list)]
    kinds: list[Schema] = []
    if mappings:
        kinds.append(_object(mappings))
    if lists:
        elements = [element for sample in lists for element in sample]
        kinds.append({"type": "array", "items": schema_of(elements) if elements else {}})
    if plain:
        kinds.append(_plain(plain))
    return any_of(kinds)


def any_of(schemas: Sequence[Schema]) -> Schema:
    """The schema of what fits one of these; the same one given twice counts once."""
    different = [schema for position, schema in enumerate(schemas) if schema not in schemas[:position]]
    return different[0] if len(different) == 1 else {"anyOf": different}


def _object(samples: Sequence[Mapping[str, Any]]) -> Schema:
    held = next((sample[_HELD] for sample in samples if _HELD in sample), None)
    names = dict.fromkeys(name for sample in samples for name in sample if name != _HELD)
    if held is not None and not names:
        return dict(held)
    own: Schema = {
        "type": "object",
        "properties": {name: schema_of([sample[name] for sample in samples if name in sample]) for name in names},
    }
    required = [name for name in names if all(name in sample for sample in samples)]
    if required:
        own["required"] = required
    return own if held is None else {"allOf": [own, dict(held)]}


def _plain(samples: Sequence[Any]) -> Schema:
    if len(samples) > 1 and all(sample == samples[0] for sample in samples) and samples[0] is not None:
        return {"const": samples[0]}
    names = sorted({_NAMES[type(sample)] for sample in samples})
    return {"type": names[0] if len(names) == 1 else names}
