"""The webhooks that Hub sends, one for each event whose schema is published in docs/events."""

import json
from pathlib import Path
from typing import Any

from hub import signing

EVENTS = "docs/events"
_SUFFIX = ".schema.json"

_HEADERS = {
    "X-Webhook-Signature": "`sha256=` and the hexadecimal HMAC-SHA256 of the body under the webhook's secret.",
    "X-Webhook-Id": "The event's id: the same in every attempt.",
    "X-Webhook-Event": "The event's name.",
    "X-Webhook-Timestamp": "When this attempt was made, in epoch seconds.",
    "webhook-id": "As Standard Webhooks has it: the event's id.",
    "webhook-timestamp": "As Standard Webhooks has it: when this attempt was made, in epoch seconds.",
    "webhook-signature": "As Standard Webhooks has it: `v1,` and the base64 HMAC-SHA256 of id, time-stamp and body; "
    "while a secret is being rotated two such values, a space between them, the current secret's first.",
}


def event_schemas(root: Path) -> dict[str, dict[str, Any]]:
    """The schema of each event's `detail` on the bus, by the event's name."""
    files = sorted((root / EVENTS).glob(f"*{_SUFFIX}"))
    return {file.name.removesuffix(_SUFFIX): json.loads(file.read_text(encoding="utf-8")) for file in files}


def webhooks(root: Path) -> dict[str, Any]:
    """The OpenAPI `webhooks` section."""
    return {name: {"post": _delivery(name, schema)} for name, schema in event_schemas(root).items()}


def _delivery(name: str, event: dict[str, Any]) -> dict[str, Any]:
    properties = event["properties"]
    body = {
        "type": "object",
        "properties": {
            "id": properties["id"],
            "event": {"const": name},
            "type": {"const": name},
            "timestamp": properties["timestamp"],
            "data": properties["data"],
        },
        "required": ["id", "event", "type", "timestamp", "data"],
    }
    names = signing.headers(b"", "", "", 0, [""])
    return {
        "operationId": f"on_{name.replace('.', '_')}",
        "tags": ["webhooks"],
        "summary": event["title"],
        "description": event["description"],
        "security": [],
        "parameters": [
            {"name": header, "in": "header", "required": True, "description": _HEADERS[header], "schema": _STRING}
            for header in names
        ],
        "requestBody": {"required": True, "content": {"application/json": {"schema": body}}},
        "responses": {
            "2XX": {"description": "Taken; an answer within 10 seconds counts."},
            "default": {"description": "Not taken: it is sent again as the webhook's `retry_policy` says."},
        },
    }


_STRING = {"type": "string"}
