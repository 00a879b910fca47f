"""Sync an address book of 100,000, the function killed twice meanwhile; each contact is listed once.

`python -m tests.load.contacts`; it starts a stack of its own, and fails where a contact is missing or doubled.
"""

import argparse
import sys
import time

import requests

from tests.contract.connectors.followed import WeChat
from tests.e2e.polling import eventually
from tests.e2e.running import Client, RunningStack
from tests.load.stacks import own_stack

PATH = "/third-party/wechat/contacts"
LIMIT_SECONDS = 3600


def main() -> None:
    """Do it, and tell."""
    parser = argparse.ArgumentParser(prog="python -m tests.load.contacts", description=__doc__)
    parser.add_argument("--contacts", type=int, default=100_000)
    given = parser.parse_args()
    with own_stack() as stack, WeChat(given.contacts) as account:
        _run(stack, stack.first_client(), account)


def _run(stack: RunningStack, api: Client, account: WeChat) -> None:
    config = {"app_id": "wxb11529c136998cb6", "app_secret": "wechat-app-secret", "base_url": account.url}
    body = {"name": "公众号", "service_type": "wechat", "config": config}
    assert api.post("/v1/integrations", body).status_code == 201
    number, started = len(account.ids), time.monotonic()
    eventually(lambda: api.get("/v1/integrations?service_type=wechat").json()["data"], "the account is listed")
    begun = api.post(f"{PATH}/sync", {"userId": "user-uuid"})
    assert begun.status_code == 202, begun.text
    progress = begun.headers["Location"]
    for share in (3, 2):
        eventually(lambda share=share: api.get(progress).json()["synced"] >= number // share, "some", LIMIT_SECONDS)  # type: ignore[misc]
        eventually(lambda: stack.kill("ContactSyncFunction"), "a worker to kill", LIMIT_SECONDS)
    eventually(lambda: api.get(progress).json()["status"] != "running", "the end", LIMIT_SECONDS, 0.5)
    ended = api.get(progress).json()
    if (ended["status"], ended["synced"]) != ("succeeded", number):
        raise SystemExit(f"{number} were wanted: {ended}")
    seconds = time.monotonic() - started
    _say(f"{number:,} contacts in {seconds:.0f} s, {number / seconds:.0f} a second, the function killed twice")
    _check(api, account.ids)


def _check(api: Client, wanted: list[str]) -> None:
    found: list[str] = []
    page = f"{PATH}?userId=user-uuid&limit=100&cursor="
    while page:
        answer = _answered(api, page)
        found += [contact["platformUserId"] for contact in answer.json()]
        page = answer.links.get("next", {}).get("url", "")
    if sorted(found) != wanted:
        raise SystemExit(f"{len(wanted)} were wanted, {len(found)} are listed, {len(set(found))} of them different")
    _say(f"{len(found):,} contacts listed, each once")


def _answered(api: Client, page: str) -> requests.Response:
    """A page, once it is given: a credential may ask for a thousand a minute."""

    def given() -> requests.Response | None:
        answer = api.get(page)
        return answer if answer.ok else None

    answer = eventually(given, page, LIMIT_SECONDS, 5)
    assert answer is not None
    return answer


def _say(what: str) -> None:
    sys.stdout.write(f"{what}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
