"""Examples of document 1 section 2, by the name of the shape that they are of."""

from typing import Any

_CONFIG_SCHEMA = {
    "type": "object",
    "properties": {
        "api_key": {"type": "string", "format": "password", "writeOnly": True},
        "default_city": {"type": "string"},
    },
    "required": ["api_key"],
    "additionalProperties": False,
}
_COMMAND = {
    "name": "current",
    "description": "当前天气",
    "parameters": {
        "type": "object",
        "properties": {"city": {"type": "string", "minLength": 1, "maxLength": 100}},
        "additionalProperties": False,
    },
}
_OFFERED = {
    "id": "plugin_weather_v1.0.0",
    "name": "天气插件",
    "description": "获取实时天气信息",
    "version": "1.0.0",
    "author": "WeatherCorp",
    "homepage": "https://openweathermap.org/api",
    "permissions": [],
    "events": [],
    "commands": [_COMMAND],
    "config_schema": _CONFIG_SCHEMA,
}
_PLUGIN = _OFFERED | {
    "status": "active",
    "installed_at": "2024-01-01T00:00:00Z",
    "config": {"api_key": "***", "default_city": "Beijing"},
    "updated_at": "2024-01-01T00:00:00Z",
    "installation_id": "pin_1234567890",
    "source": "marketplace",
    "manifest_url": None,
    "runtime": "builtin",
    "disabled_reason": None,
    "previous_secret_expires_at": None,
}
_SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"  # noqa: S105 - Standard Webhooks' own example

EXAMPLES: dict[str, dict[str, Any]] = {
    "NewPlugin": {
        "plugin_id": "plugin_weather_v1.0.0",
        "source": "marketplace",
        "config": {"api_key": "your_weather_api_key", "default_city": "Beijing"},
    },
    "PluginStatusChange": {"status": "inactive"},
    "PluginConfigChange": {"config": {"api_key": "***", "default_city": "Shanghai"}},
    "PluginVersionChange": {"version": "1.1.0"},
    "PluginCommand": {"parameters": {"city": "Beijing"}},
    "CataloguePlugin": _OFFERED,
    "Plugin": _PLUGIN,
    "PluginWithSecret": _PLUGIN | {"secret": _SECRET},
    "CommandRun": {
        "run_id": "run_1234567890",
        "command": "current",
        "success": True,
        "result": {"city": "Beijing", "temperature": 21.5, "description": "晴"},
        "error": None,
        "response_time": 150,
    },
    "Run": {
        "id": "run_1234567890",
        "kind": "command",
        "name": "current",
        "event_id": None,
        "status": "success",
        "tries": 1,
        "note": "",
        "error": None,
        "response_time": 150,
        "created_at": "2024-01-15T10:30:00.000Z",
        "updated_at": "2024-01-15T10:30:00.150Z",
        "next_try_at": None,
    },
}
