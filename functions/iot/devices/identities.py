"""Who a device is to AWS IoT Core: a thing, its certificates, and the policy that all devices share (docs/iot.md).

Everything here may be done again after it was done in part or in whole.
"""

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import cache

from botocore.exceptions import ClientError

from functions.iot.devices.store import StoredCertificate
from hub import aws, settings
from hub.errors import FieldError, InvalidRequest, NotFound, Unavailable

SETTLING_SECONDS = (0.2, 0.4, 0.8, 1.6, 3.2)
"""Waits for a detachment, which "might take several seconds to propagate" (DetachThingPrincipal)."""

_THROTTLED = {"ThrottlingException", "ServiceUnavailableException"}


@dataclass(frozen=True)
class DeviceSettings:
    """The policy of all devices, where they connect (empty: the account's endpoint), and whom they trust there."""

    device_policy_name: str
    device_ca_url: str
    device_endpoint: str = ""


@dataclass(frozen=True, slots=True)
class Issued:
    """A new certificate, in PEM as its key is; no key where the device made its own."""

    id: str
    arn: str
    pem: str
    private_key: str | None = field(repr=False)


class _NotFound(Exception):
    """IoT Core knows no such thing or certificate."""


@cache
def endpoint() -> str:
    """Where devices connect: a host, with a port where it is not 8883."""
    configured = _settings().device_endpoint
    if configured:
        return configured
    with _translated():
        address: str = aws.iot().describe_endpoint(endpointType="iot:Data-ATS")["endpointAddress"]
    return address


def ca_url() -> str:
    """Where the certificate authority is found that signed the endpoint's certificate."""
    return _settings().device_ca_url


def issue(csr: str | None) -> Issued:
    """Have a certificate made that nobody can connect with yet. Raises `InvalidRequest` for a CSR that is refused."""
    if csr is None:
        with _translated():
            made = aws.iot().create_keys_and_certificate(setAsActive=False)
        key = made["keyPair"]["PrivateKey"]
        return Issued(made["certificateId"], made["certificateArn"], made["certificatePem"], key)
    try:
        with _translated():
            signed = aws.iot().create_certificate_from_csr(certificateSigningRequest=csr, setAsActive=False)
    except ClientError as error:
        if error.response["Error"]["Code"] != "InvalidRequestException":
            raise
        raise InvalidRequest(FieldError("csr", "malformed")) from None
    return Issued(signed["certificateId"], signed["certificateArn"], signed["certificatePem"], None)


def register(thing: str) -> None:
    """Make a thing."""
    with _translated():
        aws.iot().create_thing(thingName=thing)


def admit(thing: str, certificate: StoredCertificate) -> None:
    """Let a device connect with a certificate. Raises `NotFound` where the device is deleted meanwhile."""
    client = aws.iot()
    try:
        with _translated():
            client.attach_policy(policyName=_settings().device_policy_name, target=certificate["arn"])
            client.attach_thing_principal(thingName=thing, principal=certificate["arn"])
            client.update_certificate(certificateId=certificate["id"], newStatus="ACTIVE")
    except _NotFound:
        raise NotFound from None


def withdraw(thing: str, certificate: StoredCertificate) -> None:
    """Let a device connect with a certificate no more. Raises `Unavailable` where IoT Core takes too long over it."""
    client, arn = aws.iot(), certificate["arn"]
    try:
        with _translated():
            client.update_certificate(certificateId=certificate["id"], newStatus="INACTIVE")
    except _NotFound:
        # What is still attached to something cannot have been deleted.
        return
    with suppress(_NotFound), _translated():
        client.detach_policy(policyName=_settings().device_policy_name, target=arn)
    with suppress(_NotFound), _translated():
        client.detach_thing_principal(thingName=thing, principal=arn)
    _once_settled("DeleteConflictException", lambda: client.delete_certificate(certificateId=certificate["id"]))


def end(thing: str, certificates: Iterable[StoredCertificate]) -> None:
    """Remove a thing, its certificates and its shadow. Raises `Unavailable` where IoT Core takes too long over it."""
    for certificate in certificates:
        withdraw(thing, certificate)
    with suppress(_NotFound), _translated():
        aws.iot_data().delete_thing_shadow(thingName=thing)
    _once_settled("InvalidRequestException", lambda: aws.iot().delete_thing(thingName=thing))


def _once_settled(refusal: str, delete: Callable[[], object]) -> None:
    """Delete what IoT Core refuses to delete as long as it believes it to be attached."""
    for seconds in (*SETTLING_SECONDS, None):
        try:
            with suppress(_NotFound), _translated():
                delete()
        except ClientError as error:
            if error.response["Error"]["Code"] != refusal:
                raise
            if seconds is None:
                raise Unavailable(retry_after=5) from error
            time.sleep(seconds)
        else:
            return


@cache
def _settings() -> DeviceSettings:
    return settings.load(DeviceSettings)


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except ClientError as error:
        code = error.response["Error"]["Code"]
        if code == "ResourceNotFoundException":
            raise _NotFound from error
        if code in _THROTTLED:
            raise Unavailable(retry_after=1) from error
        raise
