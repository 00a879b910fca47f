"""A user who changes between the check of the password and the sign-in, and what a deleted user leaves behind."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from functions.identity import sign_in
from functions.identity.oauth_apps import store as apps
from functions.identity.users.store import StoredUser
from tests.contract import memory
from tests.contract.sign_in_server import Browser, Server, User, running


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with running():
        yield Server("acme")


@pytest.fixture
def member(server: Server) -> User:
    return server.user()


@pytest.fixture
def meanwhile(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[], object]], None]:
    """Let something happen between the next check of a password and what comes of it."""

    def arrange(happening: Callable[[], object]) -> None:
        check, pending = sign_in.check, [happening]

        def checked(*given: str) -> StoredUser | None:
            user = check(*given)
            if pending:
                pending.pop()()
            return user

        monkeypatch.setattr(sign_in, "check", checked)

    return arrange


CHANGES = [{"password": "a-new-password-of-theirs"}, {"status": "inactive"}]


@pytest.mark.parametrize("change", CHANGES)
def test_a_token_is_not_given_for_a_password_that_was_good_a_moment_ago(
    server: Server, member: User, meanwhile: Any, change: dict[str, str]
) -> None:
    meanwhile(lambda: server.call("PATCH", f"/v1/users/{member.id}", change))
    login = {"email": member.email, "password": member.password, "tenant": server.tenant}
    before = grants()
    assert server.request("POST", "/api/auth/login", body=login).status == 409
    assert grants() == before
    assert server.request("POST", "/api/auth/login", body=login).status == 401


@pytest.mark.parametrize("change", CHANGES)
def test_a_browser_is_not_signed_in_with_a_password_that_was_good_a_moment_ago(
    server: Server, member: User, meanwhile: Any, change: dict[str, str]
) -> None:
    app, browser = server.app(), Browser(server)
    page = browser.get(app.url())
    meanwhile(lambda: server.call("PATCH", f"/v1/users/{member.id}", change))
    answer = browser.submit(app.url(), page, email=member.email, password=member.password)
    assert answer.status == 400
    assert "请重试" in answer.text
    assert [name for name in browser.cookies if "session" in name] == []
    assert 'name="password"' in browser.get(app.url()).text


def test_a_change_to_another_user_is_in_nobodys_way(server: Server, member: User, meanwhile: Any) -> None:
    other = server.user()
    meanwhile(lambda: server.call("PATCH", f"/v1/users/{other.id}", {"name": "别人"}))
    login = {"email": member.email, "password": member.password, "tenant": server.tenant}
    assert server.request("POST", "/api/auth/login", body=login).status == 200


def test_what_a_deleted_user_allowed_is_deleted_and_told(server: Server, member: User) -> None:
    app, other, staying = server.app(), server.app(), server.user()
    for one in (app, other):
        Browser(server).code(one.url(), member)
    Browser(server).code(app.url(), staying)
    assert len(list(apps.every_consent(server.tenant, member.id))) == 2
    server.call("DELETE", f"/v1/users/{member.id}")
    assert list(apps.every_consent(server.tenant, member.id)) == []
    assert len(list(apps.every_consent(server.tenant, staying.id))) == 1
    memory.published()
    records = server.call("GET", "/v1/audit-log?limit=100&action=oauth_grant.revoked")["data"]
    assert {record["target"] for record in records} >= {f"{member.id}.{app.id}", f"{member.id}.{other.id}"}


def grants() -> int:
    return sum(item["pk"]["S"].startswith("CREDENTIAL#grant/") for item in memory.stored())
