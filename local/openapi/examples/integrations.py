"""Examples of document 1 section 3."""

from typing import Any

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

EXAMPLES: dict[str, dict[str, Any]] = {
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
}
