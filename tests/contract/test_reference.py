import base64
import hashlib
import json
import re
from typing import Any

from functions.reference.api import handler


def get(path: str, **headers: str) -> dict[str, Any]:
    event = {
        "routeKey": f"GET {path}",
        "rawPath": path,
        "headers": {n.replace("_", "-"): v for n, v in headers.items()},
    }
    answer: dict[str, Any] = handler(event, None)
    return answer


def test_the_page_loads_nothing_from_elsewhere_and_runs_only_its_own_scripts() -> None:
    answer = get("/docs")
    assert answer["statusCode"] == 200
    scripts = re.findall("<script>(.*?)</script>", answer["body"], re.DOTALL)
    hashes = {base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() for script in scripts}
    policy = dict(rule.split(" ", 1) for rule in answer["headers"]["Content-Security-Policy"].split("; "))
    assert policy["default-src"] == "'none'"
    assert policy["connect-src"] == "'self'"
    assert set(policy["script-src"].split()) == {f"'sha256-{one}'" for one in hashes}
    own = re.sub("<(script|style)>.*?</\\1>", "", answer["body"], flags=re.DOTALL)
    assert "{{" not in own
    assert re.findall('(?:src|href)="([^"]*)"', own) == ["data:,", "openapi.json"]


def test_swagger_ui_comes_out_of_powertools() -> None:
    body = get("/docs")["body"]
    assert "SwaggerUIBundle" in body
    assert ".swagger-ui" in body
    assert len(body.encode()) < 5_000_000, "Lambda answers with 6 MB at most"


def test_the_description_is_json_and_may_be_read_from_any_page() -> None:
    answer = get("/openapi.json")
    assert json.loads(answer["body"])["openapi"].startswith("3.1")
    assert answer["headers"]["Content-Type"] == "application/json; charset=utf-8"
    assert answer["headers"]["Access-Control-Allow-Origin"] == "*"


def test_what_the_caller_has_already_is_not_sent_again() -> None:
    for path in ("/docs", "/openapi.json"):
        etag = get(path)["headers"]["ETag"]
        for known in (etag, f"W/{etag}", f'"other", {etag}'):
            again = get(path, if_none_match=known)
            assert (again["statusCode"], again["body"], again["headers"]["ETag"]) == (304, "", etag)
        assert get(path, if_none_match='"other"')["statusCode"] == 200
