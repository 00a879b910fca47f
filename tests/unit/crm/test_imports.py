"""Imports: every row is a customer or is reported, once, whatever the file is like and whatever happens meanwhile."""

import itertools
import json
from collections.abc import Callable
from typing import Any

import pytest

from functions.crm import jobs
from functions.crm.customers import service as customer_service
from functions.crm.imports import page, rows, store
from hub import times
from hub.errors import Unavailable
from tests.conftest import Clock, Deployment
from tests.contract import memory
from tests.unit.crm.running import (
    BUCKET,
    FILES,
    IMPORTS,
    bad_rows,
    begin,
    customers,
    figures,
    imported,
    names,
    run,
    shown,
    table,
    upload,
)
from tests.unit.interruptions import Calls, survive


@pytest.fixture(autouse=True)
def _short_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(page, "PAGE", 7)


def test_rows_become_customers(deployment: Deployment) -> None:
    state = begin(deployment, table(*customers(range(20))))
    assert figures(shown(deployment, state["id"])) == ("pending", 0, 0, 0, 0)
    assert run(state) == 3
    done = shown(deployment, state["id"])
    assert figures(done) == ("completed", 100, 20, 20, 0)
    assert (done["failure"], done["fileName"], done["encoding"]) == (None, "客户.csv", "utf-8")
    assert done["endedAt"] is not None
    assert names(deployment) == sorted(f"客户 {number}" for number in range(20))
    assert bad_rows(deployment, state["id"]) == []


def test_it_tells_how_far_it_is(deployment: Deployment) -> None:
    state = begin(deployment, table(*customers(range(20))))
    seen = []
    while page.handler(state, None)["status"] != "ended":
        seen.append(figures(shown(deployment, state["id"])))
    assert [one[2:] for one in seen] == [(7, 7, 0), (14, 14, 0)]
    assert {one[0] for one in seen} == {"running"}
    assert [30 < seen[0][1] < 45, 65 < seen[1][1] < 80] == [True, True]


def test_all_columns(deployment: Deployment) -> None:
    header = "name,industry,contact.name,contact.phone,contact.email,status,amount,tags,customFields.级别,id,createdAt"
    row = "示例科技,互联网,张经理,13800138000,zhang@example.com,prospect,12.5,vip;北京,A1,cust_old,2020-01-01T00:00:00Z"
    done = imported(deployment, f"\ufeff{header}\r\n\r\n{row}\r\n,,,,,,,,,,\r\n".encode())
    assert figures(done) == ("completed", 100, 1, 1, 0)
    (made,) = deployment.call("GET", "/v1/customers").json["data"]["items"]
    assert {
        name: made[name] for name in ("name", "industry", "contact", "status", "amount", "tags", "customFields")
    } == {
        "name": "示例科技",
        "industry": "互联网",
        "contact": {"name": "张经理", "phone": "13800138000", "email": "zhang@example.com"},
        "status": "prospect",
        "amount": 12.5,
        "tags": ["vip", "北京"],
        "customFields": {"级别": "A1"},
    }
    assert made["id"] != "cust_old"
    assert made["createdAt"] == done["createdAt"], "lists by time go by the id"


def test_gb18030(deployment: Deployment) -> None:
    content = table(("示例科技", "张经理", "13800138000")).decode().encode("gb18030")
    assert figures(imported(deployment, content, encoding="gb18030")) == ("completed", 100, 1, 1, 0)
    done = imported(deployment, content)
    assert figures(done) == ("completed", 100, 1, 0, 1)
    assert bad_rows(deployment, done["id"])[0]["errors"] == [{"field": "row", "message": "该行不是所声明的编码"}]


BAD = {
    "no name": ("", "a", "13800138000"),
    "phone": ("a", "b", "12"),
    "few": ("a", "b"),
    "many": ("a", "b", "13800138000", "d"),
    "twice": ("客户 1", "a", "13800138000"),
    "taken": ("占用", "a", "13800138000"),
    "long": ("a" * 70_000, "a", "1"),
}


def test_every_bad_row_is_reported_as_document_3_says_it(deployment: Deployment) -> None:
    deployment.call("POST", "/v1/customers", {"name": "占用"})
    content = table(("客户 1", "张", "13800138000"), *BAD.values(), ("客户 2", "张", "13800138000"))
    content += b'"open,a,1\r\nb\xff,a,13800138000\r\n' + table(*customers([3])).partition(b"\n")[2]
    done = imported(deployment, content)
    assert figures(done) == ("completed", 100, 12, 3, 9)
    told = {row["row"]: row for row in bad_rows(deployment, done["id"], limit=2)}
    assert [(number, row["code"], row["message"]) for number, row in told.items()] == [
        (3, 40001, "参数验证失败"),
        (4, 40001, "参数验证失败"),
        (5, 40001, "参数验证失败"),
        (6, 40001, "参数验证失败"),
        (7, 40901, "数据已存在"),
        (8, 40901, "数据已存在"),
        (9, 40001, "参数验证失败"),
        (11, 40001, "参数验证失败"),
        (12, 40001, "参数验证失败"),
    ]
    sentences = [(one["field"], one["message"]) for row in told.values() for one in row["errors"]]
    assert sentences == [
        ("name", "名称不能为空"),
        ("contact.phone", "手机号格式不正确"),
        ("row", "该行应有 3 列,实际 2 列"),
        ("row", "该行应有 3 列,实际 4 列"),
        ("name", "名称已存在"),
        ("name", "名称已存在"),
        ("row", f"该行超过 {rows.MAX_ROW_BYTES} 字节"),
        ("row", "该行引号不匹配"),
        ("row", "该行不是所声明的编码"),
    ]
    english = deployment.call("GET", f"{IMPORTS}/{done['id']}/errors", headers={"accept-language": "en-US"})
    assert english.json["data"]["items"][2]["errors"][0]["message"] == "row has 2 columns instead of 3"


def test_bad_rows_are_read_page_by_page_in_order(deployment: Deployment, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(page, "PAGE", 30)
    monkeypatch.setattr(store, "TOGETHER", 4)
    content = table(*((f"客户 {number}", "a", "bad" if number % 3 else "13800138000") for number in range(40)))
    done = imported(deployment, content)
    wanted = [number + 2 for number in range(40) if number % 3]
    for limit in (1, 3, 4, 5, 26, 100):
        assert [row["row"] for row in bad_rows(deployment, done["id"], limit)] == wanted
    path = f"{IMPORTS}/{done['id']}/errors"
    assert len(deployment.call("GET", path).json["data"]["items"]) == 20
    for query in ("limit=0", "limit=101", "cursor=x", "cursor=LTE", "cursor=MTIzNDU2Nzg5MDE", "page=1"):
        answer = deployment.call("GET", f"{path}?{query}")
        assert (answer.status, answer.json["code"]) == (400, 40001), query


@pytest.mark.parametrize(
    ("content", "errors"),
    [
        (b"\n\r\n,,\n", ["表头不能为空"]),
        (b"name,colour,name\na,b,c\n", ["表头未知列: colour", "表头列重复: name"]),
        (b"industry\na\n", ["表头缺少列: name"]),
        (b'"name,industry\na,b\n', ["表头引号不匹配"]),
        (b"a" * 70_000, [f"表头超过 {rows.MAX_ROW_BYTES} 字节"]),
        ("名称\n".encode("utf-16"), ["表头不是所声明的编码"]),
    ],
)
def test_a_header_that_is_wrong_ends_it_with_the_reason(
    deployment: Deployment, content: bytes, errors: list[str]
) -> None:
    done = imported(deployment, content)
    assert figures(done) == ("failed", 0, 0, 0, 0)
    assert (done["failure"]["reason"], done["failure"]["message"]) == ("bad_header", "表头不正确")
    assert [one["message"] for one in done["failure"]["errors"]] == errors
    (listed,) = deployment.call("GET", f"{IMPORTS}?failure.reason=bad_header").json["data"]["items"]
    assert listed == done
    cut = deployment.call("GET", f"{IMPORTS}?fields=failure.reason,status").json["data"]["items"]
    assert cut == [{"failure": {"reason": "bad_header"}, "status": "failed"}]


def test_only_a_header(deployment: Deployment) -> None:
    assert figures(imported(deployment, table())) == ("completed", 100, 0, 0, 0)
    assert figures(imported(deployment, b"name")) == ("completed", 100, 0, 0, 0)


def test_many_empty_lines_cost_no_endless_step(deployment: Deployment, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(page, "MAX_LINES", 100)
    state = begin(deployment, b"name\n" + b"\n" * 1000 + b"a\n")
    assert run(state) == 11
    assert figures(shown(deployment, state["id"])) == ("completed", 100, 1, 1, 0)


def test_a_file_of_bad_rows_stops(deployment: Deployment, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(page, "MAX_FAILED", 20)
    done = imported(deployment, table(*(("", "a", "1") for _ in range(100))))
    assert (done["status"], done["rowsFailed"], done["failure"]["reason"]) == ("failed", 21, "too_many_bad_rows")
    assert done["failure"]["message"] == "错误行达到 20 行,已停止"
    assert len(bad_rows(deployment, done["id"])) == 21
    done = imported(deployment, table(*(("", "a", "1") for _ in range(20))))
    assert figures(done) == ("completed", 100, 20, 0, 20), "it was all read"


def test_the_same_file_again_makes_nothing_twice(deployment: Deployment) -> None:
    content = table(*customers(range(10)))
    imported(deployment, content)
    again = imported(deployment, content)
    assert figures(again) == ("completed", 100, 10, 0, 10)
    assert {row["code"] for row in bad_rows(deployment, again["id"])} == {40901}
    assert len(names(deployment)) == 10


def test_events_tell_who_asked_for_the_import(deployment: Deployment) -> None:
    file_id = upload(deployment, table(*customers(range(3))))
    headers = {"x-request-id": "req_import"}
    deployment.call("POST", IMPORTS, {"fileId": file_id}, headers=headers)
    run(memory.executions("ImportStateMachine")[-1])
    told = [one["detail"] for one in memory.published() if one["detail-type"] == "customer.created"]
    assert {(one["tenant"], one["requestId"]) for one in told} == {("default", "req_import")}
    assert sorted(one["data"]["name"] for one in told) == [f"客户 {number}" for number in range(3)]


def test_it_goes_on_when_the_key_that_asked_is_revoked(deployment: Deployment) -> None:
    key = deployment.new_key("customers:write", "files:read")
    file_id = upload(deployment, table(*customers(range(10))))
    assert deployment.call("POST", IMPORTS, {"fileId": file_id}, key=key["key"]).status == 202
    deployment.call("DELETE", f"/v1/api-keys/{key['id']}")
    run(memory.executions("ImportStateMachine")[-1])
    assert len(names(deployment)) == 10


@pytest.mark.parametrize(
    ("happens", "reason"),
    [
        (lambda api, file_id: api.call("DELETE", f"{FILES}/{file_id}"), "file_gone"),
        (
            lambda api, file_id: memory.client("s3").put_object(
                Bucket=BUCKET, Key=f"files/{api.tenant}/{file_id}", Body=table(*customers(range(20, 40)))
            ),
            "file_replaced",
        ),
    ],
)
def test_a_file_that_goes_or_changes_in_the_middle_ends_it(
    deployment: Deployment, happens: Callable[[Deployment, str], object], reason: str
) -> None:
    state = begin(deployment, table(*customers(range(20))))
    page.handler(state, None)
    happens(deployment, shown(deployment, state["id"])["fileId"])
    run(state)
    done = shown(deployment, state["id"])
    assert (done["status"], done["failure"]["reason"], done["rowsCreated"]) == ("failed", reason, 7)
    assert done["progress"] < 100
    assert len(names(deployment)) == 7, "what was made stays"
    assert page.handler(state, None)["status"] == "ended"


def test_two_executions_at_once_count_no_row_twice(deployment: Deployment, monkeypatch: pytest.MonkeyPatch) -> None:
    state = begin(deployment, table(*customers(range(20)), ("", "a", "b")))
    make = customer_service.create_many

    def meanwhile(*given: Any) -> Any:
        made = make(*given)
        monkeypatch.setattr(customer_service, "create_many", make)
        page.handler(state, None)
        monkeypatch.setattr(customer_service, "create_many", meanwhile)
        return made

    monkeypatch.setattr(customer_service, "create_many", meanwhile)
    assert page.handler(state, None)["status"] == "running"
    assert figures(shown(deployment, state["id"]))[2:] == (7, 7, 0)
    run(state)
    assert figures(shown(deployment, state["id"])) == ("completed", 100, 21, 20, 1)
    assert len(names(deployment)) == 20
    assert [row["row"] for row in bad_rows(deployment, state["id"])] == [22]


def test_a_row_refused_at_first_and_made_when_its_step_is_done_again_is_not_reported(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = deployment.call("POST", "/v1/customers", {"name": "客户 1"}).json["data"]
    state = begin(deployment, table(*customers(range(3))))
    advance = store.advance

    def dies(*_given: Any) -> bool:
        monkeypatch.setattr(store, "advance", advance)
        raise Unavailable

    monkeypatch.setattr(store, "advance", dies)
    with pytest.raises(Unavailable):
        page.handler(state, None)
    deployment.call("DELETE", f"/v1/customers/{other['id']}")
    run(state)
    assert figures(shown(deployment, state["id"])) == ("completed", 100, 3, 3, 0)
    assert bad_rows(deployment, state["id"]) == []


def test_what_dynamodb_postpones_is_done_again(deployment: Deployment, monkeypatch: pytest.MonkeyPatch) -> None:
    state = begin(deployment, table(*customers(range(3))))
    with monkeypatch.context() as unwell:
        unwell.setattr(customer_service, "create_many", lambda *_: [Unavailable()] * 3)
        with pytest.raises(Unavailable):
            page.handler(state, None)
    run(state)
    assert figures(shown(deployment, state["id"])) == ("completed", 100, 3, 3, 0)


def test_a_long_import_goes_on_in_another_execution(deployment: Deployment, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs, "STEPS_PER_EXECUTION", 2)
    state = begin(deployment, table(*customers(range(30))))
    answers = []
    for _ in range(5):
        state = {**state, "step": page.handler(json.loads(json.dumps(state)), None)}
        answers.append(state["step"])
    assert answers == [
        {"status": "running", "number": 1},
        {"status": "continued", "number": 2},
        {"status": "running", "number": 3},
        {"status": "continued", "number": 4},
        {"status": "ended", "number": 4},
    ]


def test_one_that_nobody_hears_of_has_failed_and_goes_on_all_the_same(deployment: Deployment, clock: Clock) -> None:
    state = begin(deployment, table(*customers(range(10))))
    page.handler(state, None)
    clock.advance(jobs.ALIVE_MS / 1000 + 1)
    job = shown(deployment, state["id"])
    assert (job["status"], job["failure"]["reason"]) == ("failed", "stopped")
    assert job["endedAt"] == times.iso(clock.seconds - 1)
    assert len(deployment.call("GET", f"{IMPORTS}?status=failed").json["data"]["items"]) == 1
    run(state)
    assert figures(shown(deployment, state["id"])) == ("completed", 100, 10, 10, 0)


def test_what_is_gone_has_ended(deployment: Deployment) -> None:
    state = {"tenant": "default", "id": "import_gone", "step": {"status": "running", "number": 3}}
    assert page.handler(state, None) == {"status": "ended", "number": 3}


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_it_survives_the_death_of_its_function(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch, after: bool
) -> None:
    monkeypatch.setattr(page, "PAGE", 3)
    scenes = itertools.count()
    calls = Calls(monkeypatch)
    scene: dict[str, Any] = {}

    def set_scene() -> Callable[[], object]:
        number = next(scenes)
        rows = [(f"{number}-{row}", "a", "12" if row in (1, 4) else "13800138000") for row in range(5)]
        scene["state"] = begin(deployment, table(*rows))
        return lambda: run(scene["state"])

    def check() -> None:
        done = shown(deployment, scene["state"]["id"])
        assert figures(done) == ("completed", 100, 5, 3, 2), calls.made
        assert [row["row"] for row in bad_rows(deployment, done["id"])] == [3, 6]

    # The item, a piece of the file, who has the names, customers and checkpoint: of each of two steps.
    assert survive(calls, after, set_scene, check) >= 10
    told = [one["detail"]["data"]["name"] for one in memory.published() if one["detail-type"] == "customer.created"]
    assert sorted(told) == names(deployment), "each is told of once"
    assert len(told) == 3 * next(scenes)


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_a_request_that_dies_leaves_nothing_that_looks_alive(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch, clock: Clock, after: bool
) -> None:
    calls = Calls(monkeypatch)
    file_id = upload(deployment, table(*customers(range(3))))

    def check() -> None:
        for state in memory.executions("ImportStateMachine"):
            run(state)
        clock.advance(jobs.ALIVE_MS / 1000 + 1)
        listed = deployment.call("GET", IMPORTS).json["data"]["items"]
        assert {one["status"] for one in listed} <= {"completed", "failed"}

    def ask() -> object:
        return deployment.call("POST", IMPORTS, {"fileId": file_id})

    assert survive(calls, after, lambda: ask, check) >= 5


def test_half_a_surrogate_pair_is_a_cell_as_any_other(deployment: Deployment) -> None:
    content = table(("客户 1", r'"\ud800"'), ("客户 2", "b"), header=("name", "customFields.a"))
    assert figures(imported(deployment, content)) == ("completed", 100, 2, 2, 0)
    made = deployment.call("GET", "/v1/customers?sort=name&order=asc").json["data"]["items"]
    assert [one["customFields"] for one in made] == [{"a": r'"\ud800"'}, {"a": "b"}]
