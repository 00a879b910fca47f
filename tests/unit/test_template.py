"""What holds for everything in template.yaml, so that a new room cannot forget it."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from samcli.yamlhelper import yaml_parse  # type: ignore[import-untyped]
from samtranslator.parser.parser import Parser  # type: ignore[import-untyped]
from samtranslator.translator.translator import Translator  # type: ignore[import-untyped]

from hub.store import counters
from hub.store.counters import Fact
from tests.contract import memory

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "template.yaml").read_text()
TEMPLATE: dict[str, Any] = yaml_parse(TEXT)
RESOURCES: dict[str, dict[str, Any]] = TEMPLATE["Resources"]

# Log deliveries, and certificates of IoT Core before they are made, have no ARN that a policy could name.
ON_EVERY_RESOURCE = {
    "iot:CreateCertificateFromCsr",
    "iot:CreateKeysAndCertificate",
    "iot:DescribeEndpoint",
    "logs:CreateLogDelivery",
    "logs:DeleteLogDelivery",
    "logs:DescribeLogGroups",
    "logs:DescribeResourcePolicies",
    "logs:GetLogDelivery",
    "logs:ListLogDeliveries",
    "logs:PutResourcePolicy",
    "logs:UpdateLogDelivery",
}


def translated() -> dict[str, Any]:
    """The template as SAM hands it to CloudFormation."""
    template = yaml_parse(re.sub(r"((?:Code|Content|Definition)Uri): .+", r"\1: s3://bucket/key", TEXT))
    made: dict[str, Any] = Translator({}, Parser()).translate(template, {})
    return made


def of_type(kind: str) -> dict[str, dict[str, Any]]:
    return {name: resource["Properties"] for name, resource in RESOURCES.items() if resource["Type"] == kind}


FUNCTIONS = of_type("AWS::Serverless::Function")
STATE_MACHINES = of_type("AWS::Serverless::StateMachine")
QUEUES = of_type("AWS::SQS::Queue")
ALARMS = of_type("AWS::CloudWatch::Alarm")


def as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def referenced(value: Any) -> set[str]:
    """Logical ids that a value refers to."""
    names: set[str] = set()
    if isinstance(value, dict):
        for key, inner in value.items():
            if key == "Ref":
                names.add(inner)
            elif key == "Fn::GetAtt":
                names.add(inner[0] if isinstance(inner, list) else inner.split(".")[0])
            else:
                names |= referenced(inner)
    elif isinstance(value, list):
        for inner in value:
            names |= referenced(inner)
    return names


def statements(properties: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for policy in properties.get("Policies", []):
        assert "Statement" in policy, "policies are written out, not taken from AWS's managed ones"
        yield from policy["Statement"]


def watched(namespace: str, metric: str) -> set[str]:
    """Logical ids whose metric has an alarm."""
    names: set[str] = set()
    for alarm in ALARMS.values():
        for part in [alarm, *(entry.get("MetricStat", {}).get("Metric", {}) for entry in alarm.get("Metrics", []))]:
            if (part.get("Namespace"), part.get("MetricName")) == (namespace, metric):
                names |= referenced(part["Dimensions"])
    return names


def dead_letter_queues() -> set[str]:
    redriven = {name for queue in QUEUES.values() for name in referenced(queue.get("RedrivePolicy", {}))}
    rules = {
        name
        for rule in of_type("AWS::Events::Rule").values()
        for target in rule["Targets"]
        for name in referenced(target.get("DeadLetterConfig", {}))
    }
    streams = {name for _, event in events_of("DynamoDB") for name in referenced(event.get("DestinationConfig", {}))}
    return redriven | rules | streams


def events_of(kind: str) -> Iterator[tuple[str, dict[str, Any]]]:
    for name, function in FUNCTIONS.items():
        for event in function.get("Events", {}).values():
            if event["Type"] == kind:
                yield name, event["Properties"]


def workers() -> set[str]:
    """Functions that no request waits for: started by a queue, a stream, a schedule, a rule or a state machine."""
    started = {
        name for kind in ("SQS", "DynamoDB", "Schedule", "ScheduleV2", "EventBridgeRule") for name, _ in events_of(kind)
    }
    called = {name for machine in STATE_MACHINES.values() for name in referenced(machine["DefinitionSubstitutions"])}
    return started | called & FUNCTIONS.keys()


@pytest.mark.parametrize("name", [*FUNCTIONS, *STATE_MACHINES])
def test_permissions_name_actions_and_resources(name: str) -> None:
    for statement in statements(RESOURCES[name]["Properties"]):
        actions = set(as_list(statement["Action"]))
        assert not [action for action in actions if "*" in action]
        if "*" in as_list(statement["Resource"]):
            assert actions <= ON_EVERY_RESOURCE


@pytest.mark.parametrize("name", FUNCTIONS)
def test_function_has_a_service_name_of_its_own(name: str) -> None:
    services = {
        function: properties["Environment"]["Variables"]["POWERTOOLS_SERVICE_NAME"]
        for function, properties in FUNCTIONS.items()
    }
    assert re.fullmatch(r"[a-z]+(-[a-z]+)*", services[name])
    assert [service for service in services.values() if service == services[name]] == [services[name]]


@pytest.mark.parametrize("name", FUNCTIONS)
def test_function_is_packaged_under_its_full_name(name: str) -> None:
    package, _, attribute = FUNCTIONS[name]["Handler"].rpartition(".")
    folder = ".".join(package.split(".")[:2])
    build = RESOURCES[name]["Metadata"]["BuildProperties"]
    assert attribute == "handler"
    assert FUNCTIONS[name]["CodeUri"] == folder.replace(".", "/")
    assert build == {"ParentPackageMode": "explicit", "ParentPackages": folder}
    assert (ROOT / f"{package.replace('.', '/')}.py").is_file()


def test_every_path_is_one_line_of_the_index() -> None:
    paths = RESOURCES["HttpApi"]["Properties"]["DefinitionBody"]["paths"]
    lines = re.findall(r"^          \"?(/[^:\"]*)\"?: \{.+\}$", TEXT, re.MULTILINE)
    assert lines == list(paths)
    assert not list(events_of("HttpApi")), "a permission for each route would be too many resources"


def test_the_api_may_call_the_functions_of_its_index_and_no_others() -> None:
    permissions = [
        permission
        for name, permission in of_type("AWS::Lambda::Permission").items()
        if permission["Principal"] == "apigateway.amazonaws.com" and name != "LivePermission"
    ]
    allowed = [name for permission in permissions for name in referenced(permission["FunctionName"])]
    assert sorted(allowed) == sorted(set(memory.ROUTES.values()))
    assert all("${HttpApi}/*" in permission["SourceArn"]["Fn::Sub"] for permission in permissions)


def test_the_live_channel_calls_one_function_and_answers_what_it_says() -> None:
    permission = RESOURCES["LivePermission"]["Properties"]
    assert referenced(permission["FunctionName"]) == {"LiveConnectionsFunction"}
    assert "${LiveApi}/*" in permission["SourceArn"]["Fn::Sub"]
    routes = of_type("AWS::ApiGatewayV2::Route")
    assert {route["RouteKey"] for route in routes.values()} == {"$connect", "$disconnect", "$default"}
    assert {route["Target"]["Fn::Sub"] for route in routes.values()} == {"integrations/${LiveIntegration}"}
    assert routes["LiveDefaultRoute"]["RouteResponseSelectionExpression"] == "$default"
    assert referenced(RESOURCES["LiveDefaultRouteResponse"]["Properties"]["RouteId"]) == {"LiveDefaultRoute"}
    assert RESOURCES["LiveStage"]["Properties"]["StageName"] == "ws"


def test_the_stack_stays_well_below_cloudformations_500_resources(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", memory.REGION)
    assert len(translated()["Resources"]) <= 480


@pytest.mark.parametrize("name", QUEUES)
def test_queue_keeps_what_fails(name: str) -> None:
    queue = QUEUES[name]
    assert queue["SqsManagedSseEnabled"] is True
    assert "RedrivePolicy" in queue or name in dead_letter_queues()
    if name in dead_letter_queues():
        assert queue["MessageRetentionPeriod"] == 1_209_600


def test_a_dead_letter_queue_serves_one_queue() -> None:
    """So that `make redrive` can say where a letter goes back to, also one that EventBridge put aside."""
    served = [name for queue in QUEUES.values() for name in referenced(queue.get("RedrivePolicy", {}))]
    assert len(served) == len(set(served))
    for rule in of_type("AWS::Events::Rule").values():
        for target in rule["Targets"]:
            (queue,) = referenced(target["Arn"])
            assert referenced(target["DeadLetterConfig"]) == referenced(QUEUES[queue]["RedrivePolicy"])
            assert not target.keys() & {"Input", "InputPath", "InputTransformer"}, "dead letters have the queue's form"


@pytest.mark.parametrize("name", QUEUES)
def test_queue_is_reached_by_tls_only(name: str) -> None:
    policies = [
        policy["PolicyDocument"]["Statement"]
        for policy in of_type("AWS::SQS::QueuePolicy").values()
        if name in referenced(policy["Queues"])
    ]
    assert len(policies) == 1, "a queue has one policy: a second would replace the first"
    denied = [statement for statement in policies[0] if statement["Effect"] == "Deny"]
    assert [statement["Condition"] for statement in denied] == [{"Bool": {"aws:SecureTransport": "false"}}]
    allowed = [statement for statement in policies[0] if statement["Effect"] == "Allow"]
    assert all("Service" in statement["Principal"] and "Condition" in statement for statement in allowed)
    assert {str(statement["Resource"]) for statement in policies[0]} == {"*"}, "SQS refuses other queues' ARNs"


def test_every_dead_letter_queue_has_an_alarm() -> None:
    assert dead_letter_queues() == watched("AWS/SQS", "ApproximateNumberOfMessagesVisible")


def test_every_work_queue_has_an_alarm_on_its_age() -> None:
    assert set(QUEUES) - dead_letter_queues() == watched("AWS/SQS", "ApproximateAgeOfOldestMessage")


@pytest.mark.parametrize("metric", ["Errors", "Throttles"])
def test_every_worker_has_alarms(metric: str) -> None:
    assert workers() == watched("AWS/Lambda", metric)


def test_every_stream_consumer_has_dead_letters_a_bound_and_an_alarm() -> None:
    consumers = dict(events_of("DynamoDB"))
    assert consumers
    assert consumers.keys() == watched("AWS/Lambda", "IteratorAge")
    for stream in consumers.values():
        assert referenced(stream["DestinationConfig"]) <= QUEUES.keys()
        assert stream["MaximumRetryAttempts"] == -1, "until the record is too old"
        assert stream["MaximumRecordAgeInSeconds"] <= 86_400
        assert stream["BisectBatchOnFunctionError"] is True
        assert stream["FunctionResponseTypes"] == ["ReportBatchItemFailures"]


@pytest.mark.parametrize("name", of_type("AWS::SQS::QueuePolicy"))
def test_a_queue_is_open_to_services_on_behalf_of_this_stack_alone(name: str) -> None:
    for statement in RESOURCES[name]["Properties"]["PolicyDocument"]["Statement"]:
        if statement["Effect"] == "Allow" and "Service" in statement["Principal"]:
            (sources,) = (one["aws:SourceArn"] for one in statement["Condition"].values() if "aws:SourceArn" in one)
            assert referenced(sources) or "${AWS::StackName}" in str(sources)


def test_every_queue_consumer_reports_single_failures_and_is_bounded() -> None:
    consumers = list(events_of("SQS"))
    assert consumers
    for name, event in consumers:
        (queue,) = referenced(event["Queue"])
        timeout = FUNCTIONS[name].get("Timeout", TEMPLATE["Globals"]["Function"]["Timeout"])
        assert event["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
        assert event["ScalingConfig"]["MaximumConcurrency"] >= 2
        assert QUEUES[queue]["VisibilityTimeout"] >= 6 * timeout, "less, and Lambda's own waiting sends messages twice"


def test_totals_are_counted_in_few_transactions_each_batch_in_one() -> None:
    """Two workers change the same item of a tenant: a batch of ten would make an import thousands of conflicts."""
    (event,) = (event for name, event in events_of("SQS") if name == "TotalsFunction")
    fact = Fact("acme", "x", 1, {"TOTALS": {"CUSTOMER": 1}})
    assert event["BatchSize"] >= 30
    assert event["MaximumBatchingWindowInSeconds"] >= 1
    assert len(list(counters._transactions([fact] * event["BatchSize"]))) == 1


@pytest.mark.parametrize("name", STATE_MACHINES)
def test_state_machine_logs_its_failures_and_has_an_alarm(name: str) -> None:
    definition = yaml_parse((ROOT / STATE_MACHINES[name]["DefinitionUri"]).read_text())
    assert definition["TimeoutSeconds"] > 0
    assert STATE_MACHINES[name]["Logging"]["Level"] == "ERROR"
    for metric in ("ExecutionsFailed", "ExecutionsTimedOut"):
        assert name in watched("AWS/States", metric)


@pytest.mark.parametrize("name", STATE_MACHINES)
def test_state_machine_writes_what_it_names(name: str) -> None:
    """DynamoDB refuses an expression whose names or values are not all used: a `#` begins a comment in YAML."""
    definition = yaml_parse((ROOT / STATE_MACHINES[name]["DefinitionUri"]).read_text())
    writes = [state["Parameters"] for state in definition["States"].values() if "dynamodb" in state.get("Resource", "")]
    substitutions = STATE_MACHINES[name]["DefinitionSubstitutions"].keys()
    assert bool(writes) == bool({"ActivityTableName", "TableName"} & substitutions)
    for write in writes:
        used = set(re.findall(r"[#:]\w+", write["UpdateExpression"] + " " + write["ConditionExpression"]))
        assert used == {*write["ExpressionAttributeNames"], *write["ExpressionAttributeValues"]}


def test_every_rule_target_has_dead_letters_and_an_alarm() -> None:
    rules = of_type("AWS::Events::Rule")
    assert rules
    for rule in rules.values():
        assert all("DeadLetterConfig" in target for target in rule["Targets"])
    lost = [alarm for alarm in ALARMS.values() if alarm.get("MetricName") == "InvocationsFailedToBeSentToDlq"]
    alarmed = [dimension["Value"] for alarm in lost for dimension in alarm["Dimensions"]]
    assert all(rule["Name"] in alarmed for rule in rules.values())


@pytest.mark.parametrize("name", of_type("AWS::IoT::TopicRule"))
def test_what_a_topic_rule_cannot_deliver_is_a_dead_letter_of_its_queue_in_the_same_words(name: str) -> None:
    rule = RESOURCES[name]["Properties"]["TopicRulePayload"]
    (action,) = rule["Actions"]
    (queue,), (dead,) = (referenced(one["Sqs"]["QueueUrl"]) for one in (action, rule["ErrorAction"]))
    assert referenced(QUEUES[queue]["RedrivePolicy"]) == {dead}
    sql = rule["Sql"]["Fn::Sub"] if isinstance(rule["Sql"], dict) else rule["Sql"]
    assert rule["AwsIotSqlVersion"] == "2016-03-23"
    assert sql.startswith("SELECT topic() AS topic, encode(*, 'base64') AS base64OriginalPayload, ")
    for part in (action, rule["ErrorAction"]):
        assert part["Sqs"]["UseBase64"] is False
        (role,) = referenced(part["Sqs"]["RoleArn"])
        (policy,) = RESOURCES[role]["Properties"]["Policies"]
        (statement,) = policy["PolicyDocument"]["Statement"]
        assert (statement["Action"], referenced(statement["Resource"])) == ("sqs:SendMessage", {queue, dead})
    assert name in watched("AWS/IoT", "ErrorActionFailure")


@pytest.mark.parametrize("name", of_type("AWS::DynamoDB::Table"))
def test_table_can_be_restored_and_has_an_alarm(name: str) -> None:
    table = RESOURCES[name]
    assert table["DeletionPolicy"] == "RetainExceptOnCreate"
    assert table["Properties"]["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": True}
    assert table["Properties"]["DeletionProtectionEnabled"] == {"Fn::If": ["IsProd", True, False]}
    assert name in watched("AWS/DynamoDB", "ReadThrottleEvents")
    assert name in watched("AWS/DynamoDB", "WriteThrottleEvents")


@pytest.mark.parametrize("name", of_type("AWS::S3::Bucket"))
def test_bucket_is_private_encrypted_reached_by_tls_only_and_forgets(name: str) -> None:
    bucket = RESOURCES[name]["Properties"]
    assert bucket["PublicAccessBlockConfiguration"] == dict.fromkeys(
        ("BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls", "RestrictPublicBuckets"), True
    )
    assert bucket["OwnershipControls"] == {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]}
    (encryption,) = bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    assert encryption["ServerSideEncryptionByDefault"]["SSEAlgorithm"] in {"AES256", "aws:kms"}
    rules = bucket["LifecycleConfiguration"]["Rules"]
    assert {rule["Status"] for rule in rules} == {"Enabled"}
    assert [rule["ExpirationInDays"] for rule in rules if "ExpirationInDays" in rule] == {
        "FilesBucket": [30],
        "ForwardingBucket": [30, 366],
    }[name]
    assert any("AbortIncompleteMultipartUpload" in rule for rule in rules)
    (policy,) = [one for one in of_type("AWS::S3::BucketPolicy").values() if referenced(one["Bucket"]) == {name}]
    (denied,) = policy["PolicyDocument"]["Statement"]
    assert (denied["Effect"], denied["Principal"], denied["Action"]) == ("Deny", "*", "s3:*")
    assert denied["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
    assert denied["Resource"] == [{"Fn::GetAtt": [name, "Arn"]}, {"Fn::Sub": f"${{{name}.Arn}}/*"}]


@pytest.mark.parametrize("name", ALARMS)
def test_alarm_says_what_to_do_and_tells_somebody(name: str) -> None:
    alarm = ALARMS[name]
    assert referenced(alarm["AlarmActions"]) == {"AlarmTopic"}
    assert ": " in alarm["AlarmDescription"], "what is wrong, then what to do"
    assert f"**{name}**" in (ROOT / "docs" / "operations.md").read_text()


@pytest.mark.parametrize("name", of_type("AWS::Logs::LogGroup"))
def test_logs_are_encrypted_and_end(name: str) -> None:
    group = RESOURCES[name]["Properties"]
    assert group["RetentionInDays"] <= 400
    assert referenced(group["KmsKeyId"]) == {"EncryptionKey"}


DASHBOARD: str = RESOURCES["Dashboard"]["Properties"]["DashboardBody"]["Fn::Sub"]
QUEUE_METRICS = (
    "ApproximateNumberOfMessagesVisible",
    "ApproximateNumberOfMessagesNotVisible",
    "ApproximateAgeOfOldestMessage",
    "NumberOfMessagesSent",
)
DEAD_LETTER_METRICS = ("ApproximateNumberOfMessagesVisible", "ApproximateAgeOfOldestMessage")
WORKER_METRICS = ("Invocations", "Errors", "Throttles", "Duration")
STATE_MACHINE_METRICS = ("ExecutionsStarted", "ExecutionsSucceeded", "ExecutionsFailed", "ExecutionsTimedOut")
TABLE_METRICS = (
    "ConsumedReadCapacityUnits",
    "ConsumedWriteCapacityUnits",
    "ReadThrottleEvents",
    "WriteThrottleEvents",
)


def shown() -> set[tuple[str, ...]]:
    """What the dashboard's metric widgets show: namespace, metric, names and values of dimensions, written out."""
    found: set[tuple[str, ...]] = set()
    for widget in json.loads(DASHBOARD)["widgets"]:
        before: list[str] = []
        for row in widget["properties"].get("metrics", []):
            told = [part for part in row if isinstance(part, str)]
            if told[:1] == ["..."]:
                told = [*before[: len(before) - len(told) + 1], *told[1:]]
            before = [before[place] if part == "." else part for place, part in enumerate(told)]
            found.add(tuple(before))
    return found


def test_dashboard_has_one_widget_a_line_and_names_only_what_exists() -> None:
    lines = DASHBOARD.strip().splitlines()
    assert len(json.loads(DASHBOARD)["widgets"]) == len(lines) - 2
    names = {name.split(".")[0] for name in re.findall(r"\$\{([^}]+)\}", DASHBOARD)}
    assert names - {"AWS::Region", "AWS::StackName"} <= RESOURCES.keys()


@pytest.mark.parametrize("name", QUEUES)
def test_every_queue_is_on_the_dashboard(name: str) -> None:
    wanted = DEAD_LETTER_METRICS if name in dead_letter_queues() else QUEUE_METRICS
    assert {("AWS/SQS", metric, "QueueName", f"${{{name}.QueueName}}") for metric in wanted} <= shown()


@pytest.mark.parametrize("name", FUNCTIONS)
def test_every_function_is_on_the_dashboard(name: str) -> None:
    wanted = WORKER_METRICS if name in workers() else ("Errors",)
    assert {("AWS/Lambda", metric, "FunctionName", f"${{{name}}}") for metric in wanted} <= shown()


@pytest.mark.parametrize("name", STATE_MACHINES)
def test_every_state_machine_is_on_the_dashboard(name: str) -> None:
    wanted = {("AWS/States", metric, "StateMachineArn", f"${{{name}}}") for metric in STATE_MACHINE_METRICS}
    assert wanted <= shown()


@pytest.mark.parametrize("name", of_type("AWS::DynamoDB::Table"))
def test_every_table_is_on_the_dashboard(name: str) -> None:
    assert {("AWS/DynamoDB", metric, "TableName", f"${{{name}}}") for metric in TABLE_METRICS} <= shown()


def test_dashboard_shows_every_count_of_the_code_and_no_other() -> None:
    own = {metric[1] for metric in shown() if metric[:1] == ("${AWS::StackName}",)}
    searched = set(re.findall(r'MetricName=\\"(\w+)', DASHBOARD))
    code = "".join(
        file.read_text() for folder in ("functions", "layers/core/hub") for file in (ROOT / folder).rglob("*.py")
    )
    counted = {name for call in re.findall(r"\bcount\(([^\n]+)", code) for name in re.findall(r'"([A-Z]\w+)"', call)}
    assert counted
    assert counted - own - searched == set()
    assert not [name for name in own | searched if f'"{name}"' not in code]


def test_dashboard_counts_where_the_code_does() -> None:
    """A count is looked for under the service of a function whose room counts it."""
    for namespace, metric, *dimensions in (row for row in shown() if row[:1] == ("${AWS::StackName}",)):
        assert (namespace, dimensions[:1]) == ("${AWS::StackName}", ["service"])
        (function,) = [
            properties
            for properties in FUNCTIONS.values()
            if properties["Environment"]["Variables"]["POWERTOOLS_SERVICE_NAME"] == dimensions[1]
        ]
        room = "".join(file.read_text() for file in (ROOT / function["CodeUri"]).rglob("*.py"))
        assert f'"{metric}"' in room
