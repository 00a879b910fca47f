"""Whether there is a newer release: asked at a GitHub-compatible address, at most once an hour.

GitHub: `GET /repos/{owner}/{repo}/releases/latest` answers with `tag_name`, `body`, `html_url`, `assets`
(https://docs.github.com/rest/releases/releases#get-the-latest-release), 60 times an hour without a credential.
"""

import json
import re
from dataclasses import dataclass
from functools import cache as once
from typing import Any

import hub
from functions.forwarding import cache
from functions.forwarding.system.models import UpdateCheck
from hub import outbound, settings
from hub.errors import Unavailable
from hub.outbound import OutboundError
from hub.web.localisation import Language, text

SECONDS = 3600
_WAIT_SECONDS = 5.0
_MAX_BYTES = 262_144
_MAX_NOTES = 20_000
_VERSION = re.compile(r"v?(\d{1,9})(?:\.(\d{1,9}))?(?:\.(\d{1,9}))?(-[0-9A-Za-z.-]+)?(?:\+[0-9A-Za-z.-]+)?\Z", re.ASCII)


@dataclass(frozen=True)
class UpdateSettings:
    """Where the latest release is told; empty for nowhere."""

    updates_url: str = ""


def check(tenant: str, language: Language) -> UpdateCheck:
    """Compare this version with the latest release. Raises `Unavailable` where nobody tells that."""
    address = _settings().updates_url
    if not address:
        return _told({}, text("updates_not_configured", language))
    return _told(cache.through(tenant, "updates", SECONDS, lambda: _latest(address)), None)


def is_newer(latest: str, current: str) -> bool:
    """Whether a version is later than another (Semantic Versioning); of one in another form, whether it is another."""
    there, here = _VERSION.match(latest), _VERSION.match(current)
    if there is None or here is None:
        return latest != current
    return _rank(there) > _rank(here)


def _rank(version: "re.Match[str]") -> tuple[int, int, int, bool]:
    major, minor, patch, before = version.groups()
    # A release comes after all that led to it.
    return int(major), int(minor or 0), int(patch or 0), before is None


def _told(latest: dict[str, Any], message: str | None) -> UpdateCheck:
    version = latest.get("version")
    return {
        "current_version": hub.__version__,
        "latest_version": version,
        "update_available": version is not None and is_newer(version, hub.__version__),
        "release_notes": latest.get("notes"),
        "download_url": latest.get("url"),
        "message": message,
    }


def _latest(address: str) -> dict[str, Any]:
    headers = {"Accept": "application/vnd.github+json", "X-GitHub-Api-Version": "2022-11-28"}
    try:
        answer = outbound.send("GET", address, headers=headers, seconds=_WAIT_SECONDS, max_response_bytes=_MAX_BYTES)
    except OutboundError as error:
        raise _unreachable(error.reason) from error
    if answer.status != 200:
        raise _unreachable(str(answer.status))
    try:
        told = json.loads(answer.body)
        version, page = str(told["tag_name"]), str(told["html_url"])
    except (ValueError, KeyError, TypeError, RecursionError):
        raise _unreachable("bad_answer") from None
    return {"version": version.removeprefix("v"), "notes": str(told.get("body") or "")[:_MAX_NOTES], "url": page}


def _unreachable(reason: str) -> Unavailable:
    return Unavailable("updates_unreachable", code="UPDATES_UNREACHABLE", reason=reason)


@once
def _settings() -> UpdateSettings:
    return settings.load(UpdateSettings)
