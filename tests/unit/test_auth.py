"""Who is calling and how often: exact in every order that requests can come."""

from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from hub import auth, times
from hub.auth import Bucket, RateLimited
from hub.errors import CredentialExpired, HubError, Unauthorized, Unavailable
from hub.store import keys, table
from hub.store.items import Item
from tests.conftest import Clock

pytestmark = pytest.mark.usefixtures("aws")

ISSUER = "https://api.example.com"


def new_token(*, plan: str = "enterprise", expires_at: int | None = None, **changes: Any) -> str:
    token = auth.new_api_key()
    item = auth.credential_item(
        auth.credential_hash(token),
        tenant="acme",
        credential_id="ak_1",
        kind="api_key",
        plan=plan,
        permissions=["read"],
        expires_at=expires_at,
    )
    table.write(table.Put(table.activity(), item | changes))
    return token


def stored(token: str) -> dict[str, Any]:
    return table.get(table.activity(), keys.credential(auth.credential_hash(token))) or {}


def finished_hours() -> dict[str, int]:
    rows = table.items(table.Query(table.activity(), auth.usage_partition("acme", "ak_1")))
    return {row["sk"]: row["n"] for row in rows}


def outcomes(call: Callable[[], object], times_: int, threads: int = 8) -> Counter[str]:
    """Call at the same time, and count what came of it."""

    def one(_: int) -> str:
        try:
            call()
        except HubError as error:
            return type(error).__name__
        return "accepted"

    with ThreadPoolExecutor(threads) as pool:
        return Counter(pool.map(one, range(times_)))


def test_a_key_has_the_documented_form() -> None:
    made = {auth.new_api_key() for _ in range(200)}
    assert len(made) == 200
    for key in made:
        assert key.startswith("sk_live_")
        assert len(key) == len("sk_live_") + 32 + 6
        assert key.removeprefix("sk_live_").isalnum()
        assert auth.checksum(key[:-6]) == key[-6:]


def test_a_typo_is_told_without_a_call(monkeypatch: pytest.MonkeyPatch) -> None:
    token = new_token()
    monkeypatch.setattr(table, "update", lambda *_: pytest.fail("asked the table"))
    typos = [token[:i] + ("a" if token[i] != "a" else "b") + token[i + 1 :] for i in range(len(token))]
    junk = ["", "sk_live_", token[:-1], token + "a", token + "\n", token.upper(), "sk_live_" + "名" * 38, "x" * 100_000]
    for wrong in typos + junk:
        with pytest.raises(Unauthorized):
            auth.authenticate(wrong, ISSUER)


def test_a_key_that_never_was_is_unauthorized() -> None:
    with pytest.raises(Unauthorized) as caught:
        auth.authenticate(auth.new_api_key(), ISSUER)
    assert caught.value.business_code == 40101


def test_a_key_is_good_to_the_second_it_expires(clock: Clock) -> None:
    token = new_token(expires_at=times.now() + 1)
    auth.authenticate(token, ISSUER)
    clock.advance(1)
    with pytest.raises(CredentialExpired) as caught:
        auth.authenticate(token, ISSUER)
    assert (caught.value.status, caught.value.business_code) == (401, 40102)
    clock.advance(3600)
    with pytest.raises(CredentialExpired):
        auth.authenticate(token, ISSUER)
    assert stored(token)["usage_count"] == 1, "a refused request is not usage"


def test_a_revoked_key_fails_at_once() -> None:
    token = new_token()
    auth.authenticate(token, ISSUER)
    table.write(table.Delete(table.activity(), keys.credential(auth.credential_hash(token))))
    with pytest.raises(Unauthorized):
        auth.authenticate(token, ISSUER)


def test_a_request_is_one_write_and_a_new_minute_two(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    token = new_token()
    auth.authenticate(token, ISSUER)
    calls: list[table.Update] = []
    real = table.update

    def counted(operation: table.Update) -> Item:
        calls.append(operation)
        return real(operation)

    monkeypatch.setattr(table, "update", counted)
    auth.authenticate(token, ISSUER)
    assert len(calls) == 1
    clock.advance(60)
    auth.authenticate(token, ISSUER)
    assert len(calls) == 3


def test_the_thousandth_request_passes_and_the_next_does_not(clock: Clock) -> None:
    token = new_token(minute=times.now() // 60, n=999, usage_count=999, hour_n=999)
    rate = auth.authenticate(token, ISSUER).rate
    assert (rate.limit, rate.remaining, rate.reset) == (1000, 0, (times.now() // 60 + 1) * 60)
    with pytest.raises(RateLimited) as caught:
        auth.authenticate(token, ISSUER)
    assert caught.value.rate == rate
    assert caught.value.retry_after == 30
    clock.advance(30)
    assert auth.authenticate(token, ISSUER).rate.remaining == 999
    assert stored(token)["usage_count"] == 1001


@pytest.mark.usefixtures("clock")
def test_no_request_over_the_limit_gets_through_however_concurrent() -> None:
    token = new_token(minute=times.now() // 60, n=960)
    assert outcomes(lambda: auth.authenticate(token, ISSUER), 80) == {"accepted": 40, "RateLimited": 40}
    assert (stored(token)["n"], stored(token)["usage_count"]) == (1000, 40)


@pytest.mark.usefixtures("clock")
def test_a_window_that_many_turn_at_once_counts_each_once() -> None:
    token = new_token(hour="2026-11-20T12", hour_n=7, usage_count=7, minute=1)
    found = outcomes(lambda: auth.authenticate(token, ISSUER), 40)
    assert found["accepted"] + found["Unavailable"] == 40
    assert found["accepted"] >= 30
    after = stored(token)
    assert after["n"] == after["hour_n"] == found["accepted"]
    assert after["usage_count"] == 7 + found["accepted"]
    assert finished_hours() == {"2026-11-20T12": 7}


def test_a_finished_hour_moves_to_its_row(clock: Clock) -> None:
    token = new_token()
    for _ in range(3):
        auth.authenticate(token, ISSUER)
    clock.advance(3600)
    auth.authenticate(token, ISSUER)
    clock.advance(7200)
    auth.authenticate(token, ISSUER)
    assert finished_hours() == {"2026-11-20T13": 3, "2026-11-20T14": 1}
    after = stored(token)
    assert (after["hour"], after["hour_n"], after["usage_count"]) == ("2026-11-20T16", 1, 5)


def test_an_hour_without_requests_leaves_no_row(clock: Clock) -> None:
    token = new_token()
    clock.advance(3600)
    auth.authenticate(token, ISSUER)
    assert finished_hours() == {}


def test_a_request_between_reading_and_turning_the_hour_is_not_lost(
    clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = new_token()
    auth.authenticate(token, ISSUER)
    clock.advance(3600)
    real = table.write
    late: list[str] = []

    def overtaken(*operations: table.Operation) -> None:
        if not late:
            late.append(token)
            clock.advance(-3600)
            auth.authenticate(token, ISSUER)
            clock.advance(3600)
        real(*operations)

    monkeypatch.setattr(table, "write", overtaken)
    auth.authenticate(token, ISSUER)
    assert finished_hours() == {"2026-11-20T13": 2}
    assert (stored(token)["hour_n"], stored(token)["usage_count"]) == (1, 3)


def test_a_host_whose_clock_is_behind_counts_in_the_window_that_is_open(clock: Clock) -> None:
    token = new_token()
    auth.authenticate(token, ISSUER)
    opened = stored(token)["minute"]
    clock.advance(-90)
    rate = auth.authenticate(token, ISSUER).rate
    assert (stored(token)["minute"], stored(token)["n"]) == (opened, 2)
    assert rate.remaining == 998
    assert rate.reset == (opened + 1) * 60


@pytest.mark.usefixtures("clock")
@pytest.mark.parametrize(
    ("bucket", "plan", "limit"),
    [
        ("webhooks", "enterprise", 100),
        ("webhooks", "free", 100),
        ("batch", "enterprise", 100),
        ("uploads", "enterprise", 60),
        ("support", "free", 100),
        ("support", "enterprise", 1000),
    ],
)
def test_a_bucket_is_limited_by_itself(bucket: Bucket, plan: str, limit: int) -> None:
    token = new_token(plan=plan, minute=times.now() // 60, n=limit - 1, **{f"n_{bucket}": limit - 1})
    rate = auth.authenticate(token, ISSUER, bucket).rate
    assert (rate.limit, rate.remaining) == (limit, 0)
    with pytest.raises(RateLimited) as caught:
        auth.authenticate(token, ISSUER, bucket)
    assert caught.value.rate.limit == limit
    if limit < 1000:
        assert auth.authenticate(token, ISSUER).rate.limit == 1000, "the rest of the API is open"


def test_the_tightest_limit_is_the_one_told() -> None:
    minute = times.now() // 60 + 10_000
    token = new_token(minute=minute, n=995, n_webhooks=50)
    assert auth.authenticate(token, ISSUER, "webhooks").rate.limit == 1000
    token = new_token(minute=minute, n=900, n_webhooks=99)
    assert auth.authenticate(token, ISSUER, "webhooks").rate.limit == 100


def test_a_new_minute_opens_every_bucket(clock: Clock) -> None:
    token = new_token(minute=times.now() // 60, n=200, n_webhooks=100, n_uploads=60)
    clock.advance(60)
    assert auth.authenticate(token, ISSUER).rate.remaining == 999
    assert auth.authenticate(token, ISSUER, "webhooks").rate.remaining == 99
    assert auth.authenticate(token, ISSUER, "uploads").rate.remaining == 59


def test_a_new_minute_and_hour_open_every_bucket(clock: Clock) -> None:
    token = new_token(minute=times.now() // 60, n=200, hour_n=200, n_webhooks=100, n_uploads=60)
    clock.advance(3600)
    assert auth.authenticate(token, ISSUER, "webhooks").rate.remaining == 99
    assert auth.authenticate(token, ISSUER, "uploads").rate.remaining == 59


@pytest.mark.usefixtures("clock")
def test_a_call_in_the_way_of_a_transaction_is_counted_once_later(monkeypatch: pytest.MonkeyPatch) -> None:
    token = new_token()
    write = table.update
    contended = [table.Contended(), table.Contended()]

    def update(operation: table.Update) -> dict[str, object]:
        if contended:
            raise contended.pop()
        return write(operation)

    monkeypatch.setattr(table, "update", update)
    assert auth.authenticate(token, ISSUER).rate.remaining == 999
    assert stored(token)["usage_count"] == 1


@pytest.mark.usefixtures("clock")
def test_what_never_settles_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    token = new_token()
    tries: list[object] = []

    def always_overtaken(*given: object) -> None:
        tries.append(given)
        raise table.ConditionFailed(0, stored(token))

    monkeypatch.setattr(table, "update", always_overtaken)
    with pytest.raises(Unavailable):
        auth.authenticate(token, ISSUER)
    assert len(tries) < 20


@pytest.mark.parametrize(
    ("permissions", "group", "needed", "allowed"),
    [
        (["read"], "webhooks", "read", True),
        (["read"], "webhooks", "write", False),
        (["write"], "webhooks", "read", False),
        (["admin"], "webhooks", "write", True),
        (["webhooks:read"], "webhooks", "read", True),
        (["webhooks:read"], "tickets", "read", False),
        (["webhooks:write"], "webhooks", "read", False),
        (["read", "write"], "api_keys", "admin", False),
        ([], "webhooks", "read", False),
    ],
)
def test_a_permission_allows_what_it_says(permissions: list[str], group: str, needed: str, allowed: bool) -> None:
    credential = auth.authenticate(new_token(permissions=permissions), ISSUER)
    assert credential.allows(group, needed) is allowed
