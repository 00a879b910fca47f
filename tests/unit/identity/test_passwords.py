import hashlib
from typing import Any

import pytest
from pydantic_core import PydanticCustomError

from hub import passwords

GOOD = "correct horse battery staple"


def refusal(password: str) -> str:
    with pytest.raises(PydanticCustomError) as caught:
        passwords.check_new(password)
    assert caught.value.context
    reason: str = caught.value.context["reason"]
    return reason


@pytest.mark.parametrize("password", [GOOD, "new_pass", "我的密码很长很长", "x9" * 128, "        "])
def test_accepts_what_is_long_enough_and_not_common(password: str) -> None:
    assert passwords.check_new(password) == password


@pytest.mark.parametrize(
    ("password", "reason"),
    [
        ("", "too_short"),
        ("a1b2c3d", "too_short"),
        # 14 code points that are 7 characters in their normal form, which is what is hashed.
        ("e\u0301" * 7, "too_short"),
        ("x" * 257, "too_long"),
        ("\ufdfa" * 100, "too_long"),
        ("password", "breached_password"),
        ("12345678", "breached_password"),
        ("PassWord1", "breached_password"),
        ("ｐａｓｓｗｏｒｄ", "breached_password"),
    ],
)
def test_refuses_short_long_and_common_ones(password: str, reason: str) -> None:
    assert refusal(password) == reason


def test_the_list_is_sorted_and_holds_ten_thousand() -> None:
    data = passwords.BREACHED.read_bytes()
    entries = [data[at : at + passwords.BREACHED_BYTES] for at in range(0, len(data), passwords.BREACHED_BYTES)]
    assert len(entries) == 10_000
    assert entries == sorted(set(entries))


@pytest.mark.parametrize("digest", ["first", "last"])
def test_the_ends_of_the_list_are_found(digest: str, monkeypatch: pytest.MonkeyPatch) -> None:
    data = passwords.BREACHED.read_bytes()
    entry = data[: passwords.BREACHED_BYTES] if digest == "first" else data[-passwords.BREACHED_BYTES :]

    class Digest:
        def digest(self) -> bytes:
            return entry + bytes(27)

    monkeypatch.setattr(hashlib, "sha256", lambda _: Digest())
    assert refusal(GOOD) == "breached_password"


def test_behind_the_end_of_the_list_is_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    class Digest:
        def digest(self) -> bytes:
            return b"\xff" * 32

    monkeypatch.setattr(hashlib, "sha256", lambda _: Digest())
    assert passwords.check_new(GOOD) == GOOD


def test_only_the_password_itself_is_right_in_any_unicode_form() -> None:
    stored = passwords.hash_password("café-au-lait")
    assert passwords.is_password("café-au-lait", stored)
    assert passwords.is_password("cafe\u0301-au-lait", stored)
    assert not passwords.is_password("cafe-au-lait", stored)
    assert not passwords.is_password("", stored)
    assert GOOD not in passwords.hash_password(GOOD)
    assert passwords.hash_password(GOOD) != passwords.hash_password(GOOD)


def test_what_was_never_accepted_is_never_right() -> None:
    longest = "x9" * 128
    assert not passwords.is_password(longest + "more", passwords.hash_password(longest))


def test_an_unknown_user_costs_the_same_and_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[dict[str, Any]] = []
    scrypt = hashlib.scrypt

    def watched(password: bytes, **parameters: Any) -> bytes:
        made.append(parameters)
        return scrypt(password, **parameters)

    stored = passwords.hash_password(GOOD)
    monkeypatch.setattr(hashlib, "scrypt", watched)
    assert not passwords.is_password("wrong password", stored)
    assert not passwords.is_password("wrong password", None)
    known, unknown = ({name: value for name, value in one.items() if name != "salt"} for one in made)
    assert known == unknown


def test_a_hash_of_weaker_parameters_is_right_and_to_be_made_again() -> None:
    weaker = hashlib.scrypt(GOOD.encode(), salt=bytes(16), n=2**14, r=8, p=1, dklen=32)
    stored = "$".join(("scrypt", "16384", "8", "1", passwords._base64(bytes(16)), passwords._base64(weaker)))
    assert passwords.is_password(GOOD, stored)
    assert passwords.needs_rehash(stored)
    assert not passwords.needs_rehash(passwords.hash_password(GOOD))
