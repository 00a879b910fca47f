"""Files as callers use them: announced, sent to where S3 answers, imported, exported, downloaded."""

import csv
import io
from collections.abc import Sequence
from typing import Any

import requests

from tests.e2e.polling import eventually
from tests.e2e.running import Client

FILES, IMPORTS, EXPORTS = "/v1/files", "/v1/customers/imports", "/v1/customers/exports"

_SECONDS = 30


def send(method: str, url: str, **more: Any) -> requests.Response:
    """Follow a presigned address: no credential but itself, and no proxy on the way."""
    with requests.Session() as session:
        session.trust_env = False
        return session.request(method, url, timeout=_SECONDS, **more)


def announced(api: Client, size: int, **more: Any) -> dict[str, Any]:
    """Announce a file."""
    answer = api.post(FILES, {"name": "客户.csv", "size": size, **more})
    assert answer.status_code == 201, answer.text
    file: dict[str, Any] = answer.json()["data"]
    return file


def uploaded(api: Client, content: bytes) -> str:
    """Upload a file; its id, once it is told as uploaded."""
    file = announced(api, len(content))
    answer = send("PUT", file["upload"]["url"], data=content, headers=file["upload"]["headers"])
    assert answer.status_code == 200, answer.text
    path = f"{FILES}/{file['id']}"
    eventually(lambda: api.get(path).json()["data"]["status"] == "uploaded", "the upload noted", _SECONDS)
    file_id: str = file["id"]
    return file_id


def begun(api: Client, path: str, body: Any) -> str:
    """Begin an import or export; its path."""
    answer = api.post(path, body)
    assert answer.status_code == 202, answer.text
    return f"{path}/{answer.json()['data']['id']}"


def shown(api: Client, path: str) -> dict[str, Any]:
    """An import or export as it stands."""
    answer = api.get(path)
    assert answer.status_code == 200, answer.text
    job: dict[str, Any] = answer.json()["data"]
    return job


def ended(api: Client, path: str, seconds: float = 60) -> dict[str, Any]:
    """Wait for the end of an import or export."""

    def look() -> dict[str, Any] | None:
        job = shown(api, path)
        return job if job["status"] in {"completed", "failed"} else None

    job = eventually(look, f"the end of {path}", seconds, pause=0.2)
    assert job
    return job


def finished(api: Client, path: str, body: Any) -> dict[str, Any]:
    """Have an import or export done."""
    return ended(api, begun(api, path, body))


def reached(api: Client, path: str, progress: int, seconds: float = 60) -> None:
    """Wait until an import or export has come so far, in per cent."""
    eventually(lambda: shown(api, path)["progress"] >= progress, f"{progress} % of {path}", seconds)


def bad_rows(api: Client, path: str, limit: int = 100) -> list[dict[str, Any]]:
    """All bad rows of an import, read page by page."""
    found: list[dict[str, Any]] = []
    cursor: str | None = ""
    while cursor is not None:
        answer = api.get(f"{path}/errors", params={"limit": limit, "cursor": cursor}).json()
        found += answer["data"]["items"]
        cursor = answer["cursor"]["next"]
    return found


def read(content: bytes) -> list[list[str]]:
    """The rows of an exported file."""
    return list(csv.reader(io.StringIO(content.decode("utf-8-sig"), newline=""), strict=True))


def written(rows: Sequence[Sequence[Any]]) -> bytes:
    """A file to import."""
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    return text.getvalue().encode()
