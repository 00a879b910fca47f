"""AWS clients: each made once, when first used (one costs about 10 ms at a cold start).

They are botocore's own: boto3 would add its resources and file transfers to every cold start (13 ms) for nothing.
"""

from functools import cache
from typing import TYPE_CHECKING, Any

from botocore.config import Config
from botocore.loaders import Loader
from botocore.session import Session

if TYPE_CHECKING:
    from mypy_boto3_apigatewaymanagementapi import ApiGatewayManagementApiClient
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_events import EventBridgeClient
    from mypy_boto3_iot import IoTClient
    from mypy_boto3_iot_data import IoTDataPlaneClient
    from mypy_boto3_kms import KMSClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_scheduler import EventBridgeSchedulerClient
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_stepfunctions import SFNClient

LIVE_SECONDS = 2
"""How long a live connection may take nothing of what is pushed."""

_SERVICES = [
    "apigatewaymanagementapi",
    "dynamodb",
    "events",
    "iot",
    "iot-data",
    "kms",
    "s3",
    "scheduler",
    "sqs",
    "stepfunctions",
]


class _NamedServices(Loader):
    """botocore lists 430 folders to check a service's name, 15 ms of a cold start: Hub's are known."""

    def list_available_services(self, type_name: str) -> list[str]:
        """The services Hub calls."""
        return _SERVICES


@cache
def _session() -> Session:
    session = Session()
    session.register_component("data_loader", _NamedServices())
    return session


@cache
def _client(service: str) -> Any:
    # Requests are built by our own code and covered by tests: checking them against the service model at run time
    # costs a tenth of a call. Without a name of ours botocore puts its own together twice a call, a fifth of its CPU.
    # A live connection that takes nothing must not hold up those that do.
    is_live = service == "apigatewaymanagementapi"
    config = Config(
        user_agent="Hub",
        connect_timeout=2,
        read_timeout=LIVE_SECONDS if is_live else 5,
        retries={"mode": "standard", "max_attempts": 2 if is_live else 4},
        parameter_validation=False,
        max_pool_connections=40 if is_live else 20,
        # What follows is S3's. Without a version of the signature its addresses are signed by the one that is given
        # up; a checksum by default is refused for the parts of an upload that was begun without one.
        signature_version="s3v4" if service == "s3" else None,
        # Otherwise presigned addresses lead to S3's global host, which answers for some regions only, for new buckets
        # with a redirect that an upload does not survive.
        s3={"addressing_style": "virtual"},
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
    )
    return _session().create_client(service, config=config)


def live_connections() -> "ApiGatewayManagementApiClient":
    """The open WebSockets; which API's, `AWS_ENDPOINT_URL_APIGATEWAYMANAGEMENTAPI` says, as AWS's clients read it."""
    client: ApiGatewayManagementApiClient = _client("apigatewaymanagementapi")
    return client


def dynamodb() -> "DynamoDBClient":
    """DynamoDB."""
    client: DynamoDBClient = _client("dynamodb")
    return client


def events() -> "EventBridgeClient":
    """EventBridge."""
    client: EventBridgeClient = _client("events")
    return client


def iot() -> "IoTClient":
    """IoT Core: things, certificates, policies."""
    client: IoTClient = _client("iot")
    return client


def iot_data() -> "IoTDataPlaneClient":
    """IoT Core's data plane: messages to devices, and their shadows."""
    client: IoTDataPlaneClient = _client("iot-data")
    return client


def kms() -> "KMSClient":
    """Key Management Service."""
    client: KMSClient = _client("kms")
    return client


def s3() -> "S3Client":
    """Simple Storage Service."""
    client: S3Client = _client("s3")
    return client


def scheduler() -> "EventBridgeSchedulerClient":
    """EventBridge Scheduler."""
    client: EventBridgeSchedulerClient = _client("scheduler")
    return client


def sqs() -> "SQSClient":
    """Simple Queue Service."""
    client: SQSClient = _client("sqs")
    return client


def stepfunctions() -> "SFNClient":
    """Step Functions."""
    client: SFNClient = _client("stepfunctions")
    return client


def forget_clients() -> None:
    """Make the clients anew at their next use: for a process that changes account or endpoint, as the tests do."""
    _client.cache_clear()
    _session.cache_clear()
