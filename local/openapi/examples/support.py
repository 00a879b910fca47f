"""Examples of document 2."""

from typing import Any

_CONVERSATION = {
    "id": "conv_001",
    "user_id": "user_123",
    "channel": "web",
    "status": "active",
    "created_at": "2024-01-01T10:00:00Z",
    "updated_at": "2024-01-01T10:05:00Z",
    "assignee_id": None,
    "satisfaction": None,
    "rated_at": None,
    "message_count": 1,
    "last_message_at": "2024-01-01T10:05:00Z",
    "waiting_since": "2024-01-01T10:05:00Z",
    "closed_at": None,
    "contact": None,
    "version": 2,
}
_NEW_TICKET = {
    "title": "产品咨询",
    "description": "想了解产品价格和功能",
    "priority": "medium",
    "customer_email": "customer@example.com",
}

EXAMPLES: dict[str, dict[str, Any]] = {
    "NewConversation": {"user_id": "user_123", "channel": "web", "initial_message": "你好，我想咨询产品"},
    "ConversationChange": {"status": "closed", "satisfaction": 5},
    "Conversation": _CONVERSATION,
    "NewMessage": {
        "text": "您好，请问需要什么帮助？",
        "sender": "agent",
        "sender_id": "agent_1",
        "attachments": [{"url": "https://example.com/price.pdf", "name": "price.pdf", "type": "application/pdf"}],
    },
    "Message": {
        "id": "msg_001",
        "conversation_id": "conv_001",
        "sender": "agent",
        "sender_id": "agent_1",
        "text": "您好，请问需要什么帮助？",
        "attachments": [{"url": "https://example.com/price.pdf", "name": "price.pdf", "type": "application/pdf"}],
        "response_seconds": 120,
        "delivery": {"status": "delivered", "error": None},
        "created_at": "2024-01-01T10:07:00Z",
    },
    "NewTicket": _NEW_TICKET,
    "TicketChange": {"status": "resolved", "comment": "问题已解决"},
    "Ticket": _NEW_TICKET
    | {
        "id": "ticket_001",
        "status": "resolved",
        "assignee_id": None,
        "tags": [],
        "conversation_id": None,
        "created_at": "2024-01-01T10:00:00Z",
        "updated_at": "2024-01-01T10:05:00Z",
        "resolved_at": "2024-01-01T10:05:00Z",
        "closed_at": None,
        "comment_count": 1,
        "version": 2,
    },
    "NewComment": {"text": "已联系客户确认", "internal": True},
    "Comment": {
        "id": "comment_001",
        "ticket_id": "ticket_001",
        "author_id": "user_123",
        "text": "问题已解决",
        "internal": False,
        "created_at": "2024-01-01T10:05:00Z",
    },
    "Statistics": {
        "total_conversations": 1000,
        "total_tickets": 200,
        "avg_response_time": 120,
        "satisfaction_rate": 0.85,
        "trends": [{"date": "2024-01-01", "conversations": 50, "tickets": 10}],
    },
}
