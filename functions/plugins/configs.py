"""What a tenant sets a plugin to: checked against its schema, changed field by field, its secrets kept apart."""

from collections.abc import Mapping
from typing import Any

from functions.plugins import schemas
from functions.plugins.models import MAX_CONFIG_BYTES
from hub import outbound, secrets
from hub.errors import FieldError, InvalidRequest
from hub.web.validation import answer_bytes


def checked(manifest: Mapping[str, Any], config: Mapping[str, Any]) -> dict[str, Any]:
    """A config that its plugin's schema takes. Raises `InvalidRequest` with the fields under `config`."""
    schema = manifest["config_schema"]
    wrong = [
        # What an answer showed is no secret.
        FieldError(f"config.{name}", "missing")
        for name in schemas.secret_fields(schema)
        if config.get(name) == secrets.MASK
    ]
    wrong = wrong or schemas.errors(schema, config, "config")
    if not wrong and manifest["runtime"]["type"] == "builtin":
        refusals = {name: outbound.refusal(config[name]) for name in schemas.address_fields(schema) if name in config}
        wrong = [FieldError(f"config.{name}", reason) for name, reason in refusals.items() if reason]
    if not wrong and answer_bytes(config) > MAX_CONFIG_BYTES:
        wrong = [FieldError("config", "too_many_bytes", {"limit": MAX_CONFIG_BYTES})]
    if wrong:
        raise InvalidRequest(wrong)
    return dict(config)


def merged(
    before: Mapping[str, Any], after: Mapping[str, Any], kept: Mapping[str, Any], sent: Mapping[str, Any]
) -> dict[str, Any]:
    """The config under the fields that were sent, as the manifest `after` takes it. Raises `InvalidRequest`.

    Where an address changes to which secrets are sent, they must be sent anew: else whoever may change a plugin, but
    not see its secrets, would have them sent to an address of theirs.
    """
    hidden = set(schemas.secret_fields(before["config_schema"])) | set(schemas.secret_fields(after["config_schema"]))
    unsent = {name for name in hidden if name in kept and sent.get(name, secrets.MASK) == secrets.MASK}
    together = {**kept, **{name: value for name, value in sent.items() if name not in unsent}}
    config = checked(after, {name: value for name, value in together.items() if value is not None})
    addresses = set(schemas.address_fields(after["config_schema"])) - hidden
    has_moved = before["runtime"] != after["runtime"] or any(
        name in config and config[name] != kept.get(name) for name in addresses
    )
    if has_moved and (left := sorted(unsent & config.keys())):
        raise InvalidRequest([FieldError(f"config.{name}", "send_anew") for name in left])
    return config
