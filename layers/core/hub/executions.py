"""Executions of Step Functions' state machines."""

import json
from collections.abc import Mapping
from typing import Any

from botocore.exceptions import ClientError

from hub import aws, times


def start(machine_arn: str, name: str, state: Mapping[str, Any]) -> None:
    """Start a state machine with `state` as its input; once for each name, however often it is asked for.

    Names are remembered for 90 days after an execution's end (Step Functions, "StartExecution").
    """
    try:
        aws.stepfunctions().start_execution(stateMachineArn=machine_arn, name=name, input=json.dumps(state))
    except ClientError as error:
        if error.response["Error"]["Code"] != "ExecutionAlreadyExists":
            raise


def seconds_until(due_at: int) -> int:
    """Whole seconds until a time (epoch ms), as `Wait` counts them."""
    return max(0, -(-(due_at - times.now_ms()) // 1000))
