"""What IoT Core has of a device while one is made and deleted: whoever dies, fails or comes in between."""

import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

import pytest
from botocore.client import BaseClient
from botocore.exceptions import ClientError

from functions.iot.devices import identities, service, store
from functions.iot.devices.models import DeviceChange, NewDevice, NewDeviceCertificate
from hub import aws as clients
from hub.errors import HubError, NotFound, Unavailable, Unprocessable
from hub.events import Caller
from hub.store import keys, table
from tests.contract import memory
from tests.contract.devices import certificates, registered, signing_request
from tests.unit.interruptions import Calls

CALLER = Caller("acme", "enterprise", "ak_1", "req_1")
NEW = NewDevice(name="灯")


@pytest.fixture(autouse=True)
def nobody_waits(aws: None, monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """A deployment in memory, and how long it would have waited for IoT Core."""
    waits: list[float] = []
    monkeypatch.setattr("time.sleep", waits.append)
    return waits


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> Calls:
    """Calls of AWS, from now on."""
    identities.endpoint()
    return Calls(monkeypatch)


def made() -> str:
    """A new device's id."""
    return service.create(CALLER, NEW).data["id"]


def devices() -> list[str]:
    """The devices that the tenant sees."""
    query = table.Query(table.entities(), keys.partition("acme", store.KIND), consistent=True)
    return [item["sk"] for item in table.items(query)]


def named() -> dict[str, list[str]]:
    """The certificates that each device names, by its thing."""
    return {f"acme:{one}": [named["id"] for named in store.get("acme", one).certificates] for one in devices()}


def told() -> list[str]:
    """The devices' events, each once."""
    events = {event["detail"]["id"]: event["detail"] for event in memory.published()}
    return [event["type"] for event in events.values() if event["type"].startswith("device.")]


def check_that_nothing_opens_but_what_a_device_names() -> None:
    known = named()
    for thing, attached in registered().items():
        for certificate, status in attached.items():
            assert status == "INACTIVE" or certificate in known.get(thing, []), "nobody could take this one back"
    ends = {one["certificateId"]: one["status"] for one in certificates()}
    attached_somewhere = {certificate for attached in registered().values() for certificate in attached}
    for certificate, status in ends.items():
        assert status == "INACTIVE" or certificate in attached_somewhere


def check_that_everything_can_be_deleted(orphans: int) -> None:
    """What remains behind is certificates that are good for nothing, at most so many."""
    for device in devices():
        service.delete(CALLER, device)
    assert registered() == {}
    assert len(certificates()) <= orphans
    iot = memory.client("iot")
    for one in certificates():
        assert one["status"] == "INACTIVE"
        assert iot.list_attached_policies(target=one["certificateArn"])["policies"] == []
        iot.delete_certificate(certificateId=one["certificateId"])


def deaths(calls: Calls, after: bool, scene: Callable[[], Callable[[], object]]) -> Iterator[None]:
    """Have a scene's work die at its first call, its second and so on; it lives to its end in the last round."""
    for at in range(40):
        work = scene()
        with calls.dying(at, after) as died:
            work()
        yield
        if not died:
            return
    raise AssertionError("it never ends")


@pytest.mark.parametrize("csr", [False, True], ids=["key", "csr"])
@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_whoever_dies_while_a_device_is_made_opens_nothing(calls: Calls, after: bool, csr: bool) -> None:
    wanted = NewDevice(name="灯", csr=signing_request()) if csr else NEW
    rounds = 0
    for _ in deaths(calls, after, lambda: lambda: service.create(CALLER, wanted)):
        rounds += 1
        check_that_nothing_opens_but_what_a_device_names()
        assert len(devices()) <= 1
        check_that_everything_can_be_deleted(orphans=1)
    assert rounds > 6


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_whoever_dies_while_a_device_is_deleted_leaves_it_to_be_deleted_again(calls: Calls, after: bool) -> None:
    def scene() -> Callable[[], object]:
        device = made()
        service.add_certificate(CALLER, device, NewDeviceCertificate())
        state = json.dumps({"state": {"reported": {"on": True}}}).encode()
        memory.client("iot-data").update_thing_shadow(thingName=f"acme:{device}", payload=state)
        return lambda: service.delete(CALLER, device)

    rounds = 0
    for _ in deaths(calls, after, scene):
        rounds += 1
        check_that_nothing_opens_but_what_a_device_names()
        assert len(devices()) <= 1
        check_that_everything_can_be_deleted(orphans=0)
    assert rounds > 10
    assert told().count("device.deleted") == told().count("device.created") == rounds, "however often it was tried"


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_whoever_dies_over_a_second_certificate_leaves_the_first_and_room(calls: Calls, after: bool) -> None:
    first: dict[str, str] = {}

    def scene() -> Callable[[], object]:
        device = made()
        first.clear()
        first[f"acme:{device}"] = store.get("acme", device).certificates[0]["id"]
        return lambda: service.add_certificate(CALLER, device, NewDeviceCertificate())

    for _ in deaths(calls, after, scene):
        check_that_nothing_opens_but_what_a_device_names()
        ((thing, certificate),) = first.items()
        assert registered()[thing][certificate] == "ACTIVE"
        device = thing.removeprefix("acme:")
        for other in named()[thing]:
            if other != certificate:
                service.remove_certificate(CALLER, device, other)
        second = service.add_certificate(CALLER, device, NewDeviceCertificate())["certificateId"]
        assert registered() == {thing: {certificate: "ACTIVE", second: "ACTIVE"}}
        check_that_everything_can_be_deleted(orphans=1)


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_whoever_dies_while_a_certificate_is_revoked_leaves_it_to_be_revoked_again(calls: Calls, after: bool) -> None:
    scene: dict[str, str] = {}

    def set_scene() -> Callable[[], object]:
        scene["device"] = made()
        scene["other"] = service.add_certificate(CALLER, scene["device"], NewDeviceCertificate())["certificateId"]
        device, first = scene["device"], store.get("acme", scene["device"]).certificates[0]["id"]
        scene["revoked"] = first
        return lambda: service.remove_certificate(CALLER, device, first)

    for _ in deaths(calls, after, set_scene):
        check_that_nothing_opens_but_what_a_device_names()
        with suppress(NotFound):
            service.remove_certificate(CALLER, scene["device"], scene["revoked"])
        assert named() == {f"acme:{scene['device']}": [scene["other"]]}
        assert registered() == {f"acme:{scene['device']}": {scene["other"]: "ACTIVE"}}
        check_that_everything_can_be_deleted(orphans=0)


class Refusing:
    """Has chosen calls of AWS refused."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.refusals: dict[str, list[str]] = {}
        real = BaseClient._make_api_call  # type: ignore[attr-defined]

        def call(client: Any, operation: str, parameters: Any) -> Any:
            codes = self.refusals.get(operation)
            if codes:
                raise ClientError({"Error": {"Code": codes.pop(0), "Message": "no"}}, operation)
            return real(client, operation, parameters)

        monkeypatch.setattr(BaseClient, "_make_api_call", call)


@pytest.fixture
def refusing(monkeypatch: pytest.MonkeyPatch) -> Refusing:
    """AWS, from now on."""
    return Refusing(monkeypatch)


MAKING = ["CreateKeysAndCertificate", "CreateThing", "AttachPolicy", "AttachThingPrincipal", "UpdateCertificate"]
CODES = {"ThrottlingException": Unavailable, "ServiceUnavailableException": Unavailable, "Other": ClientError}


@pytest.mark.parametrize("code", CODES)
@pytest.mark.parametrize("operation", [*MAKING, "PutItem"])
def test_a_device_that_cannot_be_made_leaves_nothing(refusing: Refusing, operation: str, code: str) -> None:
    refusing.refusals[operation] = [code]
    expected = ClientError if operation == "PutItem" and code == "ServiceUnavailableException" else CODES[code]
    with pytest.raises(expected):
        made()
    assert (devices(), registered(), certificates()) == ([], {}, [])
    assert told() in ([], ["device.created", "device.deleted"])


@pytest.mark.parametrize("operation", [*MAKING[:1], *MAKING[2:], "PutItem"])
def test_a_certificate_that_cannot_be_made_leaves_the_device_as_it_was(refusing: Refusing, operation: str) -> None:
    before = named() if made() else {}
    refusing.refusals[operation] = ["ThrottlingException"]
    with pytest.raises(Unavailable):
        service.add_certificate(CALLER, devices()[0], NewDeviceCertificate())
    assert named() == before
    assert registered() == {thing: dict.fromkeys(ids, "ACTIVE") for thing, ids in before.items()}
    assert len(certificates()) == 1


def test_a_signing_request_that_iot_core_refuses_is_the_callers_fault(refusing: Refusing) -> None:
    refusing.refusals["CreateCertificateFromCsr"] = ["InvalidRequestException"]
    with pytest.raises(HubError) as refused:
        service.create(CALLER, NewDevice(name="灯", csr=signing_request()))
    assert [(error.field, error.reason) for error in refused.value.fields] == [("csr", "malformed")]
    assert devices() == []


@pytest.mark.parametrize(
    ("operation", "code"),
    [("DeleteCertificate", "DeleteConflictException"), ("DeleteThing", "InvalidRequestException")],
)
def test_a_detachment_may_take_iot_core_a_while(
    refusing: Refusing, nobody_waits: list[float], operation: str, code: str
) -> None:
    device = made()
    refusing.refusals[operation] = [code] * len(identities.SETTLING_SECONDS)
    service.delete(CALLER, device)
    assert tuple(nobody_waits) == identities.SETTLING_SECONDS
    assert (devices(), registered(), certificates()) == ([], {}, [])

    device = made()
    refusing.refusals[operation] = [code] * 100
    with pytest.raises(Unavailable) as late:
        service.delete(CALLER, device)
    assert late.value.retry_after == 5
    assert devices() == [device], "it can be deleted again"
    refusing.refusals.clear()
    service.delete(CALLER, device)
    assert (devices(), registered(), certificates()) == ([], {}, [])


def test_waiting_for_iot_core_fits_into_the_function() -> None:
    """Two certificates and the thing, each at its longest."""
    assert (
        3 * sum(identities.SETTLING_SECONDS) < memory.TEMPLATE["Resources"]["DevicesFunction"]["Properties"]["Timeout"]
    )


def interrupted(
    monkeypatch: pytest.MonkeyPatch, name: str, meanwhile: Callable[[], object], *, after: bool = False
) -> None:
    """Have something happen before (or after) a step among the identities is taken, the first time."""
    step = getattr(identities, name)

    def taken(*arguments: Any) -> Any:
        monkeypatch.setattr(identities, name, step)
        result = step(*arguments) if after else None
        meanwhile()
        return result if after else step(*arguments)

    monkeypatch.setattr(identities, name, taken)


def test_of_two_further_certificates_at_once_one_is_made(monkeypatch: pytest.MonkeyPatch) -> None:
    device = made()
    second: list[str] = []

    def another() -> None:
        second.append(service.add_certificate(CALLER, device, NewDeviceCertificate())["certificateId"])

    interrupted(monkeypatch, "issue", another)
    with pytest.raises(Unprocessable):
        service.add_certificate(CALLER, device, NewDeviceCertificate())
    ((thing, ids),) = named().items()
    assert ids[1:] == second
    assert registered() == {thing: dict.fromkeys(ids, "ACTIVE")}
    assert len(certificates()) == 2


def test_however_many_ask_there_are_two_certificates(monkeypatch: pytest.MonkeyPatch) -> None:
    device = made()

    def ask(_: int) -> bool:
        try:
            service.add_certificate(CALLER, device, NewDeviceCertificate(csr=signing_request()))
        except (Unprocessable, Unavailable):
            return False
        return True

    with ThreadPoolExecutor(6) as askers:
        assert sum(askers.map(ask, range(6))) == 1
    ((thing, ids),) = named().items()
    assert len(ids) == 2
    assert registered() == {thing: dict.fromkeys(ids, "ACTIVE")}
    assert len(certificates()) == 2


@pytest.mark.parametrize("step", ["issue", "admit"])
def test_a_device_that_is_deleted_gets_no_further_certificate(monkeypatch: pytest.MonkeyPatch, step: str) -> None:
    device = made()
    interrupted(monkeypatch, step, lambda: service.delete(CALLER, device))
    with pytest.raises(NotFound):
        service.add_certificate(CALLER, device, NewDeviceCertificate())
    assert (devices(), registered(), certificates()) == ([], {}, [])


def test_a_certificate_that_comes_while_its_device_is_deleted_goes_with_it(monkeypatch: pytest.MonkeyPatch) -> None:
    device = made()

    def add() -> None:
        with pytest.raises(NotFound):
            service.add_certificate(CALLER, device, NewDeviceCertificate())

    interrupted(monkeypatch, "end", add, after=True)
    service.delete(CALLER, device)
    assert (devices(), registered(), certificates()) == ([], {}, [])
    assert told().count("device.deleted") == 1


def test_a_device_that_is_deleted_while_it_is_made_is_deleted(monkeypatch: pytest.MonkeyPatch) -> None:
    interrupted(monkeypatch, "admit", lambda: service.delete(CALLER, devices()[0]))
    with pytest.raises(NotFound):
        made()
    assert (devices(), registered(), certificates()) == ([], {}, [])


def test_of_two_deletions_one_tells(monkeypatch: pytest.MonkeyPatch) -> None:
    device = made()
    interrupted(monkeypatch, "end", lambda: service.delete(CALLER, device))
    with pytest.raises(NotFound):
        service.delete(CALLER, device)
    assert told() == ["device.created", "device.deleted"]


def test_two_changes_at_once_are_both_made(monkeypatch: pytest.MonkeyPatch) -> None:
    device = made()
    replace = store.replace

    def overtaken(*arguments: Any) -> None:
        monkeypatch.setattr(store, "replace", replace)
        service.change(CALLER, device, DeviceChange(tags=["a"]), lambda _: None)
        replace(*arguments)

    monkeypatch.setattr(store, "replace", overtaken)
    changed = service.change(CALLER, device, DeviceChange(name="b"), lambda _: None)
    assert (changed.data["name"], changed.data["tags"], changed.version) == ("b", ["a"], 3)


def test_where_devices_connect_is_asked_for_once(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    describe = clients.iot().describe_endpoint

    def watched(**given: Any) -> Any:
        asked.append(given["endpointType"])
        return describe(**given)

    monkeypatch.setattr(clients.iot(), "describe_endpoint", watched, raising=False)
    addresses = {service.create(CALLER, NEW).data["credentials"]["endpoint"] for _ in range(2)}
    assert len(addresses) == 1
    assert asked == ["iot:Data-ATS"]


def test_a_domain_of_ones_own_is_not_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DEVICE_ENDPOINT", "devices.example.com")
    monkeypatch.setenv("DEVICE_CA_URL", "https://ca.example.com/root.pem")
    monkeypatch.setattr(clients.iot(), "describe_endpoint", None, raising=False)
    credentials = service.create(CALLER, NEW).data["credentials"]
    assert (credentials["endpoint"], credentials["caUrl"]) == ("devices.example.com", "https://ca.example.com/root.pem")


def test_a_key_is_not_in_what_is_printed() -> None:
    issued = identities.issue(None)
    assert issued.private_key
    assert issued.private_key not in repr(issued)
    assert issued.private_key.splitlines()[1] not in repr(issued)
