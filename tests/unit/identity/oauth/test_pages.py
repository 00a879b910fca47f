"""Sign-in and consent: what another site, a guesser and a member may try on the pages."""

import hashlib
import re
from typing import Any
from unittest.mock import patch

import pytest

from functions.identity import sign_in
from functions.identity.api_keys.models import PERMISSIONS
from functions.identity.oauth import pages
from hub import times
from tests.contract.forms import hidden_fields
from tests.contract.sign_in_server import CALLBACK, ISSUER, STATE, Answer, App, Browser, Server, User

WRONG = {"zh-CN": "邮箱或密码错误", "en-US": "The email or the password is wrong"}


def signed_in(browser: Browser, app: App, user: User) -> Answer:
    """The page of consent."""
    page = browser.sign_in(app.url(), user)
    assert page.status == 200
    return page


def test_consent_brings_the_code_state_and_issuer(app: App, user: User, browser: Browser) -> None:
    answer = browser.submit(app.url(), signed_in(browser, app, user), action="allow")
    assert answer.status == 303
    assert answer.location.startswith(f"{CALLBACK}?")
    assert set(answer.sent_back) == {"code", "state", "iss"}
    assert (answer.sent_back["state"], answer.sent_back["iss"]) == (STATE, ISSUER)


def test_denial_is_told_to_the_application(app: App, user: User, browser: Browser) -> None:
    answer = browser.submit(app.url(), signed_in(browser, app, user), action="deny")
    assert (answer.sent_back["error"], answer.sent_back["state"], answer.sent_back["iss"]) == (
        "access_denied",
        STATE,
        ISSUER,
    )
    assert "code" not in answer.sent_back


def test_consent_is_remembered_for_these_scopes_and_no_more(server: Server, user: User, browser: Browser) -> None:
    app = server.app()
    url = app.url(scope="read")
    browser.submit(url, browser.sign_in(url, user), action="allow")
    assert "code" in browser.get(url).sent_back
    assert browser.get(app.url(scope="read write")).status == 200


def test_a_consent_taken_back_is_asked_for_again(server: Server, app: App, user: User, browser: Browser) -> None:
    browser.submit(app.url(), signed_in(browser, app, user), action="allow")
    server.call("DELETE", f"/v1/oauth/grants/{user.id}.{app.id}")
    assert browser.get(app.url()).status == 200


def test_a_redirect_uri_keeps_its_own_query(server: Server, user: User, browser: Browser) -> None:
    app = server.app(redirect_uris=[f"{CALLBACK}?tenant=1"])
    answer = browser.submit(app.url(), signed_in(browser, app, user), action="allow")
    assert answer.sent_back["tenant"] == "1"
    assert answer.location.startswith(f"{CALLBACK}?tenant=1&code=")


@pytest.mark.parametrize(
    "state", ["https://evil.example/", "x&code=forged&iss=y", "\r\nLocation: https://evil.example", "#x", "状态"]
)
def test_state_comes_back_as_it_went_and_leads_nowhere(app: App, user: User, browser: Browser, state: str) -> None:
    url = app.url(state=state)
    answer = browser.submit(url, browser.sign_in(url, user), action="deny")
    assert answer.location.startswith(f"{CALLBACK}?error=access_denied&")
    assert answer.sent_back["state"] == state
    assert answer.location.isprintable()


def test_parameters_of_the_request_lead_nowhere_either(app: App, user: User, browser: Browser) -> None:
    url = app.url(state="x") + "&next=https%3A%2F%2Fevil.example&return_to=//evil.example"
    page = browser.get(url)
    answer = browser.submit(url, page, email=user.email, password=user.password)
    assert answer.location.startswith(f"{ISSUER}/oauth/authorize?")
    assert "evil.example" not in answer.location


@pytest.mark.parametrize("kind", ["sign_in", "consent", "error", "wrong"])
def test_no_page_can_be_framed_or_run_script(app: App, user: User, browser: Browser, kind: str) -> None:
    page = browser.get(app.url(client_id="unknown") if kind == "error" else app.url())
    if kind == "consent":
        page = signed_in(browser, app, user)
    elif kind == "wrong":
        page = browser.submit(app.url(), page, email=user.email, password="wrong")
    policy = dict(rule.split(" ", 1) for rule in page.headers["Content-Security-Policy"].split("; "))
    assert policy["frame-ancestors"] == policy["default-src"] == policy["base-uri"] == "'none'"
    assert "script-src" not in policy
    assert page.headers["X-Frame-Options"] == "DENY"
    assert page.headers["X-Content-Type-Options"] == "nosniff"
    assert page.headers["Referrer-Policy"] == "no-referrer"
    assert page.headers["Cache-Control"] == "no-store"
    assert "<script" not in page.text
    assert not re.search(r'(?:src|href|action)="', page.text)


def test_what_applications_and_users_name_is_text_not_markup(server: Server, user: User, browser: Browser) -> None:
    app = server.app(name='<script>alert(1)</script>"{app}')
    for page in (browser.get(app.url()), signed_in(browser, app, user)):
        assert "<script" not in page.text
        assert "&lt;script&gt;alert(1)&lt;/script&gt;&quot;{app}" in page.text
    page = browser.submit(app.url(), browser.get(app.url()), action="sign_in", email='"><b>', password="x")
    assert '"><b>' not in page.text


@pytest.mark.parametrize("language", ["zh-CN", "en-US"])
def test_pages_speak_both_languages(server: Server, app: App, user: User, language: str) -> None:
    browser = Browser(server, language)
    page = browser.get(app.url())
    assert f'<html lang="{language}">' in page.text
    assert page.headers["Content-Language"] == language
    assert ("登录" in page.text) == (language == "zh-CN")
    wrong = browser.submit(app.url(), page, email=user.email, password="wrong")
    assert (wrong.status, WRONG[language] in wrong.text) == (400, True)
    consent = signed_in(browser, app, user)
    assert ("读取您的数据" if language == "zh-CN" else "Read your data") in consent.text


def test_every_scope_is_worded_in_both_languages(server: Server) -> None:
    app = server.app(scopes=sorted(PERMISSIONS))
    for language in ("zh-CN", "en-US"):
        page = Browser(server, language).sign_in(app.url(scope=""), server.admin)
        listed = re.findall("<li>(.*?)</li>", page.text)
        assert len(set(listed)) == len(PERMISSIONS)
        assert all(line.isascii() == (language == "en-US") and ":" not in line for line in listed)


def test_every_text_is_there_in_both_languages() -> None:
    for chinese, english in pages.TEXTS.values():
        assert re.search("[\u4e00-\u9fff]", chinese)
        assert english.isascii()
        assert set(re.findall(r"\{\w+\}", chinese)) == set(re.findall(r"\{\w+\}", english))


@pytest.mark.parametrize("csrf", ["", "forged", "x" * 43])
def test_the_sign_in_form_of_another_site_is_refused(app: App, user: User, browser: Browser, csrf: str) -> None:
    browser.get(app.url())
    form = {"csrf": csrf, "action": "sign_in", "email": user.email, "password": user.password}
    answer = browser.post(app.url(), form)
    assert answer.status == 400
    assert "__Host-hub_session" not in browser.cookies


@pytest.mark.parametrize("action", ["allow", "deny", "sign_out"])
def test_the_consent_form_of_another_site_is_refused(server: Server, user: User, browser: Browser, action: str) -> None:
    app = server.app()
    signed_in(browser, app, user)
    answer = browser.post(app.url(), {"action": action, "csrf": "forged"})
    assert answer.status == 400
    assert "Location" not in answer.headers
    assert "__Host-hub_session" in browser.cookies
    assert browser.get(app.url()).status == 200


def test_the_token_of_another_browser_is_refused(server: Server, app: App, user: User, browser: Browser) -> None:
    attacker = Browser(server)
    known = hidden_fields(attacker.get(app.url()).text)["csrf"]
    signed_in(browser, app, user)
    assert browser.post(app.url(), {"action": "allow", "csrf": known}).status == 400


def test_a_form_without_the_cookie_is_refused(app: App, user: User, browser: Browser) -> None:
    fields = hidden_fields(browser.get(app.url()).text)
    browser.cookies.clear()
    answer = browser.post(app.url(), {**fields, "email": user.email, "password": user.password})
    assert answer.status == 400


@pytest.mark.parametrize("origin", ["https://evil.example", f"{ISSUER}.evil.example", "http://hub.example.com"])
def test_a_form_from_another_origin_is_refused(app: App, user: User, browser: Browser, origin: str) -> None:
    """Also where the attacker knows the token."""
    page = signed_in(browser, app, user)
    answer = browser.post(app.url(), {**hidden_fields(page.text), "action": "allow"}, origin=origin)
    assert answer.status == 400


def test_a_session_known_before_sign_in_is_worth_nothing(
    server: Server, app: App, user: User, browser: Browser
) -> None:
    """Fixation: the attacker planted a session's cookie in the victim's browser."""
    browser.cookies["__Host-hub_session"] = "planted"
    signed_in(browser, app, user)
    assert browser.cookies["__Host-hub_session"] != "planted"
    attacker = Browser(server)
    attacker.cookies["__Host-hub_session"] = "planted"
    assert 'name="password"' in attacker.get(app.url()).text


def test_each_sign_in_has_a_session_of_its_own(server: Server, app: App, user: User) -> None:
    one, two = Browser(server), Browser(server)
    for browser in (one, two):
        signed_in(browser, app, user)
    assert one.cookies["__Host-hub_session"] != two.cookies["__Host-hub_session"]


def test_cookies_are_out_of_reach_of_scripts_and_other_sites(app: App, user: User, browser: Browser) -> None:
    page = browser.get(app.url())
    answer = browser.submit(app.url(), page, email=user.email, password=user.password)
    assert page.cookies
    assert answer.cookies
    for cookie in (*page.cookies, *answer.cookies):
        assert cookie.startswith("__Host-")
        assert {"HttpOnly", "Secure", "SameSite=Lax", "Path=/"} <= set(cookie.split("; "))
        assert "Domain" not in cookie


def test_sign_out_ends_the_session_on_the_server(server: Server, app: App, user: User, browser: Browser) -> None:
    page = signed_in(browser, app, user)
    kept = browser.cookies["__Host-hub_session"]
    browser.submit(app.url(), page, action="sign_out")
    assert "__Host-hub_session" not in browser.cookies
    browser.cookies["__Host-hub_session"] = kept
    assert 'name="password"' in browser.get(app.url()).text


def test_a_session_ends_by_time(app: App, user: User, browser: Browser) -> None:
    signed_in(browser, app, user)
    later = times.now() + 12 * 3600 + 1
    with patch.object(times, "now", lambda: later):
        assert 'name="password"' in browser.get(app.url()).text


def test_a_session_of_one_tenant_is_none_in_another(app: App, user: User, browser: Browser) -> None:
    signed_in(browser, app, user)
    assert 'name="password"' in browser.get(Server("another-tenant").app().url()).text


def test_wrong_password_unknown_email_and_suspended_user_look_alike(server: Server, app: App, user: User) -> None:
    suspended = server.user()
    server.call("PATCH", f"/v1/users/{suspended.id}", {"status": "inactive"})
    unset = server.call("POST", "/v1/users", {"email": "unset@example.com", "name": "x"})["data"]
    tried = {
        user.email: "wrong",
        "nobody@example.com": "wrong",
        suspended.email: suspended.password,
        unset["email"]: "",
    }
    answers = set()
    for email, password in tried.items():
        browser = Browser(server)
        answer = browser.submit(app.url(), browser.get(app.url()), email=email, password=password)
        csrf = hidden_fields(browser.get(app.url()).text)["csrf"]
        answers.add((answer.status, answer.text.replace(email, "").replace(csrf, ""), len(answer.cookies)))
    assert len(answers) == 1


def test_as_much_is_computed_for_an_unknown_email_as_for_a_wrong_password(
    server: Server, app: App, user: User, browser: Browser
) -> None:
    """Time tells nothing: what takes the time, scrypt, runs as often and with the same parameters."""
    suspended = server.user()
    server.call("PATCH", f"/v1/users/{suspended.id}", {"status": "inactive"})
    page = browser.get(app.url())
    work = []
    for email, password in (
        (user.email, "wrong"),
        ("nobody@example.com", "wrong"),
        ("", "wrong"),
        ("x" * 400, "wrong"),
        (suspended.email, suspended.password),
        (user.email, user.password),
    ):
        with patch.object(hashlib, "scrypt", wraps=hashlib.scrypt) as scrypt:
            browser.submit(app.url(), page, email=email, password=password)
        work.append([{name: call.kwargs[name] for name in ("n", "r", "p", "dklen")} for call in scrypt.mock_calls])
    assert all(one == work[0] for one in work)
    assert len(work[0]) == 1


def test_sign_in_is_throttled_per_account_for_known_and_unknown_alike(
    server: Server, app: App, browser: Browser
) -> None:
    now = times.now() // 900 * 900 + 1
    victim = server.user()
    with patch.object(times, "now", lambda: now), patch("hub.passwords.is_password", return_value=False):
        for email in (victim.email, "nobody-else@example.com"):
            page = browser.get(app.url())
            texts = [browser.submit(app.url(), page, email=email, password="x").text for _ in range(11)]
            assert [WRONG["zh-CN"] in text for text in texts] == [True] * sign_in.PER_ACCOUNT_AND_ADDRESS + [False]
            assert "15 分钟后再试" in texts[-1]
    with patch.object(times, "now", lambda: now):
        page = browser.get(app.url())
        answer = browser.submit(app.url(), page, email=victim.email.upper(), password=victim.password)
        assert (answer.status, answer.headers["Retry-After"]) == (429, "899")
        assert "hub_session" not in str(answer.cookies), "the right password does not help while it is throttled"


def test_sign_in_is_throttled_per_address(server: Server, app: App, user: User) -> None:
    now = times.now()
    wanted = {"email": "", "password": "x", "tenant": server.tenant}

    def attempt(number: int) -> int:
        body = {**wanted, "email": f"{number}@example.com"}
        return server.request("POST", "/api/auth/login", body=body, address="198.51.100.9").status

    with patch.object(times, "now", lambda: now), patch("hub.passwords.is_password", return_value=False):
        statuses = [attempt(number) for number in range(sign_in.PER_ADDRESS + 1)]
    assert statuses == [401] * sign_in.PER_ADDRESS + [429]


def test_a_success_forgives_the_accounts_failures(app: App, server: Server, browser: Browser) -> None:
    member = server.user()
    now = times.now()
    with patch.object(times, "now", lambda: now):
        for _ in range(3):
            with patch("hub.passwords.is_password", return_value=False):
                for _ in range(sign_in.PER_ACCOUNT_AND_ADDRESS - 1):
                    browser.submit(app.url(), browser.get(app.url()), email=member.email, password="x")
            signed_in(browser, app, member)
            browser.cookies.clear()


def test_a_member_cannot_allow_administration(server: Server, user: User, browser: Browser) -> None:
    app = server.app(scopes=["read", "admin"])
    url = app.url(scope="read admin")
    page = browser.sign_in(url, user)
    assert "管理用户" not in page.text
    answer = browser.submit(url, page, action="allow")
    given = app.exchange(answer.sent_back["code"]).json()
    assert given["scope"] == "read"
    assert server.request("GET", "/v1/users", token=given["access_token"]).status == 403


def test_a_member_can_allow_nothing_where_all_is_administration(server: Server, user: User, browser: Browser) -> None:
    app = server.app(scopes=["admin"])
    url = app.url(scope="admin")
    assert browser.sign_in(url, user).sent_back["error"] == "access_denied"
    form = hidden_fields(Browser(server).get(url).text)
    answer = browser.post(url, {**form, "csrf": browser.cookies["__Host-hub_csrf"], "action": "allow"})
    assert "code" not in answer.sent_back


def test_an_administrator_can_allow_administration(server: Server, browser: Browser) -> None:
    app = server.app(scopes=["read", "admin"])
    code = browser.code(app.url(scope="read admin"), server.admin)
    given = app.exchange(code).json()
    assert server.request("GET", "/v1/users", token=given["access_token"]).status == 200


def test_a_caller_with_a_credential_gets_the_address_as_json(server: Server, app: App) -> None:
    headers = {"Accept": "application/json"}
    answer = server.request("GET", app.url(), token=server.api_key, headers=headers)
    assert answer.status == 200
    assert answer.json() == {"authorization_url": ISSUER + app.url(response_type="")}
    assert answer.headers["X-RateLimit-Limit"] == "1000"
    assert server.request("GET", app.url(), token="sk_live_x", headers=headers).status == 401


@pytest.mark.parametrize(
    ("more", "error", "status"),
    [
        ({"scope": "admin"}, "invalid_scope", 400),
        ({"response_type": "token"}, "unsupported_response_type", 400),
        ({"client_id": "unknown"}, "invalid_client", 401),
        ({"redirect_uri": "https://evil.example"}, "invalid_request", 400),
    ],
)
def test_a_caller_of_json_gets_errors_as_json(
    server: Server, app: App, more: dict[str, Any], error: str, status: int
) -> None:
    headers = {"Accept": "application/json"}
    answer = server.request("GET", app.url(**more), token=server.api_key, headers=headers)
    assert (answer.status, answer.json()["error"]) == (status, error)


@pytest.mark.parametrize("path", ["/oauth/authorize", "/v1/oauth/authorize"])
def test_both_mounts_sign_in(app: App, user: User, browser: Browser, path: str) -> None:
    url = app.url().replace("/oauth/authorize", path)
    assert "code" in browser.submit(url, browser.sign_in(url, user), action="allow").sent_back


@pytest.mark.parametrize("form", ["", "action=fly", "action=allow&action=deny"])
def test_a_broken_form_is_an_error_page(server: Server, app: App, browser: Browser, form: str) -> None:
    csrf = hidden_fields(browser.get(app.url()).text)["csrf"]
    headers = {"cookie": f"__Host-hub_csrf={csrf}", "accept": "text/html"}
    answer = server.request("POST", app.url(), form=f"csrf={csrf}&{form}", headers=headers)
    assert (answer.status, answer.headers["Content-Type"]) == (400, "text/html; charset=utf-8")
