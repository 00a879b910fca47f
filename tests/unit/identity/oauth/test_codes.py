"""Authorization codes: one use, one client, one redirect URI, one verifier."""

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from unittest.mock import patch
from urllib.parse import urlencode

import pytest

from functions.identity import credentials
from functions.identity.oauth import tokens
from functions.identity.oauth.errors import InvalidGrant
from functions.identity.oauth.models import TokenAnswer, TokenRequest
from functions.identity.oauth_apps import store
from hub import times
from hub.errors import Unavailable
from hub.store import keys, table
from tests.contract.sign_in_server import ISSUER, App, Browser, Pkce, Server, User
from tests.unit.identity.oauth.answers import calls, refused


def test_a_code_gives_tokens_that_work(server: Server, app: App, code: str, pkce: Pkce) -> None:
    answer = app.exchange(code, code_verifier=pkce.verifier)
    assert answer.status == 200, answer
    given = answer.json()
    assert calls(server, given["access_token"]) == 200
    assert (given["token_type"], given["expires_in"], given["scope"]) == ("Bearer", 3600, "read write")


def test_a_replayed_code_is_refused_and_what_it_gave_dies(server: Server, app: App, code: str, pkce: Pkce) -> None:
    given = app.exchange(code, code_verifier=pkce.verifier).json()
    assert refused(app.exchange(code, code_verifier=pkce.verifier), "invalid_grant")
    assert calls(server, given["access_token"]) == 401
    assert refused(app.refresh(given["refresh_token"]), "invalid_grant")
    assert app.introspect(given["access_token"]) == {"active": False}


def test_a_code_replayed_after_its_minute_still_ends_what_it_gave(
    server: Server, app: App, code: str, pkce: Pkce
) -> None:
    given = app.exchange(code, code_verifier=pkce.verifier).json()
    later = times.now() + 120
    with patch.object(times, "now", lambda: later):
        assert refused(app.exchange(code, code_verifier=pkce.verifier), "invalid_grant")
    assert calls(server, given["access_token"]) == 401


def test_a_code_is_good_for_a_minute(app: App, code: str, pkce: Pkce) -> None:
    later = times.now() + 61
    with patch.object(times, "now", lambda: later):
        assert refused(app.exchange(code, code_verifier=pkce.verifier), "invalid_grant")


def test_of_20_concurrent_exchanges_one_wins(app: App, code: str, pkce: Pkce) -> None:
    """All 20 have read the unused code before the first of them uses it."""
    stored = store.by_client_id(app.client_id)
    assert stored is not None
    sent = TokenRequest(
        grant_type="authorization_code", code=code, redirect_uri=app.redirect_uris[0], code_verifier=pkce.verifier
    )
    all_have_read = threading.Barrier(20, timeout=30)
    real = table.get

    def get(*arguments: Any, **more: Any) -> Any:
        found = real(*arguments, **more)
        if arguments[1]["sk"] == "CODE":
            all_have_read.wait()
        return found

    def exchange(_: int) -> TokenAnswer | None:
        try:
            return tokens.answer(stored, sent, ISSUER)
        except InvalidGrant:
            return None

    with patch.object(table, "get", get), ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(exchange, range(20)))
    assert len([answer for answer in answers if answer]) == 1


def test_a_wrong_verifier_is_refused(app: App, code: str) -> None:
    assert refused(app.exchange(code, code_verifier=Pkce().verifier), "invalid_grant")


def test_a_malformed_verifier_is_refused(app: App, user: User, browser: Browser) -> None:
    short = Pkce("too-short")
    code = browser.code(app.url(**short.asked), user)
    assert refused(app.exchange(code, code_verifier=short.verifier), "invalid_grant")


def test_a_challenge_cannot_be_left_unanswered(app: App, code: str) -> None:
    assert refused(app.exchange(code), "invalid_grant")


def test_a_verifier_without_a_challenge_is_a_downgrade(app: App, user: User, browser: Browser, pkce: Pkce) -> None:
    """The attacker took the challenge out of the request that the honest client verifies."""
    code = browser.code(app.url(), user)
    assert refused(app.exchange(code, code_verifier=pkce.verifier), "invalid_grant")


@pytest.mark.parametrize("method", ["plain", "", "s256", "S512"])
def test_only_s256_is_accepted(app: App, browser: Browser, pkce: Pkce, method: str) -> None:
    """Left out, the method would be `plain` (RFC 7636 section 4.3)."""
    answer = browser.get(app.url(code_challenge=pkce.challenge, code_challenge_method=method))
    assert answer.sent_back["error"] == "invalid_request"


def test_a_method_without_a_challenge_is_refused(app: App, browser: Browser) -> None:
    assert browser.get(app.url(code_challenge_method="S256")).sent_back["error"] == "invalid_request"


def test_a_malformed_challenge_is_refused(app: App, browser: Browser) -> None:
    answer = browser.get(app.url(code_challenge="short", code_challenge_method="S256"))
    assert answer.sent_back["error"] == "invalid_request"


def test_a_public_client_must_use_pkce(public_app: App, browser: Browser) -> None:
    assert browser.get(public_app.url()).sent_back["error"] == "invalid_request"


def test_a_public_client_gets_tokens_with_pkce_alone(public_app: App, user: User, browser: Browser, pkce: Pkce) -> None:
    code = browser.code(public_app.url(**pkce.asked), user)
    given = public_app.exchange(code, code_verifier=pkce.verifier)
    assert given.status == 200
    assert public_app.refresh(given.json()["refresh_token"]).status == 200


def test_a_foreign_clients_code_is_refused_and_stays_good(
    server: Server, app: App, code: str, pkce: Pkce, user: User
) -> None:
    """Also to a client that the same user allows the same."""
    foreign = server.app()
    Browser(server).code(foreign.url(), user)
    assert refused(foreign.exchange(code, code_verifier=pkce.verifier), "invalid_grant")
    assert app.exchange(code, code_verifier=pkce.verifier).status == 200


def test_the_redirect_uri_must_be_repeated(app: App, code: str, pkce: Pkce) -> None:
    assert refused(app.exchange(code, code_verifier=pkce.verifier, redirect_uri=""), "invalid_grant")


def test_another_redirect_uri_is_refused_at_the_exchange(
    server: Server, user: User, browser: Browser, pkce: Pkce
) -> None:
    app = server.app(redirect_uris=["https://myapp.com/one", "https://myapp.com/two"])
    code = browser.code(app.url(**pkce.asked), user)
    sent = {"code_verifier": pkce.verifier, "redirect_uri": "https://myapp.com/two"}
    assert refused(app.exchange(code, **sent), "invalid_grant")


@pytest.mark.parametrize(
    "uri",
    [
        "https://evil.example/callback",
        "https://myapp.com/callback/",
        "https://myapp.com/callback?x=1",
        "https://myapp.com/callback/../other",
        "https://MYAPP.com/callback",
        "https://myapp.com:443/callback",
        "https://myapp.com@evil.example/callback",
        "http://myapp.com/callback",
    ],
)
def test_an_unregistered_redirect_uri_is_shown_never_followed(app: App, browser: Browser, uri: str) -> None:
    answer = browser.get(app.url(redirect_uri=uri))
    assert answer.status == 400
    assert "Location" not in answer.headers
    assert "evil.example" not in answer.text


def test_a_redirect_uri_may_be_left_out_where_it_is_the_only_one(
    app: App, user: User, browser: Browser, pkce: Pkce
) -> None:
    code = browser.code(app.url(redirect_uri="", **pkce.asked), user)
    assert app.exchange(code, code_verifier=pkce.verifier, redirect_uri="").status == 200


def test_a_redirect_uri_must_be_named_among_several(server: Server, browser: Browser) -> None:
    app = server.app(redirect_uris=["https://myapp.com/one", "https://myapp.com/two"])
    assert browser.get(app.url(redirect_uri="")).status == 400


@pytest.mark.parametrize("missing", ["grant_type", "code"])
def test_a_missing_parameter_is_an_invalid_request(app: App, missing: str) -> None:
    form = {"grant_type": "authorization_code", "code": "x", "redirect_uri": app.redirect_uris[0]}
    assert refused(app.token(**{**form, missing: ""}), "invalid_request")


@pytest.mark.parametrize("name", ["code", "grant_type", "client_id", "redirect_uri", "code_verifier"])
def test_a_parameter_sent_twice_is_an_invalid_request(server: Server, app: App, name: str) -> None:
    form = {"grant_type": "authorization_code", "code": "x", **app.credentials, name: "x"}
    answer = server.request("POST", "/oauth/token", form=urlencode(form) + f"&{name}=y")
    assert refused(answer, "invalid_request")


@pytest.mark.parametrize("name", ["client_id", "redirect_uri", "scope", "state", "code_challenge"])
def test_a_parameter_of_the_page_sent_twice_is_shown_as_an_error(app: App, browser: Browser, name: str) -> None:
    answer = browser.get(f"{app.url(code_challenge='x')}&{name}=y")
    assert answer.status == 400
    assert "Location" not in answer.headers


def test_an_unknown_grant_type_is_refused(app: App) -> None:
    assert refused(app.token(grant_type="password", username="a", password="b"), "unsupported_grant_type")


def test_an_unknown_code_is_refused(app: App) -> None:
    assert refused(app.exchange("no-such-code"), "invalid_grant")


def test_a_scope_beyond_the_applications_is_sent_back(app: App, browser: Browser) -> None:
    answer = browser.get(app.url(scope="read admin"))
    assert (answer.sent_back["error"], answer.sent_back["iss"]) == ("invalid_scope", ISSUER)


def test_an_unregistered_scope_is_refused_to_client_credentials(app: App) -> None:
    assert refused(app.token(grant_type="client_credentials", scope="admin"), "invalid_scope")


def test_another_resource_is_refused(app: App, browser: Browser) -> None:
    assert browser.get(app.url(resource="https://other.example")).sent_back["error"] == "invalid_target"
    assert refused(app.token(grant_type="client_credentials", resource="https://other.example"), "invalid_target")


def test_another_response_type_is_sent_back(app: App, browser: Browser) -> None:
    assert browser.get(app.url(response_type="token")).sent_back["error"] == "unsupported_response_type"


def test_a_code_of_a_user_who_was_suspended_meanwhile_gives_nothing(
    server: Server, app: App, browser: Browser, pkce: Pkce
) -> None:
    member = server.user()
    code = browser.code(app.url(**pkce.asked), member)
    server.call("PATCH", f"/v1/users/{member.id}", {"status": "inactive"})
    assert refused(app.exchange(code, code_verifier=pkce.verifier), "invalid_grant")


def test_a_code_whose_consent_was_taken_back_meanwhile_gives_nothing(
    server: Server, app: App, browser: Browser, pkce: Pkce
) -> None:
    member = server.user()
    code = browser.code(app.url(**pkce.asked), member)
    server.call("DELETE", f"/v1/oauth/grants/{member.id}.{app.id}")
    assert refused(app.exchange(code, code_verifier=pkce.verifier), "invalid_grant")


def test_an_administrator_who_became_a_member_meanwhile_gives_no_administration(
    server: Server, browser: Browser, pkce: Pkce
) -> None:
    app, admin = server.app(scopes=["read", "admin"]), server.user("admin")
    code = browser.code(app.url(scope="read admin", **pkce.asked), admin)
    server.call("PATCH", f"/v1/users/{admin.id}", {"role": "member"})
    assert refused(app.exchange(code, code_verifier=pkce.verifier), "invalid_grant")


def test_a_code_from_before_a_change_of_password_gives_nothing(
    server: Server, app: App, browser: Browser, pkce: Pkce
) -> None:
    member = server.user()
    code = browser.code(app.url(**pkce.asked), member)
    server.call("PATCH", f"/v1/users/{member.id}", {"password": "a-new-password-of-theirs"})
    assert refused(app.exchange(code, code_verifier=pkce.verifier), "invalid_grant")


@pytest.mark.parametrize("what", ["user", "consent"])
def test_a_user_who_changes_their_mind_during_the_exchange_gives_nothing(
    server: Server, app: App, browser: Browser, pkce: Pkce, what: str
) -> None:
    """The change comes after everything was read and before the first write."""
    member = server.user()
    code = browser.code(app.url(**pkce.asked), member)
    make = credentials.new_grant

    def new_grant(*arguments: Any) -> Any:
        if what == "user":
            server.call("PATCH", f"/v1/users/{member.id}", {"status": "inactive"})
        else:
            server.call("DELETE", f"/v1/oauth/grants/{member.id}.{app.id}")
        return make(*arguments)

    with patch.object(credentials, "new_grant", new_grant):
        assert refused(app.exchange(code, code_verifier=pkce.verifier), "invalid_grant")
    rows = table.items(table.Query(table.activity(), keys.partition(server.tenant, credentials.GRANTS, app.id)))
    assert list(rows) == []


def test_a_code_gives_no_scope_that_its_application_lost_meanwhile(
    server: Server, browser: Browser, pkce: Pkce
) -> None:
    app = server.app()
    code = browser.code(app.url(scope="read write", **pkce.asked), server.user())
    server.call("PUT", f"/v1/oauth/apps/{app.id}", {"scopes": ["read"]})
    assert refused(app.exchange(code, code_verifier=pkce.verifier), "invalid_grant")


def test_a_code_is_not_spent_when_nothing_can_be_signed(
    server: Server, app: App, browser: Browser, pkce: Pkce, monkeypatch: pytest.MonkeyPatch
) -> None:
    code = browser.code(app.url(**pkce.asked), server.user())
    with monkeypatch.context() as broken:
        broken.setattr("hub.tokens.issue", unavailable)
        assert app.exchange(code, code_verifier=pkce.verifier).status == 503
    assert app.exchange(code, code_verifier=pkce.verifier).status == 200


def unavailable(_claims: object) -> str:
    raise Unavailable


@pytest.mark.parametrize("sent", ["&".join(f"p{n}=1" for n in range(101)), "client_id=" + "x" * 4000])
def test_what_no_client_sends_is_refused_not_failed_on(server: Server, sent: str) -> None:
    assert server.request("POST", "/oauth/token", form=sent).status in {400, 401}


def test_a_native_application_is_asked_about_each_time(server: Server, browser: Browser, pkce: Pkce) -> None:
    app = server.app(redirect_uris=["http://127.0.0.1/callback"], client_type="public")
    user = server.user()
    asked = {"redirect_uri": "http://127.0.0.1:4711/callback", **pkce.asked}
    browser.code(app.url(**asked), user)
    assert browser.get(app.url(**asked)).status == 200, "the consent page, though it was allowed before"
