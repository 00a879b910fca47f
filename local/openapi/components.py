"""What operations refer to: headers, parameters that every request may have, and credentials."""

from typing import Any

from local.openapi.samples import Schema

HEADERS: dict[str, tuple[str, Schema]] = {
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
RATE_HEADERS = ("X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset")

PARAMETERS: dict[str, dict[str, Any]] = {
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


def references(headers: list[str]) -> dict[str, Any]:
    """References to headers."""
    return {name: {"$ref": f"#/components/headers/{name}"} for name in headers}


def security_schemes(paths: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """The kinds of credentials that operations take."""
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
