"""Document 5 "频道映射API": mappings are added by one and by many, exported, imported, switched, deleted."""

from typing import Any

import pytest

from functions.forwarding import changes
from functions.forwarding.mappings import many, service, store
from tests.conftest import Deployment
from tests.contract import memory
from tests.contract.forwarding.test_accounts import TIME, refused
from tests.contract.forwarding.test_bots import DISCORD, FEISHU, TELEGRAM

DOCUMENT_5: dict[str, Any] = {
    "kook_server_id": "1234567890",
    "kook_channel_id": "9876543210",
    "kook_channel_name": "公告频道",
    "target_platform": "discord",
    "target_bot_id": 1,
    "target_channel_id": "discord_channel_123",
}
PATH = "/api/mappings"
NO_FILTERS: dict[str, list[str]] = {"include": [], "exclude": [], "senders": [], "types": []}


@pytest.fixture(autouse=True)
def bots(deployment: Deployment) -> None:
    """A bot of each of the document's platforms."""
    for number, body in enumerate((DISCORD, TELEGRAM, FEISHU), 1):
        assert deployment.call("POST", "/api/bots", body).json["bot_id"] == number


def add(deployment: Deployment, **more: Any) -> str:
    answer = deployment.call("POST", PATH, {**DOCUMENT_5, **more})
    assert answer.status == 201, answer.text
    return str(answer.json["mapping_id"])


def everything(deployment: Deployment) -> list[dict[str, Any]]:
    return list(deployment.call("GET", PATH).json["data"])


def exported(deployment: Deployment) -> Any:
    return deployment.call("GET", f"{PATH}/export").json


def test_the_documents_examples(deployment: Deployment) -> None:
    made = deployment.call("POST", PATH, DOCUMENT_5)
    assert (made.status, made.json) == (201, {"success": True, "message": "映射添加成功", "mapping_id": 1})
    [one] = everything(deployment)
    assert {**DOCUMENT_5, "id": 1, "enabled": 1}.items() <= one.items()
    assert (one["filters"], one["sender_prefix"]) == (NO_FILTERS, False)
    changed = deployment.call("PUT", f"{PATH}/1", {"enabled": 0})
    assert (changed.status, changed.json["data"]["enabled"]) == (200, 0)
    assert store.routes("default", "9876543210") == []
    told = exported(deployment)
    assert (told["version"], len(told["mappings"])) == ("1.0", 1)
    assert TIME.match(told["export_time"])
    gone = deployment.call("DELETE", f"{PATH}/1")
    assert (gone.status, gone.text) == (204, "")
    taken = deployment.call("POST", f"{PATH}/import", {"mappings": told["mappings"]})
    assert (taken.status, taken.json) == (
        200,
        {
            "success": True,
            "message": "映射导入成功: 新增 1,更新 0,未变 0",
            "created": 1,
            "updated": 0,
            "unchanged": 0,
        },
    )
    assert [one["enabled"] for one in everything(deployment)] == [0]


@pytest.mark.parametrize(
    ("change", "status", "code"),
    [
        ({"kook_server_id": ""}, 400, "INVALID_REQUEST"),
        ({"kook_channel_id": "a#b"}, 400, "INVALID_REQUEST"),
        ({"kook_channel_name": "x" * 101}, 400, "INVALID_REQUEST"),
        ({"target_platform": "kook"}, 400, "INVALID_REQUEST"),
        ({"target_bot_id": "1"}, 400, "INVALID_REQUEST"),
        ({"target_bot_id": 0}, 400, "INVALID_REQUEST"),
        ({"target_channel_id": DOCUMENT_5["kook_channel_id"]}, 400, "INVALID_REQUEST"),
        ({"target_platform": "feishu", "target_bot_id": 3, "target_channel_id": ""}, 400, "INVALID_REQUEST"),
        ({"enabled": 2}, 400, "INVALID_REQUEST"),
        ({"enabled": True}, 400, "INVALID_REQUEST"),
        ({"filters": {"types": ["poem"]}}, 400, "INVALID_REQUEST"),
        ({"filters": {"include": ["a", "a"]}}, 400, "INVALID_REQUEST"),
        ({"filters": {"include": ["关键词" * 30 + str(number) for number in range(50)]}}, 400, "INVALID_REQUEST"),
        ({"filters": {"words": []}}, 400, "INVALID_REQUEST"),
        ({"color": "red"}, 400, "INVALID_REQUEST"),
        ({"target_bot_id": 99}, 422, "BOT_NOT_FOUND"),
        ({"target_platform": "telegram"}, 422, "BOT_NOT_FOUND"),
    ],
)
def test_bad_input(deployment: Deployment, change: Any, status: int, code: str) -> None:
    refused(deployment.call("POST", PATH, {**DOCUMENT_5, **change}), status, code)
    assert everything(deployment) == []


def test_no_two_go_the_same_way(deployment: Deployment) -> None:
    add(deployment)
    refused(deployment.call("POST", PATH, {**DOCUMENT_5, "kook_channel_name": "另一个"}), 409, "MAPPING_EXISTS")
    other = add(deployment, target_channel_id="discord_channel_124")
    same = {"target_channel_id": "discord_channel_123"}
    refused(deployment.call("PUT", f"{PATH}/{other}", same), 409, "MAPPING_EXISTS")


def test_options_are_kept_and_reach_the_route(deployment: Deployment) -> None:
    filters = {"include": ["更新", "Update"], "exclude": ["测试"], "senders": ["364862"], "types": ["text", "image"]}
    made = add(deployment, filters=filters, sender_prefix=True)
    assert everything(deployment)[0]["filters"] == filters
    [route] = store.routes("default", "9876543210")
    assert (route.filters, route.sender_prefix, route.bot_id) == (filters, True, "000000000001")
    deployment.call("PUT", f"{PATH}/{made}", {"filters": {"types": ["file"]}})
    assert store.routes("default", "9876543210")[0].filters == {**NO_FILTERS, "types": ["file"]}


def test_a_mapping_goes_to_another_bot(deployment: Deployment) -> None:
    made = add(deployment)
    change = {"target_platform": "telegram", "target_bot_id": 2, "target_channel_id": ""}
    assert deployment.call("PUT", f"{PATH}/{made}", change).json["data"]["target_platform"] == "telegram"
    refused(deployment.call("PUT", f"{PATH}/{made}", {"target_bot_id": 1}), 422, "BOT_NOT_FOUND")
    refused(deployment.call("PUT", f"{PATH}/{made}", {"target_bot_id": 77}), 422, "BOT_NOT_FOUND")
    refused(deployment.call("PUT", f"{PATH}/{made}", {}), 400, "INVALID_REQUEST")
    counts = [one["mapping_count"] for one in deployment.call("GET", "/api/bots").json["data"]]
    assert counts == [0, 1, 0]


def test_lists_are_narrowed_and_paged(deployment: Deployment) -> None:
    for channel in ("a", "b", "c"):
        add(deployment, kook_channel_id=channel)
    add(deployment, kook_channel_id="a", target_platform="telegram", target_bot_id=2)
    for query, ids in (("platform=telegram", [4]), ("kook_channel_id=a", [1, 4]), ("page=2&limit=3", [4])):
        assert [one["id"] for one in deployment.call("GET", f"{PATH}?{query}").json["data"]] == ids
    refused(deployment.call("GET", f"{PATH}?platform=kook"), 400, "INVALID_REQUEST")


def test_a_batch_tells_of_each_row(deployment: Deployment) -> None:
    rows = [
        DOCUMENT_5,
        {**DOCUMENT_5, "kook_channel_id": "2"},
        DOCUMENT_5,
        {**DOCUMENT_5, "kook_channel_id": "3", "target_bot_id": 99},
        {**DOCUMENT_5, "kook_channel_id": ""},
        {**DOCUMENT_5, "kook_channel_id": "4", "target_channel_id": "4"},
        7,
    ]
    answer = deployment.call("POST", f"{PATH}/batch", {"mappings": rows})
    assert answer.status == 200, answer.text
    assert (answer.json["success"], answer.json["created"], answer.json["failed"]) == (True, 2, 5)
    told = answer.json["data"]
    assert [row["index"] for row in told] == list(range(7))
    assert [row.get("error_code") for row in told] == [
        None,
        None,
        "MAPPING_EXISTS",
        "BOT_NOT_FOUND",
        "INVALID_REQUEST",
        "INVALID_REQUEST",
        "INVALID_REQUEST",
    ]
    assert all(row["solution"] for row in told[2:])
    assert [one["id"] for one in everything(deployment)] == [row["mapping_id"] for row in told[:2]]
    rows_of: list[dict[str, Any]] = [{"mappings": []}, {"mappings": [{}] * 101}, {}]
    for bad in rows_of:
        refused(deployment.call("POST", f"{PATH}/batch", bad), 400, "INVALID_REQUEST")


def test_a_batch_and_an_import_tell_of_each_row(deployment: Deployment) -> None:
    rows = [{**DOCUMENT_5, "kook_channel_id": str(number)} for number in range(3)]
    deployment.call("POST", f"{PATH}/batch", {"mappings": [*rows, {**DOCUMENT_5, "target_bot_id": 99}]})
    assert [told["data"]["kook_channel_id"] for told in memory.told("forward_mapping.created")] == ["0", "1", "2"]
    before = len(memory.told("forward_mapping."))
    more = [
        rows[0],
        {**rows[1], "enabled": 0, "filters": {"include": ["更新"]}},
        {**DOCUMENT_5, "kook_channel_id": "9"},
    ]
    assert deployment.call("POST", f"{PATH}/import", {"mappings": more}).status == 200
    deployment.call("DELETE", f"{PATH}/3")
    told = memory.told("forward_mapping.")[before:]
    found = sorted((one["type"], one["data"]["kook_channel_id"], one["data"].get("changes")) for one in told)
    assert found == [
        ("forward_mapping.created", "9", None),
        ("forward_mapping.deleted", "2", None),
        ("forward_mapping.updated", "1", ["enabled", "filters"]),
    ]
    assert all("filters" not in one["data"] for one in told)
    assert {one["requestId"] for one in told if one["type"] != "forward_mapping.deleted"} == {told[0]["requestId"]}


def test_a_batch_ends_at_the_quota(deployment: Deployment, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (service, many):
        monkeypatch.setattr(module, "MAX_MAPPINGS", 2)
    rows = [{**DOCUMENT_5, "kook_channel_id": str(number)} for number in range(3)]
    told = deployment.call("POST", f"{PATH}/batch", {"mappings": rows}).json["data"]
    assert [row.get("error_code") for row in told] == [None, None, "QUOTA_EXCEEDED"]
    refused(deployment.call("POST", PATH, DOCUMENT_5), 422, "QUOTA_EXCEEDED")
    refused(deployment.call("POST", f"{PATH}/import", {"mappings": [DOCUMENT_5]}), 422, "QUOTA_EXCEEDED")


def test_what_was_exported_is_imported_as_it_was_however_often(deployment: Deployment) -> None:
    add(deployment, filters={"include": ["更新"]}, sender_prefix=True)
    add(deployment, kook_channel_id="2", target_platform="telegram", target_bot_id=2, enabled=0)
    before = exported(deployment)
    again = deployment.call("POST", f"{PATH}/import", before)
    assert (again.json["created"], again.json["updated"], again.json["unchanged"]) == (0, 0, 2)
    assert exported(deployment)["mappings"] == before["mappings"]
    for mapping in ("1", "2"):
        deployment.call("DELETE", f"{PATH}/{mapping}")
    assert deployment.call("POST", f"{PATH}/import", before).json["created"] == 2

    def without_ids(told: Any) -> Any:
        return [{**row, "id": 0} for row in told["mappings"]]

    assert without_ids(exported(deployment)) == without_ids(before)
    assert [one["mapping_count"] for one in deployment.call("GET", "/api/bots").json["data"]] == [1, 1, 0]
    assert [route.mapping_id for route in store.routes("default", "9876543210")] == ["000000000003"]


def test_an_import_changes_the_mappings_that_go_the_same_way(deployment: Deployment) -> None:
    add(deployment)
    rows = [{**DOCUMENT_5, "enabled": 0, "kook_channel_name": "新名"}, {**DOCUMENT_5, "kook_channel_id": "2"}]
    answer = deployment.call("POST", f"{PATH}/import", {"mappings": rows})
    assert (answer.json["created"], answer.json["updated"]) == (1, 1)
    assert [(one["id"], one["enabled"], one["kook_channel_name"]) for one in everything(deployment)] == [
        (1, 0, "新名"),
        (2, 1, "公告频道"),
    ]


@pytest.mark.parametrize(
    ("row", "told"),
    [
        ({"target_bot_id": 99}, "不存在"),
        ({"target_platform": "telegram"}, "不存在"),
        ({"kook_channel_id": ""}, "格式不正确"),
        ({"kook_channel_id": "1"}, "不能重复"),
        ({"target_channel_id": "9876543210"}, "不能是来源频道本身"),
    ],
)
def test_an_import_is_whole_or_nothing(deployment: Deployment, row: Any, told: str) -> None:
    rows = [{**DOCUMENT_5, "kook_channel_id": "1"}, {**DOCUMENT_5, **row}]
    answer = refused(deployment.call("POST", f"{PATH}/import", {"mappings": rows}), 400, "INVALID_REQUEST")
    assert told in answer["error_message"]
    assert everything(deployment) == []
    add(deployment)  # the gate is open


def test_more_than_a_transaction_holds_are_imported(deployment: Deployment, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(changes, "MAX_TOGETHER", 5)
    rows = [{**DOCUMENT_5, "kook_channel_id": str(number)} for number in range(9)]
    assert deployment.call("POST", f"{PATH}/import", {"mappings": rows}).json["created"] == 9
    assert len(everything(deployment)) == 9
    assert deployment.call("GET", "/api/bots/1").json["data"]["mapping_count"] == 9
