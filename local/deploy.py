"""Deploys the built template into the emulator with `sam deploy`, then sets what its CloudFormation leaves out."""

import json
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from botocore.exceptions import ClientError

from local import environment, gateway
from local.aws import Aws
from local.build import Build, Target, reason
from local.stack import REGION, STACK_NAME, Stack, StackError

_BUCKET = "local-artifacts"
_DEPLOYED_BUILD = "/local/deployed-build"
_FIRST_TENANT = "/local/first-tenant"
_LOCAL_PARAMETERS = {
    "Environment": "local",
    "AllowLoopbackTargets": "true",
    # The tenant that BootstrapFunction makes where none is named.
    "PublicForwarderTenant": "default",
    "PublicMessagingTenant": "default",
}
_PUSH_ENDPOINT = "AWS_ENDPOINT_URL_APIGATEWAYMANAGEMENTAPI"
_STACK_SECONDS = 300


def is_deployed(stack: Stack, aws: Aws, build: Build) -> bool:
    """Whether this very build, for these very addresses, is what the emulator's restored state holds."""
    try:
        return aws.parameters.get_parameter(Name=_DEPLOYED_BUILD)["Parameter"].get("Value") == _mark(stack, build)
    except aws.parameters.exceptions.ParameterNotFound:
        return False


def deploy(stack: Stack, aws: Aws, build: Build, target: Target) -> None:
    """Create or update the stack; a failure is a `StackError` with CloudFormation's own reason."""
    aws.buckets.create_bucket(Bucket=_BUCKET)
    sam = Path(sys.executable).parent / "sam"
    parameters = {
        **target.parameters,
        **_LOCAL_PARAMETERS,
        "PublicUrl": stack.base_url,
        "DeviceEndpoint": stack.mqtt_endpoint,
        "DeviceCaUrl": stack.mqtt_ca_url,
    }
    command: list[str | Path] = [
        sam,
        "deploy",
        "--template-file",
        build.template,
        "--stack-name",
        STACK_NAME,
        "--region",
        REGION,
    ]
    command += ["--s3-bucket", _BUCKET, "--no-confirm-changeset", "--no-fail-on-empty-changeset", "--no-progressbar"]
    command += ["--capabilities", "CAPABILITY_IAM", "CAPABILITY_NAMED_IAM", "CAPABILITY_AUTO_EXPAND"]
    command += ["--config-env", "local"]
    command += ["--parameter-overrides", *(f"{name}={value}" for name, value in parameters.items())]
    variables = environment.for_sam(stack.root / ".aws-sam" / "cli", AWS_ENDPOINT_URL=stack.aws_endpoint)
    run = subprocess.run(
        command, cwd=stack.root, env=variables, capture_output=True, text=True, check=False, timeout=_STACK_SECONDS
    )
    stack.deploy_log.write_text(run.stdout + run.stderr)
    if run.returncode:
        raise StackError(
            f"The deploy failed: {_failed_resource(aws) or reason(run.stdout + run.stderr)}"
            f" (all of it: {stack.deploy_log})"
        )


def complete(stack: Stack, aws: Aws, build: Build) -> None:
    """Set what the emulator's CloudFormation leaves out: routes, CORS, TTL, reserved concurrency, YAML definitions.

    And where functions push to open WebSockets: in AWS at the API's own host, which no name leads to here.
    """
    template = _processed_template(aws)
    ids = physical_ids(aws)
    addresses: dict[str, Any] = {"http": None, "websockets": {}}
    for name, resource in template["Resources"].items():
        kind, properties = resource["Type"], resource.get("Properties", {})
        if name not in ids:
            continue
        if kind == "AWS::ApiGatewayV2::Api":
            if properties.get("ProtocolType") == "WEBSOCKET":
                addresses["websockets"]["/ws"] = f"/_aws/execute-api/{ids[name]}/{_stage(template, name)}"
            else:
                gateway.apply(aws.apis, ids[name], properties.get("Body", {}), ids)
                addresses["http"] = f"/_aws/execute-api/{ids[name]}/$default"
        elif kind == "AWS::StepFunctions::StateMachine":
            _write_definition_as_json(aws, ids[name])
        elif kind == "AWS::DynamoDB::Table":
            _set_ttl(aws, ids[name], properties)
        elif kind == "AWS::Lambda::Function" and isinstance(properties.get("ReservedConcurrentExecutions"), int):
            aws.functions.put_function_concurrency(
                FunctionName=ids[name], ReservedConcurrentExecutions=properties["ReservedConcurrentExecutions"]
            )
    _lead_pushes(aws, template, ids, stack.aws_endpoint + addresses["websockets"].get("/ws", ""))
    _replace(stack.addresses_file, json.dumps(addresses))
    _write_function_environments(stack, aws, ids)
    aws.parameters.put_parameter(Name=_DEPLOYED_BUILD, Value=_mark(stack, build), Type="String", Overwrite=True)


def _mark(stack: Stack, build: Build) -> str:
    return f"{build.digest} {stack.base_url} {stack.mqtt_endpoint} {stack.mqtt_ca_url}"


def physical_ids(aws: Aws) -> dict[str, str]:
    """Logical id to physical id of every resource of the stack."""
    resources = aws.stacks.describe_stack_resources(StackName=STACK_NAME)["StackResources"]
    return {item["LogicalResourceId"]: item["PhysicalResourceId"] for item in resources}


def continue_executions(aws: Aws) -> int:
    """Start again the Step Functions executions that a restart ended; returns how many.

    In AWS they would simply go on. Here they begin anew with the same input, under a name that makes this happen once.
    """
    started = 0
    for machine in aws.state_machines.list_state_machines()["stateMachines"]:
        arn = machine["stateMachineArn"]
        for page in aws.state_machines.get_paginator("list_executions").paginate(
            stateMachineArn=arn, statusFilter="FAILED"
        ):
            for execution in page["executions"]:
                started += _continue(aws, arn, execution["executionArn"])
    return started


def _continue(aws: Aws, machine: str, execution: str) -> bool:
    found = aws.state_machines.describe_execution(executionArn=execution)
    if found.get("error") != "States.ServiceRestart":
        return False
    name = f"{found['name'][:76]}-r"
    try:
        aws.state_machines.start_execution(stateMachineArn=machine, name=name, input=found["input"])
    except aws.state_machines.exceptions.ExecutionAlreadyExists:
        return False
    return True


def first_tenant(aws: Aws) -> dict[str, str]:
    """The first tenant, its administrator and API key: made on the first start, remembered beside them from then on."""
    try:
        found = aws.parameters.get_parameter(Name=_FIRST_TENANT, WithDecryption=True)["Parameter"]
        remembered: dict[str, str] = json.loads(found["Value"])
        return remembered
    except aws.parameters.exceptions.ParameterNotFound:
        pass
    function = physical_ids(aws).get("BootstrapFunction")
    if function is None:
        raise StackError("The template has no BootstrapFunction, so there is no first tenant")
    answer = aws.functions.invoke(FunctionName=function, Payload=json.dumps({"email": "admin@example.com"}))
    made: dict[str, str] = json.loads(answer["Payload"].read())
    if answer.get("FunctionError"):
        raise StackError(f"The first tenant could not be made: {made.get('errorType')}: {made.get('errorMessage')}")
    aws.parameters.put_parameter(Name=_FIRST_TENANT, Value=json.dumps(made), Type="SecureString")
    return made


def _failed_resource(aws: Aws) -> str | None:
    try:
        events = aws.stacks.describe_stack_events(StackName=STACK_NAME)["StackEvents"]
    except ClientError:
        return None
    for event in events:
        if event.get("ResourceStatus", "").endswith("_FAILED") and event.get("ResourceStatusReason"):
            return f"{event['LogicalResourceId']}: {event['ResourceStatusReason']}"
    return None


def _processed_template(aws: Aws) -> Mapping[str, Any]:
    found: Any = aws.stacks.get_template(StackName=STACK_NAME, TemplateStage="Processed")["TemplateBody"]
    template: Mapping[str, Any] = json.loads(found) if isinstance(found, str) else found
    return template


def _stage(template: Mapping[str, Any], api: str) -> str:
    for resource in template["Resources"].values():
        properties = resource.get("Properties", {})
        if resource["Type"] == "AWS::ApiGatewayV2::Stage" and properties.get("ApiId") == {"Ref": api}:
            return str(properties["StageName"])
    raise StackError(f"The WebSocket API {api} has no stage")


def _lead_pushes(aws: Aws, template: Mapping[str, Any], ids: Mapping[str, str], endpoint: str) -> None:
    for name, resource in template["Resources"].items():
        if _PUSH_ENDPOINT in resource.get("Properties", {}).get("Environment", {}).get("Variables", {}):
            variables = aws.functions.get_function_configuration(FunctionName=ids[name])["Environment"]["Variables"]
            aws.functions.update_function_configuration(
                FunctionName=ids[name], Environment={"Variables": {**variables, _PUSH_ENDPOINT: endpoint}}
            )


def _set_ttl(aws: Aws, table: str, properties: Mapping[str, Any]) -> None:
    wanted = properties.get("TimeToLiveSpecification")
    if not wanted or not wanted.get("Enabled"):
        return
    current = aws.tables.describe_time_to_live(TableName=table)["TimeToLiveDescription"]
    if current.get("TimeToLiveStatus") != "ENABLED":
        aws.tables.update_time_to_live(
            TableName=table,
            TimeToLiveSpecification={"Enabled": True, "AttributeName": wanted["AttributeName"]},
        )


def _write_definition_as_json(aws: Aws, machine: str) -> None:
    """CloudFormation takes a state machine in YAML too; the emulator keeps the text as it is and cannot run it."""
    definition = aws.state_machines.describe_state_machine(stateMachineArn=machine)["definition"]
    if not definition.lstrip().startswith("{"):
        as_json = json.dumps(yaml.safe_load(definition))
        aws.state_machines.update_state_machine(stateMachineArn=machine, definition=as_json)


def _write_function_environments(stack: Stack, aws: Aws, ids: Mapping[str, str]) -> None:
    """What `sam local invoke --env-vars` needs: `!Ref Table` has no answer there, this stack's names are one."""
    endpoint = stack.aws_endpoint.replace("127.0.0.1", "host.docker.internal")
    variables: dict[str, dict[str, str]] = {}
    names = {physical: logical for logical, physical in ids.items()}
    for page in aws.functions.get_paginator("list_functions").paginate():
        for function in page["Functions"]:
            logical = names.get(function["FunctionName"])
            if logical:
                found = function.get("Environment", {}).get("Variables", {})
                variables[logical] = {**found, "AWS_ENDPOINT_URL": endpoint}
    _replace(stack.function_environments_file, json.dumps(variables, indent=2, sort_keys=True) + "\n")


def _replace(file: Path, text: str) -> None:
    draft = file.with_name(f"{file.name}.{time.time_ns()}")
    draft.write_text(text)
    draft.replace(file)
