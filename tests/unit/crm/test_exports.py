"""Exports: what matches is in the file, once, as an import reads it, whatever happens meanwhile."""

from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from functions.crm import jobs, objects
from functions.crm.exports import part, store
from functions.crm.exports.store import StoredExport
from hub import aws as clients
from tests.conftest import Clock, Deployment
from tests.contract import memory
from tests.unit.crm.running import (
    BUCKET,
    EXPORTS,
    begin_export,
    customers,
    exported,
    imported,
    names,
    run,
    shown,
    table,
)
from tests.unit.interruptions import Calls, survive

FIRST = ["id", "name", "industry", "contact.name", "contact.phone", "contact.email", "status", "amount", "tags"]


@pytest.fixture(autouse=True)
def _short_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(part, "PAGE", 4)


def make(api: Deployment, *rows: dict[str, Any]) -> list[dict[str, Any]]:
    """Make customers; as they are shown."""
    answer = api.call("POST", "/v1/customers/batch", {"customers": rows})
    assert answer.json["data"]["failed"] == 0, answer.text
    return [api.call("GET", f"/v1/customers/{one['id']}").json["data"] for one in answer.json["data"]["items"]]


def test_all_customers_with_every_custom_field_there_is(deployment: Deployment, other_tenant: Deployment) -> None:
    one, two = make(
        deployment,
        {"name": "示例科技", "customFields": {"级别": "A1", "员工": 12}, "tags": ["vip", "北京"], "amount": 12.5},
        {"name": "=1+1", "industry": "互联网", "customFields": {"员工": "12"}, "status": "prospect"},
    )
    make(other_tenant, {"name": "别人的"})
    state = begin_export(deployment)
    waiting = shown(deployment, state["id"])
    assert (waiting["status"], waiting["progress"], waiting["downloadUrl"], waiting["size"]) == (
        "pending",
        0,
        None,
        None,
    )
    run(state)
    header, *rows = exported(deployment, state)
    assert header == [*FIRST, "customFields.员工", "customFields.级别", "createdAt", "updatedAt"]
    assert sorted(rows, key=lambda row: row[1]) == [
        [two["id"], "'=1+1", "互联网", "", "", "", "prospect", "", "", '"12"', "", two["createdAt"], two["updatedAt"]],
        [
            one["id"],
            "示例科技",
            "",
            "",
            "",
            "",
            "active",
            "12.5",
            "vip;北京",
            "12",
            "A1",
            one["createdAt"],
            one["updatedAt"],
        ],
    ]
    done = shown(deployment, state["id"])
    assert (done["status"], done["progress"], done["rows"], done["failure"]) == ("completed", 100, 2, None)
    content = memory.client("s3").get_object(Bucket=BUCKET, Key=f"exports/default/{state['id']}")
    assert (done["size"], content["ContentType"]) == (len(content["Body"].read()), "text/csv; charset=utf-8")
    assert f"exports/default/{state['id']}?" in done["downloadUrl"]
    assert "attachment" in done["downloadUrl"]


def test_what_is_exported_is_imported_as_it_was(deployment: Deployment, other_tenant: Deployment) -> None:
    rows = [
        {
            "name": f"-{number}'\"",
            "contact": {"name": "@张", "phone": "+86 138 0013 8000", "email": "-a@b.c"},
            "amount": number / 4 or None,
            "tags": ["a;b", "=c"],
            "customFields": {"a": number % 2 == 0, "b": ["12", -5, None, "行\n=1"][number % 4]},
        }
        for number in range(10)
    ]
    made = make(deployment, *rows)
    state = begin_export(deployment, query="sort=name&order=asc")
    run(state)
    key = f"exports/default/{state['id']}"
    content = memory.client("s3").get_object(Bucket=BUCKET, Key=key)["Body"].read()
    assert imported(other_tenant, content)["rowsCreated"] == 10
    found = other_tenant.call("GET", "/v1/customers?sort=name&order=asc&pageSize=100").json["data"]["items"]
    own = ("id", "createdAt", "updatedAt")
    assert [{k: v for k, v in one.items() if k not in own} for one in found] == [
        {k: v for k, v in one.items() if k not in own} for one in sorted(made, key=lambda one: one["name"])
    ]


@pytest.mark.parametrize(
    ("query", "wanted"),
    [
        ("", ["i", "h", "g", "f", "e", "d", "c", "b", "a"]),
        ("status=prospect&order=asc", ["a", "c", "e", "g", "i"]),
        ("sort=amount&order=asc&amount[gte]=3", ["d", "e", "f", "g", "h", "i"]),
        ("sort=updatedAt&name[in]=a,c,h&order=asc", ["a", "c", "h"]),
        ("search=%E7%A7%91%E6%8A%80&sort=name", ["i", "a"]),
        ("industry=none", []),
    ],
)
def test_queries_are_those_of_the_list(
    deployment: Deployment, query: str, wanted: list[str], monkeypatch: pytest.MonkeyPatch, clock: Clock
) -> None:
    for number, name in enumerate("abcdefghi"):
        industry = {"industry": "科技"} if name in "ai" else {}
        make(deployment, {"name": name, "amount": number, "status": ("prospect", "active")[number % 2], **industry})
        clock.advance(1)
    for seconds in (20, -1):
        monkeypatch.setattr(part, "STEP_SECONDS", seconds)
        state = begin_export(deployment, query=query, fields=["name"])
        steps = run(state)
        assert exported(deployment, state) == [["name"], *([name] for name in wanted)]
        assert (steps > 3) == (seconds < 0 and len(wanted) > 4), "a step for each page, of both readings"


def test_fields(deployment: Deployment) -> None:
    make(deployment, {"name": "a", "customFields": {"x": 1, "y": 2}})
    state: dict[str, Any] = {}
    for fields, header in (
        (["name", "version"], ["name", "version"]),
        (["customFields.y", "name", "customFields.z"], ["customFields.y", "name", "customFields.z"]),
        (["customFields.y", "customFields"], ["customFields.y", "customFields.x"]),
    ):
        state = begin_export(deployment, fields=fields)
        run(state)
        assert exported(deployment, state)[0] == header
        assert shown(deployment, state["id"])["fields"] == fields
    assert exported(deployment, state)[1] == ["2", "1"]


def test_no_customers(deployment: Deployment) -> None:
    state = begin_export(deployment, fields=["name"])
    run(state)
    assert exported(deployment, state) == [["name"]]
    assert shown(deployment, state["id"])["progress"] == 100


def test_parts(deployment: Deployment, monkeypatch: pytest.MonkeyPatch) -> None:
    """Text that is too short for a part waits, and is deleted once it is in one."""
    monkeypatch.setattr(part, "STEP_SECONDS", -1)
    monkeypatch.setattr(part, "PART_BYTES", 120)
    uploaded: list[bytes] = []
    upload = clients.s3().upload_part

    def noted(**given: Any) -> Any:
        uploaded.append(given["Body"])
        return upload(**given)

    monkeypatch.setattr(clients.s3(), "upload_part", noted)
    monkeypatch.setattr(clients.s3(), "complete_multipart_upload", lambda **given: joined(given))

    def joined(given: dict[str, Any]) -> None:
        # moto knows the least size of a part, and these are far below it.
        assert [one["PartNumber"] for one in given["MultipartUpload"]["Parts"]] == sorted(
            {one["PartNumber"] for one in given["MultipartUpload"]["Parts"]}
        )
        memory.client("s3").put_object(Bucket=BUCKET, Key=given["Key"], Body=b"".join(uploaded))

    imported(deployment, table(*customers(range(30))))
    state = begin_export(deployment, fields=["name", "contact.phone"], query="sort=name&order=asc")
    run(state)
    assert exported(deployment, state)[1:] == [[name, "13800138000"] for name in names(deployment)]
    assert len(uploaded) > 3
    assert min(map(len, uploaded[:-1])) >= 120
    listed = memory.client("s3").list_objects_v2(Bucket=BUCKET, Prefix="exports/")["Contents"]
    assert [one["Key"] for one in listed] == [f"exports/default/{state['id']}"]


def test_a_part_is_as_long_as_s3_wants_it() -> None:
    assert part.PART_BYTES >= 5 * 1024 * 1024


def test_it_tells_how_far_it_is(deployment: Deployment, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(part, "STEP_SECONDS", -1)
    make(deployment, *({"name": f"{number}"} for number in range(20)))
    state = begin_export(deployment)
    seen = []
    while part.handler(state, None)["status"] != "ended":
        seen.append(shown(deployment, state["id"])["progress"])
    assert seen == sorted(seen)
    assert {one for one in seen if one < 50}
    assert {one for one in seen if 50 < one < 99}


def test_too_many_to_sort_ends_it_with_the_reason(deployment: Deployment, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hub.store.plan.MAX_READ", 5)
    make(deployment, *({"name": f"{number}"} for number in range(6)))
    state = begin_export(deployment, query="sort=updatedAt")
    run(state)
    failure = shown(deployment, state["id"])["failure"]
    assert (failure["reason"], failure["message"]) == ("invalid_request", "参数验证失败")
    assert failure["errors"][0]["field"] == "sort"


def test_too_many_columns_end_it_with_the_reason(deployment: Deployment, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("functions.crm.imports.rows.MAX_ROW_BYTES", 200)
    make(deployment, {"name": "a", "customFields": {"x" * 100: 1}})
    state = begin_export(deployment)
    run(state)
    failure = shown(deployment, state["id"])["failure"]
    assert (failure["reason"], failure["errors"][0]["field"]) == ("too_many_columns", "fields")
    state = begin_export(deployment, fields=["name"])
    run(state)
    assert shown(deployment, state["id"])["status"] == "completed"


def test_two_executions_at_once_mix_no_parts(deployment: Deployment, monkeypatch: pytest.MonkeyPatch) -> None:
    """The one that is overtaken uploads its part late, from a list that has changed meanwhile."""
    monkeypatch.setattr(part, "STEP_SECONDS", -1)
    monkeypatch.setattr(part, "PART_BYTES", 1)
    monkeypatch.setattr("moto.s3.models.S3_UPLOAD_PART_MIN_SIZE", 1)
    make(deployment, *({"name": f"{number}"} for number in range(8)))
    state = begin_export(deployment, fields=["name"], query="sort=name&order=asc")
    while not (job := jobs.get(store.KIND, StoredExport, "default", state["id"])).parts:
        part.handler(state, None)
    assert job.rows == 4
    write = part._with_part

    def late(*given: Any) -> Any:
        monkeypatch.setattr(part, "_with_part", write)
        make(deployment, {"name": "55"})
        part.handler(state, None)
        return write(*given)

    monkeypatch.setattr(part, "_with_part", late)
    assert part.handler(state, None)["status"] == "running"
    run(state)
    assert exported(deployment, state) == [
        ["name"],
        *([name] for name in ("0", "1", "2", "3", "4", "5", "55", "6", "7")),
    ]
    done = shown(deployment, state["id"])
    assert (done["status"], done["rows"]) == ("completed", 9)


def test_an_upload_that_was_completed_before_its_step_died_is_found(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    """S3 does not know an upload any more that it has completed, nor one that was aborted."""
    state = begin_export(deployment, fields=["name"])
    for _ in range(2):
        part.handler(state, None)

    def unknown(**_: Any) -> None:
        raise ClientError({"Error": {"Code": "NoSuchUpload"}}, "CompleteMultipartUpload")

    monkeypatch.setattr(clients.s3(), "complete_multipart_upload", unknown)
    with pytest.raises(objects.Gone):
        part.handler(state, None)
    key = f"exports/default/{state['id']}"
    memory.client("s3").put_object(Bucket=BUCKET, Key=key, Body="\ufeffname\r\n".encode())
    assert part.handler(state, None)["status"] == "ended"
    assert (shown(deployment, state["id"])["status"], shown(deployment, state["id"])["size"]) == ("completed", 9)


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_it_survives_the_death_of_its_function(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch, after: bool
) -> None:
    monkeypatch.setattr(part, "STEP_SECONDS", -1)
    make(deployment, *({"name": f"{number}"} for number in range(6)))
    calls = Calls(monkeypatch)
    scene: dict[str, Any] = {}

    def set_scene() -> Callable[[], object]:
        scene.update(begin_export(deployment, fields=["name"], query="sort=name&order=asc"))
        return lambda: run(dict(scene))

    def check() -> None:
        assert exported(deployment, scene) == [["name"], *([f"{number}"] for number in range(6))], calls.made
        done = shown(deployment, scene["id"])
        assert (done["status"], done["progress"], done["rows"]) == ("completed", 100, 6), calls.made

    # Two steps of the survey, two of writing with what waits between them, and the end.
    assert survive(calls, after, set_scene, check) >= 20


def test_one_that_has_expired_is_not_to_be_downloaded(deployment: Deployment, clock: Clock) -> None:
    state = begin_export(deployment)
    run(state)
    clock.advance(objects.KEEP_SECONDS + 1)
    key = deployment.new_key("customers:read")["key"]
    assert deployment.call("GET", f"{EXPORTS}/{state['id']}", key=key).json["data"]["downloadUrl"] is None
