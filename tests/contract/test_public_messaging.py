"""Document 4's examples as they stand: without a credential, where the deployment names whose such calls are."""

from collections.abc import Iterator

import pytest

from functions.messaging.contacts import people
from hub.web import request as web_request
from tests.conftest import Deployment
from tests.contract import memory
from tests.contract.messaging import connect
from tests.contract.test_messages import DOCUMENT_4


@pytest.fixture
def opened(deployment: Deployment, monkeypatch: pytest.MonkeyPatch) -> Iterator[Deployment]:
    """The tenant that such calls act as."""
    monkeypatch.setenv("PUBLIC_TENANT", deployment.tenant)
    web_request._settings.cache_clear()
    yield deployment
    web_request._settings.cache_clear()


def test_documents_examples_without_a_header(opened: Deployment, other_tenant: Deployment) -> None:
    number = connect(opened, "whatsapp")
    people.remember(opened.tenant, number, "+8613800138000", "张三", "https://example.com/avatar.jpg")
    made = opened.call("POST", "/third-party/whatsapp/messages", DOCUMENT_4, key=None)
    assert made.status == 201, made.text
    assert {name: made.json[name] for name in DOCUMENT_4} == DOCUMENT_4
    assert (made.headers["X-RateLimit-Limit"], made.headers["X-RateLimit-Remaining"]) == ("1000", "999")
    status = f"/third-party/whatsapp/messages/{made.json['id']}/status"
    assert opened.call("GET", status, key=None).text == '"pending"'
    assert opened.call("GET", status).text == '"pending"', "the tenant's own key sees it"
    assert other_tenant.call("GET", status).status == 404
    (contact,) = opened.call("POST", "/third-party/whatsapp/contacts/sync", {"userId": "user-uuid"}, key=None).json
    query = "userId=user-uuid&amp;platformUserId=%2B8613800138000"
    assert opened.call("GET", f"/third-party/whatsapp/contacts?{query}", key=None).json == contact


def test_a_bad_credential_is_not_as_good_as_none(opened: Deployment) -> None:
    path = "/third-party/whatsapp/messages"
    for token in ("sk_live_1234567890abcdef", "YOUR_API_KEY"):
        assert opened.call("GET", path, key=token).status == 401
    assert opened.call("GET", path, key=None, headers={"authorization": ""}).status == 401


def test_nothing_else_is_open(opened: Deployment) -> None:
    del opened
    for name in ("MessagingFunction", "MessagingContactsFunction"):
        variables = memory.TEMPLATE["Resources"][name]["Properties"]["Environment"]["Variables"]
        assert variables["PUBLIC_TENANT"] == {"Ref": "PublicMessagingTenant"}
    parameter = memory.TEMPLATE["Parameters"]["PublicMessagingTenant"]
    assert parameter["Default"] == ""
    with_it = {
        name
        for name, resource in memory.TEMPLATE["Resources"].items()
        if resource["Type"] == "AWS::Serverless::Function" and "PublicMessagingTenant" in str(resource)
    }
    assert with_it == {"MessagingFunction", "MessagingContactsFunction"}


def test_by_default_a_credential_is_needed(deployment: Deployment) -> None:
    assert deployment.call("POST", "/third-party/whatsapp/messages", DOCUMENT_4, key=None).status == 401
