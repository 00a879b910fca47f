"""Customers in and out by CSV files, through S3's addresses and Step Functions, whatever is killed meanwhile."""

from typing import Any

import pytest

from tests.e2e.files import (
    EXPORTS,
    FILES,
    IMPORTS,
    announced,
    bad_rows,
    begun,
    ended,
    finished,
    reached,
    read,
    send,
    shown,
    uploaded,
    written,
)
from tests.e2e.polling import eventually
from tests.e2e.running import Client, RunningStack

COLUMNS = ["name", "industry", "contact.name", "contact.phone", "amount", "tags", "customFields.级别"]
ROWS = 2000
BAD = range(50, ROWS, 100)
"""Every hundredth row has something wrong with it."""


def _row(number: int) -> list[Any]:
    row = [f"客户 {number}", "互联网", "张经理", "13800138000", number, "vip;北京", f"A{number % 7}\n级"]
    if number in BAD:
        row[number // 100 % 2 * 3] = "客户 1" if number // 100 % 2 == 0 else "电话"
    return row


def _downloaded(api: Client, job: dict[str, Any]) -> bytes:
    answer = send("GET", shown(api, f"{EXPORTS}/{job['id']}")["downloadUrl"])
    assert answer.status_code == 200, answer.text
    assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert answer.headers["Content-Disposition"].startswith("attachment; filename*=UTF-8''customers-")
    assert len(answer.content) == job["size"]
    return answer.content


@pytest.mark.slow
def test_an_import_that_is_killed_goes_on_and_what_it_made_comes_out_again(
    stack: RunningStack, api: Client, other_tenant: Client
) -> None:
    rows = [_row(number) for number in range(ROWS)]
    path = begun(api, IMPORTS, {"fileId": uploaded(api, written([COLUMNS, *rows]))})
    for progress in (1, 30, 60):
        reached(api, path, progress)
        eventually(lambda: stack.kill("ImportPageFunction"), "a worker to kill")
    done = ended(api, path, 120)
    assert (done["status"], done["progress"], done["failure"]) == ("completed", 100, None)
    assert (done["rowsRead"], done["rowsCreated"], done["rowsFailed"]) == (ROWS, ROWS - len(BAD), len(BAD))
    bad = bad_rows(api, path, 7)
    assert [row["row"] for row in bad] == [number + 2 for number in BAD]
    assert {(row["code"], row["errors"][0]["message"]) for row in bad} == {
        (40901, "名称已存在"),
        (40001, "手机号格式不正确"),
    }

    # Out again, that function killed as well, and what came out goes into another tenant and out of there.
    fields = {"fields": COLUMNS, "query": "sort=name&order=asc"}
    path = begun(api, EXPORTS, fields)
    eventually(lambda: stack.kill("ExportPartFunction"), "a worker to kill")
    done = ended(api, path, 120)
    assert (done["status"], done["progress"], done["rows"]) == ("completed", 100, ROWS - len(BAD))
    content = _downloaded(api, done)
    header, *found = read(content)
    good = sorted([str(cell) for cell in row] for number, row in enumerate(rows) if number not in BAD)
    assert header == COLUMNS
    assert found == good
    copied = finished(other_tenant, IMPORTS, {"fileId": uploaded(other_tenant, content)})
    assert (copied["rowsCreated"], copied["rowsFailed"]) == (len(good), 0)
    assert read(_downloaded(other_tenant, finished(other_tenant, EXPORTS, fields)))[1:] == good


@pytest.mark.slow
def test_an_import_goes_on_when_the_stack_is_stopped_in_the_middle(stack: RunningStack, api: Client) -> None:
    path = begun(api, IMPORTS, {"fileId": uploaded(api, written([COLUMNS, *map(_row, range(1500))]))})
    reached(api, path, 1)
    stack.stop()
    stack.start()
    done = ended(api, path, 120)
    assert (done["status"], done["rowsCreated"], done["rowsFailed"]) == ("completed", 1485, 15)
    assert [row["row"] for row in bad_rows(api, path, 7)] == [number + 2 for number in BAD if number < 1500]


def test_an_address_takes_exactly_what_was_announced(api: Client) -> None:
    file = announced(api, 5, contentType="text/plain")
    url, headers = file["upload"]["url"], file["upload"]["headers"]
    assert send("PUT", url, data=b"hello!", headers={"Content-Type": "text/plain"}).status_code == 403
    assert send("PUT", url, data=b"hello", headers={"Content-Type": "text/html"}).status_code == 403
    assert send("GET", url).status_code == 403
    assert send("PUT", url.replace(file["id"], "file_other"), data=b"hello", headers=headers).status_code == 403
    unfinished = api.post(IMPORTS, {"fileId": file["id"]})
    assert (unfinished.status_code, unfinished.json()["code"]) == (422, 42201)
    assert send("PUT", url, data=b"hello", headers=headers).status_code == 200
    path = f"{FILES}/{file['id']}"
    eventually(lambda: api.get(path).json()["data"]["downloadUrl"], "the upload noted")
    download_url = api.get(path).json()["data"]["downloadUrl"]
    download = send("GET", download_url)
    assert (download.content, download.headers["Content-Type"]) == (b"hello", "text/plain")
    assert download.headers["Content-Disposition"] == "attachment; filename*=UTF-8''%E5%AE%A2%E6%88%B7.csv"
    assert api.request("DELETE", path).status_code == 204
    assert api.get(path).status_code == 404
    assert send("GET", download_url).status_code == 404
    # The address of the upload is still good; what comes there now is not kept.
    assert send("PUT", url, data=b"hello", headers=headers).status_code == 200
    eventually(lambda: send("GET", download_url).status_code == 404, "the late upload deleted")


def test_another_tenants_file_is_not_imported(api: Client, other_tenant: Client) -> None:
    answer = other_tenant.post(IMPORTS, {"fileId": uploaded(api, b"name\nMine\n")})
    assert (answer.status_code, answer.json()["errors"]) == (400, [{"field": "fileId", "message": "文件不存在"}])
