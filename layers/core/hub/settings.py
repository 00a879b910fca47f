"""Settings: environment variables read once into a typed object."""

import os
from dataclasses import MISSING, fields
from typing import Any, TypeVar, get_type_hints

T = TypeVar("T")


class SettingsError(RuntimeError):
    """The deployment lacks a setting or gives it a value of the wrong kind; says which."""


def load(shape: type[T]) -> T:
    """Make a frozen dataclass from the environment: the field `table_name: str` is read from `TABLE_NAME`.

    Fields are `str`, `int` or `bool` (`true`/`false`). A field without a default that is not set, or a value that
    does not fit, raises `SettingsError` naming every such variable at once.
    """
    values: dict[str, Any] = {}
    problems: list[str] = []
    hints = get_type_hints(shape)
    for item in fields(shape):  # type: ignore[arg-type]
        variable = item.name.upper()
        text = os.environ.get(variable)
        if not text:
            if item.default is MISSING:
                problems.append(f"{variable} is not set")
            continue
        try:
            values[item.name] = _CONVERSIONS[hints[item.name]](text)
        except (ValueError, KeyError):
            problems.append(f"{variable} is not {hints[item.name].__name__}")
    if problems:
        raise SettingsError("; ".join(problems))
    return shape(**values)


_CONVERSIONS: dict[type, Any] = {str: str, int: int, bool: lambda text: {"true": True, "false": False}[text.lower()]}
