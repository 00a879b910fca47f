"""Schedules: a message to a queue again and again, by EventBridge Scheduler.

A function that makes them has `SCHEDULE_GROUP` and `SCHEDULE_ROLE_ARN` in its environment, and may do what
docs/architecture.md says ("How to add", a schedule). Scheduler delivers at least once and not to the second: whoever
takes the message is prepared for one too many.
"""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from hub import aws, settings
from hub.errors import Unavailable

if TYPE_CHECKING:
    from mypy_boto3_scheduler.type_defs import CreateScheduleInputTypeDef

MIN_SECONDS = 60
"""Nothing is repeated more often than once a minute."""

_MAX_EVENT_AGE = 86_400
_NAME = re.compile(r"[0-9A-Za-z_.-]{1,64}")
_TRIES = 3


@dataclass(frozen=True)
class ScheduleSettings:
    """The deployment's group of schedules, and the role that they send as."""

    schedule_group: str
    schedule_role_arn: str


@cache
def _settings() -> ScheduleSettings:
    return settings.load(ScheduleSettings)


def named(tenant: str, thing: str) -> str:
    """The name of the one schedule of a tenant's thing (`int_…`); readable where it is short enough to be.

    No two share one: what is readable has a full stop, a hash has none.
    """
    name = f"{tenant}.{thing}"
    return name if _NAME.fullmatch(name) else hashlib.sha256(name.encode()).hexdigest()


def put(name: str, seconds: int, queue_arn: str, body: Mapping[str, Any]) -> None:
    """Have a queue get a JSON object every so many seconds, rounded up to minutes; replaces what had the name.

    The first comes at once, or after an interval: Scheduler promises neither. What cannot be delivered within an
    interval is left to the next. Raises `Unavailable`.
    """
    wanted = _schedule(name, seconds, queue_arn, body)
    for _ in range(_TRIES):
        if _tried("ConflictException", "create_schedule", **wanted):
            return
        # Deleted meanwhile, it is made anew.
        if _tried("ResourceNotFoundException", "update_schedule", **wanted):
            return
    raise Unavailable


def delete(name: str) -> None:
    """Remove a schedule; one that is not there is none to remove."""
    _tried("ResourceNotFoundException", "delete_schedule", Name=name, GroupName=_settings().schedule_group)


def _schedule(name: str, seconds: int, queue_arn: str, body: Mapping[str, Any]) -> "CreateScheduleInputTypeDef":
    minutes = -(-max(seconds, MIN_SECONDS) // 60)
    return {
        "Name": name,
        "GroupName": _settings().schedule_group,
        "ScheduleExpression": f"rate({minutes} minute{'s' if minutes > 1 else ''})",
        "FlexibleTimeWindow": {"Mode": "OFF"},
        "Target": {
            "Arn": queue_arn,
            "RoleArn": _settings().schedule_role_arn,
            "Input": json.dumps(body, ensure_ascii=False, separators=(",", ":")),
            "RetryPolicy": {"MaximumEventAgeInSeconds": min(minutes * 60, _MAX_EVENT_AGE), "MaximumRetryAttempts": 3},
        },
    }


def _tried(refusal: str, operation: str, **parameters: Any) -> bool:
    """Make a call; `False` where it is refused so."""
    try:
        getattr(aws.scheduler(), operation)(**parameters)
    except ClientError as error:
        if error.response["Error"]["Code"] != refusal:
            raise
        return False
    return True
