"""Sync 100,000 records, the function killed twice meanwhile, then again with nothing and a little changed.

`python -m tests.load.syncs`; it starts a stack of its own, and fails where a record is missing, doubled or not told.
"""

import argparse
import sys
import time
from typing import Any

from tests.e2e.polling import eventually
from tests.e2e.providing import PAGE, Provider
from tests.e2e.running import Client, RunningStack
from tests.load.stacks import own_stack

PATH = "/v1/integrations"
LIMIT_SECONDS = 3600


def main() -> None:
    """Do it, and tell."""
    parser = argparse.ArgumentParser(prog="python -m tests.load.syncs", description=__doc__)
    parser.add_argument("--records", type=int, default=100_000)
    given = parser.parse_args()
    with own_stack() as stack, Provider(given.records) as provider:
        _run(stack, stack.first_client(), provider)


def _run(stack: RunningStack, api: Client, provider: Provider) -> None:
    number = len(provider.rows)
    body = {"name": "自有服务", "service_type": "http", "config": provider.config()}
    one = f"{PATH}/{api.post(PATH, body).json()['id']}"
    started = time.monotonic()
    path = _begun(api, one)
    for share in (3, 2):
        eventually(lambda share=share: provider.pages * PAGE >= number // share, "some pages", LIMIT_SECONDS)  # type: ignore[misc]
        eventually(lambda: stack.kill("IntegrationSyncFunction"), "a worker to kill")
    _ended(api, path, added=number, updated=0, deleted=0)
    _say("first, the function killed twice", number, time.monotonic() - started)
    _say(f"{provider.pages - number // PAGE} pages were read a second time")
    _check(api, one, {row["id"] for row in provider.rows})

    started = time.monotonic()
    _ended(api, _begun(api, one), added=0, updated=0, deleted=0)
    _say("again, nothing changed", number, time.monotonic() - started)

    del provider.rows[number // 2]
    provider.rows[0] = provider.rows[0] | {"title": "新的标题"}
    provider.rows.append({"id": "新", "kind": "issue", "title": "新的"})
    started = time.monotonic()
    _ended(api, _begun(api, one), added=1, updated=1, deleted=1)
    _say("again, three changed", number, time.monotonic() - started)


def _begun(api: Client, one: str) -> str:
    return f"{one}/syncs/{api.post(f'{one}/sync').json()['id']}"


def _ended(api: Client, path: str, **wanted: int) -> None:
    def look() -> dict[str, Any] | None:
        answer = api.get(path)
        # The emulator looks at a whole partition for each of its pages: meanwhile it answers nobody.
        found: dict[str, Any] = answer.json() if answer.ok else {}
        return found if found.get("status") in ("completed", "failed") else None

    found = eventually(look, f"the end of {path}", LIMIT_SECONDS, 0.5) or {}
    if found["status"] != "completed" or {name: found[name] for name in wanted} != wanted:
        raise SystemExit(f"{wanted} were wanted: {found}")


def _check(api: Client, one: str, wanted: set[str]) -> None:
    found: set[str] = set()
    cursor: str | None = ""
    while cursor is not None:
        answer = api.get(f"{one}/records?limit=100&cursor={cursor}")
        if not answer.ok:
            time.sleep(5)  # More than a credential may ask for in a minute.
            continue
        page = answer.json()
        rows = {row["id"] for row in page["data"]}
        if rows & found:
            raise SystemExit(f"twice: {rows & found}")
        found |= rows
        cursor = page["pagination"]["next_cursor"]
    if found != wanted:
        raise SystemExit(f"{len(wanted - found)} missing, {len(found - wanted)} too many")
    _say(f"{len(found):,} records listed, each once")


def _say(what: str, number: int = 0, seconds: float = 0) -> None:
    figures = f": {number:,} records in {seconds:.0f} s, {number / seconds:.0f} a second" if number else ""
    sys.stdout.write(f"{what}{figures}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
