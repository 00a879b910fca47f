"""The same answers from moto in a fraction of its time: it took forty times as long as the code that calls it.

What is left out, or kept from the call before, is what no answer depends on: the search for a URL's backend, the names
of a class's methods, the signature, the text that names the client. Attribute values are handed on whole instead of
member by member. `tests/unit/test_quick_moto.py` holds the answers against moto's own.
"""

import base64
import copy
import pickle
import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import cache
from itertools import count
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

import jsonpath_ng.ext
import moto.core.models
import moto.core.responses
import moto.dynamodb.models
from botocore.parsers import BaseJSONParser as AnswerReader
from botocore.signers import RequestSigner
from botocore.useragent import UserAgentString
from moto import backends
from moto.backend_index import backend_url_patterns
from moto.core.botocore_stubber import BotocoreStubber
from moto.core.parse import BaseJSONParser as RequestReader
from moto.core.request import normalize_request
from moto.core.serialize import BaseJSONSerializer
from moto.core.utils import method_names_from_class
from moto.dynamodb.comparisons import ConditionExpressionParser
from moto.dynamodb.models import DynamoDBBackend
from moto.dynamodb.models.dynamo_type import DynamoType, Item, LimitedSizeDict
from moto.dynamodb.models.table import Table
from moto.dynamodb.parsing import ast_nodes, expressions, validators
from werkzeug.exceptions import HTTPException

_ACCOUNT, _REGION = "123456789012", "us-east-1"
# Moto's syntax trees come without types.
_Traverser: Any = vars(ast_nodes)["DepthFirstTraverser"]
_Node: Any = vars(ast_nodes)["Node"]
_WITH_CLAUSES: Any = (vars(ast_nodes)["Expression"], vars(ast_nodes)["UpdateExpressionFunction"])
_UpdateParser: Any = vars(expressions)["UpdateExpressionParser"]
_AnswerReader: Any = AnswerReader
_request_numbers = count(1)


@contextmanager
def quick_moto() -> Iterator[None]:
    """Answer quickly inside."""
    with ExitStack() as stack:
        for owner, name, quick in _REPLACED:
            stack.enter_context(patch.object(owner, name, quick))
        yield


def _process_request(stubber: BotocoreStubber, request: Any) -> Any:
    url = request.url.partition("?")[0]
    # Keys of objects stand in the path: what answers them is found by the host, and is the same for every key.
    answer = next((answer for pattern, answer in _patterns(url.split("/")[2]) if pattern.match(url)), None)
    if answer is None:
        return _PROCESS_REQUEST(stubber, request)
    normal = normalize_request(request)
    try:
        return answer(normal, normal.raw_url, normal.headers)
    except HTTPException as error:
        return error.code, error.get_headers(), error.get_body()


@cache
def _patterns(host: str) -> list[tuple[re.Pattern[str], Callable[..., Any]]]:
    """What answers a host's URLs, in the order that moto tries them."""
    service = next((service for service, pattern in backend_url_patterns if pattern.match(f"https://{host}/")), None)
    if service is None:
        return []
    regions = backends.get_backend(service)[_ACCOUNT]  # type: ignore[call-overload]
    backend = regions[_REGION if _REGION in regions else "aws"]
    return [(re.compile(url), answer) for url, answer in backend.urls.items()]


def _request_id(headers: dict[str, Any] | None = None) -> str:
    made = f"request-{next(_request_numbers)}"
    if headers is not None:
        headers["x-amzn-requestid"] = made
    return made


def _sign(signer: RequestSigner, operation: str, request: Any, *rest: Any, **more: Any) -> None:
    # Who asks is of meaning to S3 alone.
    if signer.signing_name == "s3":
        _SIGN(signer, operation, request, *rest, **more)


def _read_request(reader: Any, shape: Any, value: Any) -> Any:
    if shape.name == "AttributeValue":
        return _with_bytes(value)
    return _READ_REQUEST(reader, shape, value)


def _write_answer(writer: Any, serialized: Any, value: Any, shape: Any, key: str) -> None:
    if shape.name == "AttributeValue":
        serialized[key] = _without_bytes(value)
    else:
        _WRITE_ANSWER(writer, serialized, value, shape, key)


def _read_answer(reader: Any, shape: Any, value: Any) -> Any:
    if shape.name == "AttributeValue":
        return _with_bytes(value)
    return _READ_ANSWER(reader, shape, value)


def _with_bytes(attribute: Any) -> Any:
    ((kind, value),) = attribute.items()
    match kind:
        case "B":
            return {"B": base64.b64decode(value)}
        case "BS":
            return {"BS": [base64.b64decode(one) for one in value]}
        case "M":
            return {"M": {name: _with_bytes(one) for name, one in value.items()}}
        case "L":
            return {"L": [_with_bytes(one) for one in value]}
    return attribute


def _without_bytes(attribute: Any) -> Any:
    ((kind, value),) = attribute.items() if isinstance(attribute, dict) else ((attribute.type, attribute.value),)
    match kind:
        case "B":
            return {"B": _encoded(value)}
        case "BS":
            return {"BS": [_encoded(one) for one in value]}
        case "M":
            return {"M": {name: _without_bytes(one) for name, one in value.items()}}
        case "L":
            return {"L": [_without_bytes(one) for one in value]}
    return {kind: value}


@cache
def _update(expression: str) -> Any:
    """An update's syntax tree: it is copied before anything of it is replaced."""
    return _PARSE_UPDATE(expression)


def _copy_of(tree: Any) -> Any:
    return pickle.loads(_pickled(tree))


@cache
def _pickled(tree: Any) -> bytes:
    return pickle.dumps(tree)


def _traverse(traverser: Any, node: Any) -> Any:
    processors = traverser._processing_map()
    kinds = tuple(processors)

    def process(node: Any, position: int) -> Any:
        kind: Any = type(node)
        if not _is(kind, (_Node,)):
            return node
        parent = node.parent
        for index, child in enumerate(node.children or ()):
            traverser.pre_processing_of_child(node, index)
            process(child, index)
        if (wanted := _is(kind, kinds)) is not None:
            node = processors[wanted](node)
            node.parent = parent
            if parent:
                parent.children[position] = node
        return node

    return process(node, -1)


def _find_clauses(node: Any, wanted: list[Any]) -> list[Any]:
    found = []
    for child in node.children or ():
        kind: Any = type(child)
        if kind in wanted:
            found.append(child)
        elif _is(kind, _WITH_CLAUSES):
            found += _find_clauses(child, wanted)
    return found


@cache
def _is(kind: Any, kinds: tuple[Any, ...]) -> Any:
    return next((one for one in kinds if issubclass(kind, one)), None)


def _condition(parser: ConditionExpressionParser) -> Any:
    # A write parses its condition twice, a page of a query its filter once.
    asked = (
        parser.condition_expression,
        repr(parser.expression_attribute_names),
        repr(parser.expression_attribute_values),
    )
    if asked not in _conditions:
        _conditions.clear()
        condition = _PARSE_CONDITION(parser)
        _conditions[asked] = condition, [*parser.expr_attr_names_found], [*parser.expr_attr_values_found]
        return condition
    condition, names, values = _conditions[asked]
    parser.expr_attr_names_found.extend(names)
    parser.expr_attr_values_found.extend(values)
    return condition


def _query(table: Any, hash_key: Any, *rest: Any, **more: Any) -> Any:
    """Look through one partition, in order already, instead of through the whole table to be sorted."""
    index = next((one for one in table.all_indexes() if one.name == rest[_INDEX_NAME]), None)
    partition, sort = ("", "") if index is None else (part["AttributeName"] for part in index.schema)
    if index is None:
        items = sorted(table.items.get(hash_key, {}).values(), key=lambda item: item.range_key.value)
    else:
        every = (item for items in table.items.values() for item in items.values())
        held = (one for one in every if partition in one.attrs and sort in one.attrs)
        found = (one for one in held if one.attrs[partition] == hash_key)
        items = sorted(found, key=lambda item: item.attrs[sort].value)
    with patch.object(table, "all_items", lambda: items):
        return _QUERY(table, hash_key, *rest, **more)


def _transact(backend: DynamoDBBackend, entries: list[dict[str, Any]]) -> Any:
    """Keep the items that a transaction is about, instead of whole tables, for the case that it fails."""

    kept: dict[str, Any] = {}

    def deepcopy(wanted: Any) -> Any:
        if not isinstance(wanted, Table):
            return copy.deepcopy(wanted)
        # Moto copies the table once for each entry, before it does anything.
        if wanted.name not in kept:
            kept[wanted.name] = _kept(wanted, entries)
        return kept[wanted.name]

    with patch.object(moto.dynamodb.models, "copy", SimpleNamespace(deepcopy=deepcopy, copy=copy.copy)):
        return _TRANSACT(backend, entries)


def _kept(table: Any, entries: list[dict[str, Any]]) -> Any:
    """A table as it is now, whatever the entries do to the one it was made from."""
    made = copy.copy(table)
    made.items = type(table.items)(dict, {partition: dict(items) for partition, items in table.items.items()})
    for entry in entries:
        ((_, asked),) = entry.items()
        key = asked.get("Key") or asked["Item"]
        items = made.items.get(DynamoType(key[table.hash_key_attr]), {})
        place = DynamoType(key[table.range_key_attr])
        if asked["TableName"] == table.name and place in items:
            items[place] = copy.deepcopy(items[place])
    if table.stream_shard is not None:
        made.stream_shard = copy.copy(table.stream_shard)
        made.stream_shard.table, made.stream_shard.items = made, [*table.stream_shard.items]
    return made


def _set(attributes: Any, name: str, value: Any) -> None:
    # The size of the whole item is asked for where there is a chance that it is too large.
    if len(attributes) >= _MANY or attributes.__dict__.get("has_large") or _is_large(value):
        attributes.has_large = True
        _SET(attributes, name, value)
    else:
        dict.__setitem__(attributes, name, value)


def _is_large(value: Any) -> bool:
    return not isinstance(value, DynamoType) or bool(value.size() > _SMALL)


_MANY, _SMALL = 64, 2_000
"""Attributes and bytes: with fewer than so many of this size no item is too large."""


def _equal(one: DynamoType, other: Any) -> bool:
    if type(other) is DynamoType and one.type == other.type == "S":
        return bool(one.value == other.value)
    return _EQUAL(one, other)


def _less(one: DynamoType, other: DynamoType) -> bool:
    return bool(one.value < other.value) if one.type == "S" else _LESS(one, other)


def _untracked(kind: Any, *_: Any, **__: Any) -> Any:
    # Moto keeps every item that it has ever made, copies for answers included.
    return object.__new__(kind)


_conditions: dict[Any, tuple[Any, list[str], list[str]]] = {}
"""The latest one."""


def _encoded(value: Any) -> str:
    return base64.b64encode(value.encode() if isinstance(value, str) else value).decode()


_PROCESS_REQUEST = BotocoreStubber.process_request
_SIGN = RequestSigner.sign
_READ_REQUEST: Any = RequestReader._parse_structure
_WRITE_ANSWER = BaseJSONSerializer._serialize_type_structure
_READ_ANSWER = _AnswerReader._handle_structure
_PARSE_UPDATE = _UpdateParser.make
_PARSE_CONDITION = ConditionExpressionParser.parse
_QUERY = Table.query
_TRANSACT = DynamoDBBackend.transact_write_items
_SET = LimitedSizeDict.__setitem__
_INDEX_NAME = 6
"""Which of a query's arguments, behind the partition, names the index."""
_EQUAL, _LESS = DynamoType.__eq__, DynamoType.__lt__
_REPLACED: tuple[tuple[Any, str, Any], ...] = (
    (BotocoreStubber, "process_request", _process_request),
    # What patches `requests`, which Hub does not use: 1,400 patterns, each time that moto starts.
    (moto.core.models, "RESPONSES_METHODS", []),
    (jsonpath_ng.ext, "parse", cache(vars(jsonpath_ng.ext)["parse"])),
    (moto.core.responses, "method_names_from_class", cache(method_names_from_class)),
    (moto.core.responses, "gen_amzn_requestid_long", _request_id),
    (RequestReader, "_parse_structure", _read_request),
    (BaseJSONSerializer, "_serialize_type_structure", _write_answer),
    (_AnswerReader, "_handle_structure", _read_answer),
    (ConditionExpressionParser, "parse", _condition),
    (_UpdateParser, "make", _update),
    (validators, "deepcopy", _copy_of),
    (_Traverser, "traverse", _traverse),
    (_Node, "find_clauses", _find_clauses),
    (Table, "query", _query),
    (DynamoDBBackend, "transact_write_items", _transact),
    (LimitedSizeDict, "__setitem__", _set),
    (DynamoType, "__eq__", _equal),
    (DynamoType, "__lt__", _less),
    (Item, "__new__", _untracked),
    (RequestSigner, "sign", _sign),
    (UserAgentString, "to_string", lambda _: "Boto3"),
)
