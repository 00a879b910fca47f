"""Clients off the shelf, unchanged, with nothing but the server's metadata; and races over real connections."""

import json
import secrets
import subprocess
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import jwt
import pytest
import requests
from authlib.integrations.requests_client import OAuth2Session as AuthlibSession
from oauthlib.oauth2 import BackendApplicationClient
from requests_oauthlib import OAuth2Session as OauthlibSession

from tests.e2e.browsing import REQUEST_SECONDS, Browser, Person
from tests.e2e.concurrency import at_once
from tests.e2e.running import ROOT, Client, RunningStack, without_proxy

# A native client's: the port is whatever was free when it started.
REGISTERED = "http://127.0.0.1/callback"
CALLBACK = "http://127.0.0.1:51004/callback"

Answer = dict[str, Any]


@pytest.fixture(scope="module")
def tenant(stack: RunningStack) -> Client:
    return stack.new_client(f"oauth-{secrets.token_hex(6)}")


@pytest.fixture(scope="module")
def person(tenant: Client) -> Person:
    email, password = "zhang@example.com", secrets.token_urlsafe(12)
    made = tenant.post("/v1/users", {"email": email, "name": "张经理", "password": password})
    assert made.status_code == 201, made.text
    return Person(made.json()["data"]["id"], email, password)


@pytest.fixture
def new_app(tenant: Client) -> Callable[..., Answer]:
    def register(**more: Any) -> Answer:
        wanted = {"name": "我的应用", "redirect_uris": [REGISTERED], "scopes": ["read", "write"], **more}
        made = tenant.post("/v1/oauth/apps", wanted)
        assert made.status_code == 201, made.text
        app: Answer = made.json()
        return app

    return register


@pytest.fixture
def issuer(stack: RunningStack, monkeypatch: pytest.MonkeyPatch) -> str:
    """The server's address; the local stack has no certificate."""
    monkeypatch.setenv("OAUTHLIB_INSECURE_TRANSPORT", "1")
    monkeypatch.setenv("AUTHLIB_INSECURE_TRANSPORT", "1")
    address: str = stack.description["base_url"]
    return address


@pytest.fixture
def metadata(issuer: str) -> Answer:
    found: Answer = http("GET", f"{issuer}/.well-known/oauth-authorization-server").json()
    assert found["issuer"] == issuer
    return found


@pytest.fixture
def browser(issuer: str) -> Iterator[Browser]:
    with Browser(issuer) as opened:
        yield opened


def http(method: str, url: str, seconds: float = REQUEST_SECONDS, **more: Any) -> requests.Response:
    with requests.Session() as session:
        session.trust_env = False
        return session.request(method, url, timeout=seconds, **more)


def calls(tenant: Client, token: str) -> int:
    """The status of a call of the API with a token."""
    return tenant.get("/v1/webhooks", headers={"Authorization": f"Bearer {token}"}).status_code


def verified(token: str, metadata: Answer) -> Answer:
    """An access token's claims, as a resource server reads them."""
    keys = jwt.PyJWKSet.from_dict(http("GET", metadata["jwks_uri"]).json())
    key = keys[jwt.get_unverified_header(token)["kid"]]
    issuer = metadata["issuer"]
    claims: Answer = jwt.decode(token, key, algorithms=["RS256"], audience=issuer, issuer=issuer)
    return claims


@pytest.mark.parametrize("method", ["client_secret_basic", "client_secret_post"])
def test_authlib(
    tenant: Client, new_app: Callable[..., Answer], metadata: Answer, browser: Browser, person: Person, method: str
) -> None:
    app = new_app()
    with AuthlibSession(
        app["client_id"],
        app["client_secret"],
        token_endpoint_auth_method=method,
        revocation_endpoint_auth_method=method,
        scope="read write",
        redirect_uri=CALLBACK,
        code_challenge_method="S256",
    ) as client:
        client.trust_env = False
        verifier = secrets.token_urlsafe(48)
        url, state = client.create_authorization_url(metadata["authorization_endpoint"], code_verifier=verifier)
        came_back_to = browser.authorize(url, person)
        token = client.fetch_token(
            metadata["token_endpoint"], authorization_response=came_back_to, state=state, code_verifier=verifier
        )
        claims = verified(token["access_token"], metadata)
        assert (claims["sub"], claims["client_id"], claims["scope"]) == (person.id, app["client_id"], "read write")
        assert calls(tenant, token["access_token"]) == 200

        again = client.refresh_token(metadata["token_endpoint"], token["refresh_token"])
        assert again["refresh_token"] != token["refresh_token"]
        told = client.introspect_token(metadata["introspection_endpoint"], again["access_token"]).json()
        assert (told["active"], told["sub"], told["iss"]) == (True, person.id, metadata["issuer"])
        revoked = client.revoke_token(metadata["revocation_endpoint"], again["refresh_token"])  # type: ignore[no-untyped-call]
        assert revoked.status_code == 200
        assert client.introspect_token(metadata["introspection_endpoint"], again["access_token"]).json() == {
            "active": False
        }
        assert calls(tenant, again["access_token"]) == 401

        own = client.fetch_token(metadata["token_endpoint"], grant_type="client_credentials")
        assert verified(own["access_token"], metadata)["sub"] == app["client_id"]
        assert calls(tenant, own["access_token"]) == 200


def test_authlib_as_a_public_client(
    tenant: Client, new_app: Callable[..., Answer], metadata: Answer, browser: Browser, person: Person
) -> None:
    app = new_app(client_type="public")
    with AuthlibSession(
        app["client_id"],
        token_endpoint_auth_method="none",
        revocation_endpoint_auth_method="none",
        redirect_uri=CALLBACK,
        code_challenge_method="S256",
    ) as client:
        client.trust_env = False
        verifier = secrets.token_urlsafe(48)
        url, state = client.create_authorization_url(metadata["authorization_endpoint"], code_verifier=verifier)
        came_back_to = browser.authorize(url, person)
        token = client.fetch_token(
            metadata["token_endpoint"], authorization_response=came_back_to, state=state, code_verifier=verifier
        )
        again = client.refresh_token(metadata["token_endpoint"], token["refresh_token"])
        assert calls(tenant, again["access_token"]) == 200
        revoked = client.revoke_token(metadata["revocation_endpoint"], again["refresh_token"])  # type: ignore[no-untyped-call]
        assert revoked.status_code == 200
        assert calls(tenant, again["access_token"]) == 401


def test_requests_oauthlib(
    tenant: Client, new_app: Callable[..., Answer], metadata: Answer, browser: Browser, person: Person
) -> None:
    app = new_app()
    with OauthlibSession(app["client_id"], redirect_uri=CALLBACK, scope=["read", "write"], pkce="S256") as client:
        client.trust_env = False
        url, _ = client.authorization_url(metadata["authorization_endpoint"])
        came_back_to = browser.authorize(url, person)
        token = client.fetch_token(
            metadata["token_endpoint"], authorization_response=came_back_to, client_secret=app["client_secret"]
        )
        assert verified(token["access_token"], metadata)["sub"] == person.id
        assert client.get(f"{metadata['issuer']}/v1/webhooks", timeout=REQUEST_SECONDS).status_code == 200
        again = client.refresh_token(
            metadata["token_endpoint"],
            auth=requests.auth.HTTPBasicAuth(app["client_id"], app["client_secret"]),
        )
        assert again["refresh_token"] != token["refresh_token"]
        assert client.get(f"{metadata['issuer']}/v1/webhooks", timeout=REQUEST_SECONDS).status_code == 200


def test_requests_oauthlib_with_client_credentials(
    tenant: Client, new_app: Callable[..., Answer], metadata: Answer
) -> None:
    app = new_app()
    with OauthlibSession(client=BackendApplicationClient(app["client_id"], scope=["read"])) as client:
        client.trust_env = False
        token = client.fetch_token(metadata["token_endpoint"], client_secret=app["client_secret"])
    assert token["scope"] == ["read"]
    assert calls(tenant, token["access_token"]) == 200


@pytest.mark.parametrize("client_type", ["confidential", "public"])
def test_openid_client(
    tenant: Client,
    new_app: Callable[..., Answer],
    metadata: Answer,
    browser: Browser,
    person: Person,
    client_type: str,
) -> None:
    """It refuses metadata, `state`, `iss` or answers that are not as the RFCs have them."""
    app = new_app(client_type=client_type)
    given = {
        "issuer": metadata["issuer"],
        "client_id": app["client_id"],
        "client_secret": app["client_secret"],
        "redirect_uri": CALLBACK,
    }
    command = ["node", str(ROOT / "tests" / "node" / "client.mjs"), json.dumps(given)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=without_proxy()
    ) as node:
        assert node.stdout
        url = node.stdout.readline().strip()
        assert url.startswith(metadata["authorization_endpoint"]), node.communicate(timeout=30)
        output, errors = node.communicate(browser.authorize(url, person) + "\n", timeout=60)
    assert node.returncode == 0, errors
    answers = json.loads(output)
    assert (answers["tokens"]["token_type"], answers["tokens"]["scope"]) == ("bearer", "read write")
    assert verified(answers["tokens"]["access_token"], metadata)["sub"] == person.id
    assert verified(answers["refreshed"]["access_token"], metadata)["scope"] == "read"
    assert calls(tenant, answers["refreshed"]["access_token"]) == 401, "it was revoked"
    assert answers["refused"] == "invalid_grant"
    if client_type == "confidential":
        assert calls(tenant, answers["own"]["access_token"]) == 200
        assert answers["introspected"]["active"] is True
        assert answers["introspected_after"] == {"active": False}


class ByHand:
    """A public client of a few lines, for what no client off the shelf would do."""

    def __init__(self, metadata: Answer, app: Answer, browser: Browser, person: Person) -> None:
        self.metadata = metadata
        self.client_id = app["client_id"]
        self._verifier = secrets.token_urlsafe(48)
        client = AuthlibSession(self.client_id, redirect_uri=CALLBACK, code_challenge_method="S256")
        with client:
            url, _ = client.create_authorization_url(metadata["authorization_endpoint"], code_verifier=self._verifier)
        came_back_to = browser.authorize(url, person)
        self.code = dict(parse_qsl(urlsplit(came_back_to).query))["code"]

    def exchange(self) -> requests.Response:
        return self._token(
            grant_type="authorization_code", code=self.code, redirect_uri=CALLBACK, code_verifier=self._verifier
        )

    def refresh(self, refresh_token: str) -> requests.Response:
        return self._token(grant_type="refresh_token", refresh_token=refresh_token)

    def _token(self, **form: str) -> requests.Response:
        return http("POST", self.metadata["token_endpoint"], data={"client_id": self.client_id, **form})


@pytest.fixture
def twenty_workers(metadata: Answer) -> None:
    """The emulator starts a process for each request at once, which must not eat up the code's 60 seconds."""
    at_once(20, lambda: http("GET", metadata["jwks_uri"], seconds=180))


@pytest.fixture
def by_hand(
    twenty_workers: None, new_app: Callable[..., Answer], metadata: Answer, browser: Browser, person: Person
) -> ByHand:
    del twenty_workers
    return ByHand(metadata, new_app(client_type="public"), browser, person)


def test_of_20_exchanges_at_once_one_wins(tenant: Client, by_hand: ByHand) -> None:
    answers = at_once(20, by_hand.exchange)
    won = [answer for answer in answers if answer.status_code == 200]
    assert len(won) == 1
    assert {answer.json()["error"] for answer in answers if answer not in won} <= {
        "invalid_grant",
        "temporarily_unavailable",
    }
    assert calls(tenant, won[0].json()["access_token"]) == 401, "a code used twice ends what it gave"


def test_20_refreshes_at_once_log_nobody_out(tenant: Client, by_hand: ByHand) -> None:
    first = by_hand.exchange().json()
    answers = at_once(20, lambda: by_hand.refresh(first["refresh_token"]))
    assert {answer.status_code for answer in answers} == {200}, [answer.text for answer in answers]
    pairs = {(answer.json()["access_token"], answer.json()["refresh_token"]) for answer in answers}
    assert len(pairs) == 1
    access_token, refresh_token = pairs.pop()
    assert calls(tenant, access_token) == 200
    assert by_hand.refresh(refresh_token).status_code == 200
