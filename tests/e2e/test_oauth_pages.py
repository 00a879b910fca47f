"""The sign-in pages in a real browser, without script, in both languages."""

import json
import os
import secrets
import subprocess
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest

from functions.identity.oauth.pages import TEXTS
from tests.e2e.running import ROOT, Client, RunningStack, without_proxy

CALLBACK = "http://127.0.0.1/callback"
APP = "报表中心 Reports"

Step = dict[str, Any]


def brought(step: Step) -> dict[str, str]:
    """What the browser brought to the application."""
    url = urlsplit(step["url"])
    assert (url.hostname, url.path) == ("127.0.0.1", "/callback"), step
    return dict(parse_qsl(url.query))


@pytest.fixture(scope="module", params=["zh-CN", "en-US"])
def language(request: pytest.FixtureRequest) -> str:
    chosen: str = request.param
    return chosen


@pytest.fixture(scope="module")
def words(language: str) -> dict[str, str]:
    return {name: pair[language == "en-US"] for name, pair in TEXTS.items()}


@pytest.fixture(scope="module")
def steps(stack: RunningStack, language: str, words: dict[str, str]) -> dict[str, Step]:
    """What a person saw on one walk through the pages."""
    api: Client = stack.new_client(f"pages-{secrets.token_hex(6)}")
    email, password = "zhang@example.com", secrets.token_urlsafe(12)
    made = api.post("/v1/users", {"email": email, "name": "张经理", "password": password})
    assert made.status_code == 201, made.text
    wanted = {"name": APP, "redirect_uris": [CALLBACK], "scopes": ["read", "write"]}
    app = api.post("/v1/oauth/apps", wanted).json()
    asked = {"client_id": app["client_id"], "state": "af0ifjsldkj"}
    given = {
        "url": f"{stack.description['base_url']}/oauth/authorize?{urlencode(asked)}",
        "email": email,
        "password": password,
        "locale": language,
        "words": words,
        "screenshots": os.environ.get("SCREENSHOTS"),
    }
    walk = subprocess.run(
        ["node", str(ROOT / "tests" / "node" / "pages.mjs"), json.dumps(given)],
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
        env=without_proxy(),
    )
    assert walk.returncode == 0, walk.stderr
    return {step["step"]: step for step in json.loads(walk.stdout)}


def test_sign_in_is_ready_to_type(steps: dict[str, Step], words: dict[str, str], language: str) -> None:
    step = steps["sign_in"]
    assert step["heading"] == [words["sign_in"]]
    assert step["title"].startswith(words["sign_in"])
    assert step["language"] == language
    assert step["focused"] == ["email"]
    assert step["alert"] == []


def test_a_wrong_password_is_said_and_the_email_kept(steps: dict[str, Step], words: dict[str, str]) -> None:
    step = steps["wrong_password"]
    assert step["alert"] == [words["wrong"]]
    assert step["focused"] == ["password"]


def test_consent_names_the_application_and_what_it_may(steps: dict[str, Step], words: dict[str, str]) -> None:
    step = steps["consent"]
    assert step["heading"] == [words["consent"].format(app=APP)]
    assert step["listed"] == [words["read"]]
    assert step["buttons"] == [words["deny"], words["allow"], words["other_account"]]


def test_denial_goes_back_to_the_application(steps: dict[str, Step]) -> None:
    assert brought(steps["denied"])["error"] == "access_denied"
    assert brought(steps["denied"])["state"] == "af0ifjsldkj"


def test_allowing_goes_back_with_a_code(steps: dict[str, Step]) -> None:
    assert {"code", "state", "iss"} == set(brought(steps["allowed"]))


def test_a_consent_given_before_is_not_asked_for_again(steps: dict[str, Step]) -> None:
    assert brought(steps["remembered"])["code"] != brought(steps["allowed"])["code"]


def test_a_further_scope_is_asked_for(steps: dict[str, Step], words: dict[str, str]) -> None:
    assert steps["more_asked"]["listed"] == [words["read"], words["write"]]


def test_another_account_signs_out(steps: dict[str, Step], words: dict[str, str]) -> None:
    assert steps["signed_out"]["heading"] == [words["sign_in"]]


def test_an_unknown_application_is_an_error_page(steps: dict[str, Step], words: dict[str, str]) -> None:
    assert steps["unknown_client"]["heading"] == [words["cannot"]]
    assert len(steps["unknown_client"]["alert"]) == 1


def test_the_browser_refuses_nothing_of_the_pages(steps: dict[str, Step]) -> None:
    """The pages keep to their own Content-Security-Policy."""
    assert [line for step in steps.values() for line in step["refused"] if "Content Security Policy" in line] == []


def test_nothing_sticks_out_of_a_small_screen(steps: dict[str, Step]) -> None:
    assert [name for name, step in steps.items() if step["wide"]] == []
