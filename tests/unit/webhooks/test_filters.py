"""Event patterns as EventBridge's user guide has them, and against two independent implementations of its engine."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from ministack.services import eventbridge
from moto.events.models import EventPattern
from pydantic_core import PydanticCustomError

from functions.webhooks import filters
from hub.web import localisation

EC2 = {
    "region": "us-east-1",
    "resources": ["arn:aws:ec2:us-east-1:123456789012:instance/i-000000aaaaaa00000"],
    "time": "2017-10-02T16:24:49Z",
    "c-count": 5,
    "d-count": 3,
    "x-limit": 301.8,
    "source-ip": "10.0.0.33",
    "source-ip6": "2001:db8::1:0:0:1",
    "state": "running",
    "file-name": "/usr/lib/image.png",
    "service": "EventBridge",
    "empty": "",
    "nothing": None,
    "on": True,
    "nested": {"deep": {"id": 7}},
    "list": [1, ["two"], None],
    "none": [],
    "employees": [{"first": "John", "last": "Doe"}, [{"first": "Anna", "last": "Smith"}]],
}


def event(data: Any) -> dict[str, Any]:
    return {"id": "evt_1", "type": "order.paid", "timestamp": "2024-01-15T10:30:00.000Z", "data": data}


def reason(pattern: Any) -> tuple[str, str]:
    """Where a pattern is refused, and why; worded in both languages."""
    with pytest.raises(PydanticCustomError) as caught:
        filters.check(pattern)
    context = caught.value.context
    assert context is not None
    chinese, english = (localisation.text(context["reason"], tag, context["values"]) for tag in ("zh-CN", "en-US"))
    assert chinese != english
    return context["values"]["field"], context["reason"]


@pytest.mark.parametrize(
    ("wanted", "others"),
    [
        # Equals.
        ({"state": ["running"]}, [{"state": ["Running"]}, {"state": ["run"]}]),
        ({"state": ["initializing", "running"]}, [{"state": ["initializing"]}]),
        ({"c-count": [5]}, [{"c-count": ["5"]}, {"c-count": [6]}]),
        ({"c-count": [5.0]}, [{"c-count": [True]}]),
        ({"x-limit": [3.018e2]}, [{"x-limit": [301]}]),
        ({"on": [True]}, [{"on": [1]}, {"on": ["true"]}, {"on": [False]}]),
        ({"nothing": [None]}, [{"nothing": [""]}, {"empty": [None]}, {"absent": [None]}]),
        ({"empty": [""]}, [{"nothing": ["null"]}, {"absent": [""]}]),
        # And.
        ({"state": ["running"], "c-count": [5]}, [{"state": ["running"], "c-count": [4]}]),
        # Objects and lists.
        ({"nested": {"deep": {"id": [7]}}}, [{"nested": {"id": [7]}}, {"state": {"id": [7]}}, {"nested": ["deep"]}]),
        ({"resources": [{"prefix": "arn:aws:ec2"}]}, [{"resources": [{"prefix": "arn:aws:s3"}]}]),
        ({"list": ["two"]}, [{"list": ["three"]}]),
        ({"list": [None]}, [{"none": [None]}]),
        ({"employees": {"first": ["Anna"]}}, [{"employees": ["Anna"]}]),
        (
            {"employees": {"first": ["Anna"], "last": ["Smith"]}},
            [{"employees": {"first": ["Anna"], "last": ["Doe"]}}],
        ),
        # Begins with, ends with.
        ({"time": [{"prefix": "2017-10-02"}]}, [{"time": [{"prefix": "2017-10-03"}]}, {"c-count": [{"prefix": "5"}]}]),
        ({"service": [{"prefix": {"equals-ignore-case": "eventb"}}]}, [{"service": [{"prefix": "eventb"}]}]),
        ({"file-name": [{"suffix": ".png"}]}, [{"file-name": [{"suffix": ".PNG"}]}, {"on": [{"suffix": "e"}]}]),
        ({"service": [{"suffix": {"equals-ignore-case": "TBRIDGE"}}]}, [{"service": [{"suffix": "TBRIDGE"}]}]),
        ({"empty": [{"prefix": ""}]}, [{"nothing": [{"prefix": ""}]}, {"on": [{"suffix": ""}]}]),
        # Whatever the case.
        (
            {"state": [{"equals-ignore-case": "RUNNing"}]},
            [{"state": [{"equals-ignore-case": "run"}]}, {"nothing": [{"equals-ignore-case": "none"}]}],
        ),
        # Anything but.
        ({"state": [{"anything-but": "initializing"}]}, [{"state": [{"anything-but": "running"}]}]),
        ({"x-limit": [{"anything-but": 123}]}, [{"x-limit": [{"anything-but": 301.8}]}]),
        (
            {"state": [{"anything-but": ["stopped", "overloaded"]}]},
            [{"state": [{"anything-but": ["stopped", "running"]}]}],
        ),
        ({"c-count": [{"anything-but": [100, 200]}]}, [{"c-count": [{"anything-but": [100, 5.0]}]}]),
        ({"on": [{"anything-but": 1}]}, [{"absent": [{"anything-but": 1}]}, {"none": [{"anything-but": 1}]}]),
        ({"list": [{"anything-but": "two"}]}, [{"nested": [{"anything-but": "two"}]}]),
        ({"region": [{"anything-but": {"prefix": "eu-"}}]}, [{"region": [{"anything-but": {"prefix": "us-"}}]}]),
        (
            {"c-count": [{"anything-but": {"prefix": "5"}}]},
            [{"region": [{"anything-but": {"prefix": ["eu-", "us-"]}}]}],
        ),
        (
            {"file-name": [{"anything-but": {"suffix": [".txt", ".rtf"]}}]},
            [{"file-name": [{"anything-but": {"suffix": [".txt", ".png"]}}]}],
        ),
        (
            {"state": [{"anything-but": {"equals-ignore-case": ["Stopped", "Overloaded"]}}]},
            [{"state": [{"anything-but": {"equals-ignore-case": "Running"}}]}],
        ),
        (
            {"file-name": [{"anything-but": {"wildcard": "*/bin/*"}}]},
            [{"file-name": [{"anything-but": {"wildcard": ["*/bin/*", "*/lib/*"]}}]}],
        ),
        # Numbers.
        (
            {"c-count": [{"numeric": [">", 0, "<=", 5]}], "d-count": [{"numeric": ["<", 10]}]},
            [{"c-count": [{"numeric": [">", 5]}]}, {"c-count": [{"numeric": ["<", 5]}]}],
        ),
        ({"x-limit": [{"numeric": ["=", 3.018e2]}]}, [{"x-limit": [{"numeric": ["=", 301]}]}]),
        (
            {"c-count": [{"numeric": [">=", 5, "<", 5.5]}]},
            [{"on": [{"numeric": [">", -5]}]}, {"time": [{"numeric": [">", 0]}]}, {"nothing": [{"numeric": ["=", 0]}]}],
        ),
        # Addresses.
        (
            {"source-ip": [{"cidr": "10.0.0.0/24"}]},
            [
                {"source-ip": [{"cidr": "10.0.1.0/24"}]},
                {"source-ip": [{"cidr": "::/0"}]},
                {"c-count": [{"cidr": "0.0.0.0/0"}]},
            ],
        ),
        ({"source-ip": [{"cidr": "10.0.0.5/24"}]}, [{"state": [{"cidr": "0.0.0.0/0"}]}]),
        ({"source-ip6": [{"cidr": "2001:db8::/32"}]}, [{"source-ip6": [{"cidr": "2001:db9::/32"}]}]),
        # Exists: about leaves; an object and an empty list are none.
        ({"state": [{"exists": True}]}, [{"state": [{"exists": False}]}, {"absent": [{"exists": True}]}]),
        ({"nothing": [{"exists": True}]}, [{"nothing": [{"exists": False}]}]),
        ({"absent": [{"exists": False}]}, [{"nested": [{"exists": True}]}, {"none": [{"exists": True}]}]),
        ({"absent": {"deep": [{"exists": False}]}}, [{"absent": {"deep": [{"exists": True}]}}]),
        ({"absent": ["x", {"exists": False}]}, [{"state": ["x", {"exists": False}]}]),
        # Wildcards.
        (
            {"file-name": [{"wildcard": "/usr/*.png"}]},
            [
                {"file-name": [{"wildcard": "/usr/*.jpg"}]},
                {"file-name": [{"wildcard": "usr/*"}]},
                {"c-count": [{"wildcard": "*"}]},
            ],
        ),
        ({"file-name": [{"wildcard": "*/lib/*"}]}, [{"file-name": [{"wildcard": "*/lib/"}]}]),
        ({"empty": [{"wildcard": "*"}]}, [{"empty": [{"wildcard": "*a"}]}]),
        # Or.
        (
            {"$or": [{"state": ["stopped"]}, {"c-count": [{"numeric": [">", 4]}]}]},
            [{"$or": [{"state": ["stopped"]}, {"c-count": [{"numeric": [">", 5]}]}]}],
        ),
        (
            {"on": [True], "nested": {"$or": [{"id": [7]}, {"deep": {"$or": [{"no": [7]}, {"id": [7]}]}}]}},
            [{"on": [False], "nested": {"$or": [{"id": [7]}, {"deep": {"id": [7]}}]}}],
        ),
        (
            {"employees": {"$or": [{"first": ["Anna"]}, {"first": ["Eve"]}], "last": ["Smith"]}},
            [{"employees": {"$or": [{"first": ["Anna"]}, {"first": ["Eve"]}], "last": ["Doe"]}}],
        ),
    ],
    ids=lambda value: json.dumps(value) if isinstance(value, dict) else "",
)
def test_what_the_user_guide_says(wanted: dict[str, Any], others: list[dict[str, Any]]) -> None:
    for pattern in (wanted, *others):
        filters.check({"data": pattern})
        assert filters.matches({"data": pattern}, event(EC2)) is (pattern is wanted)


@pytest.mark.parametrize(
    ("wildcard", "fitting", "others"),
    [
        (r"a\*b", ["a*b"], ["axb", r"a\*b"]),
        (r"a\\*", ["a\\", r"a\x"], ["a*", "ax"]),
        ("ab*ba", ["abba", "ab!ba"], ["aba"]),
        ("*ab*ab*", ["abab", "xabxabx"], ["aab", "abbab "[:4]]),
        ("a*b*c", ["abc", "a\nbbcc"], ["acb", "abc "]),
        ("订*单", ["订单", "订购单"], ["订单号"]),
        ("?", ["?"], ["a"]),
    ],
)
def test_wildcards(wildcard: str, fitting: list[str], others: list[str]) -> None:
    pattern = {"data": [{"wildcard": wildcard}]}
    filters.check(pattern)
    assert [filters.matches(pattern, event(text)) for text in fitting] == [True] * len(fitting)
    assert [filters.matches(pattern, event(text)) for text in others] == [False] * len(others)


def test_a_wildcard_never_goes_back() -> None:
    # With backtracking this would outlast the universe.
    pattern = {"data": [{"wildcard": "*a" * (filters.MAX_ASTERISKS - 2) + "*b*"}]}
    filters.check(pattern)
    assert not filters.matches(pattern, event("a" * 500_000))


def test_an_event_is_seen_as_its_receivers_get_it() -> None:
    wanted = {"id": ["evt_1"], "event": ["order.paid"], "type": ["order.paid"], "timestamp": [{"prefix": "2024-"}]}
    filters.check(wanted)
    assert filters.matches(wanted, event({}))
    assert not filters.matches(wanted | {"event": ["order.created"]}, event({}))


def test_the_example_in_the_documents_is_a_filter() -> None:
    text = (Path(__file__).parents[3] / "docs" / "events.md").read_text()
    wanted = json.loads(text.partition("## Filter by content")[2].partition("```json")[2].partition("```")[0])
    filters.check(wanted)
    paid = {"amount": 100, "customer": {"email": "Zhang@Example.com"}, "country": "DE"}
    assert filters.matches(wanted, event(paid))
    assert not filters.matches(wanted, event(paid | {"note": "late"}))


@pytest.mark.parametrize(
    ("pattern", "place", "why"),
    [
        ({}, "", "too_short"),
        ({"detail": {"a": [1]}}, ".detail", "unknown_field"),
        ({"$or": [{"type": ["a"]}, {"tenant": ["t"]}]}, ".$or.1.tenant", "unknown_field"),
        ({"data": {}}, ".data", "too_short"),
        ({"data": {"a": []}}, ".data.a", "too_short"),
        ({"data": {"a": "x"}}, ".data.a", "must_be_list_or_object"),
        ({"data": {"a": None}}, ".data.a", "must_be_list_or_object"),
        ({"data": {"a": ["x", ["y"]]}}, ".data.a.1", "must_be_value"),
        ({"data": {"a": [{}]}}, ".data.a.0", "one_operator"),
        ({"data": {"a": [{"prefix": "x", "suffix": "y"}]}}, ".data.a.0", "one_operator"),
        ({"data": {"a": [{"contains": "x"}]}}, ".data.a.0", "unknown_operator"),
        ({"data": {"a": [{"prefix": 1}]}}, ".data.a.0.prefix", "must_be_string"),
        ({"data": {"a": [{"prefix": ["x"]}]}}, ".data.a.0.prefix", "must_be_string"),
        ({"data": {"a": [{"suffix": {"prefix": "x"}}]}}, ".data.a.0.suffix", "unsupported_operator"),
        (
            {"data": {"a": [{"prefix": {"equals-ignore-case": 1}}]}},
            ".data.a.0.prefix.equals-ignore-case",
            "must_be_string",
        ),
        ({"data": {"a": [{"equals-ignore-case": None}]}}, ".data.a.0.equals-ignore-case", "must_be_string"),
        ({"data": {"a": [{"wildcard": "a**b"}]}}, ".data.a.0.wildcard", "bad_wildcard"),
        ({"data": {"a": [{"wildcard": "a\\b"}]}}, ".data.a.0.wildcard", "bad_wildcard"),
        ({"data": {"a": [{"wildcard": "a\\"}]}}, ".data.a.0.wildcard", "bad_wildcard"),
        ({"data": {"a": [{"numeric": 5}]}}, ".data.a.0.numeric", "bad_range"),
        ({"data": {"a": [{"numeric": []}]}}, ".data.a.0.numeric", "bad_range"),
        ({"data": {"a": [{"numeric": ["!=", 5]}]}}, ".data.a.0.numeric", "bad_range"),
        ({"data": {"a": [{"numeric": [">", "5"]}]}}, ".data.a.0.numeric", "bad_range"),
        ({"data": {"a": [{"numeric": [">", True]}]}}, ".data.a.0.numeric", "bad_range"),
        ({"data": {"a": [{"numeric": ["<", 5, ">", 0]}]}}, ".data.a.0.numeric", "bad_range"),
        ({"data": {"a": [{"numeric": [">", 5, "<", 5]}]}}, ".data.a.0.numeric", "empty_range"),
        ({"data": {"a": [{"numeric": [">", 5_000_000_001]}]}}, ".data.a.0.numeric", "out_of_bounds"),
        ({"data": {"a": [{"exists": "true"}]}}, ".data.a.0.exists", "must_be_boolean"),
        ({"data": {"a": [{"exists": 1}]}}, ".data.a.0.exists", "must_be_boolean"),
        ({"data": {"a": [{"cidr": "10.0.0.1"}]}}, ".data.a.0.cidr", "bad_cidr"),
        ({"data": {"a": [{"cidr": "10.0.0.0/33"}]}}, ".data.a.0.cidr", "bad_cidr"),
        ({"data": {"a": [{"cidr": "10.0.0.0/255.0.0.0"}]}}, ".data.a.0.cidr", "bad_cidr"),
        ({"data": {"a": [{"cidr": "fe80::%eth0/10"}]}}, ".data.a.0.cidr", "bad_cidr"),
        ({"data": {"a": [{"cidr": 10}]}}, ".data.a.0.cidr", "must_be_string"),
        ({"data": {"a": [{"anything-but": None}]}}, ".data.a.0.anything-but", "must_be_strings_or_numbers"),
        ({"data": {"a": [{"anything-but": True}]}}, ".data.a.0.anything-but", "must_be_strings_or_numbers"),
        ({"data": {"a": [{"anything-but": []}]}}, ".data.a.0.anything-but", "must_be_strings_or_numbers"),
        ({"data": {"a": [{"anything-but": ["x", 1]}]}}, ".data.a.0.anything-but", "must_be_strings_or_numbers"),
        ({"data": {"a": [{"anything-but": {"numeric": ["=", 1]}}]}}, ".data.a.0.anything-but", "unsupported_operator"),
        ({"data": {"a": [{"anything-but": {"prefix": ""}}]}}, ".data.a.0.anything-but.prefix", "too_short"),
        ({"data": {"a": [{"anything-but": {"suffix": []}}]}}, ".data.a.0.anything-but.suffix", "must_be_strings"),
        ({"data": {"a": [{"anything-but": {"wildcard": ["**"]}}]}}, ".data.a.0.anything-but.wildcard", "bad_wildcard"),
        ({"data": {"$or": {"a": [1]}}}, ".data.$or", "bad_alternatives"),
        ({"data": {"$or": [{"a": [1]}]}}, ".data.$or", "bad_alternatives"),
        ({"data": {"$or": [{"a": [1]}, "b"]}}, ".data.$or", "bad_alternatives"),
        ({"data": {"$or": [{"a": [1]}, {}]}}, ".data.$or.1", "too_short"),
        ({"data": {"$or": [{"a": [1]}, {"prefix": ["x"]}]}}, ".data.$or.1.prefix", "reserved_in_alternatives"),
        ({"data": {"a": [float("inf")]}}, "", "must_be_number"),
    ],
    ids=lambda value: json.dumps(value) if isinstance(value, dict) else "",
)
def test_what_is_no_pattern_is_refused_by_its_place(pattern: Any, place: str, why: str) -> None:
    assert reason(pattern) == (f"filter{place}", why)


def nested(depth: int) -> Any:
    pattern: Any = ["x"]
    for _ in range(depth - 2):
        pattern = {"a": pattern}
    return {"data": pattern}


@pytest.mark.parametrize(
    ("pattern", "larger", "why"),
    [
        (nested(filters.MAX_DEPTH), nested(filters.MAX_DEPTH + 1), "too_deep"),
        ({"data": [1] * filters.MAX_VALUES}, {"data": [1] * (filters.MAX_VALUES + 1)}, "too_many_values"),
        (
            {"data": [{"wildcard": "*a" * 10}, {"wildcard": "*b" * 10}]},
            {"data": [{"wildcard": "*a" * 10}, {"wildcard": "*b" * 11}]},
            "too_many_asterisks",
        ),
        ({"data": ["订" * 1361]}, {"data": ["订" * 1362]}, "too_many_bytes"),
    ],
    ids=["depth", "values", "asterisks", "bytes"],
)
def test_a_pattern_is_bounded(pattern: Any, larger: Any, why: str) -> None:
    filters.check(pattern)
    assert reason(larger) == ("filter", why)
    assert reason(nested(5000)) == ("filter", "too_deep"), "however deep"


TEXTS = st.text("abA.*1", max_size=4)
NUMBERS = st.sampled_from([-1, 0, 1, 1.0, 1.5, 2, 10**9])
SCALARS = st.none() | st.booleans() | NUMBERS | TEXTS | st.sampled_from(["10.0.0.1", "10.1.0.1", "::1", "fe80::1"])
NAMES = st.sampled_from("abc")
DATA = st.dictionaries(
    NAMES | st.sampled_from("de"),
    st.recursive(
        SCALARS,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES | st.sampled_from("de"), inner, max_size=3),
        max_leaves=8,
    ),
    max_size=5,
)
WILDCARDS = st.lists(st.sampled_from(["a", "b", ".", r"\*", "?"]), max_size=3).flatmap(
    lambda runs: st.sampled_from(["*".join(runs), "".join(runs), "*" + "".join(runs), "".join(runs) + "*"])
)
CIDRS = st.sampled_from(["10.0.0.0/8", "10.0.0.0/31", "10.0.0.9/16", "::/0", "fe80::/10", "0.0.0.0/0"])
COMPARISONS = st.tuples(st.sampled_from(["=", "<", "<=", ">", ">="]), NUMBERS).map(list)
RANGES = st.tuples(st.sampled_from([">", ">="]), NUMBERS, st.sampled_from(["<", "<="]), NUMBERS).filter(
    lambda terms: terms[1] < terms[3]
)
AFFIXES = TEXTS | st.fixed_dictionaries({"equals-ignore-case": TEXTS})


def one_or_list(values: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return values | st.lists(values, min_size=1, max_size=2)


EXCLUDED = (
    one_or_list(TEXTS)
    | one_or_list(NUMBERS)
    | st.fixed_dictionaries({"prefix": one_or_list(TEXTS.filter(bool))})
    | st.fixed_dictionaries({"suffix": one_or_list(TEXTS.filter(bool))})
    | st.fixed_dictionaries({"equals-ignore-case": one_or_list(TEXTS)})
    | st.fixed_dictionaries({"wildcard": one_or_list(WILDCARDS)})
)
COMPARABLE = st.one_of(
    st.fixed_dictionaries({"prefix": AFFIXES}),
    st.fixed_dictionaries({"suffix": AFFIXES}),
    st.fixed_dictionaries({"equals-ignore-case": TEXTS}),
    st.fixed_dictionaries({"wildcard": WILDCARDS}),
    st.fixed_dictionaries({"numeric": COMPARISONS | RANGES.map(list)}),
    st.fixed_dictionaries({"exists": st.booleans()}),
    st.fixed_dictionaries({"anything-but": EXCLUDED}),
)
OPERATORS = COMPARABLE | st.fixed_dictionaries({"cidr": CIDRS})
CONDITIONS = st.lists(SCALARS | OPERATORS, min_size=1, max_size=2)


@st.composite
def patterns(draw: st.DrawFn, depth: int = 2) -> dict[str, Any]:
    inner = CONDITIONS | patterns(depth - 1) if depth else CONDITIONS
    pattern: dict[str, Any] = draw(st.dictionaries(NAMES, inner, min_size=1, max_size=2))
    if depth and draw(st.booleans()):
        # Other names than outside: a field in both places is where the engine lets one condition replace the other.
        branches = st.dictionaries(st.sampled_from("de"), inner, min_size=1, max_size=2)
        # Two branches: the engine takes no pattern of over a thousand combinations.
        pattern["$or"] = draw(st.lists(branches, min_size=2, max_size=2))
    return pattern


def emulated(pattern: dict[str, Any], data: Any) -> bool | None:
    """What the emulator's TestEventPattern answers, `None` where it refuses the pattern."""
    question = {"Event": json.dumps(event(data)), "EventPattern": json.dumps({"data": pattern})}
    status, _, body = eventbridge._test_event_pattern(question)
    return bool(json.loads(body)["Result"]) if status == 200 else None


@given(patterns(), DATA)
@settings(max_examples=300, deadline=None)
def test_agrees_with_the_emulators_engine(pattern: dict[str, Any], data: dict[str, Any]) -> None:
    assume(json.dumps(pattern).count("*") <= filters.MAX_ASTERISKS)
    filters.check({"data": pattern})
    assert filters.matches({"data": pattern}, event(data)) is emulated(pattern, data)


JUNK = st.recursive(
    SCALARS | WILDCARDS | CIDRS | st.sampled_from(["", "a**", "\\", "10.0.0.0", "10.0.0.0/x", "/8", "300.0.0.0/8"]),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(["prefix", "suffix", "equals-ignore-case", "wildcard", "x"]), inner, max_size=2
        )
        | st.lists(st.sampled_from([">", "<", "=", ">=", "<=", "!="]) | NUMBERS, max_size=5)
    ),
    max_leaves=4,
)


@given(st.sampled_from([*filters._MATCHERS, "exists", "x"]), JUNK)
@settings(max_examples=500, deadline=None)
def test_refuses_the_operands_that_the_emulator_refuses(operator: str, operand: Any) -> None:
    pattern = {"a": [{operator: operand}]}
    try:
        filters.check({"data": pattern})
    except PydanticCustomError:
        assert emulated(pattern, {}) is None
    else:
        assert emulated(pattern, {}) is not None


# moto has no objects in lists, takes true for 1, an empty list for a value, and a number for an address.
SIMPLE = st.none() | NUMBERS | TEXTS
SIMPLE_CONDITIONS = st.lists(SIMPLE | COMPARABLE, min_size=1, max_size=2)


@given(
    st.dictionaries(NAMES, SIMPLE_CONDITIONS | st.dictionaries(NAMES, SIMPLE_CONDITIONS, min_size=1), min_size=1),
    st.dictionaries(NAMES, SIMPLE | st.lists(SIMPLE, min_size=1) | st.dictionaries(NAMES, SIMPLE, min_size=1)),
)
@settings(max_examples=300, deadline=None)
def test_agrees_with_moto(pattern: dict[str, Any], data: dict[str, Any]) -> None:
    mine: Any = {"data": data}
    expected = EventPattern(None, {"data": pattern}).matches_event(mine)
    assert filters.matches({"data": pattern}, event(data)) is expected
