"""The HTTP API's routes, which MiniStack's CloudFormation leaves out.

They stand in the API's `Body`, an OpenAPI document, which MiniStack ignores. They are read from the processed template
and made through the API Gateway API; a second run changes only what differs.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from local.stack import REGION, StackError

if TYPE_CHECKING:
    from mypy_boto3_apigatewayv2 import ApiGatewayV2Client

_INTEGRATION = "x-amazon-apigateway-integration"
_METHODS = {"get", "put", "post", "delete", "options", "head", "patch", "x-amazon-apigateway-any-method"}
_FUNCTION = re.compile(r"/functions/\$\{(?P<name>\w+?)(\.Arn|\.Alias)?\}/invocations$")
_ACCOUNT = "000000000000"


@dataclass(frozen=True, order=True)
class Route:
    """One line of the API's index: `POST /v1/api-keys`, and the logical id of what answers it."""

    key: str
    function: str


def routes_of(description: Mapping[str, Any]) -> list[Route]:
    """The routes of an OpenAPI document as API Gateway takes it."""
    routes = []
    integrations = description.get("components", {}).get("x-amazon-apigateway-integrations", {})
    for path, operations in description.get("paths", {}).items():
        for method, operation in operations.items():
            if method in _METHODS:
                verb = "ANY" if method == "x-amazon-apigateway-any-method" else method.upper()
                key = "$default" if path == "/$default" else f"{verb} {path}"
                integration = operation.get(_INTEGRATION, {})
                # https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-extensions-integrations.html
                integration = integrations.get(integration.get("$ref", "").rpartition("/")[2], integration)
                routes.append(Route(key, _function_of(key, integration)))
    return sorted(routes)


def _function_of(key: str, integration: Mapping[str, Any]) -> str:
    uri = integration.get("uri", {})
    found = _FUNCTION.search(uri.get("Fn::Sub", "")) if isinstance(uri, dict) else None
    if found is None:
        raise StackError(f"The route {key} leads to no function that the embedded run understands: {uri}")
    return found["name"]


def cors_of(description: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The API's CORS configuration in API Gateway's own terms, or None."""
    settings = description.get("x-amazon-apigateway-cors")
    if not settings:
        return None
    return {name[0].upper() + name[1:]: value for name, value in settings.items()}


def apply(
    apis: "ApiGatewayV2Client", api_id: str, description: Mapping[str, Any], physical_ids: Mapping[str, str]
) -> list[Route]:
    """Give the deployed API the routes, integrations and CORS of its description; returns the routes it now has."""
    wanted = routes_of(description)
    targets = {name: f"integrations/{_integration(apis, api_id, physical_ids[name])}" for name in _functions(wanted)}
    present = {route["RouteKey"]: route for route in apis.get_routes(ApiId=api_id, MaxResults="1000")["Items"]}
    for route in wanted:
        target = targets[route.function]
        existing = present.pop(route.key, None)
        if existing is None:
            apis.create_route(ApiId=api_id, RouteKey=route.key, Target=target)
        elif existing.get("Target") != target:
            apis.update_route(ApiId=api_id, RouteId=existing["RouteId"], Target=target)
    for stale in present.values():
        apis.delete_route(ApiId=api_id, RouteId=stale["RouteId"])
    cors = cors_of(description)
    if cors:
        apis.update_api(ApiId=api_id, CorsConfiguration=cors)  # type: ignore[arg-type]
    return wanted


def _functions(routes: Iterable[Route]) -> list[str]:
    return sorted({route.function for route in routes})


def _integration(apis: "ApiGatewayV2Client", api_id: str, function: str) -> str:
    """The id of the API's integration with a function, by its name or ARN."""
    arn = function if function.startswith("arn:") else f"arn:aws:lambda:{REGION}:{_ACCOUNT}:function:{function}"
    for integration in apis.get_integrations(ApiId=api_id, MaxResults="1000")["Items"]:
        if integration.get("IntegrationUri") == arn:
            return integration["IntegrationId"]
    made = apis.create_integration(
        ApiId=api_id, IntegrationType="AWS_PROXY", IntegrationUri=arn, PayloadFormatVersion="2.0"
    )
    return made["IntegrationId"]
