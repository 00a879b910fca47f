"""Configs as callers send them: checked as the provider's connector asks, and a stored one with what was sent of it.

Fields that are refused are named with `prefix` before them (`config.webhook_url`).
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from pydantic import ValidationError

from hub import connections, connectors, outbound, secrets
from hub.connectors.protocol import Config
from hub.errors import FieldError, InvalidRequest
from hub.web.validation import invalid

PREFIX = "config."


def checked(service_type: str, values: Mapping[str, Any], prefix: str = PREFIX) -> Config:
    """A config of a service type. Raises `InvalidRequest`."""
    shape = connectors.connector(service_type).config
    # What an answer showed is no secret.
    masked = [name for name in connections.secret_fields(shape) if values.get(name) == secrets.MASK]
    if masked:
        raise InvalidRequest([FieldError(f"{prefix}{name}", "missing") for name in masked])
    try:
        config: Config = shape.model_validate(dict(values))
    except ValidationError as error:
        raise InvalidRequest([replace(one, field=f"{prefix}{one.field}") for one in invalid(error).fields]) from None
    refusals = {name: outbound.refusal(url) for name, url in _addresses(config).items()}
    if wrong := [FieldError(f"{prefix}{name}", reason) for name, reason in refusals.items() if reason]:
        raise InvalidRequest(wrong)
    return config


def merged(service_type: str, kept: Config, sent: Mapping[str, Any], prefix: str = PREFIX) -> Config:
    """The stored config under the fields that were sent: one sent as `null` goes, a secret sent as `***` stays.

    Raises `InvalidRequest`, also where an address changes to which secrets go that were not sent anew.
    """
    values, hidden = kept.model_dump(exclude_defaults=True), connections.secret_fields(type(kept))
    unsent = {name for name in hidden if name in values and sent.get(name, secrets.MASK) == secrets.MASK}
    together = {**values, **{name: value for name, value in sent.items() if name not in unsent}}
    fields = type(kept).model_fields
    given = {name: value for name, value in together.items() if value is not None or name not in fields}
    config = checked(service_type, given, prefix)
    # Else whoever may change a connection, but not see its secrets, would have them sent to an address of theirs.
    if unsent and any(
        _addresses(kept).get(name) != url for name, url in _addresses(config).items() if name not in hidden
    ):
        raise InvalidRequest([FieldError(f"{prefix}{name}", "send_anew") for name in sorted(unsent)])
    return config


def _addresses(config: Config) -> dict[str, str]:
    """The addresses that a config has calls go to."""
    return {name: value for name, value in config.model_dump().items() if name.endswith("url") and value}
