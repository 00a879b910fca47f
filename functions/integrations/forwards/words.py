"""Events in words: what an integration is posted of one, in Chinese or English."""

import re
from collections.abc import Mapping
from typing import Any

from hub import times
from hub.web.localisation import Language

TITLES: dict[str, tuple[str, str]] = {
    "user.created": ("新用户", "New user"),
    "user.updated": ("用户已更新", "User changed"),
    "user.deleted": ("用户已删除", "User deleted"),
    "api_key.created": ("新的 API 密钥", "New API key"),
    "api_key.deleted": ("API 密钥已删除", "API key deleted"),
    "plugin.installed": ("插件已安装", "Plugin installed"),
    "plugin.updated": ("插件已更新", "Plugin changed"),
    "plugin.uninstalled": ("插件已卸载", "Plugin uninstalled"),
    "integration.created": ("新的集成", "New integration"),
    "integration.updated": ("集成已更新", "Integration changed"),
    "integration.deleted": ("集成已删除", "Integration deleted"),
    "integration.synced": ("集成同步完成", "Integration synced"),
    "integration.sync_failed": ("集成同步失败", "Sync of an integration failed"),
    "conversation.created": ("新的会话", "New conversation"),
    "conversation.updated": ("会话已更新", "Conversation changed"),
    "conversation.closed": ("会话已关闭", "Conversation closed"),
    "conversation.message": ("会话有新消息", "New message in a conversation"),
    "conversation.message_retried": ("会话消息重新发送", "Message of a conversation sent again"),
    "ticket.created": ("新的工单", "New ticket"),
    "ticket.updated": ("工单已更新", "Ticket changed"),
    "ticket.resolved": ("工单已解决", "Ticket resolved"),
    "customer.created": ("新的客户", "New customer"),
    "customer.updated": ("客户已更新", "Customer changed"),
    "customer.deleted": ("客户已删除", "Customer deleted"),
    "order.created": ("新的订单", "New order"),
    "order.updated": ("订单已更新", "Order changed"),
    "order.paid": ("订单已支付", "Order paid"),
    "order.cancelled": ("订单已取消", "Order cancelled"),
    "order.refunded": ("订单已退款", "Order refunded"),
    "device.created": ("新的设备", "New device"),
    "device.updated": ("设备已更新", "Device changed"),
    "device.deleted": ("设备已删除", "Device deleted"),
    "device.online": ("设备已上线", "Device online"),
    "device.offline": ("设备已离线", "Device offline"),
    "device.alert": ("设备告警", "Device alert"),
    "device.command_sent": ("设备命令已下发", "Command sent to a device"),
    "device.command_acknowledged": ("设备已回应命令", "Command acknowledged by its device"),
    "message.created": ("消息待发送", "Message queued"),
    "message.sent": ("消息已发送", "Message sent"),
    "message.status": ("消息状态变化", "Message status"),
    "message.received": ("收到新消息", "Message received"),
    "contact.moved": ("联系人标识已变更", "Contact has another id"),
    "forward.succeeded": ("转发成功", "Forwarded"),
    "forward.failed": ("转发失败", "Forwarding failed"),
    "forwarder.started": ("转发已启动", "Forwarding started"),
    "forwarder.stopped": ("转发已停止", "Forwarding stopped"),
    "forward_bot.created": ("新的转发机器人", "New forwarding bot"),
    "forward_bot.updated": ("转发机器人已更新", "Forwarding bot changed"),
    "forward_bot.deleted": ("转发机器人已删除", "Forwarding bot deleted"),
    "forward_bot.disabled": ("转发机器人已停用", "Forwarding bot disabled"),
    "forward_mapping.created": ("新的频道映射", "New channel mapping"),
    "forward_mapping.updated": ("频道映射已更新", "Channel mapping changed"),
    "forward_mapping.deleted": ("频道映射已删除", "Channel mapping deleted"),
    "forwarding.status": ("转发状态变化", "Status of forwarding"),
    "kook_account.created": ("新的 KOOK 账号", "New KOOK account"),
    "kook_account.updated": ("KOOK 账号已更新", "KOOK account changed"),
    "kook_account.deleted": ("KOOK 账号已删除", "KOOK account deleted"),
    "kook_account.started": ("KOOK 账号已启动", "KOOK account started"),
    "kook_account.stopped": ("KOOK 账号已停止", "KOOK account stopped"),
    "webhook.failing": ("Webhook 持续失败", "Webhook keeps failing"),
    "webhook.disabled": ("Webhook 已停用", "Webhook disabled"),
}
"""What has happened, by event: every one there is."""

LABELS: dict[str, tuple[str, str]] = {
    "name": ("名称", "Name"),
    "title": ("标题", "Title"),
    "customer_name": ("客户", "Customer"),
    "contact.name": ("联系人", "Contact"),
    "new_contact_id": ("新标识", "New id"),
    "sender.id": ("发送者", "Sender"),
    "sender_name": ("发送者", "Sender"),
    "email": ("邮箱", "Email"),
    "customer_email": ("客户邮箱", "Customer's email"),
    "role": ("角色", "Role"),
    "industry": ("行业", "Industry"),
    "service_type": ("服务类型", "Service"),
    "type": ("类型", "Type"),
    "platform": ("平台", "Platform"),
    "target_platform": ("平台", "Platform"),
    "kook_channel_name": ("KOOK 频道", "KOOK channel"),
    "target_channel_id": ("目标频道", "Target channel"),
    "channel": ("渠道", "Channel"),
    "to": ("收件人", "To"),
    "host": ("主机", "Host"),
    "level": ("级别", "Level"),
    "status": ("状态", "Status"),
    "previous_status": ("原状态", "Was"),
    "priority": ("优先级", "Priority"),
    "changes": ("变更", "Changed"),
    "amount": ("金额", "Amount"),
    "refunded_amount": ("已退款", "Refunded"),
    "cancel_reason": ("取消原因", "Reason"),
    "reason": ("原因", "Reason"),
    "command": ("命令", "Command"),
    "message": ("内容", "Message"),
    "text": ("内容", "Text"),
    "content": ("内容", "Text"),
    "records_read": ("读取记录", "Records read"),
    "added": ("新增", "Added"),
    "updated": ("更新", "Updated"),
    "deleted": ("删除", "Deleted"),
    "status.service_running": ("转发运行中", "Forwarding runs"),
    "status.queue_size": ("队列长度", "Waiting"),
    "is_running": ("运行中", "Running"),
    "version": ("版本", "Version"),
    "satisfaction": ("满意度", "Satisfaction"),
    "error.code": ("错误码", "Error code"),
    "error.message": ("错误信息", "Error"),
}
"""The fields that are told, in this order, where an event has them and they say something."""

_OF_PLUGINS = {"version"}
"""What elsewhere counts changes, which no reader asks for."""

_IDS = ("user_id", "api_key_id", "plugin_id", "conversation_id", "ticket_id", "customer_id", "order_id", "device_id",
        "integration_id", "message_id", "webhook_id", "mapping_id", "bot_id", "account_id")  # fmt: skip

MAX_VALUE = 300
MAX_LINES = 12

_MONEY = {"amount", "refunded_amount"}
_EXPONENTS = dict.fromkeys(
    ("BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF", "UGX", "VND", "VUV", "XAF", "XOF", "XPF"), 0
) | dict.fromkeys(("BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"), 3)
"""Digits of minor units where they are not two (ISO 4217)."""

_MARKDOWN = re.compile(r"([\\`*_~|>#\[\]()<!{}+-])")
_MARKED_UP = frozenset({"discord", "github", "kook"})
"""Providers that read their own markup in a text as it stands."""

_SIGNATURE = re.compile(r"evt(?:\\?)_[0-9A-HJKMNP-TV-Z]{26}")


def message(event: Mapping[str, Any], language: Language, service_type: str) -> str:
    """What is posted of an event. Its last line is the event's id: by that one of ours is known that comes back.

    Values from outside are cut, and what a provider would read as its own markup stands as it was written.
    """
    chinese = language == "zh-CN"
    title = TITLES[event["type"]][not chinese]
    lines = [f"【{title}】" if chinese else f"[{title}]"]
    if service_type in _MARKED_UP:
        lines = [_escaped(lines[0])]
    for label, value in _told(event, chinese):
        text = _escaped(value) if service_type in _MARKED_UP else value
        lines.append(f"{label}:{text}" if chinese else f"{label}: {text}")
    return "\n".join(lines)


def signature(event: Mapping[str, Any], service_type: str) -> str:
    """The last line of each part of a message: when it happened, and the event's id."""
    moment = times.iso(times.epoch_ms(event["timestamp"]) / 1000).replace("T", " ").replace("Z", " UTC")
    line = f"{moment} · {event['id']}"
    return _escaped(line) if service_type in _MARKED_UP else line


def is_ours(text: str) -> bool:
    """Whether a text that came in is one that an event was posted as."""
    return _SIGNATURE.search(text) is not None


def _told(event: Mapping[str, Any], chinese: bool) -> list[tuple[str, str]]:
    data: Mapping[str, Any] = event["data"]
    found: list[tuple[str, str]] = []
    for field, labels in LABELS.items():
        if field in _OF_PLUGINS and not event["type"].startswith("plugin."):
            continue
        value = _value(data, field)
        if value:
            found.append((labels[0 if chinese else 1], value))
    own = next((str(data[name]) for name in _own_ids(event["type"]) if data.get(name)), "")
    return [*found[: MAX_LINES - 1], *([("编号" if chinese else "Id", own[:MAX_VALUE])] if own else [])]


def _own_ids(name: str) -> list[str]:
    own = f"{name.partition('.')[0]}_id"
    return [own, *_IDS]


def _value(data: Mapping[str, Any], field: str) -> str:
    name, _, inner = field.partition(".")
    value = data.get(name)
    if inner:
        value = value.get(inner) if isinstance(value, Mapping) else None
    if value is None or isinstance(value, Mapping):
        return ""
    if name in _MONEY and isinstance(value, int) and isinstance(data.get("currency"), str):
        return _money(value, data["currency"])
    if isinstance(value, list):
        value = ", ".join(str(one) for one in value if not isinstance(one, Mapping | list))
    if isinstance(value, bool):
        value = "✓" if value else "✗"
    text = " ".join(str(value).split()) if field not in ("text", "message", "content") else str(value).strip()
    return text if len(text) <= MAX_VALUE else text[: MAX_VALUE - 1] + "…"


def _money(amount: int, currency: str) -> str:
    digits = _EXPONENTS.get(currency, 2)
    whole, rest = divmod(abs(amount), 10**digits)
    sign = "-" if amount < 0 else ""
    return f"{sign}{whole:,}" + (f".{rest:0{digits}}" if digits else "") + f" {currency}"


def _escaped(text: str) -> str:
    return _MARKDOWN.sub(r"\\\1", text)
