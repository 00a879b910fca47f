"""Manifests and answers that tests of plugins share."""

import json
from typing import Any

from tests.conftest import Answer, Deployment
from tests.contract.connectors.fakes import Fake, Reply, told

PATH = "/v1/plugins"
WEATHER = "plugin_weather_v1.0.0"
DOCUMENT_1 = {
    "plugin_id": WEATHER,
    "source": "marketplace",
    "config": {"api_key": "your_weather_api_key", "default_city": "Beijing"},
}
KEY = "a-secret-of-the-plugin"

# https://openweathermap.org/current, "Example of API response" in JSON.
CURRENT = told(
    b"""{
  "coord": {"lon": 116.3972, "lat": 39.9075},
  "weather": [{"id": 501, "main": "Rain", "description": "moderate rain", "icon": "10d"}],
  "base": "stations",
  "main": {"temp": 284.2, "feels_like": 282.93, "temp_min": 283.06, "temp_max": 286.82, "pressure": 1021,
           "humidity": 60, "sea_level": 1021, "grnd_level": 910},
  "visibility": 10000,
  "wind": {"speed": 4.09, "deg": 121, "gust": 3.47},
  "rain": {"1h": 2.73},
  "clouds": {"all": 83},
  "dt": 1726660758,
  "sys": {"type": 1, "id": 6736, "country": "CN", "sunrise": 1726636384, "sunset": 1726680975},
  "timezone": 28800,
  "id": 1816670,
  "name": "Beijing",
  "cod": 200
}"""
)
BAD_KEY = told(
    b'{"cod":401, "message": "Invalid API key. Please see https://openweathermap.org/faq#error401 for more info."}', 401
)
NO_CITY = told(b'{"cod":"404","message":"city not found"}', 404)
TOO_MANY = told(
    b'{"cod": 429, "message": "Your account is temporary blocked due to exceeding of requests limitation of your '
    b'subscription type. Please choose the proper subscription https://openweathermap.org/price"}',
    429,
)


def manifest(url: str, version: str = "1.0.0", **more: Any) -> dict[str, Any]:
    """A manifest of a plugin that runs at a URL."""
    return {
        "id": f"plugin_translator_v{version}",
        "name": "翻译插件",
        "description": "翻译对话",
        "version": version,
        "author": "译者",
        "config_schema": {
            "type": "object",
            "properties": {
                "token": {"type": "string", "writeOnly": True, "minLength": 1},
                "target": {"type": "string", "enum": ["en", "zh"], "default": "en"},
                "terms": {"type": "array", "items": {"type": "string"}, "maxItems": 3},
            },
            "required": ["token"],
            "additionalProperties": False,
        },
        "permissions": ["conversations:read", "customers:read"],
        "commands": [
            {
                "name": "translate",
                "description": "翻译一段文字",
                "parameters": {
                    "type": "object",
                    "properties": {
                        "text": {"type": "string", "minLength": 1},
                        "formal": {"type": "boolean", "default": True},
                    },
                    "required": ["text"],
                    "additionalProperties": False,
                },
            }
        ],
        "events": ["conversation.message", "customer.*"],
        "runtime": {"type": "http", "url": url},
        **more,
    }


def install_from(deployment: Deployment, plugin: Fake, **more: Any) -> Answer:
    """Install the plugin whose manifest, made by `more`, a fake publishes; calls go to the fake too."""
    plugin.will(told(manifest(plugin.url + "/hub", **more)))
    body = {"source": "url", "manifest_url": plugin.url + "/manifest.json", "config": {"token": KEY}}
    return deployment.call("POST", f"{PATH}/install", body)


def published(document: Any) -> Reply:
    """A manifest as its author publishes it."""
    return told(document if isinstance(document, str | bytes) else json.dumps(document, ensure_ascii=False).encode())


def wrong(answer: Answer) -> dict[str, str]:
    """What is wrong, by field."""
    assert answer.status == 400, answer.text
    assert answer.json["error"]["code"] == "INVALID_REQUEST"
    details = answer.json["error"]["details"]
    return {one["field"]: one["reason"] for one in details.get("errors", [details])}
