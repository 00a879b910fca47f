"""Request bodies and queries checked by pydantic, its complaints told in Hub's words."""

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Any, Self, TypeVar

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    model_validator,
)
from pydantic_core import ErrorDetails, PydanticCustomError

from hub import times
from hub.errors import FieldError, InvalidRequest


class Body(BaseModel):
    """A JSON body: exact types, unknown fields refused."""

    # Schemas are built when a model is first used, so that a cold start pays only for the route it serves.
    # JSON has no NaN and no infinity, and DynamoDB stores none.
    model_config = ConfigDict(extra="forbid", strict=True, defer_build=True, allow_inf_nan=False)

    def changes(self) -> dict[str, Any]:
        """The fields that were sent, of a body that changes some. Raises `InvalidRequest` where it has none."""
        sent = self.model_dump(exclude_unset=True)
        if not sent:
            raise InvalidRequest(FieldError("body", "nothing_to_change"))
        return sent


class Parameters(BaseModel):
    """A query string: values are read from text, unknown parameters refused."""

    model_config = ConfigDict(extra="forbid", defer_build=True)


class PageParameters(Parameters):
    """A list in pages: by number from 1, or by `cursor` (empty for the first page)."""

    page: Annotated[int, Field(ge=1)] = 1
    limit: Annotated[int, Field(ge=1, le=100)] = 20
    cursor: Annotated[str, Field(max_length=1024)] | None = None

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if self.cursor is not None and "page" in self.model_fields_set:
            raise refused("not_combined", field="cursor", other="page")
        return self


def _future(value: datetime) -> datetime:
    if value <= datetime.now(UTC):
        raise refused("in_the_past")
    return value


def _begins_with_a_date(value: Any) -> Any:
    # pydantic would also take numbers, as epoch seconds: `2024` for a moment of 1970.
    if not isinstance(value, str) or not re.match(r"\d{4}-\d\d-\d\d", value, re.ASCII):
        raise refused("must_be_time")
    return value


def not_blank(value: str) -> str:
    """Refuse a text of nothing but white space, as a validator of a field does."""
    if not value.strip():
        raise refused("missing")
    return value


def _distinct(tags: list[str]) -> list[str]:
    if len(set(tags)) != len(tags):
        raise refused("duplicate")
    return tags


# As browsers check an email field (HTML, "valid e-mail address"), with RFC 5321's lengths.
_LABEL = "[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?"
_EMAIL = rf"^[a-zA-Z0-9.!#$%&'*+/=?^_`{{|}}~-]{{1,64}}@{_LABEL}(?:\.{_LABEL})*$"
MAX_EMAIL = 254

Email = Annotated[str, Field(max_length=MAX_EMAIL, pattern=_EMAIL)]
Time = Annotated[AwareDatetime, BeforeValidator(_begins_with_a_date)]
"""ISO 8601 with a zone, as text; for queries, as bodies are read strictly."""

FutureTime = Annotated[AwareDatetime, AfterValidator(_future)]
Name = Annotated[str, Field(min_length=1, max_length=100), AfterValidator(not_blank)]
Description = Annotated[str, Field(max_length=1000)]
Tag = Annotated[str, Field(min_length=1, max_length=50), AfterValidator(not_blank)]
Tags = Annotated[list[Tag], Field(max_length=20), AfterValidator(_distinct)]

M = TypeVar("M", bound=BaseModel)

MAX_ERRORS = 20
MAX_PLACE = 200
"""What an answer tells of a body that is wrong in thousands of places, or has a name as long as itself."""


def answer_bytes(value: Any) -> int:
    """The bytes of a value in an answer: what Lambda returns is JSON within JSON, and may have 6 MB."""
    return len(json.dumps(json.dumps(value, ensure_ascii=False), ensure_ascii=False).encode())


def fits(limit: int) -> AfterValidator:
    """Refuse a value that has more than `limit` bytes in an answer, as a validator of a field does."""

    def check(value: Any) -> Any:
        if answer_bytes(value) > limit:
            raise refused("too_many_bytes", limit=limit)
        return value

    return AfterValidator(check)


def refused(reason: str, **values: Any) -> PydanticCustomError:
    """The error of a validator of ours: `reason` is a key of `hub.web.localisation`.

    A validator of a whole model names the field that it is about in `field`.
    """
    return PydanticCustomError("hub", "{reason}", {"reason": reason, "values": values})


def parse_body(model: type[M], body: bytes) -> M:
    """Read a JSON body. Raises `InvalidRequest`."""
    try:
        return model.model_validate_json(body)
    except ValidationError as error:
        raise invalid(error) from None


def parse_parameters(model: type[M], parameters: Mapping[str, str]) -> M:
    """Read a query string. Raises `InvalidRequest`."""
    try:
        return model.model_validate(parameters)
    except ValidationError as error:
        raise invalid(error) from None


def invalid(error: ValidationError) -> InvalidRequest:
    """Hub's error for pydantic's."""
    found = error.errors(include_url=False, include_input=False)[:MAX_ERRORS]
    return InvalidRequest([_field_error(details) for details in found])


def seconds(value: datetime | None) -> int | None:
    """A time of a request as epoch seconds."""
    return None if value is None else int(value.timestamp())


def iso(value: int | None) -> str | None:
    """Epoch seconds as an answer shows them."""
    return None if value is None else times.iso(value)


def _field_error(details: ErrorDetails) -> FieldError:
    kind = details["type"]
    context = details.get("ctx", {})
    # A union's own name and a dictionary's key marker stand in pydantic's location; people know neither.
    place = ".".join(str(part) for part in details["loc"] if part != "[key]")[:MAX_PLACE] or "body"
    if kind == "hub":
        return FieldError(context["values"].get("field", place)[:MAX_PLACE], context["reason"], context["values"])
    if kind in _WRONG_TYPES:
        return FieldError(place, _WRONG_TYPES[kind], wrong_type=True)
    # Python's own refusals stand in pydantic's context as they were raised: no text names them, no item can hold them.
    values = {name: value for name, value in context.items() if not isinstance(value, Exception)}
    return FieldError(place, _REASONS.get(kind, "malformed"), values)


_WRONG_TYPES = {
    "string_type": "must_be_string",
    "int_type": "must_be_integer",
    "int_parsing": "must_be_integer",
    "int_from_float": "must_be_integer",
    "float_type": "must_be_number",
    "float_parsing": "must_be_number",
    "bool_type": "must_be_boolean",
    "bool_parsing": "must_be_boolean",
    "list_type": "must_be_list",
    "dict_type": "must_be_object",
    "model_type": "must_be_object",
    "model_attributes_type": "must_be_object",
    "datetime_type": "must_be_time",
}

_REASONS = {
    "missing": "missing",
    "extra_forbidden": "unknown_field",
    "json_invalid": "json_invalid",
    "datetime_parsing": "must_be_time",
    "datetime_from_date_parsing": "must_be_time",
    "datetime_object_invalid": "must_be_time",
    "timezone_aware": "time_without_zone",
    "string_too_short": "too_short",
    "string_too_long": "too_long",
    "too_short": "too_short",
    "too_long": "too_long",
    "greater_than_equal": "too_small",
    "less_than_equal": "too_large",
    "literal_error": "not_one_of",
    "enum": "not_one_of",
}
