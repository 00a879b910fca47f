"""Examples of the documents, by the name of the shape that they are of."""

from typing import Any

from local.openapi import plugins

_API_KEY = {
    "id": "ak_1234567890",
    "name": "我的API密钥",
    "description": "用于第三方应用集成",
    "prefix": "sk_live_1234",
    "permissions": ["read", "write"],
    "created_at": "2024-01-01T00:00:00Z",
    "expires_at": "2034-12-31T23:59:59Z",
    "last_used_at": None,
    "usage_count": 0,
}
_WEBHOOK = {
    "id": "wh_1234567890",
    "url": "https://your-app.com/webhook",
    "events": ["user.created", "user.updated"],
    "headers": {"X-Custom-Header": "value"},
    "active": True,
    "description": "",
    "retry_policy": "standard",
    "filter": {"data": {"role": ["admin"]}},
    "created_at": "2024-01-15T10:30:00Z",
    "updated_at": "2024-01-15T10:30:00Z",
    "previous_secret_expires_at": None,
    "disabled_reason": None,
    "disabled_at": None,
}
_NEW_INTEGRATION = {
    "name": "Slack集成",
    "service_type": "slack",
    "config": {
        "webhook_url": "https://hooks.slack.com/services/...",
        "channel": "#general",
        "username": "TaiShangLaoJun",
    },
    "settings": {"auto_sync": True, "sync_interval": 300},
}
_APP = {
    "id": "app_1234567890",
    "name": "我的应用",
    "description": "第三方应用集成",
    "client_id": "client_1234567890",
    "client_type": "confidential",
    "redirect_uris": ["https://myapp.com/callback"],
    "scopes": ["read", "write"],
    "created_at": "2024-01-15T10:30:00Z",
    "updated_at": "2024-01-15T10:30:00Z",
}
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
_NEW_CUSTOMER = {
    "name": "示例科技有限公司",
    "industry": "互联网",
    "contact": {"name": "张经理", "phone": "13800138000"},
}
_BUCKET = "https://hub-prod-filesbucket.s3.us-east-1.amazonaws.com"
_FILE = {
    "id": "file_001",
    "name": "客户.csv",
    "size": 1048576,
    "contentType": "text/csv",
    "status": "uploaded",
    "createdAt": "2024-01-15T10:30:00Z",
    "expiresAt": "2024-02-14T10:30:00Z",
}
_EXPORT = {
    "id": "export_001",
    "query": "status=active&sort=name&order=asc",
    "fields": ["name", "contact.phone", "customFields"],
    "status": "completed",
    "progress": 100,
    "rows": 4000,
    "size": 262144,
    "failure": None,
    "createdAt": "2024-01-15T10:30:00Z",
    "endedAt": "2024-01-15T10:31:00Z",
    "expiresAt": "2024-02-14T10:30:00Z",
}
_NEW_DEVICE = {"name": "客厅灯", "type": "lamp", "tags": ["家"], "attributes": {"房间": "客厅"}}
_CERTIFICATE_ID = "8bc98c6f2b1d4a1d9b9f0c0a5d6f3e7b2c4d8e9f0a1b2c3d4e5f60718293a4b5"
_THING = "default:device_001"
_DEVICE = _NEW_DEVICE | {
    "id": "device_001",
    "status": "online",
    "certificates": [{"id": _CERTIFICATE_ID, "createdAt": "2024-01-15T10:30:00Z"}],
    "lastSeenAt": "2024-01-15T10:35:00Z",
    "createdAt": "2024-01-15T10:30:00Z",
    "updatedAt": "2024-01-15T10:30:00Z",
    "version": 2,
}
_NEW_DEVICE_COMMAND = {"command": "turnOn", "params": {"brightness": 80}}
_DEVICE_CREDENTIALS = {
    "certificateId": _CERTIFICATE_ID,
    "certificate": "-----BEGIN CERTIFICATE-----\n…\n-----END CERTIFICATE-----\n",
    "privateKey": "-----BEGIN RSA PRIVATE KEY-----\n…\n-----END RSA PRIVATE KEY-----\n",
    "endpoint": "a1b2c3d4e5f6g7-ats.iot.us-east-1.amazonaws.com",
    "clientId": _THING,
    "caUrl": "https://www.amazontrust.com/repository/AmazonRootCA1.pem",
    "topics": {
        "commands": f"hub-prod/{_THING}/commands",
        "acknowledgements": f"hub-prod/{_THING}/commands/ack",
        "alerts": f"hub-prod/{_THING}/alerts",
        "shadow": f"$aws/things/{_THING}/shadow",
    },
}
_FIGURES = {
    "attempts": 104,
    "delivered": 99,
    "failed": 1,
    "success_rate": 0.99,
    "response_time": {"p50": 138, "p95": 559},
}
_REPLAY = {
    "replay_id": "replay_1234567890",
    "since": "2024-01-15T10:00:00.000Z",
    "until": "2024-01-15T11:00:00.000Z",
}
_NEW_ORDER = {
    "customerId": "cust_001",
    "items": [{"name": "企业版年费", "sku": "ENT-1Y", "quantity": 2, "unitPrice": 499900}],
    "amount": 999800,
    "currency": "CNY",
    "note": "加急",
}

_THIRD_PARTY_MESSAGE: dict[str, Any] = {
    "to": "+8613800138000",
    "from": "+8613900139000",
    "content": "Hello from OpenChat!",
    "type": "text",
    "metadata": {"conversationId": "conv-001"},
}
EXAMPLES: dict[str, dict[str, Any]] = {
    # Document 1 section 1; its year of expiry is moved on, so that the example can be sent.
    "NewApiKey": {
        "name": "我的API密钥",
        "description": "用于第三方应用集成",
        "permissions": ["read", "write"],
        "expires_at": "2034-12-31T23:59:59Z",
    },
    "ApiKeyChange": {"name": "我的API密钥", "permissions": ["read"], "expires_at": None},
    "ApiKey": _API_KEY | {"last_used_at": "2024-01-15T10:30:00Z", "usage_count": 150},
    "ApiKeyWithSecret": _API_KEY | {"key": "sk_live_1234567890abcdef"},
    # Document 1 section 5.
    "NewApp": {
        "name": "我的应用",
        "description": "第三方应用集成",
        "redirect_uris": ["https://myapp.com/callback"],
        "scopes": ["read", "write"],
    },
    "AppWithSecret": _APP | {"client_secret": "secret_abcdef1234567890"},
    "TokenRequest": {
        "grant_type": "authorization_code",
        "code": "AUTHORIZATION_CODE",
        "client_id": "client_1234567890",
        "client_secret": "secret_abcdef1234567890",
        "redirect_uri": "https://myapp.com/callback",
    },
    "TokenAnswer": {
        "access_token": "ACCESS_TOKEN",
        "token_type": "Bearer",
        "expires_in": 3600,
        "scope": "read write",
        "refresh_token": "REFRESH_TOKEN",
    },
    "NewUser": {"email": "zhang@example.com", "name": "张三", "role": "member"},
    "User": {
        "id": "user_1234567890",
        "email": "zhang@example.com",
        "name": "张三",
        "role": "member",
        "status": "active",
        "createdAt": "2024-01-15T10:30:00Z",
        "updatedAt": "2024-01-15T10:30:00Z",
    },
    "Login": {"password": "your_password"},
    # Document 2.
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
    # Document 3.
    "NewCustomer": _NEW_CUSTOMER,
    "CustomerChange": {"status": "inactive", "tags": ["vip"], "customFields": {"等级": "A"}},
    "Customer": _NEW_CUSTOMER
    | {
        "id": "cust_001",
        "contact": {"name": "张经理", "phone": "13800138000", "email": None},
        "status": "active",
        "amount": 10000,
        "tags": ["vip"],
        "customFields": {"等级": "A"},
        "createdAt": "2024-01-15T10:30:00Z",
        "updatedAt": "2024-01-15T10:30:00Z",
        "version": 1,
    },
    "NewCustomers": {"customers": [_NEW_CUSTOMER, {"name": "客户B", "contact": {"name": "李经理", "phone": ""}}]},
    "CustomerBatch": {
        "items": [
            {"index": 0, "status": 201, "id": "cust_001"},
            {
                "index": 1,
                "status": 400,
                "code": 40001,
                "message": "参数验证失败",
                "errors": [{"field": "contact.phone", "message": "手机号不能为空"}],
            },
        ],
        "succeeded": 1,
        "failed": 1,
    },
    "NewFile": {"name": "客户.csv", "size": 1048576, "contentType": "text/csv"},
    "NewFileWithUpload": _FILE
    | {
        "status": "pending",
        "upload": {
            "url": f"{_BUCKET}/files/default/file_001?X-Amz-Signature=…",
            "method": "PUT",
            "headers": {"Content-Length": "1048576", "Content-Type": "text/csv"},
            "expiresAt": "2024-01-15T10:45:00Z",
        },
    },
    "FileWithDownload": _FILE | {"downloadUrl": f"{_BUCKET}/files/default/file_001?X-Amz-Signature=…"},
    "NewImport": {"fileId": "file_001", "encoding": "utf-8"},
    "Import": {
        "id": "import_001",
        "fileId": "file_001",
        "fileName": "客户.csv",
        "encoding": "utf-8",
        "status": "running",
        "progress": 40,
        "rowsRead": 4000,
        "rowsCreated": 3990,
        "rowsFailed": 10,
        "failure": None,
        "createdAt": "2024-01-15T10:30:00Z",
        "endedAt": None,
    },
    "BadRow": {
        "row": 17,
        "code": 40001,
        "message": "参数验证失败",
        "errors": [{"field": "contact.phone", "message": "手机号格式不正确"}],
    },
    "NewExport": {"query": "status=active&sort=name&order=asc", "fields": ["name", "contact.phone", "customFields"]},
    "ExportWithDownload": _EXPORT | {"downloadUrl": f"{_BUCKET}/exports/default/export_001?X-Amz-Signature=…"},
    "NewOrder": _NEW_ORDER,
    "OrderChange": {"note": "已联系客户", "metadata": {"来源": "官网"}},
    "Payment": {"method": "alipay", "reference": "2024011522001"},
    "Cancellation": {"reason": "客户改变主意"},
    "NewRefund": {"amount": 100, "reason": "少发一件"},
    "Order": _NEW_ORDER
    | {
        "id": "order_001",
        "customerName": "示例科技有限公司",
        "metadata": {},
        "status": "partially_refunded",
        "paymentMethod": "alipay",
        "paymentReference": "2024011522001",
        "cancelReason": None,
        "refunds": [{"amount": 100, "reason": "少发一件", "createdAt": "2024-01-16T09:00:00Z"}],
        "refundedAmount": 100,
        "createdAt": "2024-01-15T10:30:00Z",
        "updatedAt": "2024-01-16T09:00:00Z",
        "paidAt": "2024-01-15T10:31:00Z",
        "cancelledAt": None,
        "refundedAt": "2024-01-16T09:00:00Z",
        "version": 3,
    },
    "NewDevice": _NEW_DEVICE,
    "DeviceChange": {"name": "卧室灯", "tags": []},
    "Device": _DEVICE,
    "DeviceWithCredentials": _DEVICE
    | {"status": "offline", "lastSeenAt": None, "version": 1, "credentials": _DEVICE_CREDENTIALS},
    "DeviceCredentials": _DEVICE_CREDENTIALS,
    "DeviceShadowChange": {"desired": {"on": True, "brightness": 80}},
    "DeviceShadow": {
        "desired": {"on": True, "brightness": 80},
        "reported": {"on": True, "brightness": 10},
        "delta": {"brightness": 80},
        "desiredAt": "2024-01-15T10:35:00Z",
        "reportedAt": "2024-01-15T10:31:00Z",
        "version": 3,
    },
    # Document 3, "IoT 设备控制".
    "NewDeviceCommand": _NEW_DEVICE_COMMAND,
    "DeviceCommand": _NEW_DEVICE_COMMAND
    | {
        "id": "cmd_001",
        "deviceId": "device_001",
        "status": "succeeded",
        "createdAt": "2024-01-15T10:30:00Z",
        "expiresAt": "2024-01-15T10:35:00Z",
        "sentAt": "2024-01-15T10:30:00Z",
        "acknowledgedAt": "2024-01-15T10:30:01Z",
        "result": {"brightness": 80},
    },
    # Document 1 section 3.
    "NewIntegration": _NEW_INTEGRATION,
    "IntegrationChange": {"config": {"webhook_url": "***", "channel": "#random"}},
    "Integration": _NEW_INTEGRATION
    | {
        "id": "int_1234567890",
        "config": {"webhook_url": "***", "channel": "#general", "username": "TaiShangLaoJun"},
        "settings": {"auto_sync": True, "sync_interval": 300, "forward_events": [], "language": "zh-CN"},
        "status": "active",
        "error": None,
        "created_at": "2024-01-15T10:30:00Z",
        "updated_at": "2024-01-15T10:30:00Z",
    },
    "Tested": {
        "success": False,
        "latency_ms": 150,
        "account": None,
        "error": {"code": "invalid_token", "message": "invalid_token"},
    },
    **plugins.EXAMPLES,
    "Sync": {
        "id": "sync_1234567890",
        "integration_id": "int_1234567890",
        "trigger": "manual",
        "status": "running",
        "pages": 12,
        "records_read": 1200,
        "added": 30,
        "updated": 4,
        "deleted": 0,
        "error": None,
        "created_at": "2024-01-15T10:30:00Z",
        "retry_at": None,
        "ended_at": None,
    },
    "SyncedRecord": {
        "id": "42",
        "kind": "issue",
        "change": "updated",
        "changed_at": "2024-01-15T10:30:00Z",
        "updated_at": "2024-01-15T10:29:41.000Z",
        "sync_id": "sync_1234567890",
        "data": {"number": 42, "title": "登录页报错", "state": "open"},
    },
    # Document 4.
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
    # Document 1 section 4.
    "NewWebhook": {
        "url": "https://your-app.com/webhook",
        "events": ["user.created", "user.updated"],
        "secret": "your_webhook_secret",
        "headers": {"X-Custom-Header": "value"},
        "active": True,
    },
    "WebhookChange": {
        "events": ["user.*"],
        "active": False,
        "filter": {"data": {"role": [{"anything-but": "member"}], "email": [{"suffix": "@example.com"}]}},
    },
    "RetryRequest": {"log_ids": ["log_1234567890"]},
    "ReplayRequest": {"since": "2024-01-15T10:00:00Z", "until": "2024-01-15T11:00:00Z", "status": "failed"},
    "ReplayStarted": _REPLAY,
    "Replay": _REPLAY | {"status": "running", "queued": 100, "started_at": "2024-01-15T12:00:00Z", "ended_at": None},
    "Webhook": _WEBHOOK,
    "WebhookWithSecret": _WEBHOOK | {"secret": "your_webhook_secret"},
    "Delivery": {
        "id": "log_1234567890",
        "webhook_id": "wh_1234567890",
        "event": "user.created",
        "status": "success",
        "response_code": 200,
        "response_time": 150,
        "created_at": "2024-01-15T10:30:00Z",
        "payload": {
            "id": "evt_1234567890",
            "event": "user.created",
            "type": "user.created",
            "timestamp": "2024-01-15T10:30:00.000Z",
            "data": {"user_id": "user_123", "email": "user@example.com"},
        },
        "attempts": [
            {"attempted_at": "2024-01-15T10:30:00.120Z", "response_code": 200, "response_time": 150, "error": None}
        ],
    },
    "WebhookStatistics": {
        "webhook_id": "wh_1234567890",
        "start": "2024-01-15T10:00:00Z",
        "end": "2024-01-15T11:00:00Z",
        **_FIGURES,
        "hours": [{"hour": "2024-01-15T10:00:00Z", **_FIGURES}],
    },
}
