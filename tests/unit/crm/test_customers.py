"""Customers under concurrency, interruption and size: one name is one customer's, and what can be made is made."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import count
from threading import Barrier
from typing import Any

import pytest
from botocore.client import BaseClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from functions.crm.customers import service, store
from functions.crm.customers.models import MAX_CUSTOM_BYTES, CustomerChange, NewCustomer, NewCustomerContact
from hub import ids
from hub.errors import Conflict, HubError, NotFound, PreconditionFailed, Unavailable
from hub.events import Caller
from hub.store import keys, query, table, versioned
from hub.store.items import to_item
from hub.web.request import Request
from hub.web.validation import answer_bytes
from tests.contract import memory
from tests.unit.interruptions import Calls, survive

_TENANTS = count()
"""Every example has its own."""

small = settings(max_examples=10, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)


def caller() -> Caller:
    return Caller(f"tenant-{next(_TENANTS)}", "enterprise", "user_1", "req_1")


def make(who: Caller, name: str, **more: Any) -> Any:
    return service.create(who, NewCustomer(name=name, **more)).data


def change(who: Caller, customer_id: str, if_match: str | None = None, **changes: Any) -> Any:
    headers = {} if if_match is None else {"if-match": if_match}
    return service.change(who, customer_id, CustomerChange(**changes), Request({"headers": headers}).expects).data


def rows(*names: str) -> list[NewCustomer]:
    return [NewCustomer(name=name) for name in names]


def derived(number: int) -> list[str]:
    """The ids of an import's rows."""
    return [ids.derived("cust", 1_700_000_000_000, "import_1", str(row)) for row in range(number)]


def told(outcome: Sequence[HubError | Any]) -> list[Any]:
    """What became of rows: the names of those that were made, the kinds of errors of the others."""
    return [type(one) if isinstance(one, HubError) else one["name"] for one in outcome]


def standing(who: Caller) -> dict[str, str]:
    """Every customer's id by name. Checks that exactly the names of customers are taken, each by its own."""
    kinds = (
        {item["sk"]: item for item in table.items(table.Query(table.entities(), keys.partition(who.tenant, kind)))}
        for kind in (store.KIND, store.NAMES)
    )
    customers, names = kinds
    assert {name: item["entity_id"] for name, item in names.items()} == {
        item["name"]: customer for customer, item in customers.items()
    }
    return {item["name"]: customer for customer, item in customers.items()}


def race(times: int, work: Any) -> list[Any]:
    """Do something in several threads at once; what is raised of Hub's errors is answered."""
    start = Barrier(times)

    def one(number: int) -> Any:
        start.wait(10)
        try:
            return work(number)
        except HubError as error:
            return type(error)

    with ThreadPoolExecutor(times) as pool:
        return list(pool.map(one, range(times)))


class TestRaces:
    def test_of_several_at_once_one_gets_the_name(self, aws: None) -> None:
        who = caller()
        answers = race(5, lambda _: make(who, "甲"))
        assert answers.count(Conflict) == 4
        (made,) = (answer for answer in answers if answer is not Conflict)
        assert standing(who) == {"甲": made["id"]}

    def test_of_several_who_change_to_a_name_one_gets_it(self, aws: None) -> None:
        who = caller()
        customers = [make(who, str(number))["id"] for number in range(4)]
        answers = race(5, lambda n: change(who, customers[n], name="甲") if n < 4 else make(who, "甲"))
        assert answers.count(Conflict) == 4
        (winner,) = (answer["id"] for answer in answers if answer is not Conflict)
        assert standing(who)["甲"] == winner
        assert len(standing(who)) == 4 + (winner not in customers)

    def test_two_that_want_each_others_name_keep_their_own(self, aws: None) -> None:
        who = caller()
        one, other = make(who, "甲")["id"], make(who, "乙")["id"]
        answers = race(2, lambda n: change(who, one, name="乙") if n else change(who, other, name="甲"))
        assert answers == [Conflict] * 2
        assert standing(who) == {"甲": one, "乙": other}

    def test_a_deletion_and_a_change_of_name_leave_no_name_behind(self, aws: None) -> None:
        for number in range(5):
            who = caller()
            customer = make(who, "甲")["id"]
            deed, change_of_name = race(
                2,
                lambda n: change(who, customer, name="乙") if n else service.delete(who, customer),  # noqa: B023
            )
            assert deed is None, number
            assert change_of_name is NotFound or change_of_name["name"] == "乙"
            assert standing(who) == {}

    def test_changes_at_once_are_all_made(self, aws: None) -> None:
        who = caller()
        customer = make(who, "甲")["id"]
        wanted: list[dict[str, Any]] = [{"industry": "金融"}, {"amount": 5}, {"tags": ["a"]}, {"name": "乙"}]
        race(4, lambda n: change(who, customer, **wanted[n]))
        after = service.get(who.tenant, customer)
        assert after.version == 5
        assert {name: value for one in wanted for name, value in one.items()}.items() <= dict(after.data).items()

    def test_of_several_who_have_read_the_same_one_changes_it(self, aws: None) -> None:
        who = caller()
        customer = make(who, "甲")["id"]
        answers = race(4, lambda n: change(who, customer, '"1"', name=str(n)))
        assert answers.count(PreconditionFailed) == 3
        assert service.get(who.tenant, customer).version == 2
        assert len(standing(who)) == 1

    def test_batches_at_once_make_each_name_once(self, aws: None) -> None:
        who = caller()
        names = [str(number) for number in range(8)]
        orders = (names, names[::-1], names[4:] + names[:4])
        answers = race(3, lambda n: service.create_many(who, rows(*orders[n]), [ids.new("cust") for _ in names]))
        made = [one for answer in answers for one in told(answer) if one is not Conflict]
        assert sorted(made) == names
        assert {one["id"] for answer in answers for one in answer if not isinstance(one, HubError)} == set(
            standing(who).values()
        )

    def test_a_name_that_is_taken_between_reading_and_writing_costs_no_other(
        self, aws: None, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        who = caller()
        wanted = [str(number) for number in range(6)]
        write = table.write
        overtaking = iter(["1", "4"])

        def overtaken(*operations: table.Operation) -> None:
            for name in overtaking:
                monkeypatch.setattr(table, "write", write)
                make(who, name)
                monkeypatch.setattr(table, "write", overtaken)
                break
            write(*operations)

        monkeypatch.setattr(table, "write", overtaken)
        outcome = service.create_many(who, rows(*wanted), derived(6))
        assert told(outcome) == ["0", Conflict, "2", "3", Conflict, "5"]
        assert len(standing(who)) == 6


class TestManyAtOnce:
    def test_names_are_free_taken_or_repeated(self, aws: None) -> None:
        who = caller()
        make(who, "甲")
        outcome = service.create_many(who, rows("乙", "甲", "丙", "乙", "丁"), derived(5))
        assert told(outcome) == ["乙", Conflict, "丙", Conflict, "丁"]
        assert [error.fields[0].field for error in outcome if isinstance(error, HubError)] == ["name"] * 2
        assert set(standing(who)) == {"甲", "乙", "丙", "丁"}
        assert service.create_many(who, [], []) == []

    def test_done_twice_it_is_done_once(self, aws: None) -> None:
        who = caller()
        first = service.create_many(who, rows("甲", "乙", "甲"), derived(3))
        before = memory.stored()
        again = service.create_many(who, rows("甲", "乙", "甲"), derived(3))
        assert again[:2] == first[:2]
        assert told(again) == ["甲", "乙", Conflict]
        assert memory.stored() == before

    def test_what_was_changed_or_deleted_since_is_not_made_again(self, aws: None) -> None:
        who = caller()
        names = [str(number) for number in range(12)]
        service.create_many(who, rows(*names), derived(12))
        changed, taken, *deleted = derived(12)[:8]
        change(who, changed, name="改名")
        change(who, taken, name="也改名")
        for one in deleted:
            service.delete(who, one)
        other = make(who, "1")["id"]
        again = service.create_many(who, rows(*names), derived(12))
        assert told(again) == ["改名", "也改名", *names[2:]]
        assert standing(who) == {
            "改名": changed,
            "也改名": taken,
            "1": other,
            **dict(zip(names[8:], derived(12)[8:], strict=True)),
        }

    @pytest.mark.parametrize("after", [False, True])
    def test_a_death_at_any_call_loses_and_doubles_nothing(
        self, aws: None, monkeypatch: pytest.MonkeyPatch, after: bool
    ) -> None:
        monkeypatch.setattr(store, "_TOGETHER", 2)
        calls = Calls(monkeypatch)
        people: list[Caller] = []
        names = ["甲", "乙", "丙", "丁", "乙"]
        outcome: list[Any] = []

        def scene() -> Any:
            people.append(caller())
            make(people[-1], "丙")

            def work() -> None:
                outcome[:] = service.create_many(people[-1], rows(*names), derived(5))

            return work

        def check() -> None:
            assert told(outcome) == ["甲", "乙", Conflict, "丁", Conflict]
            assert set(standing(people[-1])) == {"甲", "乙", "丙", "丁"}

        # Names and who holds the taken one are read, then two transactions written.
        assert survive(calls, after, scene, check) == 4
        events = [event for event in memory.published() if event["detail-type"] == "customer.created"]
        assert len(events) == 4 * len(people)

    def test_a_hundred_take_three_calls(self, aws: None, monkeypatch: pytest.MonkeyPatch) -> None:
        made: list[str] = []
        call = BaseClient._make_api_call  # type: ignore[attr-defined]

        def counted(client: Any, operation: str, parameters: Any) -> Any:
            made.append(operation)
            return call(client, operation, parameters)

        monkeypatch.setattr(BaseClient, "_make_api_call", counted)
        service.create_many(caller(), rows(*map(str, range(100))), derived(100))
        assert made == ["BatchGetItem", "TransactWriteItems", "TransactWriteItems"]

    def test_what_cannot_be_written_now_is_said_of_its_rows_alone(
        self, aws: None, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        who = caller()
        monkeypatch.setattr(store, "_TOGETHER", 2)
        monkeypatch.setattr(table, "back_off", lambda _: None)
        write = table.write
        tries: list[int] = []

        def contended(*operations: table.Operation) -> None:
            if any(isinstance(one, table.Put) and one.item["sk"] == "丙" for one in operations):
                tries.append(1)
                raise table.Contended
            write(*operations)

        monkeypatch.setattr(table, "write", contended)
        outcome = service.create_many(who, rows("甲", "乙", "丙", "丁", "戊"), derived(5))
        assert told(outcome) == ["甲", "乙", Unavailable, Unavailable, "戊"]
        assert len(tries) == store._TRIES
        monkeypatch.setattr(table, "write", write)
        assert told(service.create_many(who, rows("甲", "乙", "丙", "丁", "戊"), derived(5))) == list("甲乙丙丁戊")
        assert len(standing(who)) == 5

    def test_a_row_is_as_old_as_its_id(self, aws: None) -> None:
        who = caller()
        service.create_many(who, rows("甲"), derived(1))
        make(who, "乙")
        asked = query.parse({"createdAt[lt]": "2023-11-15"}, store.LISTING.schema)
        assert [one["name"] for one in service.listed(who.tenant, asked).items] == ["甲"]


def test_the_greatest_customers_fit_into_a_transaction_an_item_and_a_page(aws: None) -> None:
    wide = "\U0001f3ed"  # four bytes, and as many in an answer
    fields = {f"{number:02}": "" for number in range(50)}
    room = MAX_CUSTOM_BYTES - answer_bytes(fields)
    greatest = NewCustomer(
        name=wide * 100,
        industry="#" * 100,
        contact=NewCustomerContact(
            name='"' * 100, phone="1" * 15, email=f"{'e' * 64}@{'d' * 63}.{'d' * 63}.{'d' * 60}"
        ),
        amount=0.1 + 0.2,
        tags=[f"{number:02}{wide * 48}" for number in range(20)],
        customFields={**fields, "00": "\x01" * (room // 7)},
    )
    assert answer_bytes(greatest.customFields) > MAX_CUSTOM_BYTES - 10
    customer = service._new(ids.new("cust"), greatest)
    writes = store._creation("t" * 32, customer, service._created(caller(), customer))
    sizes = [len(str(to_item(write.item)).encode()) for write in writes]
    assert sizes[0] < 400_000
    assert sum(sizes) * store._TOGETHER < 4 * 1024 * 1024
    assert answer_bytes([store.shown(customer)] * 100) < 5_500_000


names = st.sampled_from(["甲", "乙", "丙"])
steps = st.one_of(
    st.tuples(st.just("make"), names, names),
    st.tuples(st.just("change"), names, names),
    st.tuples(st.just("delete"), names, names),
    st.tuples(st.just("batch"), names, names),
)


@pytest.mark.usefixtures("aws")
@small
@given(st.lists(steps, max_size=10))
def test_names_are_what_a_plain_mapping_says(taken: list[tuple[str, str, str]]) -> None:
    who, model = caller(), dict[str, str]()
    for step, name, other in taken:
        match step:
            case "make" if name in model:
                with pytest.raises(Conflict):
                    make(who, name)
            case "make":
                model[name] = make(who, name)["id"]
            case "change" if name in model and name != other and other in model:
                with pytest.raises(Conflict):
                    change(who, model[name], name=other)
            case "change" if name in model:
                change(who, model[name], name=other)
                model[other] = model.pop(name)
            case "delete" if name in model:
                service.delete(who, model.pop(name))
            case "batch":
                outcome = service.create_many(who, rows(name, other), [ids.new("cust") for _ in range(2)])
                for wanted, one in zip((name, other), outcome, strict=True):
                    assert isinstance(one, Conflict) == (wanted in model)
                    if not isinstance(one, HubError):
                        model[wanted] = one["id"]
        assert standing(who) == model


def test_who_always_comes_second_is_told_so(aws: None, monkeypatch: pytest.MonkeyPatch) -> None:
    who = caller()
    customer = make(who, "甲")["id"]
    monkeypatch.setattr(table, "back_off", lambda _: None)
    tries: list[int] = []

    def overtaken(*_: Any) -> None:
        tries.append(1)
        raise versioned.Changed(7)

    for name in ("replace", "remove"):
        monkeypatch.setattr(store, name, overtaken)
    for work in (lambda: change(who, customer, name="乙"), lambda: service.delete(who, customer)):
        tries.clear()
        with pytest.raises(Unavailable):
            work()
        assert len(tries) == versioned.TRIES


def test_time_never_goes_back(aws: None, clock: Any) -> None:
    who = caller()
    customer = make(who, "甲")
    clock.advance(-3600)
    assert change(who, customer["id"], name="乙")["updatedAt"] == customer["createdAt"]


def test_a_change_that_meets_a_transaction_is_tried_again(aws: None, monkeypatch: pytest.MonkeyPatch) -> None:
    who = caller()
    customer = store.get(who.tenant, make(who, "甲")["id"])
    write = table.write

    def contended(*_: Any) -> None:
        monkeypatch.setattr(table, "write", write)
        raise table.Contended

    for after in (replace(customer, name="乙", version=2), replace(customer, amount=1, version=2)):
        monkeypatch.setattr(table, "write", contended)
        with pytest.raises(versioned.Changed) as caught:
            store.replace(who.tenant, customer, after, {"id": "evt_1"})
        assert caught.value.version == 1
    assert change(who, customer.id, name="丙")["version"] == 2
