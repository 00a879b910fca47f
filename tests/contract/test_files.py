"""`/v1/files`, `/v1/customers/imports` and `/v1/customers/exports`: who may, what is refused, in document 3's words."""

import re
from typing import Any

import pytest

from functions.crm import jobs
from hub import auth
from tests.conftest import Answer, Clock, Deployment
from tests.contract import memory
from tests.contract.customers import ENGLISH, INVALID, WRONG_TYPE, refused
from tests.contract.files import EXPORTS, FILES, IMPORTS, make
from tests.unit.crm import running

TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")


def test_a_new_file(deployment: Deployment, clock: Clock) -> None:
    file = make(deployment)
    assert {name: value for name, value in file.items() if name not in ("id", "upload")} == {
        "name": "客户.csv",
        "size": 7,
        "contentType": "text/csv",
        "status": "pending",
        "createdAt": "2026-11-20T13:00:30Z",
        "expiresAt": "2026-12-20T13:00:30Z",
    }
    assert file["id"].startswith("file_")
    assert file["upload"]["expiresAt"] == "2026-11-20T13:15:30Z"


@pytest.mark.parametrize(
    ("body", "code", "errors"),
    [
        ({}, 40001, {"name": "名称不能为空", "size": "size不能为空"}),
        ({"name": "a", "size": 0}, 40001, {"size": "size不能小于 1"}),
        ({"name": "a", "size": 52_428_801}, 40001, {"size": "size不能大于 52428800"}),
        ({"name": "a", "size": "5"}, 40002, {"size": "size必须是整数"}),
        ({"name": "a", "size": 5.5}, 40002, {"size": "size必须是整数"}),
        ({"name": "a", "size": True}, 40002, {"size": "size必须是整数"}),
        ({"name": " ", "size": 5}, 40001, {"name": "名称不能为空"}),
        ({"name": "a/b", "size": 5}, 40001, {"name": "名称格式不正确"}),
        ({"name": "a\r\nb", "size": 5}, 40001, {"name": "名称格式不正确"}),
        ({"name": "a" * 256, "size": 5}, 40001, {"name": "名称长度不能超过 255"}),
        ({"name": "a", "size": 5, "contentType": "csv"}, 40001, {"contentType": "contentType格式不正确"}),
        ({"name": "a", "size": 5, "contentType": "a/b\r\nX: y"}, 40001, {"contentType": "contentType格式不正确"}),
        ({"name": "a", "size": 5, "key": "b"}, 40001, {"key": "key未知字段"}),
    ],
)
def test_files_that_are_refused(deployment: Deployment, body: Any, code: int, errors: dict[str, str]) -> None:
    answer = deployment.call("POST", FILES, body)
    assert refused(answer, 400, code, INVALID if code == 40001 else WRONG_TYPE) == errors


def test_uploads_have_a_limit_of_their_own(deployment: Deployment, clock: Clock) -> None:
    headers = deployment.call("POST", FILES, {"name": "a", "size": 5}).headers
    assert (headers["X-RateLimit-Limit"], headers["X-RateLimit-Remaining"]) == ("60", "59")
    assert deployment.call("GET", FILES).headers["X-RateLimit-Limit"] == "1000"
    bodies: dict[str, dict[str, Any]] = {IMPORTS: {}, EXPORTS: {"fields": []}}
    for path, body in bodies.items():
        assert deployment.call("POST", path, body).headers["X-RateLimit-Limit"] == str(auth.BUCKET_LIMITS["batch"])
    for _ in range(59):
        deployment.call("POST", FILES, {})
    answer = deployment.call("POST", FILES, {"name": "a", "size": 5})
    assert (answer.status, answer.json["code"], answer.headers["Retry-After"]) == (429, 42901, "30")


def test_lists_take_document_3s_language(deployment: Deployment, clock: Clock) -> None:
    for name, size in (("a.csv", 3), ("b.csv", 7), ("客户.txt", 5)):
        deployment.call("POST", FILES, {"name": name, "size": size})
        clock.advance(1)

    def listed(query: str) -> list[str]:
        answer = deployment.call("GET", f"{FILES}?{query}")
        assert answer.status == 200, answer.text
        return [one["name"] for one in answer.json["data"]["items"]]

    assert listed("") == ["客户.txt", "b.csv", "a.csv"]
    assert listed("sort=size&order=asc") == ["a.csv", "客户.txt", "b.csv"]
    assert listed("size[gte]=5&name[like]=CSV") == ["b.csv"]
    assert listed("search=客户&status=pending") == ["客户.txt"]
    assert listed("createdAt[lt]=2026-11-20T13:00:31Z") == ["a.csv"]
    first = deployment.call("GET", f"{FILES}?limit=2&fields=name").json
    assert first["data"]["items"] == [{"name": "客户.txt"}, {"name": "b.csv"}]
    assert listed(f"limit=2&cursor={first['cursor']['next']}") == ["a.csv"]
    assert deployment.call("GET", f"{FILES}?pageSize=2").json["data"]["pagination"] == {
        "page": 1,
        "pageSize": 2,
        "total": 3,
        "totalPages": 2,
    }


@pytest.mark.parametrize(
    ("body", "errors"),
    [
        ({}, {"fileId": "文件不能为空"}),
        ({"fileId": "file_none"}, {"fileId": "文件不存在"}),
        ({"fileId": "x" * 200}, {"fileId": "文件长度不能超过 128"}),
        ({"fileId": "file_1", "encoding": "gbk"}, {"encoding": "encoding必须是以下之一: 'utf-8' or 'gb18030'"}),
        ({"fileId": "file_1", "delimiter": ";"}, {"delimiter": "delimiter未知字段"}),
    ],
)
def test_imports_that_are_refused(deployment: Deployment, body: Any, errors: dict[str, str]) -> None:
    assert refused(deployment.call("POST", IMPORTS, body), 400, 40001, INVALID) == errors
    assert memory.executions("ImportStateMachine") == []


def test_a_file_that_is_not_there_whole_is_not_imported(deployment: Deployment) -> None:
    announced = deployment.call("POST", FILES, {"name": "a", "size": 5}).json["data"]["id"]
    answer = deployment.call("POST", IMPORTS, {"fileId": announced})
    assert refused(answer, 422, 42201, "业务规则校验失败") == {"fileId": "文件尚未上传"}
    memory.client("s3").put_object(Bucket="files-bucket", Key=f"files/default/{announced}", Body=b"longer than 5")
    answer = deployment.call("POST", IMPORTS, {"fileId": announced}, headers=ENGLISH)
    told = refused(answer, 422, 42201, "A business rule does not allow this")
    assert told == {"fileId": "fileId has 13 bytes where 5 were announced"}


@pytest.mark.parametrize(
    ("body", "errors"),
    [
        ({"query": "colour=red"}, {"query.colour": "query.colour未知字段"}),
        ({"query": "status[near]=a"}, {"query.status[near]": "query.status[near]未知操作符: near"}),
        ({"query": "sort=tags"}, None),
        ({"query": "page=2"}, {"query.page": "页码未知字段"}),
        ({"query": "limit=2&cursor=a"}, {"query.limit": "每页数量未知字段", "query.cursor": "游标未知字段"}),
        ({"query": "fields=name"}, {"query.fields": "query.fields未知字段"}),
        ({"query": "status=a&status=b"}, {"query.status": "状态不能重复"}),
        ({"query": "&".join(f"a{number}=1" for number in range(101))}, {"query": "query格式不正确"}),
        ({"query": "a" * 2001}, {"query": "query长度不能超过 2000"}),
        ({"fields": []}, {"fields": "fields长度不能少于 1"}),
        ({"fields": ["name", "colour"]}, {"fields": "fields未知字段: colour"}),
        ({"fields": ["name", "name"]}, {"fields": "fields不能重复"}),
        ({"fields": ["contact"]}, {"fields": "fields未知字段: contact"}),
        ({"fields": ["customFields."]}, {"fields": "fields未知字段: customFields."}),
    ],
)
def test_exports_that_are_refused(deployment: Deployment, body: Any, errors: dict[str, str] | None) -> None:
    told = refused(deployment.call("POST", EXPORTS, body), 400, 40001, INVALID)
    assert told == errors or (errors is None and set(told) == {"query.sort"})
    assert memory.executions("ExportStateMachine") == []


def test_a_number_that_is_none_is_a_wrong_type(deployment: Deployment) -> None:
    answer = deployment.call("POST", EXPORTS, {"query": "amount=much"})
    assert refused(answer, 400, 40002, WRONG_TYPE) == {"query.amount": "金额必须是数字"}


def test_permissions(deployment: Deployment) -> None:
    file = make(deployment)["id"]
    key = {
        name: deployment.new_key(*permissions)["key"]
        for name, permissions in {
            "reads files": ("files:read",),
            "writes files": ("files:write",),
            "writes customers": ("customers:write",),
            "imports": ("customers:write", "files:read"),
            "exports": ("customers:read",),
        }.items()
    }

    def status(who: str, method: str, path: str, body: Any = None) -> int:
        return deployment.call(method, path, body, key=key[who]).status

    assert status("reads files", "GET", f"{FILES}/{file}") == 200
    assert status("reads files", "POST", FILES, {"name": "a", "size": 5}) == 403
    assert status("writes files", "POST", FILES, {"name": "a", "size": 5}) == 201
    assert status("writes customers", "POST", IMPORTS, {"fileId": file}) == 403, "it would show what is in the file"
    assert status("reads files", "POST", IMPORTS, {"fileId": file}) == 403
    assert status("imports", "POST", IMPORTS, {"fileId": file}) == 202
    assert status("exports", "POST", EXPORTS, {}) == 202
    assert status("writes customers", "POST", EXPORTS, {}) == 403, "an export is a way to read"
    assert status("exports", "GET", FILES) == 403
    for path in (FILES, IMPORTS, EXPORTS):
        answer = deployment.call("GET", path, key=None)
        assert (answer.status, answer.json["code"]) == (401, 40101)


def test_an_import_takes_a_permission_for_files_too(deployment: Deployment) -> None:
    file = {"fileId": make(deployment)["id"]}
    for permissions in (["customers:write"], ["customers:write", "customers:read", "orders:write"]):
        key = deployment.new_key(*permissions)["key"]
        assert refused(deployment.call("POST", IMPORTS, file, key=key), 403, 40302, "资源访问受限") == {}
    assert deployment.call("GET", IMPORTS).json["data"]["items"] == []
    for permissions in (["customers:write", "files:read"], ["customers:write", "files:write"], ["write"], ["admin"]):
        key = deployment.new_key(*permissions)["key"]
        assert deployment.call("POST", IMPORTS, file, key=key).status == 202, permissions


@pytest.mark.parametrize("path", [IMPORTS, EXPORTS])
def test_so_many_jobs_are_at_work_at_a_time(
    deployment: Deployment, other_tenant: Deployment, clock: Clock, path: str
) -> None:
    def start(api: Deployment) -> Answer:
        return api.call("POST", path, {"fileId": make(api)["id"]} if path == IMPORTS else {})

    for _ in range(jobs.MAX_AT_WORK):
        assert start(deployment).status == 202
    answer = start(deployment)
    assert (answer.status, answer.json["code"]) == (422, 42201)
    assert len(deployment.call("GET", path).json["data"]["items"]) == jobs.MAX_AT_WORK
    assert start(other_tenant).status == 202
    running.run(memory.executions("ImportStateMachine" if path == IMPORTS else "ExportStateMachine")[0])
    assert start(deployment).status == 202, "one has ended"
    assert start(deployment).status == 422
    clock.advance(jobs.ALIVE_MS / 1000 + 1)
    assert start(deployment).status == 202, "nobody hears of the others any more"


def test_nothing_of_another_tenant_exists(deployment: Deployment, other_tenant: Deployment) -> None:
    file = make(deployment)["id"]
    job = deployment.call("POST", IMPORTS, {"fileId": file}).json["data"]["id"]
    export = deployment.call("POST", EXPORTS, {}).json["data"]["id"]
    for path in (f"{FILES}/{file}", f"{IMPORTS}/{job}", f"{IMPORTS}/{job}/errors", f"{EXPORTS}/{export}"):
        assert deployment.call("GET", path).status == 200
        answer = other_tenant.call("GET", path)
        assert (answer.status, answer.json["code"]) == (404, 40401), path
    assert refused(other_tenant.call("POST", IMPORTS, {"fileId": file}), 400, 40001, INVALID) == {
        "fileId": "文件不存在"
    }
    for path in (FILES, IMPORTS, EXPORTS):
        assert other_tenant.call("GET", path).json["data"]["items"] == []


def test_the_same_request_again_begins_nothing_twice(deployment: Deployment) -> None:
    file = make(deployment)["id"]
    for path, body, machine in ((IMPORTS, {"fileId": file}, "Import"), (EXPORTS, {}, "Export")):
        headers = {"idempotency-key": path}
        first, second = (deployment.call("POST", path, body, headers=headers) for _ in range(2))
        assert first.json == second.json
        assert len(memory.executions(f"{machine}StateMachine")) == 1
        assert TIME.fullmatch(first.json["data"]["createdAt"])


def test_imports_and_exports_as_they_begin(deployment: Deployment, clock: Clock) -> None:
    file = make(deployment)["id"]
    job = deployment.call("POST", IMPORTS, {"fileId": file}).json["data"]
    assert job == {
        "id": job["id"],
        "fileId": file,
        "fileName": "客户.csv",
        "encoding": "utf-8",
        "status": "pending",
        "progress": 0,
        "rowsRead": 0,
        "rowsCreated": 0,
        "rowsFailed": 0,
        "failure": None,
        "createdAt": "2026-11-20T13:00:30Z",
        "endedAt": None,
    }
    assert deployment.call("GET", f"{IMPORTS}/{job['id']}").json["data"] == job
    assert deployment.call("GET", IMPORTS).json["data"]["items"] == [job]
    export = deployment.call("POST", EXPORTS, {"query": "status=active", "fields": ["name"]}).json["data"]
    assert export == {
        "id": export["id"],
        "query": "status=active",
        "fields": ["name"],
        "status": "pending",
        "progress": 0,
        "rows": 0,
        "size": None,
        "failure": None,
        "createdAt": "2026-11-20T13:00:30Z",
        "endedAt": None,
        "expiresAt": "2026-12-20T13:00:30Z",
        "downloadUrl": None,
    }
    assert deployment.call("GET", f"{EXPORTS}/{export['id']}").json["data"] == export
    del export["downloadUrl"]
    assert deployment.call("GET", f"{EXPORTS}?query[like]=ACTIVE").json["data"]["items"] == [export]
