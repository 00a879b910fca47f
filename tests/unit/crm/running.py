"""What tests of imports and exports share: a file in the bucket, a job taken from step to step as its machine does."""

import csv
import io
from collections.abc import Iterable, Sequence
from typing import Any

from functions.crm.exports import part
from functions.crm.imports import page
from tests.conftest import Deployment
from tests.contract import memory

IMPORTS, EXPORTS, FILES = "/v1/customers/imports", "/v1/customers/exports", "/v1/files"
BUCKET = "files-bucket"
HEADER = ("name", "contact.name", "contact.phone")


def table(*rows: Sequence[str], header: Sequence[str] = HEADER) -> bytes:
    """A CSV file."""
    text = io.StringIO()
    csv.writer(text).writerows([header, *rows])
    return text.getvalue().encode()


def customers(numbers: Iterable[int]) -> list[tuple[str, str, str]]:
    """Rows of customers."""
    return [(f"客户 {number}", "张经理", "13800138000") for number in numbers]


def upload(api: Deployment, content: bytes, **more: Any) -> str:
    """Announce a file and put its content where its address leads; its id."""
    answer = api.call("POST", FILES, {"name": "客户.csv", "size": len(content), **more})
    assert answer.status == 201, answer.text
    file_id: str = answer.json["data"]["id"]
    memory.client("s3").put_object(Bucket=BUCKET, Key=f"files/{api.tenant}/{file_id}", Body=content)
    return file_id


def begin(api: Deployment, content: bytes, **more: Any) -> dict[str, Any]:
    """Begin an import; the state that its machine starts with."""
    answer = api.call("POST", IMPORTS, {"fileId": upload(api, content), **more})
    assert answer.status == 202, answer.text
    state = memory.executions("ImportStateMachine")[-1]
    assert state["id"] == answer.json["data"]["id"]
    return state


def begin_export(api: Deployment, **more: Any) -> dict[str, Any]:
    """Begin an export; the state that its machine starts with."""
    answer = api.call("POST", EXPORTS, more)
    assert answer.status == 202, answer.text
    state = memory.executions("ExportStateMachine")[-1]
    assert state["id"] == answer.json["data"]["id"]
    return state


def run(state: dict[str, Any]) -> int:
    """Take a job to its end; how many steps it took."""
    handler = page.handler if state["id"].startswith("import") else part.handler
    for number in range(1, 1000):
        state = {**state, "step": handler(state, None)}
        if state["step"]["status"] == "ended":
            return number
    raise AssertionError("it never ends")


def shown(api: Deployment, job_id: str) -> dict[str, Any]:
    """A job as its owner sees it."""
    path = IMPORTS if job_id.startswith("import") else EXPORTS
    answer = api.call("GET", f"{path}/{job_id}")
    assert answer.status == 200, answer.text
    return dict(answer.json["data"])


def imported(api: Deployment, content: bytes, **more: Any) -> dict[str, Any]:
    """Import a file to its end."""
    state = begin(api, content, **more)
    run(state)
    return shown(api, state["id"])


def figures(job: dict[str, Any]) -> tuple[str, int, int, int, int]:
    """How an import went."""
    return job["status"], job["progress"], job["rowsRead"], job["rowsCreated"], job["rowsFailed"]


def bad_rows(api: Deployment, import_id: str, limit: int = 100) -> list[dict[str, Any]]:
    """All bad rows of an import, read page by page."""
    found: list[dict[str, Any]] = []
    cursor = ""
    while True:
        answer = api.call("GET", f"{IMPORTS}/{import_id}/errors?limit={limit}&cursor={cursor}")
        assert answer.status == 200, answer.text
        found += answer.json["data"]["items"]
        cursor = answer.json["cursor"]["next"]
        assert answer.json["cursor"]["hasMore"] == bool(cursor)
        if not cursor:
            return found


def names(api: Deployment) -> list[str]:
    """The names of all customers."""
    found: list[str] = []
    cursor: str | None = ""
    while cursor is not None:
        answer = api.call("GET", f"/v1/customers?limit=100&fields=name&sort=name&order=asc&cursor={cursor}")
        found += [one["name"] for one in answer.json["data"]["items"]]
        cursor = answer.json["cursor"]["next"]
    return found


def exported(api: Deployment, state: dict[str, Any]) -> list[list[str]]:
    """The rows of a finished export."""
    answer = memory.client("s3").get_object(Bucket=BUCKET, Key=f"exports/{api.tenant}/{state['id']}")
    text = answer["Body"].read().decode()
    assert text.startswith("\ufeff")
    return list(csv.reader(io.StringIO(text[1:], newline=""), strict=True))
