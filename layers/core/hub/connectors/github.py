"""GitHub, by a token (https://docs.github.com/rest)."""

import json
import re
from datetime import datetime
from typing import Annotated, Any, ClassVar
from urllib.parse import parse_qsl, urlencode, urlsplit

from pydantic import Field

from hub import times
from hub.connectors import callbacks, calls
from hub.connectors.protocol import (
    SECRET,
    Account,
    ApiConfig,
    Callback,
    Connector,
    Disabled,
    Heard,
    Limits,
    Outgoing,
    Page,
    Permanent,
    ProviderError,
    Record,
    Sent,
    Temporary,
    Unverified,
)

API = "https://api.github.com"
PAGE = 100
_MINUTE = 60
_TELLING = frozenset(
    {
        "issues",
        "issue_comment",
        "label",
        "pull_request",
        "pull_request_review",
        "pull_request_review_comment",
    }
)
"""Events that an issue or a pull request is another by."""


class GitHubConfig(ApiConfig):
    """`repository` (`owner/name`) is read from and gets the issues; `issue` a number whose comments messages become.

    `webhook_secret` is the secret of a webhook there.
    """

    token: Annotated[str, SECRET]
    repository: Annotated[str, Field(max_length=140, pattern=r"^[A-Za-z0-9_-]{1,39}/[A-Za-z0-9._-]{1,100}$")]
    issue: Annotated[int, Field(ge=1, le=2**31 - 1)] | None = None
    webhook_secret: Annotated[str, SECRET] = ""


class GitHub(Connector[GitHubConfig]):
    """A repository.

    A text may have 65,536 characters: as many as one of nothing but `@` has when each is kept from notifying anybody.
    """

    service_type = "github"
    config = GitHubConfig
    limits: ClassVar[Limits] = Limits(text=31_000, per_second=1)
    abilities: ClassVar = frozenset({"send", "records", "changes"})

    def test(self, config: GitHubConfig) -> Account:
        """`GET /repos/{owner}/{repo}`."""
        found = _call("GET", config, f"/repos/{config.repository}").fields
        return Account(str(found["id"]), str(found["full_name"]))

    def send(self, config: GitHubConfig, message: Outgoing) -> Sent:
        """Comment on the issue that `to` or the config names, or open one under the text's first line."""
        text = f"{message.text}\n\n{message.media.url}".strip() if message.media else message.text
        # A mention in a text from outside must not notify anybody.
        text = text.replace("@", "@\u200b")
        number = message.to or (str(config.issue) if config.issue else "")
        if number:
            if not re.fullmatch(r"[0-9]{1,18}", number):
                raise Permanent("bad_issue", f"{number} is no issue's number")
            path = f"/repos/{config.repository}/issues/{number}/comments"
            try:
                return Sent(str(_call("POST", config, path, body={"body": text}).fields["id"]))
            except Disabled as error:
                # An issue that is gone or locked says nothing of the others.
                if number != str(config.issue) and (error.code in ("404", "410") or "locked" in error.message):
                    raise Permanent(error.code, error.message) from error
                raise
        title = text.strip().partition("\n")[0][:200] or "-"
        body = {"title": title, "body": text}
        return Sent(str(_call("POST", config, f"/repos/{config.repository}/issues", body=body).fields["number"]))

    def records(self, config: GitHubConfig, cursor: str | None) -> Page[Record]:
        """Issues and pull requests, the oldest first, so that a new one moves no page.

        Numbers of pages go only so far in a large repository: GitHub's own link tells how the list goes on.
        """
        query = {"state": "all", "sort": "created", "direction": "asc", "per_page": str(PAGE)}
        answer = _call("GET", config, f"/repos/{config.repository}/issues", query=query | dict(parse_qsl(cursor or "")))
        found = answer.json
        if not isinstance(found, list):
            raise calls.refused(answer)
        with calls.reading():
            return Page([_record(one) for one in found], calls.onward(_next(answer), cursor))

    def hear(self, config: GitHubConfig, callback: Callback) -> Heard:
        """Read an event of the repository, or of another one that the same webhook is for."""
        given = callback.headers.get("x-hub-signature-256", "")
        if not callbacks.is_signed(callback.body, config.webhook_secret, given):
            raise Unverified
        if callback.headers.get("x-github-event", "") not in _TELLING:
            return Heard()
        told = callbacks.readable(_repository, [callback])
        return Heard(records_changed=told == [config.repository.lower()])


def _repository(callback: Callback) -> str:
    """Which repository an event is of, in small letters: GitHub takes a name in any."""
    is_form = callback.headers.get("content-type", "").startswith("application/x-www-form-urlencoded")
    body = dict(parse_qsl(callback.body.decode()))["payload"] if is_form else callback.body
    told: str = json.loads(body)["repository"]["full_name"]
    return told.lower()


def _call(
    method: str, config: GitHubConfig, path: str, *, query: dict[str, str] | None = None, body: Any = None
) -> calls.Answer:
    headers = {
        "Authorization": f"Bearer {config.token}",
        "Accept": "application/vnd.github+json",
        "X-GitHub-Api-Version": "2022-11-28",
    }
    answer = calls.call(method, calls.base(config.base_url, API) + path, query=query, body=body, headers=headers)
    if answer.ok:
        return answer
    raise _error(answer)


def _error(answer: calls.Answer) -> ProviderError:
    text = str(answer.fields.get("message", ""))
    if answer.status in (301, 302, 307, 308):
        return Disabled(str(answer.status), text or "the repository has moved")
    waits = answer.headers.get("Retry-After")
    spent = answer.headers.get("X-RateLimit-Remaining") == "0"
    if answer.status == 429 or (answer.status == 403 and (waits or spent or "rate limit" in text.lower())):
        return Temporary(str(answer.status), text, calls.after(waits) or _reset(answer, spent=spent))
    return calls.refused(answer, answer.status, text)


def _reset(answer: calls.Answer, *, spent: bool) -> int | None:
    """When the limit is whole again: epoch seconds in a header, or a minute."""
    reset = answer.headers.get("X-RateLimit-Reset", "")
    if spent and reset.isdigit():
        return calls.after(max(int(reset) - times.now(), 1))
    return calls.after(_MINUTE)


def _next(answer: calls.Answer) -> str | None:
    """Where a list goes on: of the link's address, nothing but what it says of the place is believed."""
    link = re.search(r'<([^>]*)>;\s*rel="next"', answer.headers.get("Link", ""))
    if link is None:
        return None
    told = parse_qsl(urlsplit(link[1]).query)
    return urlencode([(name, value) for name, value in told if name in ("page", "after")]) or None


def _record(one: dict[str, Any]) -> Record:
    kind = "pull_request" if "pull_request" in one else "issue"
    kept = ("number", "title", "state", "html_url", "created_at", "updated_at", "closed_at", "body", "comments")
    data = {name: one.get(name) for name in kept} | {
        "user": (one.get("user") or {}).get("login"),
        "labels": [label["name"] for label in one.get("labels", []) if isinstance(label, dict)],
    }
    changed = round(datetime.fromisoformat(one["updated_at"]).timestamp() * 1000)
    return Record(str(one["number"]), kind, data, changed)


CONNECTOR = GitHub()
