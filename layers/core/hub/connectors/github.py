"""GitHub, by a token (https://docs.github.com/rest)."""

from datetime import datetime
from typing import Annotated, Any, ClassVar

from pydantic import Field

from hub import times
from hub.connectors import calls
from hub.connectors.protocol import (
    SECRET,
    Account,
    ApiConfig,
    Connector,
    Disabled,
    Limits,
    Outgoing,
    Page,
    Permanent,
    ProviderError,
    Record,
    Sent,
    Temporary,
)

API = "https://api.github.com"
PAGE = 100
_MINUTE = 60


class GitHubConfig(ApiConfig):
    """`repository` (`owner/name`) is read from and gets the issues; `issue` a number whose comments messages become."""

    token: Annotated[str, SECRET]
    repository: Annotated[str, Field(max_length=140, pattern=r"^[A-Za-z0-9-]{1,39}/[A-Za-z0-9._-]{1,100}$")]
    issue: Annotated[int, Field(ge=1)] | None = None


class GitHub(Connector[GitHubConfig]):
    """A repository."""

    service_type = "github"
    config = GitHubConfig
    limits: ClassVar[Limits] = Limits(text=65_536, per_second=1)
    abilities: ClassVar = frozenset({"send", "records"})

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
            if not number.isdigit():
                raise Permanent("bad_issue", f"{number} is no issue's number")
            path = f"/repos/{config.repository}/issues/{number}/comments"
            return Sent(str(_call("POST", config, path, body={"body": text}).fields["id"]))
        title = text.strip().partition("\n")[0][:200] or "-"
        body = {"title": title, "body": text}
        return Sent(str(_call("POST", config, f"/repos/{config.repository}/issues", body=body).fields["number"]))

    def records(self, config: GitHubConfig, cursor: str | None) -> Page[Record]:
        """Issues and pull requests, the least recently changed first: what changes meanwhile comes later again."""
        page = int(cursor or 1)
        query = {"state": "all", "sort": "created", "direction": "asc", "per_page": str(PAGE), "page": str(page)}
        answer = _call("GET", config, f"/repos/{config.repository}/issues", query=query)
        found = answer.json if isinstance(answer.json, list) else []
        has_more = 'rel="next"' in answer.headers.get("Link", "")
        return Page([_record(one) for one in found], str(page + 1) if has_more else None)


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
    waits = answer.headers.get("Retry-After")
    spent = answer.headers.get("X-RateLimit-Remaining") == "0"
    if answer.status == 429 or (answer.status == 403 and (waits or spent or "rate limit" in text.lower())):
        return Temporary(str(answer.status), text, calls.after(waits) or _reset(answer, spent=spent))
    if answer.status == 410:  # issues are switched off
        return Disabled("410", text)
    return calls.refused(answer, answer.status, text)


def _reset(answer: calls.Answer, *, spent: bool) -> int | None:
    """When the limit is whole again: epoch seconds in a header, or a minute."""
    reset = answer.headers.get("X-RateLimit-Reset", "")
    if spent and reset.isdigit():
        return calls.after(max(int(reset) - times.now(), 1))
    return calls.after(_MINUTE)


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
