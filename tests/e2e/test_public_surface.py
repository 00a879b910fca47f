"""What every caller meets: the description, request ids, languages, and what API Gateway answers by itself."""

import pytest

from tests.e2e.running import Client, RunningStack


@pytest.mark.parametrize(("path", "kind"), [("/openapi.json", "application/json"), ("/docs", "text/html")])
def test_the_description_needs_no_credential(stack: RunningStack, api: Client, path: str, kind: str) -> None:
    answer = api.get(path, headers={"Authorization": ""})
    assert answer.status_code == 200
    assert answer.headers["Content-Type"].startswith(kind)
    assert api.get(path, headers={"If-None-Match": answer.headers["ETag"]}).status_code == 304


def test_the_request_id_is_echoed_or_made(api: Client) -> None:
    assert api.get("/v1/api-keys", headers={"X-Request-ID": "mine-1"}).headers["X-Request-ID"] == "mine-1"
    first, second = (api.get("/v1/api-keys").headers["X-Request-ID"] for _ in range(2))
    assert first.startswith("req_")
    assert first != second
    evil = api.get("/v1/api-keys", headers={"X-Request-ID": "x" * 500})
    assert evil.headers["X-Request-ID"].startswith("req_")
    refused = api.get("/v1/webhooks/none", headers={"X-Request-ID": "mine-2"})
    assert refused.headers["X-Request-ID"] == refused.json()["requestId"] == "mine-2"


@pytest.mark.parametrize(("method", "path"), [("GET", "/v1/nothing"), ("DELETE", "/v1/webhooks"), ("GET", "/")])
def test_an_unknown_route_is_api_gateways_own_404(api: Client, method: str, path: str) -> None:
    answer = api.request(method, path)
    assert (answer.status_code, answer.json()) == (404, {"message": "Not Found"})


@pytest.mark.parametrize(
    "authorization", ["", "Bearer", "Bearer sk_live_x", "Basic dXNlcjpwYXNz", "Bearer " + "x" * 5000]
)
def test_a_missing_or_wrong_credential_is_a_401(api: Client, authorization: str) -> None:
    answer = api.get("/v1/api-keys", headers={"Authorization": authorization})
    assert answer.status_code == 401
    assert answer.json()["error"]["code"] == "UNAUTHORIZED"


def test_a_missing_permission_is_a_403(api: Client) -> None:
    caller = api.with_key(api.new_key("Reader", permissions=["webhooks:read"])["key"])
    assert caller.get("/v1/webhooks").status_code == 200
    refused = caller.post("/v1/webhooks", {"url": "https://example.com", "events": ["*"]})
    assert (refused.status_code, refused.json()["error"]["code"], refused.json()["code"]) == (403, "FORBIDDEN", 40301)
    assert caller.get("/v1/api-keys").json() == {"error": {"code": "FORBIDDEN", "message": "权限不足", "details": {}}}
    caller.close()


@pytest.mark.parametrize(
    ("accept", "message"),
    [
        (None, "资源不存在"),
        ("en-US", "The resource does not exist"),
        ("en", "The resource does not exist"),
        ("fr, de;q=0.9", "资源不存在"),
        ("zh-CN;q=0.5, en;q=0.9", "The resource does not exist"),
        ("*", "资源不存在"),
    ],
)
def test_messages_are_chinese_unless_english_is_asked_for(api: Client, accept: str | None, message: str) -> None:
    headers = {} if accept is None else {"Accept-Language": accept}
    assert api.get("/v1/api-keys/ak_none", headers=headers).json()["error"]["message"] == message


def test_both_ports_serve_the_same(stack: RunningStack, api: Client) -> None:
    other_port = stack.description["ws_url"].removeprefix("ws://localhost:").removesuffix("/ws")
    other = Client(f"http://localhost:{other_port}", api.key, api.tenant)
    assert other.get("/v1/api-keys").json()["data"][0]["name"] == "first key"
    other.close()
