"""Examples of document 1 sections 1 and 5, and of users; the year of an expiry is moved on, so that it can be sent."""

from typing import Any

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

EXAMPLES: dict[str, dict[str, Any]] = {
    "NewApiKey": {
        "name": "我的API密钥",
        "description": "用于第三方应用集成",
        "permissions": ["read", "write"],
        "expires_at": "2034-12-31T23:59:59Z",
    },
    "ApiKeyChange": {"name": "我的API密钥", "permissions": ["read"], "expires_at": None},
    "ApiKey": _API_KEY | {"last_used_at": "2024-01-15T10:30:00Z", "usage_count": 150},
    "ApiKeyWithSecret": _API_KEY | {"key": "sk_live_1234567890abcdef"},
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
}
