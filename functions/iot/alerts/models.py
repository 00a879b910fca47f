"""Shapes of alerts: on the wire in document 3's camelCase, and in the messages from a device."""

from typing import Annotated, Any, Literal, TypedDict

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from functions.iot.payload import AnyPayload
from hub.web.validation import not_blank

Level = Literal["info", "warning", "critical"]


class Alert(TypedDict):
    """An alert as it is shown; `createdAt` is when it came to IoT Core."""

    id: str
    deviceId: str
    level: Level
    message: str
    data: Any
    createdAt: str


class RaisedAlert(BaseModel):
    """What a device tells; fields that a later version of it adds are passed over."""

    model_config = ConfigDict(extra="ignore", strict=True, defer_build=True, hide_input_in_errors=True)

    level: Level
    message: Annotated[str, Field(min_length=1, max_length=1000), AfterValidator(not_blank)]
    data: AnyPayload = None
