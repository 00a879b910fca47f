"""Examples of document 5."""

from typing import Any

_NEW_MAPPING = {
    "kook_server_id": "1234567890",
    "kook_channel_id": "9876543210",
    "kook_channel_name": "公告频道",
    "target_platform": "discord",
    "target_bot_id": 1,
    "target_channel_id": "discord_channel_123",
}
_FORWARD_LOG = {
    "id": 1,
    "kook_message_id": "msg_123",
    "kook_channel_id": "channel_456",
    "content": "测试消息",
    "message_type": "text",
    "sender_name": "用户A",
    "target_platform": "discord",
    "target_channel": "discord_ch_789",
    "status": "success",
    "error_message": None,
    "latency_ms": 1234,
    "created_at": "2025-10-19T15:30:00",
}
_FORWARD_STATISTICS = {
    "total": 1234,
    "success": 1200,
    "failed": 34,
    "success_rate": 97.2,
    "avg_latency_ms": 1234,
    "by_platform": {"discord": 600, "telegram": 400, "feishu": 234},
}
_SYSTEM_STATUS = {
    "service_running": True,
    "redis_connected": True,
    "queue_size": 5,
    "account_count": 2,
    "active_accounts": 2,
    "bot_count": 3,
    "mapping_count": 6,
    "uptime_seconds": 3600,
    "version": "1.8.1",
}
_CACHE_STATISTICS = {
    "cache_size": 1234,
    "hit_rate": 0.85,
    "miss_rate": 0.15,
    "total_hits": 5000,
    "total_misses": 882,
}
_HEALTH_CHECK = {
    "status": "healthy",
    "components": {
        "redis": {"status": "up", "latency_ms": 5},
        "database": {"status": "up", "latency_ms": 4},
        "worker": {"status": "running"},
        "scrapers": {"total": 2, "active": 2},
    },
    "timestamp": "2025-10-19T15:30:00",
}
_UPDATE_CHECK = {
    "current_version": "1.8.1",
    "latest_version": "1.8.2",
    "update_available": True,
    "release_notes": "...",
    "download_url": "https://...",
    "message": None,
}

EXAMPLES: dict[str, dict[str, Any]] = {
    "NewKookAccount": {
        "email": "user@example.com",
        "cookie": '[{"name":"token","value":"xxx","domain":".kookapp.cn"}]',
    },
    "KookAccountChange": {"verify_token": "a-verify-token"},
    "NewBot": {
        "platform": "discord",
        "name": "测试Discord Bot",
        "config": {"webhook_url": "https://discord.com/api/webhooks/123456/abc..."},
    },
    "BotChange": {"name": "游戏公告Bot"},
    "NewMapping": _NEW_MAPPING,
    "MappingChange": {"enabled": 0},
    "AutoMatch": {"account_id": 1, "platform": "discord"},
    "ChosenMatches": {"matches": [_NEW_MAPPING | {"target_name": "announcements"}]},
    "Feedback": {"rejected": [{"kook_channel_name": "闲聊", "target_name": "announcements"}]},
    "Restore": {"backup_id": "backup_20251019_153000"},
    "ForwardLog": _FORWARD_LOG,
    "ForwardStatistics": _FORWARD_STATISTICS,
    "SystemStatus": _SYSTEM_STATUS,
    "CacheStatistics": _CACHE_STATISTICS,
    "HealthCheck": _HEALTH_CHECK,
    "UpdateCheck": _UPDATE_CHECK,
}
