"""Users under concurrency, and what ends with them. Races are played: a change slips in between read and write."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from functions.identity import credentials, sign_in
from functions.identity.credentials import Grant
from functions.identity.users import service, store
from functions.identity.users.models import NewUser, UserChange
from functions.identity.users.store import StoredUser
from hub import auth, events, passwords, times
from hub.errors import Conflict, InvalidRequest, NotFound, Unavailable, Unprocessable
from hub.store import items, keys, table
from tests.contract import memory

CALLER = events.Caller("acme", "enterprise", "ak_1", "req_1")
OTHERS = events.Caller("other", "enterprise", "ak_2", "req_2")
GOOD = "correct horse battery staple"


@pytest.fixture(autouse=True)
def tenants(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    # What is tested here is not how hard hashing is.
    monkeypatch.setattr(passwords, "_COST", 2**4)
    with memory.data_plane():
        for tenant in ("acme", "other"):
            memory.bootstrap(tenant)
        yield


def every(tenant: str = "acme") -> list[StoredUser]:
    partition = table.Query(table.entities(), keys.partition(tenant, store.KIND))
    return [items.entity(StoredUser, item) for item in table.items(partition)]


def first_admin(tenant: str = "acme") -> StoredUser:
    return every(tenant)[0]


PASSWORD = "a password of the tests"


def make(email: str, **more: Any) -> str:
    if more.get("role") == "admin":
        more.setdefault("password", PASSWORD)  # without one nobody administers
    return service.create(CALLER, NewUser(email=email, name="某人", **more))["id"]


def change(user_id: str, **changes: Any) -> None:
    service.change(CALLER, user_id, UserChange(**changes))


def meanwhile(monkeypatch: pytest.MonkeyPatch, *happenings: Callable[[], object]) -> None:
    """Let things happen, one each time, between a change's read of a user and its write."""
    read, pending = store.get, list(happenings)

    def get(tenant: str, user_id: str, *, consistent: bool = False) -> StoredUser:
        user = read(tenant, user_id, consistent=consistent)
        if pending:
            pending.pop(0)()
        return user

    monkeypatch.setattr(store, "get", get)


def token_of(user_id: str) -> Callable[[], bool]:
    """Give a user a grant; answers with whether it is still good."""
    ends = times.now() + 3600
    grant = Grant("acme", "enterprise", f"gr_{user_id}", "app_1", "client_1", user_id, ["read"], ends)
    table.write(*credentials.new_grant(grant, {}))
    key = keys.credential(auth.grant_credential(grant.id))
    return lambda: table.get(table.activity(), key) is not None


def test_an_email_is_taken_once_whatever_its_case() -> None:
    make("Zhang@example.com")
    with pytest.raises(Conflict) as caught:
        make("zhang@EXAMPLE.com")
    assert [(error.field, error.reason) for error in caught.value.fields] == [("email", "taken")]
    assert len(every()) == 2
    service.create(OTHERS, NewUser(email="zhang@example.com", name="同名"))


def test_an_email_is_free_again_after_a_change_and_after_deletion() -> None:
    user = make("one@example.com")
    change(user, email="two@example.com")
    other = make("one@example.com")
    with pytest.raises(Conflict):
        change(other, email="TWO@example.com")
    found = store.by_email("acme", "one@example.com")
    assert found is not None
    assert found.id == other
    service.delete(CALLER, user)
    change(other, email="two@example.com")
    moved = store.by_email("acme", "Two@Example.com")
    assert moved is not None
    assert moved.id == other
    assert store.by_email("acme", "one@example.com") is None


def test_an_email_can_change_its_case() -> None:
    user = make("one@example.com")
    change(user, email="One@example.com")
    found = store.by_email("acme", "one@example.com")
    assert found is not None
    assert found.email == "One@example.com"


@pytest.mark.parametrize("email", ["", "x" * 5000, "nobody@example.com"])
def test_nobody_has_an_unknown_email(email: str) -> None:
    assert store.by_email("acme", email) is None


def test_a_user_deleted_can_be_made_again() -> None:
    user = make("one@example.com")
    service.delete(CALLER, user)
    with pytest.raises(NotFound):
        service.get("acme", user)
    assert make("one@example.com") != user


@pytest.mark.parametrize("changes", [{"role": "member"}, {"status": "inactive"}])
def test_the_last_active_administrator_stays(changes: dict[str, str]) -> None:
    admin = first_admin().id
    make("member@example.com")
    make("asleep@example.com", role="admin", status="inactive")
    make("keyless@example.com", role="admin", password=None)
    with pytest.raises(Unprocessable) as caught:
        change(admin, **changes)
    assert caught.value.message_key == "last_admin"
    with pytest.raises(Unprocessable):
        service.delete(CALLER, admin)
    assert store.get("acme", admin).administers
    second = make("second@example.com", role="admin")
    change(admin, **changes)
    with pytest.raises(Unprocessable):
        service.delete(CALLER, second)


def test_of_two_administrators_who_end_each_other_one_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = first_admin().id, make("second@example.com", role="admin")
    meanwhile(monkeypatch, lambda: change(second, status="inactive"))
    with pytest.raises(Unprocessable):
        change(first, role="member")
    assert [user.id for user in every() if user.administers] == [first]


def test_the_count_of_administrators_follows_every_way_to_become_or_cease_to_be_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    user = make("one@example.com")
    change(user, role="admin")
    change(user, password=PASSWORD)
    change(user, status="inactive")
    change(user, role="member", status="active")
    change(user, role="admin", name="新名")
    change(user, name="又一个")
    meanwhile(monkeypatch, lambda: change(user, role="member"))
    service.delete(CALLER, user)
    make("two@example.com", role="admin")
    item = table.get(table.entities(), keys.entity("acme", store.TENANTS, "acme"))
    assert item is not None
    assert item["administrators"] == sum(user.administers for user in every()) == 2


def test_nobody_deletes_themselves() -> None:
    make("second@example.com", role="admin")
    admin = first_admin().id
    with pytest.raises(Unprocessable) as caught:
        service.delete(events.Caller("acme", "enterprise", admin, "req_1"), admin)
    assert caught.value.message_key == "own_user"


def test_changes_of_different_fields_at_once_are_all_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    user = make("one@example.com")
    meanwhile(monkeypatch, lambda: change(user, name="改名"))
    change(user, email="new@example.com")
    shown = service.get("acme", user)
    assert (shown["name"], shown["email"]) == ("改名", "new@example.com")
    assert store.by_email("acme", "one@example.com") is None


def test_a_change_that_never_gets_its_turn_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    user = make("one@example.com")
    write = store.replace

    def overtaken(tenant: str, before: StoredUser, *rest: Any) -> None:
        raise store.Changed

    monkeypatch.setattr(store, "replace", overtaken)
    with pytest.raises(Unavailable):
        change(user, name="改名")
    monkeypatch.setattr(store, "replace", write)
    change(user, name="改名")


@pytest.mark.parametrize("changes", [{"password": GOOD}, {"status": "inactive"}, {"role": "member"}])
def test_tokens_end_with_password_status_and_administration(changes: dict[str, str]) -> None:
    user = make("one@example.com", role="admin")
    bystander = token_of(make("two@example.com"))
    good = token_of(user)
    change(user, **changes)
    assert not good()
    assert bystander()


def test_tokens_end_with_the_user() -> None:
    user = make("one@example.com")
    good = token_of(user)
    service.delete(CALLER, user)
    assert not good()


@pytest.mark.parametrize(
    "changes", [{"name": "改名"}, {"email": "b@example.com"}, {"role": "admin"}, {"status": "active"}]
)
def test_tokens_outlive_other_changes(changes: dict[str, str]) -> None:
    user = make("one@example.com")
    good = token_of(user)
    change(user, **changes)
    assert good()


def test_a_deactivation_that_failed_half_way_is_finished_by_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    user = make("one@example.com")
    good = token_of(user)
    with failing_to_end_tokens(monkeypatch), pytest.raises(Unavailable):
        change(user, status="inactive")
    assert good()
    change(user, status="inactive")
    assert not good()


def test_a_deletion_that_failed_half_way_is_finished_by_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    user = make("one@example.com")
    good = token_of(user)
    with failing_to_end_tokens(monkeypatch), pytest.raises(Unavailable):
        service.delete(CALLER, user)
    assert good()
    with pytest.raises(NotFound):
        service.delete(CALLER, user)
    assert not good()


@contextmanager
def failing_to_end_tokens(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    def fails(tenant: str, user_id: str) -> None:
        raise Unavailable

    with monkeypatch.context() as patch:
        patch.setattr(credentials, "end_all", fails)
        yield


def test_nothing_changed_tells_nothing() -> None:
    user = make("one@example.com")
    before = store.get("acme", user)
    change(user, email="one@example.com", role="member")
    assert store.get("acme", user) == before
    with pytest.raises(InvalidRequest):
        change(user)


def test_another_tenants_user_is_not_found() -> None:
    stranger = first_admin("other").id
    for attempt in (
        lambda: service.get("acme", stranger),
        lambda: change(stranger, name="x"),
        lambda: service.delete(CALLER, stranger),
    ):
        with pytest.raises(NotFound):
            attempt()


def test_the_password_is_stored_as_a_hash_only() -> None:
    user = make("one@example.com", password=GOOD)
    stored = store.get("acme", user)
    assert passwords.is_password(GOOD, stored.password)
    assert stored.password
    assert GOOD not in stored.password
    assert store.get("acme", make("two@example.com")).password is None


def test_a_new_hash_of_the_same_password_never_undoes_a_change() -> None:
    user = make("one@example.com", password=GOOD)
    seen = store.get("acme", user)
    store.rehash("acme", seen, passwords.hash_password(GOOD))
    upgraded = store.get("acme", user)
    assert upgraded.password != seen.password
    assert passwords.is_password(GOOD, upgraded.password)
    service.set_password(CALLER, user, "another good one")
    store.rehash("acme", upgraded, passwords.hash_password(GOOD))
    assert passwords.is_password("another good one", store.get("acme", user).password)


def test_the_first_active_administrator_signs_in_without_an_email() -> None:
    first = first_admin()
    assert store.administrator_email("acme") == first.email
    make("second@example.com", role="admin")
    assert store.administrator_email("acme") == first.email
    change(first.id, status="inactive")
    assert store.administrator_email("acme") == "second@example.com"
    assert store.administrator_email("nowhere") == ""


def test_the_plan_is_the_tenants() -> None:
    assert store.plan("acme") == "enterprise"
    with pytest.raises(NotFound):
        store.plan("nowhere")


def test_signing_in_makes_a_weaker_hash_stronger(monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as before:
        before.setattr(passwords, "_PARALLEL", 1)
        user = make("one@example.com", password=GOOD)
    weaker = store.get("acme", user).password
    assert sign_in.check("acme", "one@example.com", "wrong password", "192.0.2.1") is None
    assert store.get("acme", user).password == weaker
    assert sign_in.check("acme", "one@example.com", GOOD, "192.0.2.1")
    stronger = store.get("acme", user).password
    assert stronger != weaker
    assert passwords.is_password(GOOD, stronger)
    assert sign_in.check("acme", "one@example.com", GOOD, "192.0.2.1")
    assert store.get("acme", user).password == stronger
