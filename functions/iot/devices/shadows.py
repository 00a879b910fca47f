"""A device's shadow: how Hub and a device that is not always connected tell each other what is and what is to be.

It lives in AWS IoT Core (the classic, unnamed shadow); the device changes `reported`, Hub `desired`.
"""

import json
from collections.abc import Iterator
from typing import Any

from botocore.exceptions import ClientError

from functions.iot import topics
from functions.iot.devices import store
from functions.iot.devices.models import MAX_SHADOW_BYTES, DeviceShadow, DeviceShadowChange
from hub import aws, times
from hub.errors import Conflict, FieldError, InvalidRequest, Unavailable

_EMPTY: dict[str, Any] = {"state": {}, "metadata": {}, "version": 0}


def get(tenant: str, device_id: str) -> DeviceShadow:
    """Show a device's shadow, an empty one where neither side has written any."""
    store.get(tenant, device_id)
    return _read(topics.thing_name(tenant, device_id))


def change(tenant: str, device_id: str, wanted: DeviceShadowChange) -> DeviceShadow:
    """Change what a device is to become, and tell it where it listens.

    Raises `Conflict` where the shadow is not of the version that the caller names, `InvalidRequest` where it would
    become too large.
    """
    store.get(tenant, device_id)
    thing = topics.thing_name(tenant, device_id)
    document: dict[str, Any] = {"state": {"desired": wanted.desired}}
    if wanted.version is not None:
        document["version"] = wanted.version
    try:
        aws.iot_data().update_thing_shadow(thingName=thing, payload=json.dumps(document, ensure_ascii=False).encode())
    except ClientError as error:
        match error.response["Error"]["Code"]:
            case "ConflictException":
                raise Conflict from None
            case "RequestEntityTooLargeException":
                raise InvalidRequest(FieldError("desired", "too_many_bytes", {"limit": MAX_SHADOW_BYTES})) from None
            case "InvalidRequestException":
                raise InvalidRequest(FieldError("desired", "malformed")) from None
        raise _translated(error) from error
    return _read(thing)


def _read(thing: str) -> DeviceShadow:
    try:
        answer = aws.iot_data().get_thing_shadow(thingName=thing)
        document = json.loads(answer["payload"].read())
    except ClientError as error:
        if error.response["Error"]["Code"] != "ResourceNotFoundException":
            raise _translated(error) from error
        document = _EMPTY
    state, metadata = document["state"], document["metadata"]
    return {
        "desired": state.get("desired") or {},
        "reported": state.get("reported") or {},
        "delta": state.get("delta") or {},
        "desiredAt": _latest(metadata.get("desired")),
        "reportedAt": _latest(metadata.get("reported")),
        "version": document["version"],
    }


def _latest(metadata: Any) -> str | None:
    """When the latest of the values was written that this metadata is of."""
    seconds = max(_timestamps(metadata), default=None)
    return None if seconds is None else times.iso(seconds)


def _timestamps(metadata: Any) -> Iterator[int]:
    """The metadata has the state's own structure, with `{"timestamp": <epoch seconds>}` for every value."""
    if isinstance(metadata, list):
        for element in metadata:
            yield from _timestamps(element)
    elif isinstance(metadata, dict):
        for name, value in metadata.items():
            if name == "timestamp" and isinstance(value, int):
                yield value
            else:
                yield from _timestamps(value)


def _translated(error: ClientError) -> Exception:
    code = error.response["Error"]["Code"]
    return Unavailable(retry_after=1) if code in {"ThrottlingException", "ServiceUnavailableException"} else error
