"""JSON Schemas of what routes are declared with: pydantic models for requests, TypedDicts for answers."""

import inspect
import types
from collections.abc import Mapping
from typing import (
    Annotated,
    Any,
    Literal,
    NotRequired,
    Required,
    Union,
    get_args,
    get_origin,
    get_type_hints,
    is_typeddict,
)

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue, models_json_schema
from pydantic_core import CoreSchema

from local.openapi.samples import Schema

REFERENCE = "#/components/schemas/{model}"

_PLAIN: dict[Any, Schema] = {
    str: {"type": "string"},
    int: {"type": "integer"},
    float: {"type": "number"},
    bool: {"type": "boolean"},
    type(None): {"type": "null"},
    Any: {},
}


class Shapes:
    """The named schemas of a description, each from one class."""

    def __init__(self) -> None:
        """Begin with none."""
        self.schemas: dict[str, Schema] = {}
        self._classes: dict[str, Any] = {}

    def request(self, model: type[BaseModel], *, change: bool) -> Schema:
        """Refer to a request's body; `change`: a field left out stays as it is, whatever the model's default."""
        if self._is_new(model):
            _, made = models_json_schema([(model, "validation")], ref_template=REFERENCE, schema_generator=_Untitled)
            for name, schema in made["$defs"].items():
                self.schemas[name] = _tidy(schema, change=change and name == model.__name__)
        return _reference(model)

    def parameters(self, model: type[BaseModel]) -> list[Schema]:
        """The parameters of a query, each a Parameter Object."""
        schema = model.model_json_schema(schema_generator=_Untitled)
        required = schema.get("required", [])
        parameters = []
        for name, property_schema in schema["properties"].items():
            # A parameter is there or not; none is ever null.
            shape = _without_null(property_schema)
            told = {"description": shape.pop("description")} if "description" in shape else {}
            parameters.append({"name": name, "in": "query", "required": name in required, "schema": shape, **told})
        return parameters

    def answer(self, annotation: Any) -> Schema:
        """The schema of an answer's annotation; TypedDicts become named ones. Raises `TypeError` for what has none."""
        origin, arguments = get_origin(annotation), get_args(annotation)
        if annotation in _PLAIN:
            return dict(_PLAIN[annotation])
        if is_typeddict(annotation):
            return self._typed_dict(annotation)
        if origin in (Annotated, NotRequired, Required):
            return self.answer(arguments[0])
        if origin is Literal:
            return {"enum": list(arguments)}
        if origin is list:
            return {"type": "array", "items": self.answer(arguments[0])}
        if origin is dict or origin is Mapping:
            return {"type": "object", "additionalProperties": self.answer(arguments[1])}
        if origin in (Union, types.UnionType):
            return self._union([self.answer(argument) for argument in arguments])
        raise TypeError(f"no schema for {annotation!r}")

    def part(self, shape: Any) -> Schema:
        """The schema of an answer of which only some fields may have been asked for."""
        self.answer(shape)
        name = f"{shape.__name__}Fields"
        whole = {key: value for key, value in self.schemas[shape.__name__].items() if key != "required"}
        self.schemas[name] = whole | {"description": f"{whole['description']} Only the `fields` that were asked for."}
        return {"$ref": REFERENCE.format(model=name)}

    def _union(self, schemas: list[Schema]) -> Schema:
        if all(list(schema) == ["type"] for schema in schemas):
            return {"type": [schema["type"] for schema in schemas]}
        return {"anyOf": schemas}

    def _typed_dict(self, shape: Any) -> Schema:
        if self._is_new(shape):
            # Python before 3.12 has TypedDicts that pydantic does not read; the same source gives the same description.
            hints = get_type_hints(shape, include_extras=True)
            self.schemas[shape.__name__] = {
                "type": "object",
                "description": inspect.getdoc(shape) or "",
                "properties": {name: self.answer(hint) for name, hint in hints.items()},
                "required": [name for name in hints if name in shape.__required_keys__],
            }
        return _reference(shape)

    def _is_new(self, shape: Any) -> bool:
        known = self._classes.setdefault(shape.__name__, shape)
        if known is not shape:
            raise TypeError(f"{known.__module__} and {shape.__module__} both name a shape {shape.__name__}")
        return shape.__name__ not in self.schemas


class _Untitled(GenerateJsonSchema):
    """Leaves out the titles that only repeat a field's name."""

    def field_title_should_be_set(self, schema: Any) -> bool:
        return False

    def generate(self, schema: CoreSchema, mode: Any = "validation") -> JsonSchemaValue:
        made = super().generate(schema, mode)
        made.pop("title", None)
        return made


def _reference(shape: Any) -> Schema:
    return {"$ref": REFERENCE.format(model=shape.__name__)}


def _tidy(schema: Schema, *, change: bool) -> Schema:
    tidy = {name: value for name, value in schema.items() if name != "title"}
    if change:
        tidy["properties"] = {
            name: {key: value for key, value in shape.items() if key != "default"}
            for name, shape in schema["properties"].items()
        }
    return tidy


def _without_null(schema: Schema) -> Schema:
    shape = {name: value for name, value in schema.items() if not (name == "default" and value is None)}
    alternatives = [one for one in shape.get("anyOf", []) if one != {"type": "null"}]
    if len(alternatives) == 1:
        del shape["anyOf"]
        shape |= alternatives[0]
    return shape
