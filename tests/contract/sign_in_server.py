"""The identity room in process, called as browsers and OAuth clients call it over HTTP."""

import base64
import hashlib
import importlib
import json
import re
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit

from tests.contract import pristine
from tests.contract.forms import hidden_fields
from tests.contract.memory import data_plane, signing_keys

ISSUER = "https://hub.example.com"
CALLBACK = "https://myapp.com/callback"
STATE = "af0ifjsldkj"

_MODULES = (
    "functions.identity.api_keys.api",
    "functions.identity.audit.api",
    "functions.identity.login.api",
    "functions.identity.oauth.authorize_api",
    "functions.identity.oauth.token_api",
    "functions.identity.oauth_apps.api",
    "functions.identity.users.api",
    "functions.webhooks.api",
)


@dataclass(frozen=True)
class Answer:
    """An HTTP answer."""

    status: int
    headers: Mapping[str, str]
    text: str
    cookies: tuple[str, ...]

    def json(self) -> Any:
        """The body, parsed."""
        return json.loads(self.text)

    @property
    def location(self) -> str:
        """Where it leads."""
        return self.headers["Location"]

    @property
    def sent_back(self) -> dict[str, str]:
        """The parameters that it brings to where it leads."""
        return dict(parse_qsl(urlsplit(self.location).query, strict_parsing=True))


@dataclass(frozen=True)
class Pkce:
    """A code verifier and its S256 challenge."""

    verifier: str = field(default_factory=lambda: secrets.token_urlsafe(48))

    @property
    def challenge(self) -> str:
        """What the authorization request carries."""
        return base64.urlsafe_b64encode(hashlib.sha256(self.verifier.encode()).digest()).decode().rstrip("=")

    @property
    def asked(self) -> dict[str, str]:
        """The parameters of the authorization request."""
        return {"code_challenge": self.challenge, "code_challenge_method": "S256"}


class Server:
    """The handlers behind their routes, and one tenant in them."""

    def __init__(self, tenant: str) -> None:
        made = pristine.once(_bootstrap, tenant)
        self.tenant = tenant
        self.api_key: str = made["api_key"]
        self.email: str = made["admin_email"]
        self.password: str = made["admin_password"]

    def request(
        self,
        method: str,
        url: str,
        *,
        token: str = "",
        form: Mapping[str, str] | str | None = None,
        body: Any = None,
        headers: Mapping[str, str] | None = None,
        address: str = "192.0.2.1",
    ) -> Answer:
        """Send a request; `url` is a path, or an address of this server."""
        target = urlsplit(url)
        sent = {name.lower(): value for name, value in (headers or {}).items()}
        payload = None
        if token:
            sent["authorization"] = f"Bearer {token}"
        if form is not None:
            sent["content-type"] = "application/x-www-form-urlencoded"
            payload = form if isinstance(form, str) else urlencode(form)
        elif body is not None:
            sent["content-type"] = "application/json"
            payload = json.dumps(body, ensure_ascii=False)
        handler, route, ids = route_of(method, target.path)
        event: dict[str, Any] = {
            "version": "2.0",
            "routeKey": route,
            "rawPath": target.path,
            "rawQueryString": target.query,
            "headers": sent,
            "pathParameters": ids,
            "requestContext": {
                "domainName": "hub.example.com",
                "http": {"method": method, "path": target.path, "sourceIp": address},
            },
        }
        if target.query:
            pairs = parse_qs(target.query, keep_blank_values=True)
            event["queryStringParameters"] = {name: ",".join(values) for name, values in pairs.items()}
        if payload is not None:
            event["body"] = payload
        if cookie := sent.pop("cookie", ""):
            event["cookies"] = cookie.split("; ")
        answer = handler(event, SimpleNamespace(aws_request_id="a-request", function_name="a-function"))
        return Answer(answer["statusCode"], answer["headers"], answer.get("body", ""), tuple(answer.get("cookies", ())))

    def call(self, method: str, path: str, body: Any = None, *, token: str = "") -> Any:
        """Do what must succeed, by default with the tenant's API key; answers with the body."""
        answer = self.request(method, path, token=token or self.api_key, body=body)
        assert answer.status < 300, answer
        return answer.json() if answer.text else None

    def app(self, **more: Any) -> "App":
        """Register an application with the scopes `read` and `write`."""
        wanted = {"name": "我的应用", "redirect_uris": [CALLBACK], "scopes": ["read", "write"], **more}
        return App(self, self.call("POST", "/v1/oauth/apps", wanted))

    def user(self, role: str = "member") -> "User":
        """Make a user of the tenant."""
        email, password = f"{secrets.token_hex(6)}@example.com", secrets.token_urlsafe(12)
        wanted = {"email": email, "name": "张经理", "role": role, "password": password}
        made = self.call("POST", "/v1/users", wanted)
        return User(made["data"]["id"], email, password)

    @property
    def admin(self) -> "User":
        """The tenant's first administrator."""
        return User("", self.email, self.password)


@dataclass(frozen=True)
class User:
    """A user and the password."""

    id: str
    email: str
    password: str


class App:
    """A registered application: an OAuth client."""

    def __init__(self, server: Server, made: Mapping[str, Any]) -> None:
        self.server = server
        self.id: str = made["id"]
        self.client_id: str = made["client_id"]
        self.secret: str | None = made["client_secret"]
        self.redirect_uris: list[str] = made["redirect_uris"]

    @property
    def credentials(self) -> dict[str, str]:
        """`client_secret_post`, or what a public client says."""
        return {"client_id": self.client_id} | ({"client_secret": self.secret} if self.secret else {})

    def url(self, **more: str) -> str:
        """Where a browser is sent to; an empty parameter is left out."""
        asked = {
            "response_type": "code",
            "client_id": self.client_id,
            "redirect_uri": self.redirect_uris[0],
            "scope": "read write",
            "state": STATE,
            **more,
        }
        return "/oauth/authorize?" + urlencode({name: value for name, value in asked.items() if value})

    def token(self, **form: str) -> Answer:
        """A token request; an empty parameter is left out."""
        sent = {**self.credentials, **form}
        return self.server.request("POST", "/oauth/token", form={name: value for name, value in sent.items() if value})

    def exchange(self, code: str, **more: str) -> Answer:
        """Exchange a code."""
        return self.token(grant_type="authorization_code", code=code, **{"redirect_uri": self.redirect_uris[0], **more})

    def refresh(self, refresh_token: str, **more: str) -> Answer:
        """Use a refresh token."""
        return self.token(grant_type="refresh_token", refresh_token=refresh_token, **more)

    def introspect(self, token: str) -> Any:
        """What the server tells of a token."""
        answer = self.server.request("POST", "/oauth/introspect", form={**self.credentials, "token": token})
        assert answer.status == 200, answer
        return answer.json()

    def revoke(self, token: str) -> Answer:
        """Revoke a token."""
        return self.server.request("POST", "/oauth/revoke", form={**self.credentials, "token": token})


class Browser:
    """Keeps cookies, reads forms and sends them with what stands in them."""

    def __init__(self, server: Server, language: str = "zh-CN") -> None:
        self.server = server
        self.language = language
        # Sign-ins are counted by address: one test's must not use up another's.
        self.address = f"198.18.{secrets.randbelow(256)}.{secrets.randbelow(256)}"
        self.cookies: dict[str, str] = {}

    def get(self, url: str) -> Answer:
        """Open an address."""
        return self._send("GET", url)

    def post(self, url: str, form: Mapping[str, str], **headers: str) -> Answer:
        """Send a form as it is given."""
        return self._send("POST", url, form, **headers)

    def submit(self, url: str, page: Answer, **fields: str) -> Answer:
        """Send the page's form to its own address, hidden fields and all."""
        return self.post(url, {**hidden_fields(page.text), **fields})

    def sign_in(self, url: str, user: User) -> Answer:
        """Open an authorization request's address, sign in, and go on: to consent, or back to the application."""
        page = self.get(url)
        done = self.submit(url, page, email=user.email, password=user.password)
        assert done.status == 303, done
        assert done.location.startswith(ISSUER), done.location
        return self.get(done.location)

    def code(self, url: str, user: User) -> str:
        """Sign in and allow what is asked; answers with the code."""
        page = self.sign_in(url, user)
        if page.status == 200:
            page = self.submit(url, page, action="allow")
        assert page.status == 303, page
        return page.sent_back["code"]

    def _send(self, method: str, url: str, form: Mapping[str, str] | None = None, **headers: str) -> Answer:
        sent = {"accept": "text/html", "accept-language": self.language, **headers}
        if self.cookies:
            sent["cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        answer = self.server.request(method, url, form=form, headers=sent, address=self.address)
        for cookie in answer.cookies:
            name, _, rest = cookie.partition("=")
            value = rest.partition(";")[0]
            if value:
                self.cookies[name] = value
            else:
                self.cookies.pop(name, None)
        return answer


def _bootstrap(tenant: str) -> dict[str, str]:
    from functions.identity import bootstrap

    return dict(bootstrap.handler({"tenant": tenant}, SimpleNamespace(aws_request_id="a-request")))


@contextmanager
def running() -> Iterator[None]:
    """The data plane with two signing keys, on https."""
    with data_plane(), signing_keys(), patch.dict("os.environ", PUBLIC_URL=ISSUER):
        yield


def claims(token: str) -> dict[str, Any]:
    """What an access token says, unverified."""
    return part(token, 1)


def part(token: str, position: int) -> dict[str, Any]:
    """Header (0) or claims (1) of a JWT."""
    text = token.split(".")[position]
    decoded: dict[str, Any] = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    return decoded


def route_of(method: str, path: str) -> tuple[Any, str, dict[str, str]]:
    """The handler of a request, the key of its route and the parameters in its path."""
    for name in _MODULES:
        module = importlib.import_module(name)
        for key in module.api.routes:
            verb, _, template = key.partition(" ")
            found = re.fullmatch(re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", template), path)
            if verb == method and found:
                return module.handler, key, found.groupdict()
    raise AssertionError(f"there is no route {method} {path}")
