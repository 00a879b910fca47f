from types import SimpleNamespace
from typing import Any

import pytest
from pydantic import ValidationError

from functions.identity import bootstrap
from hub import auth, passwords
from hub.errors import Conflict
from tests.contract import memory

pytestmark = pytest.mark.usefixtures("aws")

ISSUER = "https://api.example.com"


def make(**wanted: Any) -> dict[str, Any]:
    return dict(bootstrap.handler(wanted, SimpleNamespace(aws_request_id="invocation-1")))


def test_the_first_tenant_has_an_administrator_and_a_key_that_may_do_all() -> None:
    made = make(email="root@example.com")
    assert made.keys() == {"tenant", "admin_email", "admin_password", "api_key"}
    credential = auth.authenticate(made["api_key"], ISSUER)
    assert (credential.tenant, credential.plan) == ("default", "enterprise")
    assert credential.permissions == {"read", "write", "admin"}
    (user,) = (item for item in memory.stored() if item["pk"]["S"] == "T#default#USER")
    assert (user["email"]["S"], user["role"]["S"]) == ("root@example.com", "admin")
    assert passwords.is_password(made["admin_password"], user["password"]["S"])


def test_password_and_key_are_stored_as_hashes_alone() -> None:
    made = make()
    dump = repr(memory.stored())
    assert made["admin_password"] not in dump
    assert made["api_key"] not in dump
    assert made["api_key"][12:] not in dump


def test_both_are_told_to_the_bus() -> None:
    make()
    published = {event["detail-type"]: event["detail"] for event in memory.published()}
    assert published.keys() == {"user.created", "api_key.created"}
    assert {detail["requestId"] for detail in published.values()} == {"invocation-1"}
    assert "password" not in repr(published)


def test_a_tenant_is_made_once_and_the_second_time_writes_nothing() -> None:
    first = make()
    before = memory.stored()
    with pytest.raises(Conflict):
        make(email="other@example.com")
    assert memory.stored() == before
    assert auth.authenticate(first["api_key"], ISSUER).tenant == "default"


def test_another_tenant_can_have_the_same_administrator() -> None:
    make()
    assert auth.authenticate(make(tenant="second", plan="free")["api_key"], ISSUER).plan == "free"


@pytest.mark.parametrize(
    "wanted",
    [
        {"tenant": "a#b"},
        {"tenant": "UPPER"},
        {"tenant": ""},
        {"tenant": "x" * 33},
        {"tenant": "a\n"},
        {"plan": "gold"},
        {"plan": "free\n"},
        {"email": "nobody"},
        {"email": "a b@example.com"},
        {"name": ""},
        {"unknown": 1},
        {"tenant": 5},
    ],
    ids=str,
)
def test_bad_input_writes_nothing(wanted: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        make(**wanted)
    assert memory.stored() == []
