"""What ends tokens and sessions, each from the very next request on."""

from dataclasses import replace
from typing import Any

import pytest

from tests.contract.sign_in_server import App, Browser, Server, User
from tests.unit.identity.oauth.answers import calls, refused


@pytest.fixture
def member(server: Server) -> User:
    return server.user()


@pytest.fixture
def given(app: App, member: User, browser: Browser) -> dict[str, Any]:
    """Tokens of `member`, who stays signed in on `browser`."""
    answered: dict[str, Any] = app.exchange(browser.code(app.url(), member)).json()
    return answered


def assert_ended(server: Server, app: App, given: dict[str, Any]) -> None:
    assert calls(server, given["access_token"]) == 401
    assert refused(app.refresh(given["refresh_token"]), "invalid_grant")
    assert app.introspect(given["access_token"]) == {"active": False}


def assert_signed_out(app: App, browser: Browser) -> None:
    assert 'name="password"' in browser.get(app.url()).text


def test_before_anything_ends_all_of_it_works(
    server: Server, app: App, browser: Browser, given: dict[str, Any]
) -> None:
    assert calls(server, given["access_token"]) == 200
    assert app.introspect(given["access_token"])["active"]
    assert "code" in browser.get(app.url()).sent_back


def test_a_suspended_user(server: Server, app: App, browser: Browser, member: User, given: dict[str, Any]) -> None:
    server.call("PATCH", f"/v1/users/{member.id}", {"status": "inactive"})
    assert_ended(server, app, given)
    assert_signed_out(app, browser)
    server.call("PATCH", f"/v1/users/{member.id}", {"status": "active"})
    assert_ended(server, app, given)
    assert_signed_out(app, browser)


def test_a_deleted_user(server: Server, app: App, browser: Browser, member: User, given: dict[str, Any]) -> None:
    server.call("DELETE", f"/v1/users/{member.id}")
    assert_ended(server, app, given)
    assert_signed_out(app, browser)


def test_a_deleted_app(server: Server, app: App, browser: Browser, given: dict[str, Any]) -> None:
    own = app.token(grant_type="client_credentials").json()
    server.call("DELETE", f"/v1/oauth/apps/{app.id}")
    assert calls(server, given["access_token"]) == 401
    assert calls(server, own["access_token"]) == 401
    assert refused(app.refresh(given["refresh_token"]), "invalid_client", 401)
    assert browser.get(app.url()).status == 401


def test_a_revoked_grant(server: Server, app: App, member: User, given: dict[str, Any]) -> None:
    listed = server.call("GET", "/v1/oauth/grants")["data"]
    grant = next(one for one in listed if (one["app_id"], one["user_id"]) == (app.id, member.id))
    assert (grant["app_name"], grant["scopes"]) == ("我的应用", ["read", "write"])
    server.call("DELETE", f"/v1/oauth/grants/{grant['id']}")
    assert_ended(server, app, given)


def test_a_revoked_grant_ends_no_other(server: Server, app: App, member: User, given: dict[str, Any]) -> None:
    other = server.app()
    kept = other.exchange(Browser(server).code(other.url(), member)).json()
    server.call("DELETE", f"/v1/oauth/grants/{member.id}.{app.id}")
    assert_ended(server, app, given)
    assert calls(server, kept["access_token"]) == 200


def test_an_id_that_names_no_application_ends_nothing(server: Server, member: User, given: dict[str, Any]) -> None:
    for named in (member.id, f"{member.id}."):
        assert server.request("DELETE", f"/v1/oauth/grants/{named}", token=server.api_key).status == 404
    assert server.request("GET", "/v1/webhooks", token=given["access_token"]).status == 200


def test_a_member_sees_and_revokes_their_own_grants_only(
    server: Server, app: App, member: User, given: dict[str, Any]
) -> None:
    stranger = server.user()
    theirs = app.exchange(Browser(server).code(app.url(), stranger)).json()
    listed = server.call("GET", "/v1/oauth/grants", token=theirs["access_token"])["data"]
    assert {one["user_id"] for one in listed} == {stranger.id}
    path = f"/v1/oauth/grants/{member.id}.{app.id}"
    assert server.request("DELETE", path, token=theirs["access_token"]).status == 404
    assert calls(server, given["access_token"]) == 200
    assert server.request("DELETE", path, token=given["access_token"]).status == 204
    assert calls(server, given["access_token"]) == 401


def test_a_scope_taken_from_the_app(server: Server, app: App, given: dict[str, Any]) -> None:
    server.call("PUT", f"/v1/oauth/apps/{app.id}", {"scopes": ["read"]})
    assert_ended(server, app, given)


def test_a_password_changed_by_an_administrator(
    server: Server, app: App, browser: Browser, member: User, given: dict[str, Any]
) -> None:
    server.call("PATCH", f"/v1/users/{member.id}", {"password": "a-new-password-of-theirs"})
    assert_ended(server, app, given)
    assert_signed_out(app, browser)


def test_a_password_changed_by_its_owner(
    server: Server, app: App, browser: Browser, member: User, given: dict[str, Any]
) -> None:
    login = {"email": member.email, "password": member.password, "tenant": server.tenant}
    token = server.request("POST", "/api/auth/login", body=login).json()["token"]
    change = {"old_password": member.password, "new_password": "a-new-password-of-mine"}
    server.call("POST", "/api/auth/change-password", change, token=token)
    assert server.request("POST", "/api/auth/verify", body={"token": token}).json()["valid"] is False
    assert calls(server, token) == 401
    assert_ended(server, app, given)
    assert_signed_out(app, browser)
    assert server.request("POST", "/api/auth/login", body=login).status == 401
    browser.sign_in(app.url(), replace(member, password="a-new-password-of-mine"))


def test_changing_a_password_needs_the_old_one(server: Server, member: User) -> None:
    login = {"email": member.email, "password": member.password, "tenant": server.tenant}
    token = server.request("POST", "/api/auth/login", body=login).json()["token"]
    change = {"old_password": "wrong", "new_password": "a-new-password-of-mine"}
    assert server.request("POST", "/api/auth/change-password", token=token, body=change).status == 401
    assert server.request("POST", "/api/auth/login", body=login).status == 200


@pytest.mark.parametrize("new", ["short", "password123", "x" * 257, ""])
def test_a_new_password_must_be_good(server: Server, member: User, new: str) -> None:
    login = {"email": member.email, "password": member.password, "tenant": server.tenant}
    token = server.request("POST", "/api/auth/login", body=login).json()["token"]
    change = {"old_password": member.password, "new_password": new}
    assert server.request("POST", "/api/auth/change-password", token=token, body=change).status == 400


def test_an_api_key_has_no_password_to_change(server: Server) -> None:
    change = {"old_password": server.password, "new_password": "a-new-password-of-mine"}
    assert server.request("POST", "/api/auth/change-password", token=server.api_key, body=change).status == 403
