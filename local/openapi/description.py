"""The whole description: each route becomes an operation, told in the wire style of its group."""

import functools
import inspect
import json
import operator
import tomllib
import types
from http import HTTPStatus
from pathlib import Path
from typing import Annotated, Any, Union, get_args, get_origin, get_type_hints

from pydantic import BaseModel

from functions.forwarding.accounts import api as accounts_api
from functions.forwarding.backups import api as backups_api
from functions.forwarding.bots import api as bots_api
from functions.forwarding.mappings import api as mappings_api
from functions.forwarding.smart_mapping import api as smart_mapping_api
from functions.identity.api_keys.models import PERMISSIONS
from functions.identity.oauth import authorize_api
from functions.identity.oauth.models import AuthorizeParameters
from functions.identity.users import api as users_api
from functions.integrations import api as integrations_api
from functions.messaging import api as messaging_api
from functions.messaging import callbacks as callbacks_api
from functions.support.tickets import api as tickets_api
from hub.auth import BUCKET_LIMITS, LIMITS
from hub.store.paging import CursorPage, OffsetPage
from hub.web.request import FORM, JSON, Accepted, Raw, Versioned
from hub.web.resolver import MAX_ID_LENGTH, Api, Route
from local.openapi import answers, deliveries, lists
from local.openapi.discovery import Resolver, resolvers
from local.openapi.examples import EXAMPLES
from local.openapi.samples import Schema, any_of
from local.openapi.shapes import Shapes

FILE = "functions/reference/openapi.json"

_INTRODUCTION = f"""\
One HTTP API in the wire styles of five documents: a group answers as its document says, errors included.

- **Credentials**: `Authorization: Bearer <API key or OAuth access token>`. Every operation names the permissions of
  which one is needed; an access token has them as its scopes.
- **Languages**: messages come in Chinese, or in English with `Accept-Language: en-US`.
- **Request ids**: `X-Request-ID` is echoed, or made when absent, and found in logs and events.
- **Rate limits**: {LIMITS["api_key"]} requests a minute for each API key, {LIMITS["access_token"]} for each grant,
  fewer where an operation says so.
- **Lists**: by `page` and size, exact up to 10,000 rows; by `cursor` (empty for the first page) at any depth.
- **Versions**: an `ETag` names the version that is shown. Sent back as `If-Match`, it lets a PUT or PATCH be made to
  that version alone; as `If-None-Match`, it spares a GET sending the version again. Elsewhere neither is evaluated:
  what is added with POST, a message or a comment, is true whatever else changed.
- **Sending twice**: a POST with an `Idempotency-Key` is done once, and answered the same for 24 hours.
- Paths and methods that are not listed here get API Gateway's own 404, `{{"message": "Not Found"}}`.
"""

_HEADERS: dict[str, tuple[str, Schema]] = {
    "X-Request-ID": ("The request's id: the one that was sent, or a new one.", {"type": "string"}),
    "X-RateLimit-Limit": (
        "Requests a minute that the tightest limit allows; told to every caller with a credential.",
        {"type": "integer"},
    ),
    "X-RateLimit-Remaining": ("How many are left in this minute.", {"type": "integer"}),
    "X-RateLimit-Reset": ("When the next minute begins, in epoch seconds.", {"type": "integer"}),
    "Retry-After": ("Seconds until a retry makes sense.", {"type": "integer"}),
    "WWW-Authenticate": ("`Bearer`; at the OAuth endpoints `Basic`.", {"type": "string"}),
    "Link": ("Where a list goes on (RFC 8288).", {"type": "string"}),
    "Location": (
        "Where the browser goes on, or where work in the background shows how far it is.",
        {"type": "string", "format": "uri-reference"},
    ),
    "ETag": ("The version of what is shown.", {"type": "string"}),
    "Content-Language": ("The language of the messages.", {"enum": ["zh-CN", "en-US"]}),
    "Idempotency-Replayed": ("`true` on the stored answer of an earlier request.", {"const": "true"}),
}
_QUERIES_READ_BY_PAGES: dict[Any, type[BaseModel]] = {
    authorize_api.authorize: AuthorizeParameters,
    authorize_api.submit_authorization: AuthorizeParameters,
}
"""Queries that a route reads itself, because what is wrong with them is told on a page or at the client's address."""

_RULED: set[Any] = {
    users_api.update_user,
    users_api.patch_user,
    users_api.delete_user,
    tickets_api.update_ticket,
    messaging_api.send_message,
    accounts_api.update_account,
    accounts_api.patch_account,
    accounts_api.list_account_servers,
    accounts_api.list_account_channels,
    mappings_api.update_mapping,
    smart_mapping_api.list_kook_servers,
    smart_mapping_api.list_kook_channels,
}
"""Routes that refuse by a rule what is well-formed, beside those that refuse another body for an `Idempotency-Key`."""

_NAMING: set[Any] = {
    smart_mapping_api.list_kook_servers,
    smart_mapping_api.list_kook_channels,
    smart_mapping_api.match_channels,
    backups_api.restore_backup,
}
"""Routes that name what they are about in their query or body."""

_GATED: set[Any] = {accounts_api.delete_account, bots_api.delete_bot, mappings_api.delete_mapping}
"""Deletions that are refused while something else stands in their way."""

_VERIFYING: set[Any] = {callbacks_api.verify_callback, callbacks_api.receive_callback, integrations_api.receive_change}
"""Public routes that take what its sender has signed, in the sender's own form."""

_RATE_HEADERS = ("X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset")

_PARAMETERS: dict[str, dict[str, Any]] = {
    "Accept-Language": {
        "description": "The language of messages: Chinese unless English is asked for.",
        "schema": {"type": "string", "default": "zh-CN"},
        "examples": {"zh-CN": {"value": "zh-CN"}, "en-US": {"value": "en-US"}},
    },
    "X-Request-ID": {
        "description": "An id of the caller's for this request; one in another form is replaced.",
        "schema": {"type": "string", "pattern": "^[A-Za-z0-9._:-]{1,128}$"},
    },
    "Idempotency-Key": {
        "description": "Sent again with the same body within 24 hours, the request gets its first answer and is not"
        " done again; with another body it is a 422, and while the first is under way a 409.",
        "schema": {"type": "string", "pattern": "^[\\x21-\\x7e]{1,255}$"},
    },
    "If-Match": {
        "description": "The `ETag` of the version that is to be changed: if there is another one by now, this is a 412"
        " and nothing changes (RFC 9110 section 13.1.1).",
        "schema": {"type": "string"},
    },
    "If-None-Match": {
        "description": "The `ETag` of a version that the caller has: while there is no other, the answer is a 304"
        " without a body (RFC 9110 section 13.1.2).",
        "schema": {"type": "string"},
    },
}


def text(root: Path) -> str:
    """The description as it stands in the file."""
    return json.dumps(build(root), ensure_ascii=False, indent=2) + "\n"


def build(root: Path) -> dict[str, Any]:
    """Describe every route there is."""
    shapes = Shapes()
    found = resolvers(root)
    components: dict[str, Any] = {"responses": {}}
    paths: dict[str, dict[str, Any]] = {}
    for resolver in found:
        for route in resolver.api.routes.values():
            operation = _Operation(resolver.api, route, shapes)
            paths.setdefault(route.path, {})[route.method.lower()] = operation.described()
            components["responses"] |= operation.error_responses()
        shapes.schemas[answers.error_name(resolver.api.style)] = answers.error_schema(resolver.api.style)
    webhooks = deliveries.webhooks(root)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Hub", "version": _version(root), "description": _INTRODUCTION},
        "servers": [{"url": "/"}],
        "tags": _tags(found),
        "paths": paths,
        "webhooks": webhooks,
        "components": components
        | {
            "schemas": {name: _with_example(name, schema) for name, schema in shapes.schemas.items()},
            "headers": {name: {"description": told, "schema": shape} for name, (told, shape) in _HEADERS.items()},
            "parameters": {name: {"name": name, "in": "header", **more} for name, more in _PARAMETERS.items()},
            "securitySchemes": _security_schemes(paths),
        },
    }


class _Operation:
    """One route, described."""

    def __init__(self, api: Api, route: Route, shapes: Shapes) -> None:
        self.api, self.route, self.shapes = api, route, shapes
        self.hints = get_type_hints(route.function, include_extras=True)
        self.path_parameters = [name for name in self.hints if f"{{{name}}}" in route.path]

    def described(self) -> dict[str, Any]:
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
            self._error_name(status): answers.error_response(style, status, _references(self._error_headers(status)))
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
        if self._is_idempotent():
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
            names = ["X-Request-ID", "ETag", *_RATE_HEADERS]
            responses["304"] = {"description": HTTPStatus(304).phrase, "headers": _references(names)}
        for status in self._errors():
            responses[str(status)] = {"$ref": f"#/components/responses/{self._error_name(status)}"}
        if any(get_origin(one) is Accepted for one in _alternatives(self.hints.get("return"))):
            headers = _references([*self._success_headers(), "Location"])
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
            return {"description": phrase, "headers": _references(["X-Request-ID", "Location"])}
        content: dict[str, Any] = {media_type: {}}
        if self._wrapped():
            content |= answers.error_response(self.api.style, status, {})["content"]
        return {"description": phrase, "headers": _references(["X-Request-ID"]), "content": content}

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
            "headers": _references(self._success_headers()),
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
        """The statuses of the errors that the resolver and the routes' own rules can raise."""
        reads_form, reads_body = "form" in self.hints, "body" in self.hints or "form" in self.hints
        changes = self.route.method in ("POST", "PUT", "PATCH") and not self._raw()
        # A route that is public and yet reads a body reads a password or a client's secret there.
        authenticates = not self.route.public or reads_body
        occurring = {
            400: reads_body or "query" in self.hints or self._is_idempotent() or "platform" in self.hints,
            401: authenticates,
            403: not self.route.public or self.route.function in _VERIFYING,
            404: bool(self.path_parameters) or self.route.function in _NAMING,
            409: (changes and not reads_form) or self.route.function in _GATED,
            412: self._is_versioned() and self.route.method not in ("GET", "POST"),
            413: reads_body or self._is_idempotent() or self.route.function in _VERIFYING,
            415: reads_body,
            422: self._is_idempotent() or self.route.function in _RULED,
            429: authenticates,
            500: True,
            503: True,
        }
        return [status for status, occurs in occurring.items() if occurs]

    def _is_idempotent(self) -> bool:
        return self.route.method == "POST" and not self.route.public

    def _error_name(self, status: int) -> str:
        public = "Public" if self.route.public else ""
        return f"{public}{type(self.api.style).__name__}{type(answers.EXAMPLES[status]).__name__}"

    def _error_headers(self, status: int) -> list[str]:
        names = ["X-Request-ID", "Content-Language"]
        if status == 401:
            return [*names, "WWW-Authenticate"]
        if not self.route.public:
            names += _RATE_HEADERS
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
            names += _RATE_HEADERS
        if self._is_idempotent():
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


def _references(headers: list[str]) -> dict[str, Any]:
    return {name: {"$ref": f"#/components/headers/{name}"} for name in headers}


def _tags(found: list[Resolver]) -> list[dict[str, str]]:
    told: dict[str, list[str]] = {}
    for resolver in found:
        style = resolver.api.style
        told.setdefault(resolver.api.group, []).append(
            f"{resolver.purpose}\n\nWire style {type(style).__name__}: {(inspect.getdoc(style) or '').splitlines()[0]}"
        )
    return [{"name": group, "description": "\n\n".join(texts)} for group, texts in told.items()]


def _with_example(name: str, schema: Schema) -> Schema:
    return schema | {"examples": [EXAMPLES[name]]} if name in EXAMPLES else schema


def _security_schemes(paths: dict[str, dict[str, Any]]) -> dict[str, Any]:
    schemes: dict[str, Any] = {
        "bearer": {
            "type": "http",
            "scheme": "bearer",
            "description": "An API key (`sk_live_…`), or the token of `/api/auth/login`.",
        },
        "token": {
            "type": "apiKey",
            "in": "header",
            "name": "X-API-Token",
            "description": "The same credential as document 5's clients send it, under `/api/` only.",
        },
    }
    operations = [operation for path in paths.values() for operation in path.values()]
    scopes = {
        scope for operation in operations for scheme in operation["security"] for scope in scheme.get("oauth2", [])
    }
    told = {"tokenUrl": "/oauth/token", "scopes": {scope: _scope_meaning(scope) for scope in sorted(scopes)}}
    schemes["oauth2"] = {
        "type": "oauth2",
        "description": "RFC 6749 with PKCE (S256). Metadata: `/.well-known/oauth-authorization-server`.",
        "flows": {
            "authorizationCode": {"authorizationUrl": "/oauth/authorize", "refreshUrl": "/oauth/token", **told},
            "clientCredentials": told,
        },
    }
    used = {name for operation in operations for scheme in operation["security"] for name in scheme}
    return {name: scheme for name, scheme in schemes.items() if name in used}


def _scope_meaning(scope: str) -> str:
    group, _, verb = scope.rpartition(":")
    meaning = {"read": "Read", "write": "Change", "admin": "All, administration included"}[verb]
    return f"{meaning}: {group}" if group else meaning


def _version(root: Path) -> str:
    version: str = tomllib.loads((root / "pyproject.toml").read_text())["project"]["version"]
    return version
