"""Devices over the API, and what IoT Core has of them."""

from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.types import CertificateIssuerPrivateKeyTypes
from cryptography.hazmat.primitives.serialization import Encoding

from tests.conftest import Answer, Deployment
from tests.contract import memory

DEVICES = "/v1/iot/devices"
LAMP = {"name": "客厅灯", "type": "lamp", "tags": ["家"], "attributes": {"房间": "客厅", "model": "L-1"}}
ENGLISH = {"accept-language": "en-US"}


def make(deployment: Deployment, **more: Any) -> dict[str, Any]:
    """Make a device; answers with it and its credentials."""
    made = deployment.call("POST", DEVICES, LAMP | more)
    assert made.status == 201, made.text
    device: dict[str, Any] = made.json["data"]
    return device


def get(deployment: Deployment, device: dict[str, Any]) -> dict[str, Any]:
    """A device as it is shown now."""
    answer = deployment.call("GET", path(device))
    assert answer.status == 200, answer.text
    shown: dict[str, Any] = answer.json["data"]
    return shown


def path(device: dict[str, Any]) -> str:
    """Where a device is."""
    return f"{DEVICES}/{device['id']}"


def refused(answer: Answer, status: int, code: int) -> dict[str, str]:
    """Check the shape of a refusal; answers with the message of each field."""
    assert (answer.status, answer.json["code"]) == (status, code), answer.text
    assert set(answer.json) == {"code", "message", "errors", "requestId"}
    return {error["field"]: error["message"] for error in answer.json["errors"]}


def signing_request(key: CertificateIssuerPrivateKeyTypes | None = None) -> str:
    """A CSR in PEM, by default for a new P-256 key."""
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "lamp")])
    builder = x509.CertificateSigningRequestBuilder().subject_name(name)
    request = builder.sign(key or ec.generate_private_key(ec.SECP256R1()), hashes.SHA256())
    return request.public_bytes(Encoding.PEM).decode()


def registered() -> dict[str, dict[str, str]]:
    """What IoT Core knows: by thing the status of each certificate that it can use, with the policy on it."""
    iot = memory.client("iot")
    found: dict[str, dict[str, str]] = {thing["thingName"]: {} for thing in iot.list_things()["things"]}
    for certificate in certificates():
        policies = iot.list_attached_policies(target=certificate["certificateArn"])["policies"]
        for thing in iot.list_principal_things(principal=certificate["certificateArn"])["things"]:
            if [policy["policyName"] for policy in policies] == ["DevicePolicy"]:
                found[thing][certificate["certificateId"]] = certificate["status"]
    return found


def certificates() -> list[dict[str, str]]:
    """Every certificate of the account, attached to something or not."""
    found: list[dict[str, str]] = memory.client("iot").list_certificates()["certificates"]
    return found
