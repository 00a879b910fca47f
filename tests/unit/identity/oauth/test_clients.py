"""Clients: how they authenticate, where they may be reached, what they may ask of tokens."""

import base64
from typing import Any
from unittest.mock import patch
from urllib.parse import quote_plus

import pytest

from functions.identity.oauth import clients
from hub import times
from tests.contract.sign_in_server import App, Browser, Pkce, Server, User
from tests.unit.identity.oauth.answers import calls, refused

GRANT = {"grant_type": "client_credentials"}


def basic(client_id: str, secret: str) -> dict[str, str]:
    credentials = base64.b64encode(f"{quote_plus(client_id)}:{quote_plus(secret)}".encode()).decode()
    return {"Authorization": f"Basic {credentials}"}


def secret_of(app: App) -> str:
    assert app.secret
    return app.secret


def test_client_secret_basic(server: Server, app: App) -> None:
    headers = basic(app.client_id, secret_of(app))
    assert server.request("POST", "/oauth/token", form=GRANT, headers=headers).status == 200


def test_client_secret_post_in_a_form_and_in_json(server: Server, app: App) -> None:
    sent = {**GRANT, **app.credentials}
    assert server.request("POST", "/oauth/token", form=sent).status == 200
    assert server.request("POST", "/v1/oauth/token", body=sent).status == 200


def test_no_answer_with_a_token_is_kept_by_a_cache(server: Server, app: App) -> None:
    assert app.token(**GRANT).headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize("secret", ["", "wrong", "secret_", "中"])
def test_a_wrong_secret_and_an_unknown_client_get_the_same_answer(server: Server, app: App, secret: str) -> None:
    wrong = app.token(**GRANT, client_secret=secret)
    unknown = app.token(**GRANT, client_secret=secret, client_id="client_01M7WME9SAQH6XKWQ7D6A4C55P")
    assert refused(wrong, "invalid_client", 401)
    assert refused(unknown, "invalid_client", 401)
    assert wrong.text == unknown.text
    assert wrong.headers["WWW-Authenticate"].startswith("Basic")


@pytest.mark.parametrize("header", ["Basic", "Basic !!!", "Basic eA==", "Bearer x", "Basic gIA6gIA="])
def test_a_malformed_authorization_is_refused(server: Server, header: str) -> None:
    answer = server.request("POST", "/oauth/token", form=GRANT, headers={"Authorization": header})
    assert refused(answer, "invalid_client", 401)


def test_two_ways_of_authentication_at_once_are_refused(server: Server, app: App) -> None:
    headers = basic(app.client_id, secret_of(app))
    answer = server.request("POST", "/oauth/token", form={**GRANT, **app.credentials}, headers=headers)
    assert refused(answer, "invalid_request")


def test_another_client_id_in_the_body_is_refused(server: Server, app: App) -> None:
    headers = basic(app.client_id, secret_of(app))
    form = {**GRANT, "client_id": server.app().client_id}
    assert refused(server.request("POST", "/oauth/token", form=form, headers=headers), "invalid_client", 401)


@pytest.mark.parametrize("path", ["/oauth/token", "/oauth/revoke", "/oauth/introspect"])
def test_a_secret_in_the_url_is_refused(server: Server, app: App, path: str) -> None:
    url = f"{path}?client_secret={app.secret}"
    answer = server.request("POST", url, form={**GRANT, **app.credentials, "token": "x"})
    assert refused(answer, "invalid_request")


def test_parameters_in_the_url_are_not_taken(server: Server, app: App) -> None:
    url = f"/oauth/token?grant_type=client_credentials&client_id={app.client_id}"
    assert server.request("POST", url, form={}).status == 401


def test_a_public_client_has_no_client_credentials(public_app: App) -> None:
    assert refused(public_app.token(**GRANT), "unauthorized_client")


def test_a_public_client_with_a_secret_is_refused(public_app: App) -> None:
    assert refused(public_app.token(**GRANT, client_secret="secret_x"), "invalid_client", 401)


def test_a_confidential_client_without_its_secret_is_refused(app: App, code: str, pkce: Pkce) -> None:
    answer = app.exchange(code, code_verifier=pkce.verifier, client_secret="")
    assert refused(answer, "invalid_client", 401)


def test_a_rotated_secret_overlaps(server: Server, app: App) -> None:
    made = server.call("POST", f"/v1/oauth/apps/{app.id}/rotate-secret", {"overlap_seconds": 600})
    assert app.token(**GRANT).status == 200
    assert app.token(**GRANT, client_secret=made["client_secret"]).status == 200
    later = times.now() + 601
    with patch.object(times, "now", lambda: later):
        assert app.token(**GRANT).status == 401
        assert app.token(**GRANT, client_secret=made["client_secret"]).status == 200


def test_a_secret_rotated_without_overlap_fails_at_once(server: Server, app: App) -> None:
    server.call("POST", f"/v1/oauth/apps/{app.id}/rotate-secret", {"overlap_seconds": 0})
    assert app.token(**GRANT).status == 401


def test_a_public_client_has_no_secret_to_rotate(server: Server, public_app: App) -> None:
    path = f"/v1/oauth/apps/{public_app.id}/rotate-secret"
    assert server.request("POST", path, token=server.api_key, body={}).status == 422


def test_a_secret_stands_nowhere_but_in_the_first_answer(server: Server, app: App) -> None:
    for path in (f"/v1/oauth/apps/{app.id}", "/v1/oauth/apps"):
        assert "secret" not in server.request("GET", path, token=server.api_key).text


def test_failed_authentications_are_throttled(server: Server, app: App) -> None:
    def attempt(secret: str) -> int:
        form = {**GRANT, **app.credentials, "client_secret": secret}
        return server.request("POST", "/oauth/token", form=form, address="198.51.100.7").status

    now = times.now()
    with patch.object(times, "now", lambda: now):
        statuses = [attempt("wrong") for _ in range(clients.FAILURES + 1)]
        assert statuses == [401] * clients.FAILURES + [429]
        # Who knows the secret is not kept out by who does not.
        assert attempt(secret_of(app)) == 200


@pytest.mark.parametrize(
    "uri",
    [
        "https://myapp.com/callback",
        "https://myapp.com/callback?tenant=1",
        "http://127.0.0.1/callback",
        "http://localhost:8080/callback",
        "http://[::1]/callback",
        "com.example.app:/callback",
    ],
)
def test_a_redirect_uri_of_rfc_9700_is_registered(server: Server, uri: str) -> None:
    assert server.app(redirect_uris=[uri]).redirect_uris == [uri]


@pytest.mark.parametrize(
    "uri",
    [
        "http://myapp.com/callback",
        "https://*.myapp.com/callback",
        "https://myapp.com/*",
        "https://myapp.com/callback#fragment",
        "https://myapp.com/callback#",
        "https://user@myapp.com/callback",
        "https:///callback",
        "https://",
        "//myapp.com/callback",
        "/callback",
        "javascript:alert(1)",
        "data:text/html,x",
        "file:///etc/passwd",
        "myapp:/callback",
        "https://myapp.com/call back",
        "https://myapp.com/\r\nX: y",
        "https://myapp.com\\@evil.example/",
        "http://127.0.0.1.evil.example/",
        "http://localhost@evil.example/",
        "https://müller.example/",
        "",
    ],
)
def test_any_other_redirect_uri_is_refused(server: Server, uri: str) -> None:
    wanted = {"name": "x", "redirect_uris": [uri], "scopes": ["read"]}
    assert server.request("POST", "/v1/oauth/apps", token=server.api_key, body=wanted).status == 400


@pytest.mark.parametrize(
    "registered",
    ["http://127.0.0.1/callback", "http://[::1]/callback", "http://localhost/callback", "http://127.0.0.1:9/callback"],
)
def test_the_port_of_a_loopback_redirect_may_vary(
    server: Server, user: User, browser: Browser, pkce: Pkce, registered: str
) -> None:
    app = server.app(redirect_uris=[registered], client_type="public")
    uri = registered.replace(":9/", "/").replace("/callback", ":51004/callback")
    url = app.url(redirect_uri=uri, **pkce.asked)
    code = browser.code(url, user)
    assert app.exchange(code, redirect_uri=uri, code_verifier=pkce.verifier).status == 200


@pytest.mark.parametrize(
    "uri",
    [
        "http://127.0.0.1:51004/other",
        "http://127.0.0.1:51004/callback?x=1",
        "http://127.0.0.1:51004/callback#x",
        "https://127.0.0.1:51004/callback",
        "http://localhost:51004/callback",
        "http://127.0.0.2:51004/callback",
        "http://127.0.0.1:99999/callback",
        "http://127.0.0.1:51004@evil.example/callback",
        "http://evil.example@127.0.0.1:51004/callback",
        "http://127.0.0.1:51004\\@evil.example/callback",
        "http://127.0.0.1:51004/\r\ncallback",
        "http://127.0.0.1:51004/call\tback",
        "http://127.0.0.1:51004/callback\n",
        " http://127.0.0.1:51004/callback",
    ],
)
def test_nothing_but_the_port_may_vary(server: Server, browser: Browser, uri: str) -> None:
    app = server.app(redirect_uris=["http://127.0.0.1/callback"])
    answer = browser.get(app.url(redirect_uri=uri))
    assert answer.status == 400
    assert "Location" not in answer.headers


def test_no_port_may_vary_elsewhere(app: App, browser: Browser) -> None:
    assert browser.get(app.url(redirect_uri="https://myapp.com:8443/callback")).status == 400


def test_an_unknown_token_at_revoke_is_no_error(app: App) -> None:
    for token in ("x", "a.b.c", "rt_01M7WME9SAQH6XKWQ7D6A4C55P_x"):
        answer = app.revoke(token)
        assert (answer.status, answer.json()) == (200, {})


def test_revoke_needs_a_token_and_the_client(server: Server, app: App) -> None:
    assert refused(app.revoke(""), "invalid_request")
    answer = server.request("POST", "/oauth/revoke", form={"token": "x", "client_id": app.client_id})
    assert refused(answer, "invalid_client", 401)


@pytest.fixture
def given(app: App, code: str, pkce: Pkce) -> dict[str, Any]:
    answered: dict[str, Any] = app.exchange(code, code_verifier=pkce.verifier).json()
    return answered


@pytest.mark.parametrize("kind", ["access_token", "refresh_token"])
def test_a_revoked_token_ends_its_grant_at_once(server: Server, app: App, given: dict[str, Any], kind: str) -> None:
    assert app.revoke(given[kind]).status == 200
    assert calls(server, given["access_token"]) == 401
    assert refused(app.refresh(given["refresh_token"]), "invalid_grant")
    assert app.revoke(given[kind]).status == 200


@pytest.mark.parametrize("kind", ["access_token", "refresh_token"])
def test_a_foreign_client_revokes_nothing(server: Server, given: dict[str, Any], kind: str) -> None:
    assert server.app().revoke(given[kind]).status == 200
    assert calls(server, given["access_token"]) == 200


@pytest.mark.parametrize("kind", ["access_token", "refresh_token"])
def test_introspection_tells_the_tokens_own_client(app: App, user: User, given: dict[str, Any], kind: str) -> None:
    told = app.introspect(given[kind])
    assert (told["active"], told["scope"], told["client_id"], told["sub"]) == (
        True,
        "read write",
        app.client_id,
        user.id,
    )


@pytest.mark.parametrize("kind", ["access_token", "refresh_token"])
def test_introspection_by_a_foreign_client_tells_nothing(server: Server, given: dict[str, Any], kind: str) -> None:
    assert server.app().introspect(given[kind]) == {"active": False}


def test_introspection_of_garbage_tells_nothing(app: App) -> None:
    assert app.introspect("garbage") == {"active": False}


def test_introspection_of_a_used_refresh_token_tells_nothing(app: App, given: dict[str, Any]) -> None:
    app.refresh(given["refresh_token"])
    assert app.introspect(given["refresh_token"]) == {"active": False}


def test_introspection_needs_a_token_and_a_secret(server: Server, app: App, public_app: App) -> None:
    assert refused(server.request("POST", "/oauth/introspect", form=app.credentials), "invalid_request")
    sent = {**public_app.credentials, "token": "x"}
    assert server.request("POST", "/oauth/introspect", form=sent).status == 400
    assert server.request("POST", "/oauth/introspect", form={"token": "x"}).status == 401
