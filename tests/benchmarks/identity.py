"""Samples of the identity room's routes but for API keys: users, OAuth, sign-in, the audit trail."""

from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

from hub import ids, times
from tests.benchmarks.deployment import HOST, Tenant
from tests.benchmarks.subject import Subject, request

USERS, AUDIT = "functions.identity.users.api", "functions.identity.audit.api"
APPS, LOGIN = "functions.identity.oauth_apps.api", "functions.identity.login.api"
TOKENS, PAGES = "functions.identity.oauth.token_api", "functions.identity.oauth.authorize_api"
CALLBACK = "https://myapp.com/callback"
PASSWORD = "a password of the benchmark"

_ANONYMOUS = {"authorization": ""}
_NEW_APP = {"name": "我的应用", "redirect_uris": [CALLBACK], "scopes": ["read", "write"]}


def subjects() -> list[Subject]:
    """All of them."""
    return [*_users(), *_apps(), *_tokens(), *_pages(), *_login(), request(AUDIT, "GET /v1/audit-log")]


def _new_user() -> dict[str, str]:
    return {"email": f"{ids.new('user').lower()}@example.com", "name": "张三"}


def _user(tenant: Tenant, **more: str) -> str:
    made: str = tenant.ask(USERS, "POST /v1/users", {**_new_user(), **more})["data"]["id"]
    return made


def _users() -> list[Subject]:
    one = "/v1/users/{user_id}"

    def on_user(route: str, body: Any = None) -> Subject:
        return Subject(route, USERS, lambda tenant, _: lambda: tenant.event(route, body, user_id=_user(tenant)))

    def twenty(tenant: Tenant, _: str) -> Callable[[], Any]:
        for _number in range(20):
            _user(tenant)
        return lambda: tenant.event("GET /v1/users")

    return [
        Subject("POST /v1/users", USERS, lambda tenant, _: lambda: tenant.event("POST /v1/users", _new_user())),
        Subject("GET /v1/users", USERS, twenty),
        on_user(f"GET {one}"),
        on_user(f"PUT {one}", {"name": "李四"}),
        on_user(f"PATCH {one}", {"name": "李四"}),
        on_user(f"DELETE {one}"),
    ]


def _app(tenant: Tenant) -> dict[str, Any]:
    made: dict[str, Any] = tenant.ask(APPS, "POST /v1/oauth/apps", _NEW_APP)
    return made


def _apps() -> list[Subject]:
    one = "/v1/oauth/apps/{app_id}"

    def on_app(route: str, body: Any = None) -> Subject:
        return Subject(route, APPS, lambda tenant, _: lambda: tenant.event(route, body, app_id=_app(tenant)["id"]))

    def revoke(tenant: Tenant, _: str) -> Callable[[], Any]:
        return lambda: tenant.event("DELETE /v1/oauth/grants/{grant_id}", grant_id=_consent(tenant))

    return [
        request(APPS, "POST /v1/oauth/apps", _NEW_APP),
        request(APPS, "GET /v1/oauth/apps"),
        on_app(f"GET {one}"),
        on_app(f"PUT {one}", {"name": "新的名称"}),
        on_app(f"DELETE {one}"),
        on_app(f"POST {one}/rotate-secret", {}),
        request(APPS, "GET /v1/oauth/grants"),
        Subject("DELETE /v1/oauth/grants/{grant_id}", APPS, revoke),
    ]


def _consent(tenant: Tenant) -> str:
    """A consent to a new application, as the consent page leaves it."""
    from functions.identity.oauth_apps import store
    from functions.identity.oauth_apps.store import StoredConsent

    now = times.now_ms()
    consent = StoredConsent(_user(tenant), _app(tenant)["id"], ["read"], now, now)
    store.put_consent(tenant.name, consent, {})
    return consent.id


def _tokens() -> list[Subject]:
    def credentials(tenant: Tenant) -> dict[str, str]:
        made = _app(tenant)
        return {"client_id": made["client_id"], "client_secret": made["client_secret"]}

    def grant(mount: str) -> Subject:
        route = f"POST {mount}/oauth/token"

        def events_of(tenant: Tenant, _: str) -> Callable[[], Any]:
            body = {"grant_type": "client_credentials", **credentials(tenant)}
            return lambda: tenant.event(route, body, headers=_ANONYMOUS)

        return Subject(route, TOKENS, events_of)

    def about(route: str) -> Subject:
        def events_of(tenant: Tenant, _: str) -> Callable[[], Any]:
            client = credentials(tenant)
            wanted = {"grant_type": "client_credentials", **client}

            def event() -> Any:
                token = tenant.ask(TOKENS, "POST /oauth/token", wanted, headers=_ANONYMOUS)["access_token"]
                return tenant.event(route, {"token": token, **client}, headers=_ANONYMOUS)

            return event

        return Subject(route, TOKENS, events_of)

    mounts = ("", "/v1")
    discovered = ("GET /.well-known/oauth-authorization-server", "GET /.well-known/jwks.json")
    return [
        *(grant(mount) for mount in mounts),
        *(about(f"POST {mount}/oauth/{name}") for mount in mounts for name in ("revoke", "introspect")),
        *(request(TOKENS, route) for route in discovered),
    ]


def _pages() -> list[Subject]:
    def shown(route: str) -> Subject:
        def events_of(tenant: Tenant, _: str) -> Callable[[], Any]:
            asked = {"client_id": _app(tenant)["client_id"], "redirect_uri": CALLBACK, "state": "af0ifjsldkj"}
            event = tenant.event(route, query=asked, headers={**_ANONYMOUS, "accept": "text/html"})
            return lambda: event | {"rawQueryString": urlencode(asked)}

        return Subject(route, PAGES, events_of)

    def denied(route: str) -> Subject:
        def events_of(tenant: Tenant, _: str) -> Callable[[], Any]:
            asked = {"client_id": _app(tenant)["client_id"], "redirect_uri": CALLBACK}
            form = urlencode({"csrf": "t" * 43, "action": "deny"})
            headers = {
                **_ANONYMOUS,
                "content-type": "application/x-www-form-urlencoded",
                "cookie": f"__Host-hub_csrf={'t' * 43}",
                "origin": f"https://{HOST}",
            }
            event = tenant.event(route, query=asked, headers=headers)
            return lambda: event | {"rawQueryString": urlencode(asked), "body": form}

        return Subject(route, PAGES, events_of)

    routes = ("/oauth/authorize", "/v1/oauth/authorize")
    return [*(shown(f"GET {route}") for route in routes), *(denied(f"POST {route}") for route in routes)]


def _login() -> list[Subject]:
    def credentials(tenant: Tenant) -> dict[str, str]:
        email = _new_user()["email"]
        tenant.ask(USERS, "POST /v1/users", {"email": email, "name": "王五", "password": PASSWORD})
        return {"email": email, "password": PASSWORD, "tenant": tenant.name}

    def log_in(tenant: Tenant, _: str) -> Callable[[], Any]:
        wanted = credentials(tenant)
        return lambda: tenant.event("POST /api/auth/login", wanted, headers=_ANONYMOUS)

    def token(tenant: Tenant) -> str:
        route = "POST /api/auth/login"
        made: str = tenant.ask(LOGIN, route, credentials(tenant), headers=_ANONYMOUS)["token"]
        return made

    def verify(tenant: Tenant, _: str) -> Callable[[], Any]:
        body = {"token": token(tenant)}
        return lambda: tenant.event("POST /api/auth/verify", body, headers=_ANONYMOUS)

    def change(tenant: Tenant, _: str) -> Callable[[], Any]:
        body = {"old_password": PASSWORD, "new_password": "another one of the benchmark"}

        def event() -> Any:
            bearer = {"authorization": f"Bearer {token(tenant)}"}
            return tenant.event("POST /api/auth/change-password", body, headers=bearer)

        return event

    return [
        Subject("POST /api/auth/login", LOGIN, log_in),
        Subject("POST /api/auth/verify", LOGIN, verify),
        Subject("POST /api/auth/change-password", LOGIN, change),
    ]
