import time
from typing import Any

import pytest
from cryptography.exceptions import InvalidTag
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hub import aws as clients
from hub import passwords, secrets
from hub.settings import SettingsError, load

pytestmark = pytest.mark.usefixtures("aws")


@pytest.fixture
def kms_calls(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    calls: list[str] = []
    for operation in ("generate_data_key", "decrypt"):
        real = getattr(clients.kms(), operation)

        def counted(*, real: Any = real, operation: str = operation, **parameters: Any) -> Any:
            calls.append(operation)
            return real(**parameters)

        monkeypatch.setattr(clients.kms(), operation, counted)
    return calls


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text())
def test_a_secret_opens_where_it_was_sealed(secret: str) -> None:
    sealed = secrets.seal(secret, "acme", "webhook/1/secret")
    assert secrets.unseal(sealed, "acme", "webhook/1/secret") == secret
    assert len(secret) < 4 or secret.encode() not in sealed


def test_the_same_secret_never_looks_the_same() -> None:
    assert len({secrets.seal("a", "acme", "p") for _ in range(20)}) == 20


@pytest.mark.parametrize(("tenant", "place"), [("acme", "webhook/2/secret"), ("acme", ""), ("acme", "webhook/1")])
def test_a_secret_moved_to_another_item_does_not_open(tenant: str, place: str) -> None:
    sealed = secrets.seal("a", "acme", "webhook/1/secret")
    with pytest.raises(InvalidTag):
        secrets.unseal(sealed, tenant, place)


def test_a_secret_moved_to_another_tenant_does_not_open() -> None:
    sealed = secrets.seal("a", "acme", "webhook/1/secret")
    secrets.unseal(sealed, "acme", "webhook/1/secret")
    for forgotten in (False, True):
        if forgotten:
            secrets.forget_keys()
        with pytest.raises(clients.kms().exceptions.InvalidCiphertextException):
            secrets.unseal(sealed, "other", "webhook/1/secret")


def test_no_bit_can_be_changed() -> None:
    sealed = secrets.seal("a", "acme", "p")
    after_key = 3 + int.from_bytes(sealed[1:3], "big")
    for position in range(after_key, len(sealed)):
        changed = bytearray(sealed)
        changed[position] ^= 1
        with pytest.raises(InvalidTag):
            secrets.unseal(bytes(changed), "acme", "p")


@pytest.mark.parametrize("junk", [b"", b"\x00", b"\x02abc", b"secret"])
def test_what_was_never_sealed_is_told(junk: bytes) -> None:
    with pytest.raises(ValueError, match="not a sealed secret"):
        secrets.unseal(junk, "acme", "p")


def test_kms_is_asked_once_for_a_tenant(kms_calls: list[str]) -> None:
    sealed = [secrets.seal(str(number), "acme", "p") for number in range(5)]
    assert [secrets.unseal(one, "acme", "p") for one in sealed] == list("01234")
    assert kms_calls == ["generate_data_key", "decrypt"]
    secrets.seal("a", "other", "p")
    assert kms_calls == ["generate_data_key", "decrypt", "generate_data_key"]


def test_a_data_key_seals_for_an_hour(kms_calls: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    sealed = secrets.seal("a", "acme", "p")
    later = time.monotonic() + 3601
    monkeypatch.setattr("hub.secrets.time.monotonic", lambda: later)
    secrets.seal("b", "acme", "p")
    assert kms_calls == ["generate_data_key"] * 2
    assert secrets.unseal(sealed, "acme", "p") == "a"


def test_opened_keys_do_not_fill_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(secrets, "_MAX_OPENED", 2)
    for tenant in ("a", "b", "c"):
        secrets.unseal(secrets.seal("x", tenant, "p"), tenant, "p")
    assert len(secrets._plain_keys) == 2


def test_a_missing_setting_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ENCRYPTION_KEY_ARN")
    with pytest.raises(SettingsError, match="ENCRYPTION_KEY_ARN"):
        load(secrets.SecretSettings)


def test_a_password_is_told_from_others() -> None:
    stored = passwords.hash_password("密码")
    assert passwords.is_password("密码", stored)
    for wrong in ("", "密", "密码 ", "x" * 1000):
        assert not passwords.is_password(wrong, stored)
    assert stored != passwords.hash_password("密码")


def test_a_password_hashed_at_another_cost_is_still_good(monkeypatch: pytest.MonkeyPatch) -> None:
    stored = passwords.hash_password("a")
    monkeypatch.setattr(passwords, "_COST", 4)
    assert passwords.is_password("a", stored)
