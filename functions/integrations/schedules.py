"""The schedules of integrations that sync by themselves: one of EventBridge Scheduler each, made and ended with them.

A schedule is set before the integration is written. Should the function die between the two, the next sync that the
schedule begins finds what the integration says, and calls `follow` or `end` again.
"""

import json
from dataclasses import dataclass
from functools import cache
from typing import Any, Protocol

from botocore.exceptions import ClientError

from hub import aws, settings


@dataclass(frozen=True)
class ScheduleSettings:
    """Where schedules are, what they start, and as whom."""

    sync_schedule_group: str
    sync_state_machine_arn: str
    sync_schedule_role_arn: str


class Scheduled(Protocol):
    """An integration, as far as its schedule goes."""

    @property
    def id(self) -> str:
        """Its id."""

    @property
    def status(self) -> str:
        """An `inactive` one has no schedule."""

    @property
    def settings(self) -> Any:
        """`auto_sync` and `sync_interval`."""


def follow(tenant: str, integration: Scheduled) -> None:
    """Have a schedule that is what the integration says, or none."""
    if integration.settings["auto_sync"] and integration.status != "inactive":
        _set(tenant, integration.id, -(-integration.settings["sync_interval"] // 60))
    else:
        end(integration.id)


def end(integration_id: str) -> None:
    """Have no schedule for an integration."""
    try:
        aws.scheduler().delete_schedule(GroupName=_settings().sync_schedule_group, Name=integration_id)
    except ClientError as error:
        if error.response["Error"]["Code"] != "ResourceNotFoundException":
            raise


def _set(tenant: str, integration_id: str, minutes: int) -> None:
    target = {
        "Arn": _settings().sync_state_machine_arn,
        "RoleArn": _settings().sync_schedule_role_arn,
        "Input": json.dumps({"tenant": tenant, "integration_id": integration_id, "sync_id": None}),
    }
    schedule: Any = {
        "GroupName": _settings().sync_schedule_group,
        "Name": integration_id,
        "ScheduleExpression": f"rate({minutes} {'minute' if minutes == 1 else 'minutes'})",
        "FlexibleTimeWindow": {"Mode": "FLEXIBLE", "MaximumWindowInMinutes": 1},
        "Target": target,
    }
    try:
        aws.scheduler().create_schedule(**schedule)
    except ClientError as error:
        if error.response["Error"]["Code"] != "ConflictException":
            raise
        aws.scheduler().update_schedule(**schedule)


@cache
def _settings() -> ScheduleSettings:
    return settings.load(ScheduleSettings)
