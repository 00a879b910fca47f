"""Examples of document 1 section 4."""

from typing import Any

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

EXAMPLES: dict[str, dict[str, Any]] = {
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
