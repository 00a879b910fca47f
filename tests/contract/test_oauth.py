"""Sign-in and OAuth as the documents write them: every example request, and the shape of its answer."""

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest

from tests.contract.memory import published
from tests.contract.sign_in_server import ISSUER, App, Browser, Server, User, running

TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ\Z")

# Document 1, 5.1.
NEW_APP = {
    "name": "我的应用",
    "description": "第三方应用集成",
    "redirect_uris": ["https://myapp.com/callback"],
    "scopes": ["read", "write"],
}


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with running():
        # Document 5's login names no tenant, so it is the one that a deployment starts with.
        yield Server("default")


@pytest.fixture
def made(server: Server) -> dict[str, Any]:
    answer = server.request("POST", "/v1/oauth/apps", token=server.api_key, body=NEW_APP)
    assert answer.status == 201
    app: dict[str, Any] = answer.json()
    return app


@pytest.fixture
def app(server: Server, made: dict[str, Any]) -> App:
    return App(server, made)


@pytest.fixture
def member(server: Server) -> User:
    return server.user()


# ---------------------------------------------------------------- document 1, section 5


def test_1_5_1_create_an_app(made: dict[str, Any]) -> None:
    assert {name: made[name] for name in NEW_APP} == NEW_APP
    assert re.fullmatch("app_[0-9A-Z]+", made["id"])
    assert re.fullmatch("client_[0-9A-Z]+", made["client_id"])
    assert re.fullmatch("secret_[A-Za-z0-9_-]{40,}", made["client_secret"])
    assert TIME.match(made["created_at"])


@pytest.mark.parametrize("mount", ["", "/v1"])
def test_1_5_2_the_authorization_url(server: Server, app: App, member: User, mount: str) -> None:
    asked = {"client_id": app.client_id, "redirect_uri": "https://myapp.com/callback", "scope": "read", "state": "x"}
    code = Browser(server).code(f"{mount}/oauth/authorize?{urlencode(asked)}", member)
    assert app.exchange(code).json()["scope"] == "read"


@pytest.mark.parametrize("mount", ["", "/v1"])
def test_1_5_3_and_5_4_exchange_and_refresh_in_json(server: Server, app: App, member: User, mount: str) -> None:
    own = {"client_id": app.client_id, "client_secret": app.secret}
    exchange = {
        "grant_type": "authorization_code",
        **own,
        "code": Browser(server).code(app.url(), member),
        "redirect_uri": "https://myapp.com/callback",
    }
    given = server.request("POST", f"{mount}/oauth/token", body=exchange).json()
    refresh = {"grant_type": "refresh_token", **own, "refresh_token": given["refresh_token"]}
    again = server.request("POST", f"{mount}/oauth/token", body=refresh).json()
    for answer in (given, again):
        assert set(answer) == {"access_token", "token_type", "expires_in", "refresh_token", "scope"}
        assert (answer["token_type"], answer["expires_in"], answer["scope"]) == ("Bearer", 3600, "read write")


@pytest.mark.parametrize("mount", ["", "/v1"])
def test_1_5_5_revoke(server: Server, app: App, member: User, mount: str) -> None:
    given = app.exchange(Browser(server).code(app.url(), member)).json()
    body = {"client_id": app.client_id, "client_secret": app.secret, "token": given["access_token"]}
    answer = server.request("POST", f"{mount}/oauth/revoke", body=body)
    assert (answer.status, answer.json()) == (200, {})
    assert server.request("GET", "/v1/webhooks", token=given["access_token"]).status == 401


def test_apps_are_listed_shown_changed_and_deleted(server: Server, made: dict[str, Any]) -> None:
    path = f"/v1/oauth/apps/{made['id']}"
    shown = {name: value for name, value in made.items() if name != "client_secret"}
    assert server.call("GET", path) == shown
    listed = server.call("GET", "/v1/oauth/apps?page=1&limit=1")
    assert listed["data"] == [shown]
    assert listed["pagination"].keys() == {"page", "limit", "total", "total_pages"}
    changed = server.call("PUT", path, {"name": "新名称", "redirect_uris": ["https://myapp.com/other"]})
    assert (changed["name"], changed["redirect_uris"]) == ("新名称", ["https://myapp.com/other"])
    assert (changed["scopes"], changed["client_id"]) == (made["scopes"], made["client_id"])
    answer = server.request("DELETE", path, token=server.api_key)
    assert (answer.status, answer.text) == (204, "")
    assert server.request("GET", path, token=server.api_key).status == 404
    assert server.request("DELETE", path, token=server.api_key).status == 404


@pytest.mark.parametrize(
    ("more", "field"),
    [
        ({"scopes": ["root"]}, "scopes"),
        ({"scopes": []}, "scopes"),
        ({"name": ""}, "name"),
        ({"redirect_uris": ["http://myapp.com/callback"]}, "redirect_uris"),
        ({"client_secret": "mine"}, "client_secret"),
        ({"client_type": "other"}, "client_type"),
    ],
)
def test_a_bad_app_is_refused_in_document_1s_words(server: Server, more: dict[str, Any], field: str) -> None:
    answer = server.request("POST", "/v1/oauth/apps", token=server.api_key, body={**NEW_APP, **more})
    assert answer.status == 400
    error = answer.json()["error"]
    assert (error["code"], error["details"]["field"]) == ("INVALID_REQUEST", field)


def test_apps_are_an_administrators(server: Server, app: App) -> None:
    token = app.token(grant_type="client_credentials").json()["access_token"]
    assert server.request("GET", "/v1/oauth/apps", token=token).status == 403
    assert server.request("GET", "/v1/oauth/apps").status == 401


def test_apps_of_another_tenant_are_not_found(server: Server, made: dict[str, Any]) -> None:
    other = Server("other")
    for method, body in (("GET", None), ("PUT", {"name": "x"}), ("DELETE", None)):
        answer = server.request(method, f"/v1/oauth/apps/{made['id']}", token=other.api_key, body=body)
        assert answer.status == 404


def test_what_is_done_to_apps_and_grants_stands_in_the_audit_log(server: Server, app: App, member: User) -> None:
    Browser(server).code(app.url(), member)
    server.call("POST", f"/v1/oauth/apps/{app.id}/rotate-secret", {})
    server.call("DELETE", f"/v1/oauth/grants/{member.id}.{app.id}")
    server.call("DELETE", f"/v1/oauth/apps/{app.id}")
    published()
    log = server.call("GET", "/v1/audit-log?limit=100")["data"]
    told = [record for record in log if app.id in record["target"]]
    assert [record["action"] for record in told] == [
        "oauth_app.deleted",
        "oauth_grant.revoked",
        "oauth_app.secret_rotated",
        "oauth_grant.created",
        "oauth_app.created",
    ]
    assert told[3]["actor"] == member.id
    assert app.secret
    assert app.secret not in json.dumps(log)


# ---------------------------------------------------------------- document 2, "认证方式"


def test_2_get_a_token_and_use_it(server: Server, app: App) -> None:
    body = {"grant_type": "client_credentials", "client_id": app.client_id, "client_secret": app.secret}
    answer = server.request("POST", "/oauth/token", body=body)
    assert answer.status == 200
    given = answer.json()
    assert given["access_token"].startswith("eyJ")
    assert (given["token_type"], given["expires_in"]) == ("Bearer", 3600)
    assert "refresh_token" not in given, "RFC 6749 section 4.4.3"
    assert server.request("GET", "/v1/webhooks", token=given["access_token"]).status == 200


# ---------------------------------------------------------------- document 3, "OAuth 2.0"


def test_3_authorize_exchange_and_refresh_by_form(server: Server, app: App, member: User) -> None:
    asked = (
        "/oauth/authorize?response_type=code&"
        f"client_id={app.client_id}&redirect_uri=https://myapp.com/callback&scope=read%20write&state=RANDOM_STATE"
    )
    page = Browser(server)
    answer = page.submit(asked, page.sign_in(asked, member), action="allow")
    back = dict(parse_qsl(urlsplit(answer.location).query))
    assert back["state"] == "RANDOM_STATE"
    given = app.exchange(back["code"]).json()
    assert set(given) == {"access_token", "token_type", "expires_in", "refresh_token", "scope"}
    assert given["access_token"].startswith("eyJ")
    assert given["scope"] == "read write"
    assert app.refresh(given["refresh_token"]).json()["scope"] == "read write"


# ---------------------------------------------------------------- document 5, "认证API"


def test_5_log_in_with_a_password_alone(server: Server) -> None:
    answer = server.request("POST", "/api/auth/login", body={"password": server.password})
    assert answer.status == 200
    given = answer.json()
    assert set(given) == {"success", "token", "expires_in"}
    assert (given["success"], given["expires_in"]) == (True, 2_592_000)
    assert given["token"].startswith("eyJ")
    assert server.request("GET", "/v1/users", token=given["token"]).status == 200


def test_5_a_wrong_password(server: Server) -> None:
    answer = server.request("POST", "/api/auth/login", body={"password": "your_password"})
    assert answer.status == 401
    error = answer.json()
    assert set(error) == {"success", "error_code", "error_message", "solution", "timestamp"}
    assert (error["success"], error["error_code"]) == (False, "INVALID_CREDENTIALS")


def test_5_the_token_as_x_api_token(server: Server, member: User) -> None:
    login = {"email": member.email, "password": member.password}
    token = server.request("POST", "/api/auth/login", body=login).json()["token"]
    change = {"old_password": "wrong", "new_password": "new_pass"}
    answer = server.request("POST", "/api/auth/change-password", headers={"X-API-Token": token}, body=change)
    assert answer.json()["error_code"] == "INVALID_CREDENTIALS", "the token was accepted, the old password was not"


def test_5_verify(server: Server, member: User) -> None:
    login = {"email": member.email, "password": member.password}
    token = server.request("POST", "/api/auth/login", body=login).json()["token"]
    good = server.request("POST", "/api/auth/verify", body={"token": token}).json()
    assert (good["success"], good["valid"], good["user_id"], good["tenant"]) == (True, True, member.id, "default")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d", good["expires_at"])
    for bad in (token[:-4], "eyJ0eXAiOiJKV1QiLCJhbGc...", server.api_key):
        answer = server.request("POST", "/api/auth/verify", body={"token": bad})
        assert (answer.status, answer.json()) == (200, {"success": True, "valid": False})


def test_5_change_password(server: Server, member: User) -> None:
    server.call("PATCH", f"/v1/users/{member.id}", {"password": "old_pass"})
    login = {"email": member.email, "password": "old_pass"}
    token = server.request("POST", "/api/auth/login", body=login).json()["token"]
    change = {"old_password": "old_pass", "new_password": "new_pass"}
    answer = server.request("POST", "/api/auth/change-password", token=token, body=change)
    assert (answer.status, answer.json()["success"]) == (200, True)
    again = server.request("POST", "/api/auth/login", body={**login, "password": "new_pass"})
    assert again.status == 200
    assert server.request("POST", "/api/auth/verify", body={"token": token}).json()["valid"] is False


def test_5_login_takes_a_bounded_password(server: Server) -> None:
    answer = server.request("POST", "/api/auth/login", body={"password": "x" * 100_000})
    assert (answer.status, answer.json()["error_code"]) == (400, "INVALID_REQUEST")


# ---------------------------------------------------------------- discovery


def test_the_metadata_says_what_the_server_does(server: Server) -> None:
    answer = server.request("GET", "/.well-known/oauth-authorization-server")
    told = answer.json()
    assert answer.headers["Content-Type"] == "application/json"
    assert told["issuer"] == ISSUER
    for name, path in {
        "authorization_endpoint": "/oauth/authorize",
        "token_endpoint": "/oauth/token",
        "revocation_endpoint": "/oauth/revoke",
        "introspection_endpoint": "/oauth/introspect",
        "jwks_uri": "/.well-known/jwks.json",
    }.items():
        assert told[name] == ISSUER + path
    assert told["code_challenge_methods_supported"] == ["S256"]
    assert told["authorization_response_iss_parameter_supported"] is True
    assert told["response_types_supported"] == ["code"]
    assert set(told["grant_types_supported"]) == {"authorization_code", "refresh_token", "client_credentials"}


def test_every_error_of_the_token_endpoint_is_oauths(server: Server) -> None:
    for form in ("", "grant_type=x", "client_id=x", "a=%FF", "client_id=1&client_id=2"):
        answer = server.request("POST", "/oauth/token", form=form)
        assert answer.status in (400, 401)
        assert set(answer.json()) == {"error", "error_description"}
        assert answer.json()["error_description"].isascii()
    bodies: tuple[Any, ...] = ([], "x", {"grant_type": 1}, None)
    for body in bodies:
        answer = server.request("POST", "/oauth/token", body=body, headers={"content-type": "application/json"})
        assert answer.status in (400, 401)
        assert set(answer.json()) == {"error", "error_description"}


def test_consent_belongs_to_one_user(server: Server, app: App, member: User) -> None:
    Browser(server).code(app.url(), member)
    other = replace(server.user(), id="")
    assert Browser(server).sign_in(app.url(), other).status == 200, "the page of consent, not a redirect"
