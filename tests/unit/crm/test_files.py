"""Files: addresses that allow one upload of what was announced, and what the bucket tells of it."""

import json
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, quote_plus, urlsplit

import pytest

from functions.crm import objects
from functions.crm.files import uploads
from tests.conftest import Clock, Deployment
from tests.contract import memory
from tests.unit.crm.running import BUCKET, FILES, upload
from tests.unit.interruptions import Calls, survive


def told(tenant: str, file_id: str, size: int = 5, **more: Any) -> dict[str, Any]:
    """S3's message of an upload."""
    key = quote_plus(f"files/{tenant}/{file_id}", safe="/")
    return {"Records": [{"eventName": "ObjectCreated:Put", "s3": {"object": {"key": key, "size": size}}}], **more}


def handle(*messages: Any) -> list[str]:
    """Hand messages to the function; those that it keeps."""
    records = [
        {"messageId": str(number), "body": one if isinstance(one, str) else json.dumps(one)}
        for number, one in enumerate(messages)
    ]
    return [one["itemIdentifier"] for one in uploads.handler({"Records": records}, None)["batchItemFailures"]]


def status(api: Deployment, file_id: str) -> str:
    answer = api.call("GET", f"{FILES}/{file_id}")
    return str(answer.json["data"]["status"]) if answer.status == 200 else str(answer.status)


def keys() -> list[str]:
    found = memory.client("s3").list_objects_v2(Bucket=BUCKET).get("Contents", [])
    return [one["Key"] for one in found]


def test_an_address_allows_what_was_announced_and_no_more(deployment: Deployment) -> None:
    made = deployment.call("POST", FILES, {"name": "客户.csv", "size": 5, "contentType": "text/csv; charset=gb18030"})
    file = made.json["data"]
    url = urlsplit(file["upload"]["url"])
    query = {name: value for name, (value,) in parse_qs(url.query).items()}
    assert (url.scheme, url.path.rpartition("files-bucket")[2]) == ("https", f"/files/default/{file['id']}")
    assert query["X-Amz-SignedHeaders"] == "content-length;content-type;host"
    assert (query["X-Amz-Algorithm"], query["X-Amz-Expires"]) == ("AWS4-HMAC-SHA256", "900")
    assert not [name for name in query if "checksum" in name.lower()], "of what, nobody knows yet"
    assert file["upload"]["method"] == "PUT"
    assert file["upload"]["headers"] == {"Content-Length": "5", "Content-Type": "text/csv; charset=gb18030"}


def test_it_is_told_as_uploaded_and_can_be_downloaded_as_a_file(deployment: Deployment) -> None:
    file_id = upload(deployment, b"hello", contentType="text/html")
    before = deployment.call("GET", f"{FILES}/{file_id}").json["data"]
    assert (before["status"], before["downloadUrl"]) == ("pending", None)
    assert handle(told("default", file_id)) == handle(told("default", file_id)) == []
    after = deployment.call("GET", f"{FILES}/{file_id}").json["data"]
    assert after["status"] == "uploaded"
    query = parse_qs(urlsplit(after["downloadUrl"]).query)
    assert query["response-content-disposition"] == ["attachment; filename*=UTF-8''%E5%AE%A2%E6%88%B7.csv"]
    assert deployment.call("GET", f"{FILES}?status=uploaded").json["data"]["items"] == [
        {name: value for name, value in after.items() if name != "downloadUrl"}
    ]


def test_a_deleted_file_is_gone_and_what_comes_late_too(deployment: Deployment) -> None:
    file_id = upload(deployment, b"hello")
    assert deployment.call("DELETE", f"{FILES}/{file_id}").status == 204
    assert (keys(), status(deployment, file_id)) == ([], "404")
    assert deployment.call("DELETE", f"{FILES}/{file_id}").status == 404
    memory.client("s3").put_object(Bucket=BUCKET, Key=f"files/default/{file_id}", Body=b"hello")
    assert handle(told("default", file_id)) == []
    assert (keys(), status(deployment, file_id)) == ([], "404")


def test_another_tenants_key_is_no_way_to_a_file(deployment: Deployment, other_tenant: Deployment) -> None:
    file_id = upload(deployment, b"hello")
    for method in ("GET", "DELETE"):
        assert other_tenant.call(method, f"{FILES}/{file_id}").status == 404
    assert keys() == [f"files/default/{file_id}"]
    assert other_tenant.call("GET", FILES).json["data"]["items"] == []


def test_messages_that_are_none_are_kept_alone(deployment: Deployment) -> None:
    file_id = upload(deployment, b"hello")
    wrong = [
        "{",
        {"Records": [{}]},
        {"Records": [{"s3": {"object": {"key": "elsewhere", "size": 5}}}]},
        {"hello": 1},
        told("default", file_id, size=6),
    ]
    right = [told("default", file_id), {"Service": "Amazon S3", "Event": "s3:TestEvent"}]
    assert handle(*wrong, *right) == ["0", "1", "2", "3", "4"]
    assert status(deployment, file_id) == "uploaded"


def test_one_that_has_expired(deployment: Deployment, clock: Clock) -> None:
    file_id = upload(deployment, b"hello")
    handle(told("default", file_id))
    key = deployment.new_key("read", "write")["key"]
    clock.advance(objects.KEEP_SECONDS + 1)
    file = deployment.call("GET", f"{FILES}/{file_id}", key=key).json["data"]
    assert (file["status"], file["downloadUrl"]) == ("expired", None)
    assert deployment.call("GET", f"{FILES}?status=expired", key=key).json["data"]["items"][0]["id"] == file_id


def test_no_address_is_written_down(deployment: Deployment, capsys: pytest.CaptureFixture[str]) -> None:
    made = deployment.call("POST", FILES, {"name": "a", "size": 5}, headers={"idempotency-key": "one"})
    signature = parse_qs(urlsplit(made.json["data"]["upload"]["url"]).query)["X-Amz-Signature"][0]
    again = deployment.call("POST", FILES, {"name": "a", "size": 5}, headers={"idempotency-key": "one"})
    assert signature in again.text
    assert signature not in repr(memory.stored()), "the answer is kept sealed"
    captured = capsys.readouterr()
    assert signature not in captured.out + captured.err
    assert "POST /v1/files" in captured.out


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_a_deletion_that_dies_is_done_again(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch, after: bool
) -> None:
    calls = Calls(monkeypatch)
    scene: dict[str, str] = {}

    def set_scene() -> Callable[[], object]:
        scene["id"] = upload(deployment, b"hello")
        return lambda: deployment.call("DELETE", f"{FILES}/{scene['id']}")

    def check() -> None:
        assert (keys(), status(deployment, scene["id"])) == ([], "404"), calls.made

    assert survive(calls, after, set_scene, check) >= 4


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_an_upload_is_noted_whoever_dies(deployment: Deployment, monkeypatch: pytest.MonkeyPatch, after: bool) -> None:
    calls = Calls(monkeypatch)
    scene: list[str] = []

    def set_scene() -> Callable[[], object]:
        late = upload(deployment, b"hello")
        deployment.call("DELETE", f"{FILES}/{late}")
        memory.client("s3").put_object(Bucket=BUCKET, Key=f"files/default/{late}", Body=b"hello")
        scene[:] = [upload(deployment, b"hello"), late]
        return lambda: handle(*(told("default", one) for one in scene))

    def check() -> None:
        assert [status(deployment, one) for one in scene] == ["uploaded", "404"]
        assert f"files/default/{scene[1]}" not in keys()

    assert survive(calls, after, set_scene, check) >= 3
