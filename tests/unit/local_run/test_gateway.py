import boto3
import pytest
from moto import mock_aws

from local import gateway
from local.gateway import Route
from local.stack import REGION, StackError

URI = "arn:${AWS::Partition}:apigateway:${AWS::Region}:lambda:path/2015-03-31/functions/${%s}/invocations"


def operation(target: str) -> dict[str, object]:
    return {"x-amazon-apigateway-integration": {"type": "aws_proxy", "uri": {"Fn::Sub": URI % target}}}


def api(paths: dict[str, object], **more: object) -> dict[str, object]:
    return {"openapi": "3.0.1", "paths": paths, **more}


def test_routes_are_read_from_the_description() -> None:
    found = gateway.routes_of(
        api(
            {
                "/v1/webhooks": {"get": operation("WebhooksFunction.Arn"), "post": operation("WebhooksFunction.Arn")},
                "/v1/webhooks/{id}": {
                    "x-amazon-apigateway-any-method": operation("WebhooksFunctionAliaslive"),
                    "parameters": [{"name": "id", "in": "path"}],
                },
                "/$default": {"x-amazon-apigateway-any-method": operation("ReferenceFunction.Arn")},
            }
        )
    )
    assert found == [
        Route("$default", "ReferenceFunction"),
        Route("ANY /v1/webhooks/{id}", "WebhooksFunctionAliaslive"),
        Route("GET /v1/webhooks", "WebhooksFunction"),
        Route("POST /v1/webhooks", "WebhooksFunction"),
    ]


def test_an_integration_is_looked_up_where_it_is_referred_to() -> None:
    integrations = {"Users": operation("UsersFunction.Arn")["x-amazon-apigateway-integration"]}
    ref = {"x-amazon-apigateway-integration": {"$ref": "#/components/x-amazon-apigateway-integrations/Users"}}
    components = {"x-amazon-apigateway-integrations": integrations}
    assert gateway.routes_of(api({"/v1/users": {"get": ref}}, components=components)) == [
        Route("GET /v1/users", "UsersFunction")
    ]
    with pytest.raises(StackError, match="GET /v1/users"):
        gateway.routes_of(api({"/v1/users": {"get": ref}}))


def test_an_integration_of_another_kind_is_refused_by_name() -> None:
    with pytest.raises(StackError, match="GET /elsewhere"):
        gateway.routes_of(
            api({"/elsewhere": {"get": {"x-amazon-apigateway-integration": {"uri": "https://a.example"}}}})
        )


def test_cors_is_put_into_the_terms_of_the_api() -> None:
    settings = {"allowOrigins": ["*"], "maxAge": 600}
    assert gateway.cors_of(api({}, **{"x-amazon-apigateway-cors": settings})) == {"AllowOrigins": ["*"], "MaxAge": 600}
    assert gateway.cors_of(api({})) is None


@mock_aws
def test_applying_again_changes_only_what_differs() -> None:
    apis = boto3.client("apigatewayv2", region_name=REGION, aws_access_key_id="test", aws_secret_access_key="test")
    api_id = apis.create_api(Name="hub", ProtocolType="HTTP")["ApiId"]
    ids = {"A": "hub-A-1", "B": "hub-B-1"}
    first = api({"/a": {"get": operation("A.Arn")}, "/old": {"get": operation("A.Arn")}})
    gateway.apply(apis, api_id, first, ids)
    before = {route["RouteKey"]: route for route in apis.get_routes(ApiId=api_id)["Items"]}
    gateway.apply(apis, api_id, api({"/a": {"get": operation("A.Arn")}, "/b": {"post": operation("B.Arn")}}), ids)
    after = {route["RouteKey"]: route for route in apis.get_routes(ApiId=api_id)["Items"]}

    assert set(before) == {"GET /a", "GET /old"}
    assert set(after) == {"GET /a", "POST /b"}
    assert after["GET /a"]["RouteId"] == before["GET /a"]["RouteId"]
    integrations = {
        f"integrations/{item['IntegrationId']}": item["IntegrationUri"]
        for item in apis.get_integrations(ApiId=api_id)["Items"]
    }
    assert integrations[after["POST /b"]["Target"]] == "arn:aws:lambda:us-east-1:000000000000:function:hub-B-1"
