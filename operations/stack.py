"""The stack that a command works on: one on AWS, or the embedded one."""

import json
import os
import tomllib
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import boto3
from botocore.config import Config

from local import environment
from local.process import port_in_use
from local.stack import STACK_NAME

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient
    from mypy_boto3_lambda import LambdaClient
    from mypy_boto3_sqs import SQSClient


class OperationError(Exception):
    """Something a person can put right; the text is the one line they are shown."""


class Stack:
    """One deployed stack and the services that it is reached by, each client made when first used."""

    def __init__(self, name: str, session: boto3.Session, endpoint: str | None = None) -> None:
        self.name = name
        self.is_embedded = endpoint is not None
        self._session = session
        self._endpoint = endpoint
        self._config = Config(
            connect_timeout=5,
            # As long as a function may take.
            read_timeout=60,
            retries={"mode": "standard", "total_max_attempts": 3},
            # A developer's proxy must not stand between a command and this machine.
            proxies={} if self.is_embedded else None,
        )

    def resources(self, kind: str) -> dict[str, str]:
        """Logical id to physical id (of a queue its URL) of all resources of a type."""
        pages = self._stacks.get_paginator("list_stack_resources").paginate(StackName=self.name)
        found = [resource for page in pages for resource in page["StackResourceSummaries"]]
        return {
            one["LogicalResourceId"]: one["PhysicalResourceId"]
            for one in found
            if one["ResourceType"] == kind and "PhysicalResourceId" in one
        }

    def lead_functions_here(self) -> None:
        """Let code of the functions that this process runs work on this stack's tables."""
        if self._endpoint:
            environment.seal()
            os.environ["AWS_ENDPOINT_URL"] = self._endpoint
        elif self._session.profile_name != "default":
            os.environ["AWS_PROFILE"] = self._session.profile_name
        if self._session.region_name:
            os.environ["AWS_DEFAULT_REGION"] = self._session.region_name
        tables = self.resources("AWS::DynamoDB::Table")
        os.environ.update(TABLE_NAME=tables["Table"], ACTIVITY_TABLE_NAME=tables["ActivityTable"])

    @cached_property
    def _stacks(self) -> "CloudFormationClient":
        return self._session.client("cloudformation", endpoint_url=self._endpoint, config=self._config)

    @cached_property
    def queues(self) -> "SQSClient":
        """SQS."""
        return self._session.client("sqs", endpoint_url=self._endpoint, config=self._config)

    @cached_property
    def functions(self) -> "LambdaClient":
        """Lambda."""
        return self._session.client("lambda", endpoint_url=self._endpoint, config=self._config)


def chosen(name: str | None, root: Path, state_dir: Path) -> Stack:
    """The stack of that name on AWS; without a name the embedded one, or samconfig.toml's first where there is none."""
    description = state_dir / "stack.json"
    if name is None and description.is_file():
        return _embedded(description)
    return _on_aws(name, root / "samconfig.toml")


def _embedded(description: Path) -> Stack:
    told = json.loads(description.read_text())
    if not port_in_use(urlsplit(told["aws_endpoint"]).port or 0):
        raise OperationError(
            "The stack of this machine does not run: start it (make run), or name one on AWS (STACK=…)"
        )
    session = boto3.Session(
        aws_access_key_id="test",
        aws_secret_access_key="test",  # noqa: S106 - the emulator accepts anything; AWS would not
        region_name=told["region"],
    )
    return Stack(STACK_NAME, session, told["aws_endpoint"])


def _on_aws(name: str | None, samconfig: Path) -> Stack:
    """Credentials come from their usual places; region and profile from there too, where samconfig.toml has none."""
    environments = tomllib.loads(samconfig.read_text()).values()
    deployed: list[dict[str, str]] = [
        one["deploy"]["parameters"] for one in environments if isinstance(one, dict) and "deploy" in one
    ]
    named = name or deployed[0]["stack_name"]
    told = next((one for one in deployed if one["stack_name"] == named), {})
    return Stack(named, boto3.Session(region_name=told.get("region"), profile_name=told.get("profile")))
