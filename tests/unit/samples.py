"""The sample inputs in `events/`, and the functions that take them."""

import importlib
import json
import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from tests.contract.memory import TEMPLATE

ROOT = Path(__file__).resolve().parents[2]
FUNCTIONS = {
    name: resource["Properties"]
    for name, resource in TEMPLATE["Resources"].items()
    if resource["Type"] == "AWS::Serverless::Function"
}


def sample_name(function: str) -> str:
    """`WebhookFanOutFunction` has `events/webhook-fan-out.json`."""
    return re.sub(r"(?<!^)(?=[A-Z])", "-", function.removesuffix("Function")).lower() + ".json"


def sample(function: str) -> Any:
    return json.loads((ROOT / "events" / sample_name(function)).read_text())


def invoke(function: str) -> Any:
    module, _, name = FUNCTIONS[function]["Handler"].rpartition(".")
    context = SimpleNamespace(
        aws_request_id="an-invocation", function_name=function, get_remaining_time_in_millis=lambda: 240_000
    )
    return getattr(importlib.import_module(module), name)(sample(function), context)


def know(key: str, *permissions: str) -> str:
    """Have the tenant of the samples an API key; answers with what it is found by."""
    from hub import auth
    from hub.store import table

    found_by = auth.credential_hash(key)
    credential = auth.credential_item(
        found_by,
        tenant="default",
        credential_id="ak_sample",
        kind="api_key",
        plan="enterprise",
        permissions=list(permissions),
        expires_at=None,
    )
    table.write(table.Put(table.activity(), credential))
    return found_by


def connect(service_type: str, **config: str) -> str:
    """An integration of the samples' tenant; answers with its id."""
    from functions.integrations import service
    from functions.integrations.models import NewIntegration
    from hub.events import Caller

    wanted = NewIntegration(name="客服", service_type=service_type, config=config)
    return service.create(Caller("default", "enterprise", "operator", "req"), wanted)["id"]
