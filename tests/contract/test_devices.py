"""`/v1/iot/devices`: a device's way through the API, from its credentials to its end."""

import json
import re
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key

from hub import ids
from tests.conftest import Deployment
from tests.contract import memory
from tests.contract.devices import (
    DEVICES,
    ENGLISH,
    LAMP,
    certificates,
    get,
    make,
    path,
    refused,
    registered,
    signing_request,
)

TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")


def told(device: dict[str, Any]) -> list[Any]:
    """The events of a device, each once, in their order."""
    events = {event["detail"]["id"]: event["detail"] for event in memory.published()}
    return [event for event in events.values() if event["data"].get("device_id") == device["id"]]


def test_a_device_is_made_shown_changed_and_deleted(deployment: Deployment) -> None:
    made = deployment.call("POST", DEVICES, LAMP)
    assert made.status == 201
    assert made.headers["ETag"] == '"1"'
    assert made.json | {"data": None} == {"code": 0, "message": "success", "data": None}
    device = dict(made.json["data"])
    credentials = device.pop("credentials")
    assert TIME.fullmatch(device["createdAt"])
    assert device == LAMP | {
        "id": device["id"],
        "status": "offline",
        "certificates": [{"id": credentials["certificateId"], "createdAt": device["createdAt"]}],
        "lastSeenAt": None,
        "createdAt": device["createdAt"],
        "updatedAt": device["createdAt"],
        "version": 1,
    }
    assert get(deployment, device) == device
    assert deployment.call("GET", path(device), headers={"if-none-match": '"1"'}).status == 304

    for method, changes in (("PUT", {"name": "卧室灯", "tags": []}), ("PATCH", {"type": None, "attributes": {}})):
        changed = deployment.call(method, path(device), changes)
        assert changed.status == 200
        device |= changes | {"updatedAt": changed.json["data"]["updatedAt"], "version": device["version"] + 1}
        assert changed.json["data"] == device
        assert changed.headers["ETag"] == f'"{device["version"]}"'
    assert deployment.call("PATCH", path(device), {"name": "卧室灯"}).json["data"] == device, "nothing changed"

    assert deployment.call("DELETE", path(device)).status == 204
    for method, body in (("GET", None), ("PATCH", {"name": "x"}), ("DELETE", None)):
        refused(deployment.call(method, path(device), body), 404, 40401)
    assert deployment.call("GET", DEVICES).json["data"]["items"] == []


def test_each_change_is_an_event(deployment: Deployment) -> None:
    device = make(deployment)
    deployment.call("PATCH", path(device), {"type": "heater", "name": "暖气", "tags": LAMP["tags"]})
    second = deployment.call("POST", f"{path(device)}/certificates", {}).json["data"]
    deployment.call("DELETE", f"{path(device)}/certificates/{second['certificateId']}")
    deployment.call("DELETE", path(device))
    events = told(device)
    assert [(event["type"], event["data"].get("changes")) for event in events] == [
        ("device.created", None),
        ("device.updated", ["name", "type"]),
        ("device.updated", ["certificates"]),
        ("device.updated", ["certificates"]),
        ("device.deleted", None),
    ]
    assert [event["data"]["version"] for event in events] == [1, 2, 3, 4, 5]
    assert [len(event["data"]["certificates"]) for event in events] == [1, 1, 2, 1, 1]
    assert events[1]["data"]["name"] == "暖气"


def test_credentials_are_good_for_the_device_alone_and_shown_once(deployment: Deployment) -> None:
    device = make(deployment)
    credentials = device["credentials"]
    thing = f"default:{device['id']}"
    certificate = x509.load_pem_x509_certificate(credentials["certificate"].encode())
    key = load_pem_private_key(credentials["privateKey"].encode(), password=None)
    assert key.public_key() == certificate.public_key()
    assert registered() == {thing: {credentials["certificateId"]: "ACTIVE"}}
    assert credentials["clientId"] == thing
    assert re.fullmatch(r"[a-z0-9]+-ats\.iot\.us-east-1\.amazonaws\.com", credentials["endpoint"])
    assert credentials["caUrl"] == "https://www.amazontrust.com/repository/AmazonRootCA1.pem"
    assert credentials["topics"] == {
        "commands": f"hub/{thing}/commands",
        "acknowledgements": f"hub/{thing}/commands/ack",
        "alerts": f"hub/{thing}/alerts",
        "shadow": f"$aws/things/{thing}/shadow",
    }
    assert "credentials" not in get(deployment, device)


def test_the_private_key_is_stored_logged_and_told_nowhere(
    deployment: Deployment, capsys: pytest.CaptureFixture[str]
) -> None:
    once = {"idempotency-key": ids.new("key")}
    made, again = (deployment.call("POST", DEVICES, LAMP, headers=once) for _ in range(2))
    assert again.headers["Idempotency-Replayed"] == "true"
    assert again.text == made.text
    key = made.json["data"]["credentials"]["privateKey"]
    lines = [line for line in key.splitlines() if "-----" not in line]
    out = "".join(capsys.readouterr())
    for place in (str(memory.stored()), json.dumps(told(made.json["data"])), out):
        assert place
        assert not [line for line in lines if line in place]


@pytest.mark.parametrize("key", [ec.SECP256R1(), ec.SECP384R1(), 2048, 3072])
def test_a_device_that_makes_its_own_key_never_gives_it_away(deployment: Deployment, key: Any) -> None:
    own = rsa.generate_private_key(65537, key) if isinstance(key, int) else ec.generate_private_key(key)
    device = make(deployment, csr=signing_request(own))
    assert device["credentials"]["privateKey"] is None
    assert registered() == {device["credentials"]["clientId"]: {device["credentials"]["certificateId"]: "ACTIVE"}}


def test_what_is_pasted_with_a_signing_request_goes_no_further(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    from functions.iot.devices import identities

    sent: list[str | None] = []
    issue = identities.issue

    def watched(csr: str | None) -> identities.Issued:
        sent.append(csr)
        return issue(csr)

    monkeypatch.setattr(identities, "issue", watched)
    request = signing_request()
    make(deployment, csr=f"the key is hunter2\r\n{request}and more")
    assert sent == [x509.load_pem_x509_csr(request.encode()).public_bytes(Encoding.PEM).decode()]


def test_a_certificate_is_replaced_without_a_gap(deployment: Deployment) -> None:
    device = make(deployment)
    thing, first = device["credentials"]["clientId"], device["credentials"]["certificateId"]
    second = deployment.call("POST", f"{path(device)}/certificates", {"csr": signing_request()})
    assert second.status == 201
    credentials = second.json["data"]
    assert set(credentials) == set(device["credentials"])
    assert credentials["clientId"] == thing
    assert registered() == {thing: {first: "ACTIVE", credentials["certificateId"]: "ACTIVE"}}

    third = deployment.call("POST", f"{path(device)}/certificates", {})
    assert refused(third, 422, 42201) == {"certificates": "证书最多包含 2 个值"}
    assert len(certificates()) == 2, "nothing is left of what was refused"

    assert deployment.call("DELETE", f"{path(device)}/certificates/{first}").status == 204
    assert registered() == {thing: {credentials["certificateId"]: "ACTIVE"}}
    assert [one["id"] for one in get(deployment, device)["certificates"]] == [credentials["certificateId"]]
    refused(deployment.call("DELETE", f"{path(device)}/certificates/{first}"), 404, 40401)
    # A device without any stays, and gets its next one when its owner has found it again.
    assert deployment.call("DELETE", f"{path(device)}/certificates/{credentials['certificateId']}").status == 204
    assert registered() == {thing: {}}
    assert deployment.call("POST", f"{path(device)}/certificates", {}).status == 201


def test_a_deleted_device_leaves_nothing_in_iot_core(deployment: Deployment) -> None:
    device, other = make(deployment), make(deployment)
    deployment.call("POST", f"{path(device)}/certificates", {})
    deployment.call("PATCH", f"{path(device)}/shadow", {"desired": {"on": True}})
    assert deployment.call("DELETE", path(device)).status == 204
    assert registered() == {other["credentials"]["clientId"]: {other["credentials"]["certificateId"]: "ACTIVE"}}
    assert len(certificates()) == 1


def test_the_shadow_tells_what_is_and_what_is_to_be(deployment: Deployment) -> None:
    device = make(deployment)
    shadow = f"{path(device)}/shadow"
    nothing: dict[str, Any] = {
        "desired": {},
        "reported": {},
        "delta": {},
        "desiredAt": None,
        "reportedAt": None,
        "version": 0,
    }
    assert deployment.call("GET", shadow).json == {"code": 0, "message": "success", "data": nothing}

    wanted = {"on": True, "brightness": 80, "颜色": {"色温": 2700.5}, "scenes": ["晚上", None]}
    changed = deployment.call("PATCH", shadow, {"desired": wanted}).json["data"]
    assert TIME.fullmatch(changed.pop("desiredAt"))
    assert changed == {"desired": wanted, "reported": {}, "delta": wanted, "reportedAt": None, "version": 1}

    reported = json.dumps({"state": {"reported": {"on": True, "brightness": 10}}}).encode()
    memory.client("iot-data").update_thing_shadow(thingName=device["credentials"]["clientId"], payload=reported)
    now = deployment.call("GET", shadow).json["data"]
    assert now["reported"] == {"on": True, "brightness": 10}
    assert now["delta"] == {name: value for name, value in wanted.items() if name != "on"}
    assert now["version"] == 2
    assert TIME.fullmatch(now["reportedAt"])

    merged = deployment.call("PATCH", shadow, {"desired": {"brightness": None, "颜色": {"饱和": 1}}, "version": 2})
    assert merged.json["data"]["desired"]["颜色"] == {"色温": 2700.5, "饱和": 1}
    assert "brightness" not in merged.json["data"]["desired"]
    stale = deployment.call("PATCH", shadow, {"desired": {"on": False}, "version": 2})
    assert refused(stale, 409, 40901) == {}
    assert deployment.call("GET", shadow).json["data"]["desired"]["on"] is True


def test_a_change_of_what_has_changed_since_it_was_read_is_refused(deployment: Deployment) -> None:
    device = make(deployment)
    first = deployment.call("PATCH", path(device), {"name": "a"}, headers={"if-match": '"1"'})
    assert (first.status, first.headers["ETag"]) == (200, '"2"')
    for method in ("PATCH", "PUT"):
        late = deployment.call(method, path(device), {"name": "b"}, headers={"if-match": '"1"'})
        assert refused(late, 412, 40901) == {}
        english = deployment.call(method, path(device), {"name": "b"}, headers={"if-match": '"1"'} | ENGLISH)
        assert english.json["message"] == "The resource has changed since it was read"
    assert get(deployment, device)["name"] == "a"
    assert deployment.call("PATCH", path(device), {"name": "b"}, headers={"if-match": "*"}).status == 200


def test_lists_take_the_documents_query_language(deployment: Deployment) -> None:
    lamps = [make(deployment, name=name, tags=tags) for name, tags in (("客厅灯", ["家"]), ("卧室灯", ["家", "楼上"]))]
    heater = make(deployment, name="暖气", type="heater", tags=[])
    bare = make(deployment, name="x", type=None, tags=[])

    def found(query: str) -> list[str]:
        answer = deployment.call("GET", f"{DEVICES}?{query}")
        assert answer.status == 200, answer.text
        return [row["id"] for row in answer.json["data"]["items"]]

    newest = [bare["id"], heater["id"], lamps[1]["id"], lamps[0]["id"]]
    assert found("") == newest
    assert found("order=asc") == newest[::-1]
    assert found("type=lamp") == newest[2:]
    assert found("type[in]=lamp,heater&limit=10") == newest[1:]
    assert found("type[ne]=lamp") == newest[:2]
    assert found("status=offline&tags=楼上") == [lamps[1]["id"]]
    assert found("status=online") == []
    assert found("search=灯&sort=name&order=asc") == [lamps[1]["id"], lamps[0]["id"]]
    assert found("name[like]=灯&createdAt[gte]=2024-01-01") == newest[2:]
    assert found("sort=lastSeenAt") == newest
    page = deployment.call("GET", f"{DEVICES}?page=2&pageSize=3&fields=id,name").json["data"]
    assert page["items"] == [{"id": lamps[0]["id"], "name": "客厅灯"}]
    assert page["pagination"] == {"page": 2, "pageSize": 3, "total": 4, "totalPages": 2}
    first = deployment.call("GET", f"{DEVICES}?limit=3").json
    assert first["cursor"]["hasMore"] is True
    assert found(f"limit=3&cursor={first['cursor']['next']}") == newest[3:]


def test_a_deleted_device_is_in_no_list(deployment: Deployment) -> None:
    device = make(deployment)
    deployment.call("DELETE", path(device))
    for query in ("", "type=lamp", "status=offline", "search=灯", "limit=5"):
        assert deployment.call("GET", f"{DEVICES}?{query}").json["data"]["items"] == []
