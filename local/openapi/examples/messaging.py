"""Examples of document 4."""

from typing import Any

_THIRD_PARTY_MESSAGE: dict[str, Any] = {
    "to": "+8613800138000",
    "from": "+8613900139000",
    "content": "Hello from OpenChat!",
    "type": "text",
    "metadata": {"conversationId": "conv-001"},
}

EXAMPLES: dict[str, dict[str, Any]] = {
    "NewThirdPartyMessage": _THIRD_PARTY_MESSAGE,
    "ThirdPartyMessage": {
        "id": "msg-001",
        "platform": "whatsapp",
        **_THIRD_PARTY_MESSAGE,
        "status": "sent",
        "media": None,
        "error": None,
        "createdAt": "2024-01-01T00:00:00.000Z",
        "updatedAt": "2024-01-01T00:00:00.000Z",
    },
    "NewContactSync": {"userId": "user-uuid"},
    "ThirdPartyContact": {
        "id": "contact-001",
        "platform": "whatsapp",
        "platformUserId": "+8613800138000",
        "name": "张三",
        "avatar": "https://example.com/avatar.jpg",
        "userId": "user-uuid",
        "syncedAt": "2024-01-01T00:00:00.000Z",
    },
    "ContactSync": {
        "id": "sync-001",
        "platform": "whatsapp",
        "userId": "user-uuid",
        "status": "running",
        "synced": 1200,
        "error": None,
        "startedAt": "2024-01-01T00:00:00.000Z",
        "endedAt": None,
    },
    "ReceivedMessage": {
        "id": "msg-002",
        "platform": "whatsapp",
        "integrationId": "int-001",
        "messageId": "wamid.HBgNODYxMzgwMDEzODAwMBUCABIYFjNFQjA",
        "from": "+8613800138000",
        "name": "张三",
        "content": "你好，我想咨询产品",
        "type": "text",
        "attachments": [],
        "createdAt": "2024-01-01T00:00:00.000Z",
    },
}
