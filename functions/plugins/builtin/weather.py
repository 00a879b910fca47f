"""Weather from OpenWeather, or a service that speaks as it does: https://openweathermap.org/current, /forecast5."""

from collections.abc import Mapping
from typing import Any

from functions.plugins.builtin.protocol import Builtin, Config
from hub import times
from hub.connectors import calls
from hub.connectors.protocol import Permanent

BASE = "https://api.openweathermap.org"


class Weather(Builtin):
    """`current` and `forecast` of a city."""

    def command(self, name: str, parameters: Mapping[str, Any], config: Config) -> Any:
        """Ask for a city, by default the config's own."""
        city = parameters.get("city") or config.get("default_city")
        if not city:
            raise Permanent("missing_city", "neither the command nor the config names a city")
        units = config.get("units", "metric")
        query = {"q": city, "appid": config["api_key"], "units": units, "lang": parameters.get("lang", "zh_cn")}
        if name == "forecast":
            return _forecast(_asked(config, "forecast", {**query, "cnt": str(parameters.get("steps", 8))}), units)
        if name == "current":
            return _current(_asked(config, "weather", query), units)
        return super().command(name, parameters, config)


def _asked(config: Config, what: str, query: Mapping[str, str]) -> calls.Fields:
    base = calls.base(config.get("base_url", ""), BASE)
    answer = calls.call("GET", f"{base}/data/2.5/{what}", query=query, max_bytes=262_144)
    told = answer.fields
    if not answer.ok:
        # `cod` is a number in some answers and a text in others.
        raise calls.refused(answer, told.get("cod"), told.get("message"))
    return told


def _current(told: calls.Fields, units: str) -> dict[str, Any]:
    with calls.reading():
        return {
            "city": told["name"],
            "country": told["sys"].get("country"),
            "units": units,
            **_conditions(told),
            "observed_at": times.iso(told["dt"]),
        }


def _forecast(told: calls.Fields, units: str) -> dict[str, Any]:
    with calls.reading():
        steps = [
            {"at": times.iso(step["dt"]), **_conditions(step), "precipitation_probability": step.get("pop")}
            for step in told["list"]
        ]
        return {"city": told["city"]["name"], "country": told["city"].get("country"), "units": units, "steps": steps}


def _conditions(told: Mapping[str, Any]) -> dict[str, Any]:
    main = told["main"]
    return {
        "temperature": main["temp"],
        "feels_like": main.get("feels_like"),
        "humidity": main.get("humidity"),
        "pressure": main.get("pressure"),
        "wind_speed": told.get("wind", {}).get("speed"),
        "description": told["weather"][0]["description"],
        "icon": told["weather"][0].get("icon"),
    }


PLUGIN = Weather()
