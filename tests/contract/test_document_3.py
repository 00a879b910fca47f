"""Document 3 from top to bottom: each of its examples and each row of its tables, by a request to the handlers.

Other tests look at each thing more closely; here nothing of the document is left out. Headings are the document's.
"""

import json
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from hub import aws as clients
from tests.conftest import Answer, Clock, Deployment
from tests.contract import devices, orders
from tests.contract.customers import BATCH, CUSTOMERS, EXAMPLE, at, listed, make
from tests.contract.delivering import delivered
from tests.contract.sign_in_server import STATE, Browser, Server, claims, part, running
from tests.contract.talking import Talker, hear
from tests.contract.test_errors import exhaust
from tests.document_3 import Receiver

TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")


# 认证方式


def test_an_api_key_calls_the_api(deployment: Deployment) -> None:
    answer = deployment.call("GET", "/v1/users")
    assert (answer.status, answer.json["code"], answer.json["message"]) == (200, 0, "success")


@pytest.fixture
def server() -> Iterator[Server]:
    with running():
        yield Server("acme")


def test_an_application_gets_a_token_uses_it_and_refreshes_it(server: Server) -> None:
    app, browser = server.app(), Browser(server)
    asked = app.url()
    assert asked.startswith("/oauth/authorize?response_type=code&client_id=")
    back = browser.submit(asked, browser.sign_in(asked, server.user()), action="allow")
    assert back.location.startswith(app.redirect_uris[0])
    assert back.sent_back["state"] == STATE
    form = {"client_id": app.client_id, "client_secret": app.secret or ""}
    sent = form | {"grant_type": "authorization_code", "code": back.sent_back["code"]}
    first = server.request("POST", "/oauth/token", form=sent | {"redirect_uri": app.redirect_uris[0]})
    refresh = {"grant_type": "refresh_token", "refresh_token": first.json()["refresh_token"]}
    for answer in (first, server.request("POST", "/oauth/token", form=form | refresh)):
        assert answer.status == 200, answer
        given = answer.json()
        assert set(given) == {"access_token", "token_type", "expires_in", "refresh_token", "scope"}
        assert (given["token_type"], given["expires_in"], given["scope"]) == ("Bearer", 3600, "read write")
        assert part(given["access_token"], 0)["alg"] == "RS256"
        assert claims(given["access_token"])["scope"] == "read write"
        api = Deployment("acme", given["access_token"])
        assert api.call("GET", CUSTOMERS).status == 200


# 请求格式


def test_authorization(deployment: Deployment) -> None:
    for headers, status in (
        ({}, 200),
        ({"authorization": f"bearer {deployment.api_key}"}, 200),
        ({"authorization": deployment.api_key}, 401),
        ({"authorization": ""}, 401),
    ):
        assert deployment.call("GET", CUSTOMERS, headers=headers).status == status


def test_content_type(deployment: Deployment) -> None:
    for media_type, status in (
        ("application/json", 201),
        ("application/json; charset=utf-8", 201),
        ("text/plain", 415),
        ("", 415),
    ):
        answer = deployment.call("POST", CUSTOMERS, {"name": media_type or "a"}, headers={"Content-Type": media_type})
        assert answer.status == status


def test_accept(deployment: Deployment) -> None:
    for accept in ({}, {"Accept": "application/json"}, {"Accept": "*/*"}):
        answer = deployment.call("GET", CUSTOMERS, headers=accept)
        assert answer.headers["Content-Type"] == "application/json; charset=utf-8"


def test_request_id(deployment: Deployment) -> None:
    answer = deployment.call("POST", CUSTOMERS, {}, headers={"X-Request-ID": "req_abc123"})
    assert answer.headers["X-Request-ID"] == answer.json["requestId"] == "req_abc123"
    made = deployment.call("GET", CUSTOMERS).headers["X-Request-ID"]
    assert re.fullmatch("req_[0-9A-HJKMNP-TV-Z]{26}", made)


def test_accept_language(deployment: Deployment) -> None:
    for asked, language, message in (
        ("", "zh-CN", "资源不存在"),
        ("zh-CN", "zh-CN", "资源不存在"),
        ("en-US", "en-US", "The resource does not exist"),
    ):
        answer = deployment.call("GET", f"{CUSTOMERS}/cust_none", headers={"Accept-Language": asked})
        assert (answer.headers["Content-Language"], answer.json["message"]) == (language, message)


def test_post_put_and_patch_take_json(deployment: Deployment) -> None:
    text = """{
"name": "示例科技有限公司",
"industry": "互联网",
"contact": {
"name": "张经理",
"phone": "13800138000"
}
}"""
    made = deployment.call("POST", CUSTOMERS, text)
    assert made.status == 201
    assert json.loads(text) == EXAMPLE
    for method in ("PUT", "PATCH"):
        answer = deployment.call(method, at(made.json["data"]), json.dumps({"industry": method}))
        assert (answer.status, answer.json["data"]["industry"]) == (200, method)


# 查询参数, 过滤参数


@pytest.fixture
def shop(deployment: Deployment, clock: Clock) -> Deployment:
    """25 customers, a second apart: `客户A` to `客户Y`, every fifth in finance, and one of technology."""
    rows = [{"name": f"客户{chr(65 + number)}", "industry": "互联网" if number % 5 else "金融"} for number in range(25)]
    for number, row in enumerate(rows):
        clock.advance(1)
        make(deployment, **row, amount=number * 1000, status="active" if number % 2 else "inactive")
    clock.advance(1)
    make(deployment, name="示例科技", industry="制造", status="prospect")
    return deployment


NEWEST = ["示例科技", *(f"客户{chr(65 + number)}" for number in reversed(range(25)))]


def customers(*numbers: int) -> list[str]:
    return [f"客户{chr(65 + number)}" for number in numbers]


PARAMETERS: dict[str, list[str]] = {
    "": NEWEST[:20],
    "page=1": NEWEST[:20],
    "page=2": NEWEST[20:],
    "pageSize=50": NEWEST,
    "sort=createdAt": NEWEST[:20],
    "sort=name": ["示例科技", *customers(*range(24, 5, -1))],
    "order=desc": NEWEST[:20],
    "order=asc": NEWEST[:-21:-1],
    "fields=id,name,status": NEWEST[:20],
    "search=科技": ["示例科技"],
    "status=active": customers(*range(23, 0, -2)),
    "status[ne]=inactive": ["示例科技", *customers(*range(23, 0, -2))],
    "createdAt[gt]=2024-01-01": NEWEST[:20],
    "amount[lte]=10000": customers(*range(10, -1, -1)),
    "industry[in]=互联网,金融": customers(*range(24, 4, -1)),
    "name[like]=科技": ["示例科技"],
}


def test_query_parameters_and_filters(shop: Deployment) -> None:
    for query, names in PARAMETERS.items():
        if query != "fields=id,name,status":
            assert listed(shop, query) == names, query
    items = shop.call("GET", f"{CUSTOMERS}?fields=id,name,status").json["data"]["items"]
    assert [item["name"] for item in items] == NEWEST[:20]
    assert {tuple(item) for item in items} == {("id", "name", "status")}
    assert shop.call("GET", f"{CUSTOMERS}?pageSize=100").json["data"]["pagination"]["pageSize"] == 100
    before_the_newest = shop.call("GET", CUSTOMERS).json["data"]["items"][1]["createdAt"]
    assert listed(shop, f"createdAt[gt]={before_the_newest}") == ["示例科技"]
    for query in ("page=0", "pageSize=101", "order=up", "sort=colour", "fields=colour"):
        assert shop.call("GET", f"{CUSTOMERS}?{query}").json["code"] == 40001, query


# 响应格式


def test_an_answer_of_one(deployment: Deployment) -> None:
    answer = deployment.call("GET", at(make(deployment)))
    assert {name: answer.json[name] for name in ("code", "message")} == {"code": 0, "message": "success"}
    data = answer.json["data"]
    assert data["id"].startswith("cust_")
    assert (data["name"], data["industry"]) == ("示例科技有限公司", "互联网")
    assert TIME.fullmatch(data["createdAt"])


def test_an_answer_of_many(shop: Deployment) -> None:
    answer = shop.call("GET", f"{CUSTOMERS}?fields=id,name&order=asc&page=1&pageSize=2")
    ids = [item.pop("id") for item in answer.json["data"]["items"]]
    assert all(one.startswith("cust_") for one in ids)
    assert answer.json == {
        "code": 0,
        "message": "success",
        "data": {
            "items": [{"name": "客户A"}, {"name": "客户B"}],
            "pagination": {"page": 1, "pageSize": 2, "total": 26, "totalPages": 13},
        },
    }


def test_an_answer_that_refuses(deployment: Deployment) -> None:
    body = EXAMPLE | {"contact": {"name": "张经理", "phone": "", "email": "zhang"}}
    answer = deployment.call("POST", CUSTOMERS, body, headers={"X-Request-ID": "req_abc123"})
    told = {error["field"].rpartition(".")[2]: error["message"] for error in answer.json.pop("errors")}
    assert told == {"email": "邮箱格式不正确", "phone": "手机号不能为空"}
    assert answer.json == {"code": 40001, "message": "参数验证失败", "requestId": "req_abc123"}
    user = deployment.call("POST", "/v1/users", {"email": "zhang", "name": "张三"})
    assert user.json["errors"] == [{"field": "email", "message": "邮箱格式不正确"}]


# 错误码


def wrong_type(api: Deployment, _: Clock) -> Answer:
    return api.call("POST", CUSTOMERS, {"name": 5})


def invalid(api: Deployment, _: Clock) -> Answer:
    return api.call("POST", CUSTOMERS, {"name": ""})


def unknown_token(api: Deployment, _: Clock) -> Answer:
    return api.call("GET", CUSTOMERS, key="YOUR_TOKEN")


def expired_token(api: Deployment, clock: Clock) -> Answer:
    key = api.new_key("read", expires_at="2026-11-20T14:00:00Z")["key"]
    clock.advance(3600)
    return api.call("GET", CUSTOMERS, key=key)


def no_permission(api: Deployment, _: Clock) -> Answer:
    return api.call("POST", CUSTOMERS, EXAMPLE, key=api.new_key("read")["key"])


def restricted(api: Deployment, _: Clock) -> Answer:
    customer = make(api)["id"]
    return api.call("POST", orders.ORDERS, orders.new_order(customer), key=api.new_key("orders:write")["key"])


def nothing_there(api: Deployment, _: Clock) -> Answer:
    return api.call("GET", f"{CUSTOMERS}/cust_none")


def there_already(api: Deployment, _: Clock) -> Answer:
    make(api)
    return api.call("POST", CUSTOMERS, EXAMPLE)


def against_a_rule(api: Deployment, _: Clock) -> Answer:
    return orders.move(api, orders.make(api), "refund")


def too_often(api: Deployment, clock: Clock) -> Answer:
    exhaust(api, clock, n=1000)
    return api.call("GET", CUSTOMERS)


def broken(api: Deployment, _: Clock) -> Answer:
    def refuse(**_: Any) -> None:
        raise ClientError({"Error": {"Code": "AccessDeniedException", "Message": "secret"}}, "Query")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(clients.dynamodb(), "query", refuse)
        return api.call("GET", CUSTOMERS)


Doing = Callable[[Deployment, Clock], Answer]

STATUSES: dict[int, Doing] = {
    200: lambda api, _: api.call("GET", CUSTOMERS),
    201: lambda api, _: api.call("POST", CUSTOMERS, EXAMPLE),
    204: lambda api, _: api.call("DELETE", at(make(api))),
    400: invalid,
    401: unknown_token,
    403: no_permission,
    404: nothing_there,
    409: there_already,
    422: against_a_rule,
    429: too_often,
    500: broken,
}
CODES: dict[int, tuple[str, Doing]] = {
    40001: ("参数验证失败", invalid),
    40002: ("参数类型错误", wrong_type),
    40101: ("Token 无效", unknown_token),
    40102: ("Token 已过期", expired_token),
    40301: ("无操作权限", no_permission),
    40302: ("资源访问受限", restricted),
    40401: ("资源不存在", nothing_there),
    40901: ("数据已存在", there_already),
    42201: ("业务规则校验失败", against_a_rule),
    42901: ("请求过于频繁,请稍后重试", too_often),
}


@pytest.mark.parametrize("status", STATUSES)
def test_every_http_status(deployment: Deployment, clock: Clock, status: int) -> None:
    answer = STATUSES[status](deployment, clock)
    assert answer.status == status
    assert (answer.text == "") == (status == 204)
    assert status == 204 or (answer.json["code"] == 0) == (status < 300)


@pytest.mark.parametrize("code", CODES)
def test_every_business_code(deployment: Deployment, clock: Clock, code: int) -> None:
    message, do = CODES[code]
    answer = do(deployment, clock)
    assert (answer.status, answer.json["code"], answer.json["message"]) == (code // 100, code, message)
    assert answer.json["requestId"] == answer.headers["X-Request-ID"]


def test_a_fault_of_ours_has_a_code_too(deployment: Deployment, clock: Clock) -> None:
    answer = broken(deployment, clock)
    assert (answer.json["code"], answer.json["message"], answer.json["errors"]) == (50000, "服务器内部错误", [])


# 速率限制


@pytest.mark.parametrize(
    ("method", "path", "limit", "counted"),
    [
        ("GET", CUSTOMERS, 1000, {"n": 999}),
        ("GET", "/v1/orders", 1000, {"n": 999}),
        ("GET", "/v1/users", 1000, {"n": 999}),
        ("POST", BATCH, 100, {"n": 99, "n_batch": 99}),
        ("POST", "/v1/files", 60, {"n": 59, "n_uploads": 59}),
    ],
)
def test_every_rate_limit(
    deployment: Deployment, clock: Clock, method: str, path: str, limit: int, counted: dict[str, int]
) -> None:
    body: Any = {} if method == "POST" else None
    first = deployment.call(method, path, body)
    reset = str((clock.START // 60 + 1) * 60)
    assert first.headers["X-RateLimit-Limit"] == str(limit)
    assert first.headers["X-RateLimit-Remaining"] == str(limit - 1)
    assert first.headers["X-RateLimit-Reset"] == reset
    exhaust(deployment, clock, **counted)
    last, over = (deployment.call(method, path, body) for _ in range(2))
    assert (last.status != 429, last.headers["X-RateLimit-Remaining"]) == (True, "0")
    assert over.status == 429
    assert {"code": 42901, "message": "请求过于频繁,请稍后重试", "retryAfter": 30}.items() <= over.json.items()
    assert (over.headers["Retry-After"], over.headers["X-RateLimit-Reset"]) == ("30", reset)
    clock.advance(30)
    assert deployment.call(method, path, body).status != 429


# 分页


def test_numbered_pages(shop: Deployment) -> None:
    answer = shop.call("GET", f"{CUSTOMERS}?page=2&pageSize=20")
    assert [item["name"] for item in answer.json["data"]["items"]] == NEWEST[20:]
    assert answer.json["data"]["pagination"] == {"page": 2, "pageSize": 20, "total": 26, "totalPages": 2}


def test_pages_by_cursor(shop: Deployment) -> None:
    first = shop.call("GET", f"{CUSTOMERS}?limit=20").json
    assert set(first["data"]) == {"items"}
    assert set(first["cursor"]) == {"next", "hasMore"}
    assert first["cursor"]["hasMore"] is True
    second = shop.call("GET", f"{CUSTOMERS}?limit=20&cursor={first['cursor']['next']}").json
    assert second["cursor"] == {"next": None, "hasMore": False}
    assert [item["name"] for page in (first, second) for item in page["data"]["items"]] == NEWEST


# Webhook

WEBHOOK = {
    "url": "https://your-server.com/webhook",
    "events": ["customer.created", "order.paid"],
    "secret": "your_webhook_secret",
}
EVENTS = [
    "customer.created",
    "customer.updated",
    "order.created",
    "order.paid",
    "device.online",
    "device.offline",
    "device.alert",
]


def test_every_event_reaches_a_webhook_and_the_documents_receiver(
    deployment: Deployment, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = deployment.call("POST", "/v1/webhooks", WEBHOOK)
    assert made.status == 201, made.text
    assert {name: made.json["data"][name] for name in WEBHOOK} == WEBHOOK
    every = deployment.call("POST", "/v1/webhooks", WEBHOOK | {"url": "https://your-server.com/all", "events": EVENTS})
    assert every.status == 201, every.text

    customer = make(deployment)
    assert deployment.call("PATCH", at(customer), {"status": "inactive"}).status == 200
    orders.moved(deployment, orders.make(deployment, customer["id"]), "pay")
    talker = Talker(deployment.tenant, devices.make(deployment)["id"])
    assert hear(talker.connected(), talker.raises(), talker.disconnected()) == []

    sent = delivered(clock, monkeypatch, wanted=len(WEBHOOK["events"]) + len(EVENTS))
    told: dict[str, list[str]] = {"https://your-server.com/webhook": [], "https://your-server.com/all": []}
    with Receiver() as receiver:
        for url, headers, body in sent:
            event = json.loads(body)
            assert list(event) == ["id", "event", "type", "timestamp", "data"]
            assert event["event"] == event["type"] == headers["X-Webhook-Event"]
            told[url].append(event["type"])
            for secret, status in (("your_webhook_secret", 200), ("another", 401)):
                assert receiver.status(body, headers["X-Webhook-Signature"], secret) == status
    assert sorted(told["https://your-server.com/webhook"]) == sorted(WEBHOOK["events"])
    assert sorted(told["https://your-server.com/all"]) == sorted(EVENTS)


# SDK


def test_what_the_sdks_send(shop: Deployment) -> None:
    answer = shop.call("GET", f"{CUSTOMERS}?page=1&pageSize=20&status=active")
    assert [item["name"] for item in answer.json["data"]["items"]] == customers(*range(23, 0, -2))
    made = shop.call("POST", CUSTOMERS, {"name": "新客户", "industry": "互联网"})
    assert (made.status, made.json["data"]["name"]) == (201, "新客户")
    device = devices.make(shop)
    wanted = {"command": "turnOn", "params": {"brightness": 80}}
    sent = shop.call("POST", f"{devices.path(device)}/commands", wanted)
    assert sent.status == 201, sent.text
    assert {name: sent.json["data"][name] for name in wanted} == wanted
