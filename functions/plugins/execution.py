"""One call of a plugin, wherever it runs, and how it ended."""

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from functions.plugins import schemas
from functions.plugins.builtin import builtin
from functions.plugins.store import StoredPlugin
from hub import secrets, signing, times
from hub.connections import MAX_TOLD
from hub.connectors import calls
from hub.connectors.protocol import Permanent, ProviderError, Temporary
from hub.outcomes import Trouble

MAX_RESULT_BYTES = 65_536
GONE = "410"


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a call ended: a `result`, or an `error`; one that `may_pass` is worth another try, at `retry_at` (epoch ms)
    where the plugin says when."""

    result: Any
    error: Trouble | None
    milliseconds: int
    may_pass: bool = False
    retry_at: int | None = None

    @property
    def is_gone(self) -> bool:
        """Whether the plugin says that it is there no more."""
        return self.error is not None and self.error["code"] == GONE


def command(tenant: str, plugin: StoredPlugin, run_id: str, name: str, parameters: Mapping[str, Any]) -> Outcome:
    """Run a command whose parameters were checked."""

    def call(config: Mapping[str, Any]) -> Any:
        runtime = plugin.manifest["runtime"]
        if runtime["type"] == "builtin":
            return _builtin(runtime["name"]).command(name, parameters, config)
        body = {
            "type": "command",
            "id": run_id,
            "timestamp": times.iso_ms(times.now_ms()),
            "data": {"command": name, "parameters": parameters},
        }
        return _result(_post(tenant, plugin, "command", {**body, **_installed(plugin, config)}))

    return _watched(tenant, plugin, call)


def event(tenant: str, plugin: StoredPlugin, told: Mapping[str, Any]) -> Outcome:
    """Tell a plugin of an event; the result is what it says that it did."""

    def call(config: Mapping[str, Any]) -> Any:
        runtime = plugin.manifest["runtime"]
        if runtime["type"] == "builtin":
            return _builtin(runtime["name"]).hear(told, config)
        body = {name: told[name] for name in ("type", "id", "timestamp", "data")}
        _post(tenant, plugin, told["type"], {**body, **_installed(plugin, config)})
        return ""

    return _watched(tenant, plugin, call)


def _watched(tenant: str, plugin: StoredPlugin, call: Callable[[Mapping[str, Any]], Any]) -> Outcome:
    # What is sealed is opened before the clock runs, which tells how quick the plugin is.
    config = schemas.filled(plugin.manifest["config_schema"], plugin.opened_config(tenant))
    hidden = [str(config[name]) for name in schemas.secret_fields(plugin.manifest["config_schema"]) if name in config]
    started = time.perf_counter()
    result, error = None, None
    try:
        result = call(config)
    except ProviderError as refusal:
        error = refusal
    milliseconds = round((time.perf_counter() - started) * 1000)
    if error is None:
        return Outcome(result, None, milliseconds)
    trouble: Trouble = {"code": _cleaned(error.code, hidden), "message": _cleaned(error.message, hidden)}
    retry_at = error.retry_at if isinstance(error, Temporary) else None
    return Outcome(None, trouble, milliseconds, isinstance(error, Temporary), retry_at)


def _builtin(name: str) -> Any:
    try:
        return builtin(name)
    except LookupError as error:
        raise Permanent("builtin_gone", "this version of Hub does not have the plugin any more") from error


def _installed(plugin: StoredPlugin, config: Mapping[str, Any]) -> dict[str, Any]:
    """Whose call it is: a plugin may be installed by many."""
    return {"plugin_id": plugin.plugin_id, "installation_id": plugin.installation_id, "config": config}


def _post(tenant: str, plugin: StoredPlugin, kind: str, body: Mapping[str, Any]) -> calls.Answer:
    # Half a character, which UTF-8 has not, stands as JSON escapes it.
    raw = json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode(errors="backslashreplace")
    now = times.now_ms()
    signed = signing.headers(raw, body["id"], kind, now // 1000, plugin.signing_secrets(tenant, now))
    answer = calls.call(
        "POST",
        plugin.manifest["runtime"]["url"],
        body=raw,
        headers={"Content-Type": "application/json; charset=utf-8", **signed},
        max_bytes=MAX_RESULT_BYTES + 1,
    )
    if not answer.ok:
        own = answer.fields.get("error")
        told = own if isinstance(own, Mapping) else answer.fields
        code = str(answer.status) if answer.status == int(GONE) else told.get("code")
        raise calls.refused(answer, code, told.get("message"))
    return answer


def _result(answer: calls.Answer) -> Any:
    """What a command answered: JSON, or nothing."""
    if len(answer.body) > MAX_RESULT_BYTES:
        raise Permanent("answer_too_large", f"the answer has more than {MAX_RESULT_BYTES} bytes")
    if not answer.body.strip():
        return None
    try:
        result = json.loads(answer.body)
    except (ValueError, RecursionError) as error:
        raise Permanent("bad_answer", "the answer is not JSON") from error
    if not schemas.is_plain(result):
        raise Permanent("bad_answer", "the answer is too deep, or has what JSON cannot write")
    return result


def _cleaned(text: Any, hidden: list[str]) -> str:
    """A plugin's words, to be kept and shown: short, in Unicode, and without the secrets that they repeat."""
    words = str(text)
    for secret in filter(None, hidden):
        for told in (secret, quote(secret, safe="")):
            words = words.replace(told, secrets.MASK)
    return words[:MAX_TOLD].encode(errors="replace").decode()
