"""Refresh tokens: they rotate, a replay is forgiven for ten seconds, then it ends the family."""

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from unittest.mock import patch

import pytest

from functions.identity.oauth import tokens
from functions.identity.oauth.models import TokenAnswer, TokenRequest
from functions.identity.oauth_apps import store
from hub import times
from hub.store import table
from tests.contract.sign_in_server import ISSUER, App, Browser, Pkce, Server, User, claims
from tests.unit.identity.oauth.answers import calls, refused


@pytest.fixture
def given(app: App, code: str, pkce: Pkce) -> dict[str, Any]:
    """The first pair of a grant."""
    answered: dict[str, Any] = app.exchange(code, code_verifier=pkce.verifier).json()
    return answered


def after(milliseconds: int) -> Any:
    later = times.now_ms() + milliseconds
    return patch.multiple(times, now=lambda: later // 1000, now_ms=lambda: later)


def test_a_refresh_gives_a_new_pair(server: Server, app: App, given: dict[str, Any]) -> None:
    again = app.refresh(given["refresh_token"]).json()
    assert again["refresh_token"] != given["refresh_token"]
    assert again["scope"] == "read write"
    assert calls(server, again["access_token"]) == 200


def test_a_replay_within_ten_seconds_gets_the_same_pair(server: Server, app: App, given: dict[str, Any]) -> None:
    first = app.refresh(given["refresh_token"]).json()
    with after(9_000):
        assert app.refresh(given["refresh_token"]).json() == first
    assert calls(server, first["access_token"]) == 200


def test_a_later_replay_ends_the_family(server: Server, app: App, given: dict[str, Any]) -> None:
    current = app.refresh(given["refresh_token"]).json()
    with after(11_000):
        assert refused(app.refresh(given["refresh_token"]), "invalid_grant")
    assert refused(app.refresh(current["refresh_token"]), "invalid_grant")
    assert calls(server, current["access_token"]) == 401
    assert calls(server, given["access_token"]) == 401


def test_the_last_but_one_refresh_token_ends_the_family_at_once(
    server: Server, app: App, given: dict[str, Any]
) -> None:
    second = app.refresh(given["refresh_token"]).json()
    third = app.refresh(second["refresh_token"]).json()
    assert refused(app.refresh(given["refresh_token"]), "invalid_grant")
    assert calls(server, third["access_token"]) == 401


def test_20_concurrent_refreshes_are_one_family_and_no_logout(server: Server, app: App, given: dict[str, Any]) -> None:
    """All 20 have read the token as current before the first of them rotates it."""
    stored = store.by_client_id(app.client_id)
    assert stored is not None
    sent = TokenRequest(grant_type="refresh_token", refresh_token=given["refresh_token"])
    all_have_read = threading.Barrier(20, timeout=30)
    waited = threading.local()
    real = table.get

    def get(*arguments: Any, **more: Any) -> Any:
        found = real(*arguments, **more)
        if arguments[1]["sk"].startswith("gr_") and not hasattr(waited, "once"):
            waited.once = True
            all_have_read.wait()
        return found

    def refresh(_: int) -> TokenAnswer:
        return tokens.answer(stored, sent, ISSUER)

    with patch.object(table, "get", get), ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(refresh, range(20)))
    assert all(answer == answers[0] for answer in answers)
    assert calls(server, answers[0]["access_token"]) == 200
    assert app.refresh(answers[0]["refresh_token"]).status == 200


def test_a_foreign_clients_refresh_token_is_refused_and_stays_good(
    server: Server, app: App, given: dict[str, Any]
) -> None:
    assert refused(server.app().refresh(given["refresh_token"]), "invalid_grant")
    assert app.refresh(given["refresh_token"]).status == 200


def test_a_refresh_can_narrow_the_scope_of_its_access_token(server: Server, app: App, given: dict[str, Any]) -> None:
    narrow = app.refresh(given["refresh_token"], scope="read").json()
    assert (narrow["scope"], claims(narrow["access_token"])["scope"]) == ("read", "read")
    assert calls(server, narrow["access_token"]) == 200
    wanted = {"url": "https://example.com/hook", "events": ["*"]}
    assert server.request("POST", "/v1/webhooks", token=narrow["access_token"], body=wanted).status == 403
    assert app.refresh(narrow["refresh_token"]).json()["scope"] == "read write"


def test_a_refresh_cannot_widen_the_scope(server: Server, user: User, browser: Browser, pkce: Pkce) -> None:
    app = server.app(scopes=["read", "write"])
    code = browser.code(app.url(scope="read", **pkce.asked), user)
    given = app.exchange(code, code_verifier=pkce.verifier).json()
    assert refused(app.refresh(given["refresh_token"], scope="read write"), "invalid_scope")


def test_a_refresh_token_expires(app: App, given: dict[str, Any]) -> None:
    with after((tokens.REFRESH_SECONDS + 1) * 1000):
        assert refused(app.refresh(given["refresh_token"]), "invalid_grant")


@pytest.mark.parametrize("garbage", ["x", "rt_", "rt_x_y", "rt__x", "rt_01M7WME9SAQH6XKWQ7D6A4C55P_x", "a.b.c", "中"])
def test_garbage_is_refused(app: App, garbage: str) -> None:
    assert refused(app.refresh(garbage), "invalid_grant")


@pytest.mark.parametrize("secret", ["x", "x" * 65, "中" * 65, ""])
def test_who_knows_a_grants_id_cannot_end_it(server: Server, app: App, given: dict[str, Any], secret: str) -> None:
    """It stands in the access token, which others than the client see."""
    known = claims(given["access_token"])["grant"].removeprefix("gr_")
    for garbage in (f"rt_{known}_{secret}", given["refresh_token"][:-1], given["refresh_token"] + "x"):
        assert refused(app.refresh(garbage), "invalid_grant")
        assert app.revoke(garbage).status == 200
        assert app.introspect(garbage) == {"active": False}
    assert calls(server, given["access_token"]) == 200
    assert app.refresh(given["refresh_token"]).status == 200


def test_a_missing_refresh_token_is_an_invalid_request(app: App) -> None:
    assert refused(app.refresh(""), "invalid_request")


def test_an_access_token_is_no_refresh_token(app: App, given: dict[str, Any]) -> None:
    assert refused(app.refresh(given["access_token"]), "invalid_grant")


def test_a_refresh_token_is_no_access_token(server: Server, given: dict[str, Any]) -> None:
    assert calls(server, given["refresh_token"]) == 401
