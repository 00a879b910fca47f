"""One route as an operation, told in the wire style of its group."""

import functools
import inspect
import operator
import types
from http import HTTPStatus
from typing import Annotated, Any, Union, get_args, get_origin, get_type_hints

from pydantic import BaseModel

from functions.identity.api_keys.models import PERMISSIONS
from functions.identity.oauth import authorize_api
from functions.identity.oauth.models import AuthorizeParameters
from hub.auth import BUCKET_LIMITS
from hub.store.paging import CursorPage, OffsetPage
from hub.web.request import FORM, JSON, Accepted, Raw, Versioned
from hub.web.resolver import MAX_ID_LENGTH, Api, Route
from local.openapi import answers, lists, refusals
from local.openapi.components import RATE_HEADERS, references
from local.openapi.samples import any_of
from local.openapi.shapes import Shapes

_QUERIES_READ_BY_PAGES: dict[Any, type[BaseModel]] = {
    authorize_api.authorize: AuthorizeParameters,
    authorize_api.submit_authorization: AuthorizeParameters,
}
"""Queries that a route reads itself, because what is wrong with them is told on a page or at the client's address."""


class Operation:
    """One route, described."""

    def __init__(self, api: Api, route: Route, shapes: Shapes) -> None:
        self.api, self.route, self.shapes = api, route, shapes
        self.hints = get_type_hints(route.function, include_extras=True)
        self.path_parameters = [name for name in self.hints if f"{{{name}}}" in route.path]

    def described(self) -> dict[str, Any]:
        """As the description has it."""
        told = inspect.getdoc(self.route.function) or ""
        described: dict[str, Any] = {
            "operationId": self._operation_id(),
            "tags": [self.api.group],
            "summary": told.split(". ")[0].splitlines()[0].rstrip("."),
            "description": "\n\n".join([told, *self._conditions()]),
            "parameters": self._parameters(),
            "responses": self._responses(),
            "security": self._security(),
        }
        if "body" in self.hints:
            described["requestBody"] = self._request_body(self.hints["body"], [JSON])
        if "form" in self.hints:
            described["requestBody"] = self._request_body(self.hints["form"], [FORM, JSON])
        if not self.route.public:
            described["x-permissions"] = self._permissions()
        return described

    def error_responses(self) -> dict[str, Any]:
        """The components that the operation's errors refer to."""
        style = self.api.style
        return {
            self._error_name(status): answers.error_response(style, status, references(self._error_headers(status)))
            for status in self._errors()
            if status not in self._raw_statuses()
        }

    def _operation_id(self) -> str:
        name = self.route.function.__name__
        mounts = [one for one in self.api.routes.values() if one.function is self.route.function]
        return f"{name}_v1" if len(mounts) > 1 and self.route.path.startswith("/v1/") else name

    def _conditions(self) -> list[str]:
        if self.route.public:
            return ["Needs no credential."]
        names = [f"`{name}`" for name in self._permissions()]
        conditions = [f"Needs the permission {' or '.join(names)}."]
        if self.route.bucket in BUCKET_LIMITS:
            conditions.append(f"At most {BUCKET_LIMITS[self.route.bucket]} requests a minute (`{self.route.bucket}`).")
        return conditions

    def _permissions(self) -> list[str]:
        if self.route.permission == "admin":
            return ["admin"]
        return [self.route.permission, f"{self.api.group}:{self.route.permission}", "admin"]

    def _security(self) -> list[dict[str, list[str]]]:
        if self.route.public:
            return []
        schemes = ["bearer", "token"] if self.route.path.startswith("/api/") else ["bearer"]
        scopes = [name for name in self._permissions() if name in PERMISSIONS]
        requirements: list[dict[str, list[str]]] = [{scheme: []} for scheme in schemes]
        return [*requirements, *({"oauth2": [scope]} for scope in scopes)]

    def _parameters(self) -> list[dict[str, Any]]:
        in_path: list[dict[str, Any]] = [
            {
                "name": name,
                "in": "path",
                "required": True,
                "schema": {"type": "string", "minLength": 1, "maxLength": MAX_ID_LENGTH},
            }
            for name in self.path_parameters
        ]
        names = ["Accept-Language", "X-Request-ID"]
        if refusals.is_idempotent(self.route):
            names.append("Idempotency-Key")
        if self._is_versioned():
            names += {"GET": ["If-None-Match"], "POST": []}.get(self.route.method, ["If-Match"])
        return [*in_path, *self._in_query(), *({"$ref": f"#/components/parameters/{name}"} for name in names)]

    def _in_query(self) -> list[dict[str, Any]]:
        if self.route.list_of:
            return lists.parameters(self.route.list_of)
        model = _QUERIES_READ_BY_PAGES.get(self.route.function) or self.hints.get("query")
        return self.shapes.parameters(model) if model else []

    def _request_body(self, model: type[BaseModel], media_types: list[str]) -> dict[str, Any]:
        schema = self.shapes.request(model, change=self.route.method in ("PUT", "PATCH"))
        required = any(field.is_required() for field in model.model_fields.values())
        return {"required": required, "content": {media_type: {"schema": schema} for media_type in media_types}}

    def _responses(self) -> dict[str, Any]:
        responses = {str(self.route.status): self._success()}
        if self._is_versioned() and self.route.method == "GET":
            names = ["X-Request-ID", "ETag", *RATE_HEADERS]
            responses["304"] = {"description": HTTPStatus(304).phrase, "headers": references(names)}
        for status in self._errors():
            responses[str(status)] = {"$ref": f"#/components/responses/{self._error_name(status)}"}
        if any(get_origin(one) is Accepted for one in _alternatives(self.hints.get("return"))):
            headers = references([*self._success_headers(), "Location"])
            accepted = {"description": HTTPStatus(202).phrase, "headers": headers, "content": self._content()}
            responses["202"] = accepted
        return responses | {str(status): self._raw_response(status) for status in self._raw_statuses()}

    def _raw(self) -> tuple[str, list[int]] | None:
        """The media type and the further statuses of an answer that no style wraps."""
        for one in _alternatives(self.hints.get("return")):
            if get_origin(one) is Annotated and get_args(one)[0] is Raw:
                _, media_type, *statuses = get_args(one)
                return media_type, statuses
        return None

    def _raw_statuses(self) -> list[int]:
        raw = self._raw()
        return raw[1] if raw else []

    def _raw_response(self, status: int) -> dict[str, Any]:
        """A redirect, or a page that tells an error; callers who get JSON otherwise get it in errors too."""
        (media_type, _) = self._raw() or ("", [])
        phrase = HTTPStatus(status).phrase
        if status < 400:
            return {"description": phrase, "headers": references(["X-Request-ID", "Location"])}
        content: dict[str, Any] = {media_type: {}}
        if self._wrapped():
            content |= answers.error_response(self.api.style, status, {})["content"]
        return {"description": phrase, "headers": references(["X-Request-ID"]), "content": content}

    def _wrapped(self) -> list[Any]:
        """The alternatives of an answer that the style wraps."""
        if self._is_versioned():
            return list(get_args(self.hints["return"]))
        alternatives = _alternatives(self.hints["return"])
        return [one for one in alternatives if not _is_raw(one) and get_origin(one) is not Accepted]

    def _is_versioned(self) -> bool:
        """Whether the answer has an `ETag`."""
        return get_origin(self.hints.get("return")) is Versioned

    def _success(self) -> dict[str, Any]:
        response: dict[str, Any] = {
            "description": HTTPStatus(self.route.status).phrase,
            "headers": references(self._success_headers()),
        }
        if self.route.status != 204:
            response["content"] = self._content()
        return response

    def _content(self) -> dict[str, Any]:
        raw = self._raw()
        content: dict[str, Any] = {raw[0]: {}} if raw else {}
        wrapped = self._wrapped()
        pages = [one for one in wrapped if get_origin(one) in (OffsetPage, CursorPage)]
        others = [one for one in wrapped if one not in pages]
        schemas = []
        if others:
            schemas.append(answers.one(self.api.style, self.shapes.answer(_united(others))))
        if pages:
            ((item,), *_) = (get_args(one) for one in pages)
            row = self.shapes.answer(item, part=self.route.list_of is not None)
            schemas.append(answers.page(self.api.style, row))
        if schemas:
            content[JSON] = {"schema": any_of(schemas)}
        return content

    def _errors(self) -> list[int]:
        return refusals.statuses(
            self.route,
            self.hints,
            names_one=bool(self.path_parameters),
            is_raw=self._raw() is not None,
            is_versioned=self._is_versioned(),
        )

    def _error_name(self, status: int) -> str:
        public = "Public" if self.route.public else ""
        return f"{public}{type(self.api.style).__name__}{type(answers.EXAMPLES[status]).__name__}"

    def _error_headers(self, status: int) -> list[str]:
        names = ["X-Request-ID", "Content-Language"]
        if status == 401:
            return [*names, "WWW-Authenticate"]
        if not self.route.public:
            names += RATE_HEADERS
        return [*names, *(["Retry-After"] if status in (409, 429) else [])]

    def _success_headers(self) -> list[str]:
        names = ["X-Request-ID"]
        if self.route.status != 204 and not self._raw():
            names.append("Content-Language")
        if self._is_versioned():
            names.append("ETag")
        pages = any(get_origin(one) is OffsetPage for one in _alternatives(self.hints.get("return")))
        if pages and not self.api.style.pages_in_body:
            names.append("Link")
        if not self.route.public:
            names += RATE_HEADERS
        if refusals.is_idempotent(self.route):
            names.append("Idempotency-Replayed")
        return names


def _alternatives(annotation: Any) -> tuple[Any, ...]:
    """What a union is of; anything else is its own only alternative."""
    return get_args(annotation) if get_origin(annotation) in (Union, types.UnionType) else (annotation,)


def _united(alternatives: list[Any]) -> Any:
    """The union of annotations."""
    return functools.reduce(operator.or_, alternatives)


def _is_raw(annotation: Any) -> bool:
    return get_origin(annotation) is Annotated and get_args(annotation)[0] is Raw
