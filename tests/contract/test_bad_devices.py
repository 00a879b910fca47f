"""`/v1/iot/devices` refuses what is wrong, in document 3's style and both languages, and keeps nothing of it."""

import json
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed25519, rsa

from hub import ids
from tests.conftest import Deployment
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

STRING, LIST = ("必须是字符串", "must be a string"), ("必须是数组", "must be a list")
OBJECT, INTEGER = ("必须是对象", "must be an object"), ("必须是整数", "must be an integer")
MISSING, UNKNOWN = ("不能为空", "is required"), ("未知字段", "is not a known field")
MALFORMED, TWICE = ("格式不正确", "is malformed"), ("不能重复", "must not repeat")
WEAK = (
    "的密钥须为 2048 位以上的 RSA 密钥,或 P-256、P-384 密钥",
    "must have an RSA key of 2048 bits or more, or a P-256 or P-384 key",
)
TYPES = (STRING, LIST, OBJECT, INTEGER)

Words = tuple[str, str]


def at_most(number: int) -> Words:
    return f"长度不能超过 {number}", f"must have a length of at most {number}"


def at_least(number: int) -> Words:
    return f"长度不能少于 {number}", f"must have a length of at least {number}"


def bytes_at_most(number: int) -> Words:
    return f"不能超过 {number} 字节", f"must have at most {number} bytes"


WRONG: list[tuple[str, Any, str, Words]] = [
    ("name", 5, "name", STRING),
    ("name", None, "name", STRING),
    ("name", "", "name", at_least(1)),
    ("name", " \t\u3000", "name", MISSING),
    ("name", "x" * 101, "name", at_most(100)),
    ("name", "x" * 900_000, "name", at_most(100)),
    ("type", 5, "type", STRING),
    ("type", "", "type", at_least(1)),
    ("type", "\u3000", "type", MISSING),
    ("type", "t" * 101, "type", at_most(100)),
    ("tags", "home", "tags", LIST),
    ("tags", None, "tags", LIST),
    ("tags", [1], "tags.0", STRING),
    ("tags", ["a", ""], "tags.1", at_least(1)),
    ("tags", ["t" * 51], "tags.0", at_most(50)),
    ("tags", ["a", "b", "a"], "tags", TWICE),
    ("tags", [str(number) for number in range(21)], "tags", at_most(20)),
    ("attributes", ["a"], "attributes", OBJECT),
    ("attributes", None, "attributes", OBJECT),
    ("attributes", {"a": 5}, "attributes.a", STRING),
    ("attributes", {"a": None}, "attributes.a", STRING),
    ("attributes", {"a": {"b": "c"}}, "attributes.a", STRING),
    ("attributes", {"a": "x" * 801}, "attributes.a", at_most(800)),
    ("attributes", {"x" * 65: "a"}, f"attributes.{'x' * 65}", at_most(64)),
    ("attributes", {" ": "a"}, "attributes. ", MISSING),
    ("attributes", {str(number): "a" for number in range(51)}, "attributes", at_most(50)),
    ("attributes", {str(number): "长" * 800 for number in range(9)}, "attributes", bytes_at_most(20_000)),
    ("status", "online", "status", UNKNOWN),
    ("id", "device_1", "id", UNKNOWN),
    ("lastSeenAt", "2024-01-01T00:00:00Z", "lastSeenAt", UNKNOWN),
    ("certificates", [], "certificates", UNKNOWN),
    ("version", 3, "version", UNKNOWN),
]
P256 = ec.generate_private_key(ec.SECP256R1())
GOOD = signing_request(P256)
CSRS: list[tuple[Any, Words]] = [
    (5, STRING),
    (["a"], STRING),
    ("", at_least(1)),
    ("a", MALFORMED),
    ("\x00" * 100, MALFORMED),
    ("长" * 100, MALFORMED),
    ("x" * 8_193, at_most(8_192)),
    (GOOD.replace("CERTIFICATE REQUEST", "CERTIFICATE"), MALFORMED),
    (GOOD.replace("CERTIFICATE REQUEST", "PRIVATE KEY"), MALFORMED),
    (GOOD[: len(GOOD) // 2], MALFORMED),
    ("\n".join([*GOOD.splitlines()[:2], GOOD.splitlines()[1], *GOOD.splitlines()[2:]]), MALFORMED),
    (signing_request(rsa.generate_private_key(65537, 1024)), WEAK),
    (signing_request(ec.generate_private_key(ec.SECP521R1())), WEAK),
    (signing_request(ec.generate_private_key(ec.SECP256K1())), WEAK),
]


def forged() -> str:
    """A request with a signature by another key than the one that it asks a certificate for."""
    from cryptography import x509
    from cryptography.hazmat.primitives.serialization import Encoding

    signature = x509.load_pem_x509_csr(signing_request().encode()).signature
    der = x509.load_pem_x509_csr(GOOD.encode()).public_bytes(Encoding.DER)
    own = x509.load_pem_x509_csr(GOOD.encode()).signature
    while len(signature) != len(own):
        signature = x509.load_pem_x509_csr(signing_request().encode()).signature
    return x509.load_der_x509_csr(der.replace(own, signature)).public_bytes(Encoding.PEM).decode()


def refused_alike(api: Deployment, method: str, target: str, body: Any, field: str, reasons: Words) -> None:
    code = 40002 if reasons in TYPES else 40001
    for headers, reason in zip(({}, ENGLISH), reasons, strict=True):
        found = refused(api.call(method, target, body, headers=headers), 400, code)
        assert list(found) == [field]
        assert found[field].endswith(reason)


@pytest.mark.parametrize(("name", "value", "field", "reasons"), WRONG)
def test_a_wrong_field_is_named_and_nothing_is_made(
    deployment: Deployment, name: str, value: Any, field: str, reasons: Words
) -> None:
    refused_alike(deployment, "POST", DEVICES, LAMP | {name: value}, field, reasons)
    assert certificates() == []
    assert deployment.call("GET", DEVICES).json["data"]["items"] == []


@pytest.mark.parametrize(("name", "value", "field", "reasons"), [*WRONG, ("csr", GOOD, "csr", UNKNOWN)])
def test_a_wrong_field_of_a_change_is_named_and_nothing_changes(
    deployment: Deployment, name: str, value: Any, field: str, reasons: Words
) -> None:
    device = make(deployment)
    device.pop("credentials")
    for method in ("PUT", "PATCH"):
        refused_alike(deployment, method, path(device), {"tags": ["b"], name: value}, field, reasons)
    assert get(deployment, device) == device


@pytest.mark.parametrize(("csr", "reasons"), CSRS)
def test_a_wrong_signing_request_is_refused(deployment: Deployment, csr: Any, reasons: Words) -> None:
    refused_alike(deployment, "POST", DEVICES, LAMP | {"csr": csr}, "csr", reasons)
    assert registered() == {}
    device = make(deployment)
    refused_alike(deployment, "POST", f"{path(device)}/certificates", {"csr": csr}, "csr", reasons)
    assert len(certificates()) == 1


@pytest.mark.parametrize("key", [ed25519.Ed25519PrivateKey, lambda: dsa.generate_private_key(2048)])
def test_a_signing_request_of_another_kind_of_key_is_refused(deployment: Deployment, key: Any) -> None:
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.serialization import Encoding

    own = key.generate() if hasattr(key, "generate") else key()
    algorithm = None if isinstance(own, ed25519.Ed25519PrivateKey) else hashes.SHA256()
    request = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([])).sign(own, algorithm)
    csr = request.public_bytes(Encoding.PEM).decode()
    refused_alike(deployment, "POST", DEVICES, LAMP | {"csr": csr}, "csr", WEAK)


def test_a_signing_request_that_its_key_did_not_sign_is_refused(deployment: Deployment) -> None:
    refused_alike(deployment, "POST", DEVICES, LAMP | {"csr": forged()}, "csr", MALFORMED)
    assert certificates() == []


@pytest.mark.parametrize(
    ("body", "field", "reasons"),
    [
        ("", "name", MISSING),
        ("{}", "name", MISSING),
        ('{"name": "a"', "body", ("不是有效的 JSON", "is not valid JSON")),
        ('{"name": "\\ud83d"}', "body", ("不是有效的 JSON", "is not valid JSON")),
        ("[]", "body", OBJECT),
        ("null", "body", OBJECT),
        ('"name"', "body", OBJECT),
    ],
)
def test_a_body_that_is_no_device_is_refused(deployment: Deployment, body: str, field: str, reasons: Words) -> None:
    refused_alike(deployment, "POST", DEVICES, body, field, reasons)


def test_a_huge_body_and_another_content_type_are_refused(deployment: Deployment) -> None:
    refused(deployment.call("POST", DEVICES, {"name": "x" * 2_000_000}), 413, 40001)
    form = deployment.call("POST", DEVICES, "name=a", headers={"content-type": "application/x-www-form-urlencoded"})
    refused(form, 415, 40001)


DEEP: Any = 1
for _ in range(6):
    DEEP = {"a": DEEP}


@pytest.mark.parametrize(
    ("body", "field", "reasons"),
    [
        ({}, "desired", MISSING),
        ({"desired": None}, "desired", OBJECT),
        ({"desired": [1]}, "desired", OBJECT),
        ({"desired": "on"}, "desired", OBJECT),
        ({"desired": {"a": DEEP}}, "desired", ("嵌套不能超过 6 层", "must not be nested deeper than 6 levels")),
        ({"desired": {"a": "x" * 8_185}}, "desired", bytes_at_most(8_192)),
        ({"desired": {"a": "长" * 2_800}}, "desired", bytes_at_most(8_192)),
        ({"desired": {}, "reported": {"on": True}}, "reported", UNKNOWN),
        ({"desired": {}, "version": "1"}, "version", INTEGER),
        ({"desired": {}, "version": 1.5}, "version", INTEGER),
        ({"desired": {}, "version": 0}, "version", ("不能小于 1", "must be at least 1")),
        ('{"desired": {"a": NaN}}', "desired", MALFORMED),
        ('{"desired": {"a": 1e999}}', "desired", MALFORMED),
        ('{"desired": ' + "[" * 100_000, "body", ("不是有效的 JSON", "is not valid JSON")),
    ],
)
def test_a_wrong_shadow_is_refused(deployment: Deployment, body: Any, field: str, reasons: Words) -> None:
    device = make(deployment)
    refused_alike(deployment, "PATCH", f"{path(device)}/shadow", body, field, reasons)
    assert deployment.call("GET", f"{path(device)}/shadow").json["data"]["version"] == 0


def test_a_shadow_at_its_limits_is_taken(deployment: Deployment) -> None:
    shadow = f"{path(make(deployment))}/shadow"
    for desired in (DEEP, {"a": "x" * (8_192 - len('{"a":""}'))}):
        assert deployment.call("PATCH", shadow, {"desired": desired}).status == 200


@pytest.mark.parametrize(
    ("code", "status", "business_code"),
    [
        ("ConflictException", 409, 40901),
        ("RequestEntityTooLargeException", 400, 40001),
        ("InvalidRequestException", 400, 40001),
        ("ThrottlingException", 503, 50000),
        ("InternalFailureException", 500, 50000),
    ],
)
def test_what_iot_core_says_of_a_shadow_is_told(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch, code: str, status: int, business_code: int
) -> None:
    from botocore.exceptions import ClientError

    from hub import aws

    def refuse(**_: Any) -> Any:
        raise ClientError({"Error": {"Code": code}}, "UpdateThingShadow")

    device = make(deployment)
    monkeypatch.setattr(aws.iot_data(), "update_thing_shadow", refuse, raising=False)
    answer = deployment.call("PATCH", f"{path(device)}/shadow", {"desired": {"on": True}})
    assert (answer.status, answer.json["code"]) == (status, business_code)


@pytest.mark.parametrize(
    "query",
    [
        "status[gt",
        "colour=red",
        "attributes=a",
        "certificates=a",
        "lastSeenAt[like]=2024",
        "createdAt=yesterday",
        "page=0",
        "pageSize=101",
        "limit=0",
        "cursor=%00",
        "sort=tags",
        "fields=secret",
        "order=up",
    ],
)
def test_a_wrong_query_is_refused(deployment: Deployment, query: str) -> None:
    answer = deployment.call("GET", f"{DEVICES}?{query}")
    assert answer.status == 400, answer.text
    assert [error["field"] for error in answer.json["errors"]] == [query.partition("=")[0]]


def test_a_change_of_nothing_is_refused(deployment: Deployment) -> None:
    device = make(deployment)
    for method in ("PUT", "PATCH"):
        refused_alike(deployment, method, path(device), {}, "body", ("没有可更新的字段", "has nothing to change"))


def requests(device: dict[str, Any]) -> list[tuple[str, str, Any, str]]:
    """Every request about a device, as its owner could send it, and what it takes."""
    certificate = device["certificates"][0]["id"]
    return [
        ("GET", path(device), None, "read"),
        ("PUT", path(device), {"name": "stolen"}, "write"),
        ("PATCH", path(device), {"name": "stolen"}, "write"),
        ("POST", f"{path(device)}/certificates", {}, "write"),
        ("GET", f"{path(device)}/shadow", None, "read"),
        ("PATCH", f"{path(device)}/shadow", {"desired": {"on": True}}, "write"),
        ("DELETE", f"{path(device)}/certificates/{certificate}", None, "write"),
        ("DELETE", path(device), None, "write"),
    ]


def test_without_a_credential_or_its_permission_nothing_is_told(deployment: Deployment) -> None:
    device = make(deployment)
    reader, stranger = (deployment.new_key(name)["key"] for name in ("iot:read", "orders:write"))
    for method, target, body, needed in [("POST", DEVICES, LAMP, "write"), *requests(device)]:
        assert refused(deployment.call(method, target, body, key=None), 401, 40101) == {}
        assert refused(deployment.call(method, target, body, key=stranger), 403, 40301) == {}
        answer = deployment.call(method, target, body, key=reader)
        assert answer.status == (200 if needed == "read" else 403)
    assert deployment.call("GET", DEVICES, key=reader).status == 200
    assert deployment.call("GET", DEVICES, key=stranger).status == 403
    writer = deployment.new_key("iot:write")["key"]
    assert deployment.call("POST", DEVICES, LAMP, key=writer).status == 201


def test_another_tenants_device_and_one_that_never_was_are_404_alike(
    deployment: Deployment, other_tenant: Deployment
) -> None:
    device = make(deployment)
    before = get(deployment, device), registered()
    never = {"id": ids.new("device"), "certificates": device["certificates"]}
    for one in (device, never, {**never, "id": "device_' OR 1=1"}, {**never, "id": "x" * 129}):
        for method, target, body, _ in requests(one):
            answer = other_tenant.call(method, target.replace(" ", "%20"), body, headers=ENGLISH | {"if-match": '"1"'})
            assert refused(answer, 404, 40401) == {}
            assert answer.json["message"] == "The resource does not exist"
    for unknown in ("0" * 64, "x" * 129, "%2F"):
        refused(deployment.call("DELETE", f"{path(device)}/certificates/{unknown}"), 404, 40401)
    assert (get(deployment, device), registered()) == before
    assert other_tenant.call("GET", DEVICES).json["data"]["items"] == []


def test_a_key_of_idempotency_for_two_bodies_is_refused(deployment: Deployment) -> None:
    once = {"idempotency-key": ids.new("key")}
    assert deployment.call("POST", DEVICES, LAMP, headers=once).status == 201
    refused(deployment.call("POST", DEVICES, LAMP | {"name": "b"}, headers=once), 422, 42201)
    assert len(certificates()) == 1


def test_an_answer_of_one_hundred_of_the_largest_devices_has_room(deployment: Deployment) -> None:
    largest = {
        "name": "\x01" * 100,
        "type": "\x01" * 100,
        "tags": [f"{number:02}{chr(1) * 48}" for number in range(20)],
        "attributes": {str(number): "\x01" * 270 for number in range(9)},
    }
    device = make(deployment, **largest)
    device.pop("credentials")
    assert 100 * len(json.dumps(json.dumps(device, ensure_ascii=False)).encode()) < 6_000_000
