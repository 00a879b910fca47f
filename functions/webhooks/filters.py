"""Which events a webhook wants by their content: Amazon EventBridge's event patterns.

Syntax and meaning are AWS's ("Comparison operators for use in event patterns" in EventBridge's user guide), and where
that is silent its engine's (github.com/aws/event-ruler). A field's list holds what it may be; a list in the event
matches with any of its elements; fields of one object belong to one element of a list of objects; an empty list is as
good as no field. Conditions inside and outside of an `$or` all hold, also on the same field.
"""

import ipaddress
import json
import math
import operator
import re
from collections.abc import Callable, Collection, Iterator, Mapping
from functools import lru_cache
from typing import Any

from hub.web.validation import refused

FIELDS = frozenset({"id", "event", "type", "timestamp", "data"})
"""Of an event as its receivers get it."""

MAX_BYTES = 4096
MAX_DEPTH = 20
MAX_VALUES = 300
MAX_ASTERISKS = 20
"""Wildcards are what costs most on large events."""

MAX_NUMBER = 5_000_000_000
"""Bound of `numeric`, as AWS documents it."""

_OR = "$or"
_IGNORE_CASE = "equals-ignore-case"
_WILDCARD = re.compile(r"\\([*\\])|(\*)|([^*\\]+)")
_WELL_FORMED_WILDCARD = re.compile(r"(?:\\[*\\]|\*(?!\*)|[^*\\])*")
_CIDR = re.compile(r"[0-9a-fA-F.:]+/[0-9]{1,3}")
_COMPARISONS = {"=": operator.eq, "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge}


def check(pattern: Mapping[str, Any]) -> None:
    """Raise `refused` for what is no pattern or too much of one; its `field` is the place, from `filter` on."""
    _check_extent(pattern)
    _check_object(pattern, "filter", known=FIELDS)


def matches(pattern: Mapping[str, Any], event: Mapping[str, Any]) -> bool:
    """Whether an event `{"id","type","timestamp","data"}` has what a checked pattern asks for."""
    return _object_matches(pattern, {**event, "event": event["type"]})


def _object_matches(pattern: Mapping[str, Any], value: Mapping[str, Any]) -> bool:
    for name, wanted in pattern.items():
        if name == _OR:
            if not any(_object_matches(branch, value) for branch in wanted):
                return False
        elif isinstance(wanted, Mapping):
            objects = [one for one in _elements(value.get(name)) if isinstance(one, Mapping)]
            # Where there is no object its fields are absent, which `exists` may ask for.
            if not any(_object_matches(wanted, one) for one in objects or [{}]):
                return False
        else:
            leaves = [one for one in _elements(value.get(name, [])) if not isinstance(one, Mapping)]
            if not _one_matches(wanted, leaves):
                return False
    return True


def _elements(value: Any) -> Iterator[Any]:
    if isinstance(value, list):
        for element in value:
            yield from _elements(element)
    else:
        yield value


def _one_matches(wanted: list[Any], leaves: list[Any]) -> bool:
    # With its kind, because JSON's true is not its 1.
    values = {(isinstance(one, bool), one) for one in wanted if not isinstance(one, Mapping)}
    if any((isinstance(leaf, bool), leaf) in values for leaf in leaves):
        return True
    return any(_operator_matches(one, leaves) for one in wanted if isinstance(one, Mapping))


def _operator_matches(expression: Mapping[str, Any], leaves: list[Any]) -> bool:
    ((name, operand),) = expression.items()
    if name == "exists":
        return bool(leaves) is operand
    return any(_MATCHERS[name](operand, leaf) for leaf in leaves)


def _has_prefix(operand: Any, leaf: Any) -> bool:
    if not isinstance(leaf, str):
        return False
    if isinstance(operand, str):
        return leaf.startswith(operand)
    return leaf.lower().startswith(operand[_IGNORE_CASE].lower())


def _has_suffix(operand: Any, leaf: Any) -> bool:
    if not isinstance(leaf, str):
        return False
    if isinstance(operand, str):
        return leaf.endswith(operand)
    return leaf.lower().endswith(operand[_IGNORE_CASE].lower())


def _is_but_for_case(operand: str, leaf: Any) -> bool:
    return isinstance(leaf, str) and leaf.lower() == operand.lower()


def _fits_wildcard(operand: str, leaf: Any) -> bool:
    if not isinstance(leaf, str):
        return False
    first, *others = _runs(operand)
    if not others:
        return leaf == first
    *between, last = others
    at, end = len(first), len(leaf) - len(last)
    if at > end or not (leaf.startswith(first) and leaf.endswith(last)):
        return False
    # The leftmost place leaves the most to the runs that follow, so there is nothing to go back to.
    for run in between:
        found = leaf.find(run, at, end)
        if found < 0:
            return False
        at = found + len(run)
    return True


def _is_in_range(operand: list[Any], leaf: Any) -> bool:
    if isinstance(leaf, bool) or not isinstance(leaf, int | float):
        return False
    return all(
        _COMPARISONS[comparison](leaf, bound) for comparison, bound in zip(operand[::2], operand[1::2], strict=True)
    )


def _is_in_network(operand: str, leaf: Any) -> bool:
    if not isinstance(leaf, str):
        return False
    try:
        return ipaddress.ip_address(leaf) in _network(operand)
    except ValueError:
        return False


def _is_anything_but(operand: Any, leaf: Any) -> bool:
    if isinstance(operand, Mapping):
        ((name, excluded),) = operand.items()
        return not any(_MATCHERS[name](one, leaf) for one in _elements(excluded))
    return isinstance(leaf, bool) or leaf not in (operand if isinstance(operand, list) else [operand])


@lru_cache(maxsize=1000)
def _runs(wildcard: str) -> tuple[str, ...]:
    """What stands between a wildcard's asterisks."""
    runs = [""]
    for escaped, asterisk, text in _WILDCARD.findall(wildcard):
        if asterisk:
            runs.append("")
        else:
            runs[-1] += escaped or text
    return tuple(runs)


@lru_cache(maxsize=1000)
def _network(cidr: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network:
    return ipaddress.ip_network(cidr, strict=False)


_MATCHERS: dict[str, Callable[[Any, Any], bool]] = {
    "prefix": _has_prefix,
    "suffix": _has_suffix,
    _IGNORE_CASE: _is_but_for_case,
    "wildcard": _fits_wildcard,
    "numeric": _is_in_range,
    "cidr": _is_in_network,
    "anything-but": _is_anything_but,
}


def _check_extent(pattern: Mapping[str, Any]) -> None:
    level: list[Any] = [pattern]
    depth = values = 0
    while level:
        depth += 1
        if depth > MAX_DEPTH:
            raise refused("too_deep", field="filter", limit=MAX_DEPTH)
        inner = [one for node in level for one in (node.values() if isinstance(node, Mapping) else node)]
        level = [one for one in inner if isinstance(one, Mapping | list)]
        values += len(inner) - len(level)
        if any(isinstance(one, float) and not math.isfinite(one) for one in inner):
            raise refused("must_be_number", field="filter")
    if values > MAX_VALUES:
        raise refused("too_many_values", field="filter", limit=MAX_VALUES)
    text = json.dumps(pattern, ensure_ascii=False, separators=(",", ":"))
    if len(text.encode()) > MAX_BYTES:
        raise refused("too_many_bytes", field="filter", limit=MAX_BYTES)
    if text.count("*") > MAX_ASTERISKS:
        raise refused("too_many_asterisks", field="filter", limit=MAX_ASTERISKS)


def _check_object(
    pattern: Mapping[str, Any],
    place: str,
    *,
    known: Collection[str] | None = None,
    reserved: Collection[str] = (),
) -> None:
    if not pattern:
        raise refused("too_short", field=place, min_length=1)
    for name, wanted in pattern.items():
        where = f"{place}.{name}"
        if name == _OR:
            if not isinstance(wanted, list) or len(wanted) < 2 or not all(isinstance(one, Mapping) for one in wanted):
                raise refused("bad_alternatives", field=where)
            for number, branch in enumerate(wanted):
                # A condition in the place of an object would be taken for a field of that name.
                _check_object(branch, f"{where}.{number}", known=known, reserved=_OPERANDS)
        elif name in reserved:
            raise refused("reserved_in_alternatives", field=where)
        elif known is not None and name not in known:
            raise refused("unknown_field", field=where)
        elif isinstance(wanted, Mapping):
            _check_object(wanted, where, reserved=reserved)
        elif isinstance(wanted, list):
            _check_list(wanted, where)
        else:
            raise refused("must_be_list_or_object", field=where)


def _check_list(wanted: list[Any], place: str) -> None:
    if not wanted:
        raise refused("too_short", field=place, min_length=1)
    for number, one in enumerate(wanted):
        where = f"{place}.{number}"
        if isinstance(one, list):
            raise refused("must_be_value", field=where)
        if isinstance(one, Mapping):
            _check_operator(one, where, _OPERANDS, "unknown_operator")


def _check_operator(
    expression: Mapping[str, Any], place: str, allowed: Mapping[str, Callable[[Any, str], None]], reason: str
) -> None:
    if len(expression) != 1:
        raise refused("one_operator", field=place)
    ((name, operand),) = expression.items()
    if name not in allowed:
        raise refused(reason, field=place, name=name[:50])
    allowed[name](operand, f"{place}.{name}")


def _check_string(operand: Any, place: str) -> None:
    if not isinstance(operand, str):
        raise refused("must_be_string", field=place)


def _check_affix(operand: Any, place: str) -> None:
    if isinstance(operand, Mapping):
        _check_operator(operand, place, {_IGNORE_CASE: _check_string}, "unsupported_operator")
    else:
        _check_string(operand, place)


def _check_wildcard(operand: Any, place: str) -> None:
    _check_string(operand, place)
    if not _WELL_FORMED_WILDCARD.fullmatch(operand):
        raise refused("bad_wildcard", field=place)


def _check_numeric(operand: Any, place: str) -> None:
    match operand:
        case ["=" | "<" | "<=" | ">" | ">=", bound]:
            bounds = [bound]
        case [">" | ">=", bottom, "<" | "<=", top]:
            bounds = [bottom, top]
        case _:
            raise refused("bad_range", field=place)
    for bound in bounds:
        if isinstance(bound, bool) or not isinstance(bound, int | float):
            raise refused("bad_range", field=place)
        if not -MAX_NUMBER <= bound <= MAX_NUMBER:
            raise refused("out_of_bounds", field=place, bottom=-MAX_NUMBER, top=MAX_NUMBER)
    if len(bounds) == 2 and bounds[0] >= bounds[1]:
        raise refused("empty_range", field=place)


def _check_exists(operand: Any, place: str) -> None:
    if not isinstance(operand, bool):
        raise refused("must_be_boolean", field=place)


def _check_cidr(operand: Any, place: str) -> None:
    _check_string(operand, place)
    try:
        if not _CIDR.fullmatch(operand):
            raise ValueError(operand)
        _network(operand)
    except ValueError:
        raise refused("bad_cidr", field=place) from None


def _check_anything_but(operand: Any, place: str) -> None:
    if isinstance(operand, Mapping):
        _check_operator(operand, place, _EXCLUDED, "unsupported_operator")
        return
    values = operand if isinstance(operand, list) else [operand]
    strings = [isinstance(one, str) for one in values]
    numbers = [isinstance(one, int | float) and not isinstance(one, bool) for one in values]
    if not values or not (all(strings) or all(numbers)):
        raise refused("must_be_strings_or_numbers", field=place)


def _check_excluded_strings(operand: Any, place: str) -> None:
    values = operand if isinstance(operand, list) else [operand]
    if not values or not all(isinstance(one, str) for one in values):
        raise refused("must_be_strings", field=place)


def _check_excluded_affixes(operand: Any, place: str) -> None:
    _check_excluded_strings(operand, place)
    # Every string starts and ends with nothing: all would be excluded.
    if "" in _elements(operand):
        raise refused("too_short", field=place, min_length=1)


def _check_excluded_wildcards(operand: Any, place: str) -> None:
    _check_excluded_strings(operand, place)
    for one in _elements(operand):
        _check_wildcard(one, place)


_OPERANDS: dict[str, Callable[[Any, str], None]] = {
    "prefix": _check_affix,
    "suffix": _check_affix,
    _IGNORE_CASE: _check_string,
    "wildcard": _check_wildcard,
    "numeric": _check_numeric,
    "exists": _check_exists,
    "cidr": _check_cidr,
    "anything-but": _check_anything_but,
}
_EXCLUDED: dict[str, Callable[[Any, str], None]] = {
    "prefix": _check_excluded_affixes,
    "suffix": _check_excluded_affixes,
    _IGNORE_CASE: _check_excluded_strings,
    "wildcard": _check_excluded_wildcards,
}
"""What `anything-but` takes in an object: one string or a list."""
