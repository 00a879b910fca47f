import ast
import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from jsonschema import Draft202012Validator, FormatChecker

from functions.identity.api_keys.models import NewApiKey
from functions.identity.users.models import NewUser, UserChange
from hub import auth, events, times
from hub.outcomes import Trouble
from local.openapi.deliveries import event_schemas
from tests import forwarder
from tests.contract import memory
from tests.contract.connectors.fakes import Fake, told
from tests.contract.conversations import failed_answer
from tests.kook import TOKEN, Kook

SCHEMAS = event_schemas(memory.ROOT)
REFUSED: Trouble = {"code": "10015", "message": "Unknown Webhook"}


def emitted() -> set[str]:
    """Names in calls of `events.event("…")`, in every room."""
    names = set()
    for file in (memory.ROOT / "functions").rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            match node:
                case ast.Call(func=ast.Attribute(value=ast.Name(id="events"), attr="event"), args=[name, *_]):
                    assert isinstance(name, ast.Constant), f"{file}: an event's name stands in its call"
                    names.add(str(name.value))
    return names


@pytest.fixture(scope="module")
def published() -> Iterator[dict[str, dict[str, Any]]]:
    """What a subscriber of the bus got, by event name, after each thing happened that has an event."""
    with memory.data_plane():
        from functions.identity.api_keys import service
        from functions.identity.users import service as users

        tenant = memory.bootstrap("acme")
        credential = auth.authenticate(tenant.api_key, "https://api.example.com")
        caller = events.Caller(tenant.name, credential.plan, credential.id, "req_1")
        made = service.create(caller, NewApiKey(name="短", permissions=["read"]))
        service.delete(caller, made["id"])
        user = users.create(caller, NewUser(email="zhang@example.com", name="张三"))
        users.change(caller, user["id"], UserChange(name="张三丰", password="correct horse battery"))
        users.delete(caller, user["id"])
        _fail(caller)
        _talk(caller)
        _resolve(caller)
        _deal(caller)
        _sell(caller)
        _connect(caller)
        _integrate(caller)
        _extend(caller)
        _send(caller)
        _forward(caller)
        _configure(caller)
        _capture(caller)
        yield {event["detail-type"]: event for event in memory.published()}


def _fail(caller: events.Caller) -> None:
    """A webhook whose receiver fails for five days."""
    from functions.webhooks import endpoints, health, service, store
    from functions.webhooks.models import NewWebhook

    made = service.create(caller, NewWebhook(url="https://example.com/hook", events=["*"]))
    failure = {"at": times.now_ms(), "code": 500, "ms": 12, "error": None}
    day = 86_400_000
    for failing_ms, warned_ms in ((3 * day, None), (5 * day, 2 * day)):
        warned_at = times.now_ms() - warned_ms if warned_ms else 0
        endpoint = endpoints.Endpoint(failing_since=times.now_ms() - failing_ms, warned_at=warned_at)
        health.learn(store.get(caller.tenant, made["id"]), endpoint, [failure])


def _talk(caller: events.Caller) -> None:
    """A conversation that is answered and closed."""
    from functions.support.conversations import service
    from functions.support.conversations.models import ConversationChange, NewAttachment, NewConversation, NewMessage

    made = service.create(caller, NewConversation(user_id="user_1", channel="web", initial_message="你好")).data["id"]
    files = [NewAttachment(url="https://example.com/a.png", name="a.png", type="image/png")]
    service.add_message(caller, made, NewMessage(sender="agent", text="您好", attachments=files))
    service.change(caller, made, ConversationChange(status="closed", satisfaction=5), lambda _: None)
    _fail_to_answer(caller)


def _fail_to_answer(caller: events.Caller) -> None:
    """An answer over a messaging connection that fails and is sent again."""
    from functions.support.conversations import service
    from functions.support.conversations.models import NewConversation

    opened = service.create(caller, NewConversation(user_id="user_1", channel="telegram")).data["id"]
    service.retry(caller, opened, failed_answer(caller.tenant, opened))


def _resolve(caller: events.Caller) -> None:
    """A ticket that is resolved with a comment."""
    from functions.support.tickets import service
    from functions.support.tickets.models import NewTicket, TicketChange

    wanted = NewTicket(title="产品咨询", customer_email="customer@example.com", tags=["vip"])
    made = service.create(caller, wanted).data["id"]
    service.change(caller, made, TicketChange(status="resolved", comment="问题已解决"), lambda _: None)


def _deal(caller: events.Caller) -> None:
    """A customer that comes, changes and goes."""
    from functions.crm.customers import service
    from functions.crm.customers.models import CustomerChange, NewCustomer, NewCustomerContact

    contact = NewCustomerContact(name="张经理", phone="13800138000")
    made = service.create(caller, NewCustomer(name="示例科技有限公司", contact=contact, customFields={"等级": 1}))
    service.change(caller, made.data["id"], CustomerChange(status="inactive", customFields={}), lambda _: None)
    service.delete(caller, made.data["id"])


def _sell(caller: events.Caller) -> None:
    """An order that is changed, paid and partly refunded, and one that is cancelled."""
    from functions.crm.customers import service as customers
    from functions.crm.customers.models import NewCustomer
    from functions.crm.orders import service
    from functions.crm.orders.models import Cancellation, NewOrder, NewOrderItem, NewRefund, OrderChange, Payment

    customer = customers.create(caller, NewCustomer(name="订货有限公司")).data["id"]
    items = [NewOrderItem(name="企业版年费", sku="ENT-1Y", quantity=2, unitPrice=499_900)]
    wanted = NewOrder(customerId=customer, items=items, currency="CNY", note="加急", metadata={"来源": "官网"})
    paid, cancelled = (service.create(caller, wanted).data["id"] for _ in range(2))
    service.change(caller, paid, OrderChange(note=None), lambda _: None)
    service.pay(caller, paid, Payment(method="alipay", reference="2026112022001"))
    service.refund(caller, paid, NewRefund(amount=100, reason="少发一件"))
    service.cancel(caller, cancelled, Cancellation(reason="客户改变主意"))


def _connect(caller: events.Caller) -> None:
    """A device that is made and changed, comes, obeys a command, raises an alert, goes, and is deleted."""
    from functions.iot.commands import service as commands
    from functions.iot.commands.models import NewDeviceCommand
    from functions.iot.devices import service
    from functions.iot.devices.models import DeviceChange, NewDevice
    from tests.contract.talking import Talker, hear

    wanted = NewDevice(name="客厅灯", type="lamp", tags=["家"], attributes={"房间": "客厅"})
    made = service.create(caller, wanted).data["id"]
    service.change(caller, made, DeviceChange(type=None), lambda _: None)
    lamp = Talker(caller.tenant, made)
    hear(lamp.connected())
    told = commands.send(caller, made, NewDeviceCommand(command="turnOn", params={"brightness": 80}))
    hear(lamp.acknowledges(told["id"], result={"brightness": 80}), lamp.raises(data={"temperature": 86.5}))
    hear(lamp.disconnected())
    service.delete(caller, made)


def _integrate(caller: events.Caller) -> None:
    """An integration that is made, changed, synced, once to no avail, and deleted."""
    from functions.integrations import service, sync
    from functions.integrations.models import IntegrationChange, NewIntegration
    from functions.integrations.syncs import service as syncs

    config = {"url": "http://127.0.0.1:1/", "token": "a-token"}
    made = service.create(caller, NewIntegration(name="自有服务", service_type="http", config=config))["id"]
    service.change(caller, made, IntegrationChange(name="自有的服务", config={"token": "another-token"}))
    with Fake(told({"items": [{"id": 1}]}), told({}, 403)) as provider:
        config = {"records_url": provider.url, "token": "a-token"}
        service.change(caller, made, IntegrationChange(config=config))
        for _ in range(2):
            begun = syncs.start(caller, made)["id"]
            step = {"tenant": caller.tenant, "integration_id": made, "id": begun, "step": {"number": 0}}
            sync.handler(step, None)
    service.delete(caller, made)


def _extend(caller: events.Caller) -> None:
    """A plugin that is installed, switched off because it fails, and uninstalled."""
    from functions.plugins import service
    from functions.plugins.models import NewPlugin
    from hub.outcomes import Trouble

    wanted = NewPlugin(plugin_id="plugin_escalation_v1.0.0", config={"hub_url": "https://example.com", "api_key": "k"})
    made = service.install(caller, lambda group, permission: True, wanted)
    reason = Trouble(code="failing", message="10 runs failed in a row")
    service.disable(caller.tenant, made["installation_id"], "plugin_escalation", reason, caller.request_id)
    service.uninstall(caller, made["id"])


def _send(caller: events.Caller) -> None:
    """A message that is sent and delivered, to a group that has moved, and one that comes in."""
    from functions.integrations import service as integrations
    from functions.integrations.models import NewIntegration
    from functions.messaging.messages import sending, service, store
    from functions.messaging.messages.models import NewThirdPartyMessage
    from functions.messaging.received import service as received
    from functions.messaging.told import Message, Sender

    sent = told({"ok": True, "result": {"message_id": 7, "chat": {"id": 42}}})
    moved = {"ok": False, "error_code": 400, "description": "Bad Request: group chat was upgraded to a supergroup chat"}
    with Fake(told({**moved, "parameters": {"migrate_to_chat_id": 42}}, 400), sent) as telegram:
        config = {"bot_token": "110201543:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw", "base_url": telegram.url}
        integrations.create(caller, NewIntegration(name="客服机器人", service_type="telegram", config=config))
        wanted = NewThirdPartyMessage.model_validate({"to": "-42", "from": "hub_bot", "content": "您好"})
        made = service.create(caller, "telegram", wanted)["id"]
        sending.attempt(caller.tenant, store.get(caller.tenant, "telegram", made))
    service.move(caller.tenant, "telegram", made, "delivered")
    message = Message(
        id="1:1", sender=Sender(id="1", name="张三"), type="text", text="您好", attachments=[], data="", at=1
    )
    received.keep(caller.tenant, "telegram", "int_1", "req_1", message)


def _forward(caller: events.Caller) -> None:
    """A message that goes to one target and not to another, while forwarding is stopped and started."""
    from functions.forwarding import state
    from functions.forwarding.messages import store
    from functions.forwarding.system import status

    taken = forwarder.row()
    store.write(caller.tenant, None, taken, store.succeeded(caller.tenant, taken))
    lost = forwarder.row(mapping_id="000000000002", status="failed", latency_ms=None, provider_ids=[], error=REFUSED)
    store.write(caller.tenant, None, lost, store.failed(caller.tenant, lost))
    for running in (False, True):
        state.set_running(caller, running)
        status.tell(caller)


def _configure(caller: events.Caller) -> None:
    """A bot and a mapping that are made, changed and deleted; the bot's platform refuses it meanwhile."""
    from functions.forwarding.bots import service as bots
    from functions.forwarding.bots import store
    from functions.forwarding.bots.models import BotChange, NewBot
    from functions.forwarding.mappings import service as mappings
    from functions.forwarding.mappings.models import MappingChange, NewMapping

    wanted = NewBot(platform="discord", name="公告Bot", config=forwarder.WEBHOOK)
    bot = bots.add(caller, wanted, "zh-CN")["bot_id"]
    bots.change(caller, str(bot), BotChange(name="公告"))
    assert store.disable(caller.tenant, store.get(caller.tenant, f"{bot:012}"), REFUSED)
    way = NewMapping(kook_server_id="1", kook_channel_id="2", target_platform="discord", target_bot_id=bot)
    mapping = str(mappings.add(caller, way, "zh-CN")["mapping_id"])
    mappings.change(caller, mapping, MappingChange(enabled=0))
    mappings.delete(caller, mapping)
    bots.delete(caller, str(bot))


def _capture(caller: events.Caller) -> None:
    """An account that is made, started and stopped, changed and deleted."""
    from functions.forwarding.accounts import service
    from functions.forwarding.accounts.models import KookAccountChange, NewKookAccount

    with Kook() as kook:
        wanted = NewKookAccount(email="user@example.com", token=TOKEN, base_url=kook.base_url)
        made = str(service.add(caller, wanted, "zh-CN")["account_id"])
        service.start(caller, made)
        service.stop(caller, made)
        service.change(caller, made, KookAccountChange(password="hunter2"), "https://api.example.com")
        service.delete(caller, made)


def test_every_event_that_the_code_emits_has_a_schema_and_no_schema_is_of_another() -> None:
    assert emitted() == set(SCHEMAS)
    assert set(SCHEMAS) <= set(events.AREAS)


@pytest.mark.parametrize("name", SCHEMAS)
def test_a_schema_is_a_valid_one_and_of_its_own_event(name: str) -> None:
    schema = SCHEMAS[name]
    Draft202012Validator.check_schema(schema)
    assert schema["$schema"] == Draft202012Validator.META_SCHEMA["$id"]
    assert schema["properties"]["type"] == {"const": name}
    assert schema["required"] == list(schema["properties"])


@pytest.mark.parametrize("name", SCHEMAS)
def test_a_real_event_is_what_its_schema_says(name: str, published: dict[str, dict[str, Any]]) -> None:
    event = published[name]
    assert event["source"] == f"hub.{events.AREAS[name]}"
    Draft202012Validator(SCHEMAS[name], format_checker=FormatChecker()).validate(event["detail"])
    described = SCHEMAS[name]["properties"]
    assert set(event["detail"]) == set(described)
    assert set(event["detail"]["data"]) == set(described["data"]["properties"])


def test_the_page_names_every_schema_and_its_sample_is_an_event() -> None:
    page = (memory.ROOT / "docs" / "events.md").read_text()
    assert set(re.findall(r"\]\(events/(.+)\.schema\.json\)", page)) == set(SCHEMAS)
    sample, *others = (json.loads(block) for block in re.findall("```json\n(.*?)```", page, re.DOTALL))
    (pattern,) = (block for block in others if "source" in block)
    Draft202012Validator(SCHEMAS[sample["type"]], format_checker=FormatChecker()).validate(sample)
    assert pattern["source"] == [f"hub.{events.AREAS[sample['type']]}"]
    assert sample["type"].startswith(pattern["detail-type"][0]["prefix"])


def test_what_a_subscription_can_name_fits_some_event() -> None:
    for pattern in events.PATTERNS:
        assert events.is_known(pattern)
        assert any(events.matches(pattern, name) for name in events.AREAS)
    assert not any(events.is_known(name) for name in ("", "ticket", "ticket.", ".*", "ticket.none", "none.*", "tick.*"))
