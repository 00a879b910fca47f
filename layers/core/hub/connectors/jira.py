"""Jira Cloud, by an account's API token (https://developer.atlassian.com/cloud/jira/platform/rest/v3)."""

import base64
import json
import re
from datetime import datetime
from typing import Annotated, Any, ClassVar

from pydantic import Field

from hub.connectors import callbacks, calls
from hub.connectors.protocol import (
    SECRET,
    Account,
    Callback,
    Config,
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
from hub.web.validation import Email

PAGE = 100
_ISSUE = r"[A-Z][A-Z0-9_]{1,19}-[0-9]{1,10}"
_NOT_DONE = frozenset({"unreachable", "not_resolved", "tls_failed", "429", "503"})
"""Trouble that Jira has not made an issue by."""
_FIELDS = "summary,status,issuetype,priority,assignee,reporter,labels,created,updated"


class JiraConfig(Config):
    """`base_url` is the site; messages become comments on `issue` or issues of `project`.

    `webhook_secret` is the secret of a webhook that an administrator made.
    """

    base_url: Annotated[str, Field(max_length=2048, pattern=r"^https?://\S+$")]
    email: Email
    api_token: Annotated[str, SECRET]
    project: Annotated[str, Field(pattern=r"^[A-Z][A-Z0-9_]{1,19}$")]
    issue: Annotated[str, Field(pattern=rf"^({_ISSUE})?$")] = ""
    issue_type: Annotated[str, Field(min_length=1, max_length=60)] = "Task"
    webhook_secret: Annotated[str, SECRET] = ""


class Jira(Connector[JiraConfig]):
    """A project. A text may have 32,767 characters, a media's address among them."""

    service_type = "jira"
    config = JiraConfig
    limits: ClassVar[Limits] = Limits(text=30_000, per_second=5)
    abilities: ClassVar = frozenset({"send", "records", "changes"})

    def test(self, config: JiraConfig) -> Account:
        """`GET /rest/api/3/myself`, and the project, which the account may not see."""
        found = _call("GET", config, "/rest/api/3/myself").fields
        account = Account(str(found["accountId"]), str(found.get("displayName", "")))
        _call("GET", config, f"/rest/api/3/project/{config.project}")
        return account

    def send(self, config: JiraConfig, message: Outgoing) -> Sent:
        """Comment on the issue that `to` or the config names, or make one under the text's first line.

        A call that may have been carried out is not repeated: it would make a second issue.
        """
        text = f"{message.text}\n{message.media.url}".strip() if message.media else message.text
        issue = message.to or config.issue
        if issue:
            if not re.fullmatch(_ISSUE, issue):
                raise Permanent("bad_issue", f"{issue} is no issue's key")
            try:
                return Sent(_once(config, f"/rest/api/3/issue/{issue}/comment", {"body": _document(text)}, "id"))
            except Disabled as error:
                # An issue that is gone says nothing of the others.
                if error.code == "404" and message.to not in ("", config.issue):
                    raise Permanent(error.code, error.message) from error
                raise
        fields = {
            "project": {"key": config.project},
            "issuetype": {"name": config.issue_type},
            "summary": text.strip().partition("\n")[0][:250] or "-",
            "description": _document(text),
        }
        return Sent(_once(config, "/rest/api/3/issue", {"fields": fields}, "key"))

    def records(self, config: JiraConfig, cursor: str | None) -> Page[Record]:
        """The project's issues."""
        query = {"jql": f'project = "{config.project}" ORDER BY key', "maxResults": str(PAGE), "fields": _FIELDS}
        found = _call("GET", config, "/rest/api/3/search/jql", query | ({"nextPageToken": cursor} if cursor else {}))
        told = found.fields
        with calls.reading():
            rows = [_record(one) for one in told["issues"]]
            return Page(rows, calls.onward(None if told.get("isLast") else told.get("nextPageToken"), cursor))

    def hear(self, config: JiraConfig, callback: Callback) -> Heard:
        """Read an event of one of the project's issues, or of any that the webhook is for."""
        given = callback.headers.get("x-hub-signature", "")
        if not callbacks.is_signed(callback.body, config.webhook_secret, given):
            raise Unverified
        keys = [key for some in callbacks.readable(_keys, [callback.body]) for key in some]
        return Heard(records_changed=any(key.startswith(f"{config.project}-") for key in keys))


def _keys(body: bytes) -> list[str] | None:
    """The key of the issue that an event is of, and those that it had before it was moved; `None` for another event."""
    told = json.loads(body)
    if "issue" not in told:
        return None
    moves = [one for one in (told.get("changelog") or {}).get("items", []) if one["field"] == "Key"]
    return [str(told["issue"]["key"]), *(str(one["fromString"]) for one in moves)]


def _call(
    method: str, config: JiraConfig, path: str, query: dict[str, str] | None = None, body: Any = None
) -> calls.Answer:
    credentials = base64.b64encode(f"{config.email}:{config.api_token}".encode()).decode()
    headers = {"Authorization": f"Basic {credentials}"}
    answer = calls.call(method, config.base_url.rstrip("/") + path, query=query, body=body, headers=headers)
    if answer.ok:
        return answer
    raise _error(answer)


def _once(config: JiraConfig, path: str, body: Any, name: str) -> str:
    """Post, and answer with the field that is what Jira calls the thing."""
    try:
        return str(_call("POST", config, path, body=body).fields[name])
    except Temporary as error:
        if error.code in _NOT_DONE:
            raise
        raise Permanent(error.code, "Jira may have done it: it is not repeated") from error


def _error(answer: calls.Answer) -> ProviderError:
    told = answer.fields
    messages, fields = told.get("errorMessages"), told.get("errors")
    texts = [str(one) for one in messages] if isinstance(messages, list) else []
    texts += [f"{name}: {text}" for name, text in fields.items()] if isinstance(fields, dict) else []
    return calls.refused(answer, answer.status, "; ".join(texts))


def _document(text: str) -> dict[str, Any]:
    """A text in Atlassian Document Format, a paragraph a line."""
    lines = [
        {"type": "paragraph", "content": [{"type": "text", "text": line}] if line else []} for line in text.split("\n")
    ]
    return {"type": "doc", "version": 1, "content": lines}


def _record(one: dict[str, Any]) -> Record:
    updated = (one.get("fields") or {}).get("updated")
    changed = round(datetime.fromisoformat(updated).timestamp() * 1000) if updated else None
    return Record(str(one["key"]), "issue", {"id": one["id"], **(one.get("fields") or {})}, changed)


CONNECTOR = Jira()
