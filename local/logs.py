"""What the emulator and the functions write, made readable for a terminal."""

import json
import re
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from local.stack import STACK_NAME

_PHYSICAL_NAME = re.compile(rf"^{STACK_NAME}-(?P<logical>\w+?)(Function)?-[0-9A-F]{{13}}$")
_EMULATOR_LINE = re.compile(
    r"^\d{4}-\d\d-\d\d (?P<time>[\d:]{8}) (?P<level>WARNING|ERROR|CRITICAL) \[\w+\] (?P<text>.*)"
)
# What Powertools puts on every line and a reader of one terminal does not need.
_DULL = frozenset(
    (
        "level",
        "location",
        "message",
        "timestamp",
        "service",
        "sampling_rate",
        "cold_start",
        "function_name",
        "function_memory_size",
        "function_arn",
        "function_request_id",
        "correlation_id",
        "request_id",
        "xray_trace_id",
        "exception",
        "exception_name",
        "stack_trace",
    )
)


def readable(raw: str) -> str | None:
    """One line as written by `local.emulator`, as a person wants it; None when it is nothing to a person."""
    if not raw.startswith('{"kind": '):
        return _from_emulator(raw)
    record = json.loads(raw)
    return _FORMATS[record["kind"]](record)


def _from_emulator(raw: str) -> str | None:
    found = _EMULATOR_LINE.match(raw)
    return _line(found["time"], found["level"], "emulator", found["text"]) if found else None


def _access(record: Mapping[str, Any]) -> str:
    text = f"{record['method']} {record['path']} {record['status']} {record['ms']} ms"
    return _line(_now(), "INFO", "http", text)


def _failure(record: Mapping[str, Any]) -> str:
    return _line(_now(), "ERROR", _function(record), _indented(record["line"]))


def _function_line(record: Mapping[str, Any]) -> str | None:
    text = record["line"]
    if not text.startswith("{"):
        return _line(_now(), "INFO", _function(record), text) if text.strip() else None
    try:
        entry = json.loads(text)
    except ValueError:
        return _line(_now(), "INFO", _function(record), text)
    if "_aws" in entry:
        return None  # metrics
    return _structured(_function(record), entry)


def _structured(function: str, entry: Mapping[str, Any]) -> str:
    message = entry.get("message", "")
    text = message if isinstance(message, str) else json.dumps(message, ensure_ascii=False)
    more = " ".join(f"{name}={_short(value)}" for name, value in entry.items() if name not in _DULL)
    request = entry.get("request_id") or entry.get("correlation_id") or entry.get("function_request_id")
    parts = [text, more, f"[{request}]" if request else ""]
    text = "  ".join(part for part in parts if part)
    if "exception" in entry:
        text += "\n" + _indented(str(entry["exception"]))
    return _line(_clock(entry.get("timestamp")), str(entry.get("level", "INFO")), function, text)


def _short(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _function(record: Mapping[str, Any]) -> str:
    found = _PHYSICAL_NAME.match(record["function"])
    return found["logical"] if found else str(record["function"])


def _indented(text: str) -> str:
    return text.replace("\n", "\n    ")


def _clock(timestamp: object) -> str:
    try:
        return datetime.fromisoformat(str(timestamp)).astimezone().strftime("%H:%M:%S")
    except ValueError:
        return _now()


def _now() -> str:
    return datetime.now().astimezone().strftime("%H:%M:%S")


def _line(clock: str, level: str, origin: str, text: str) -> str:
    return f"{clock} {level:<7} {origin:<16} {text}"


_FORMATS: dict[str, Callable[[Mapping[str, Any]], str | None]] = {
    "access": _access,
    "failure": _failure,
    "function": _function_line,
}
