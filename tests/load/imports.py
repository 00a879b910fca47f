"""Import 50,000 customers of which 100 are wrong, kill the function meanwhile, export them again: how long it takes.

`python -m tests.load.imports`; it starts a stack of its own, and fails where a row is missing, doubled or not told.
"""

import argparse
import sys
import time
from typing import Any

from tests.e2e.files import EXPORTS, IMPORTS, bad_rows, begun, ended, reached, read, send, shown, uploaded, written
from tests.e2e.polling import eventually
from tests.e2e.running import Client, RunningStack
from tests.load.stacks import own_stack

COLUMNS = ["name", "industry", "contact.name", "contact.phone", "amount", "tags"]
LIMIT_SECONDS = 3600


def main() -> None:
    """Do both, and tell."""
    parser = argparse.ArgumentParser(prog="python -m tests.load.imports", description=__doc__)
    parser.add_argument("--rows", type=int, default=50_000)
    parser.add_argument("--bad", type=int, default=100)
    given = parser.parse_args()
    every = given.rows // given.bad
    rows = [_row(number, is_bad=number % every == every // 2) for number in range(given.rows)]
    with own_stack() as stack:
        _say(_import(stack, stack.first_client(), rows))
        _say(_export(stack.first_client(), rows))


def _row(number: int, *, is_bad: bool) -> list[str]:
    phone = "无" if is_bad else f"138{number:08}"
    return [f"客户 {number:06}", "互联网", "张经理", phone, str(number), "vip;北京"]


def _is_bad(row: list[str]) -> bool:
    return row[3] == "无"


def _import(stack: RunningStack, api: Client, rows: list[list[str]]) -> str:
    content = written([COLUMNS, *rows])
    file = uploaded(api, content)
    started = time.monotonic()
    path = begun(api, IMPORTS, {"fileId": file})
    for progress in (20, 40, 60):
        reached(api, path, progress, LIMIT_SECONDS)
        eventually(lambda: stack.kill("ImportPageFunction"), "a worker to kill")
    job = ended(api, path, LIMIT_SECONDS)
    seconds = time.monotonic() - started
    bad = [number + 2 for number, row in enumerate(rows) if _is_bad(row)]
    _check(job, status="completed", rowsRead=len(rows), rowsCreated=len(rows) - len(bad), rowsFailed=len(bad))
    told = bad_rows(api, path)
    if [(row["row"], row["errors"][0]["message"]) for row in told] != [(row, "手机号格式不正确") for row in bad]:
        raise SystemExit(f"not the bad rows: {told}")
    return (
        f"{len(rows):,} rows ({len(content) / 1e6:.1f} MB) imported in {seconds:.0f} s, {len(rows) / seconds:.0f} a"
        f" second, the function killed three times meanwhile; each of the {len(bad)} bad ones told"
    )


def _export(api: Client, rows: list[list[str]]) -> str:
    good = [row for row in rows if not _is_bad(row)]
    started = time.monotonic()
    path = begun(api, EXPORTS, {"query": "sort=name&order=asc", "fields": COLUMNS})
    job = ended(api, path, LIMIT_SECONDS)
    seconds = time.monotonic() - started
    _check(job, status="completed", rows=len(good))
    if read(send("GET", shown(api, path)["downloadUrl"]).content) != [COLUMNS, *good]:
        raise SystemExit("not the rows that were imported")
    return f"{len(good):,} rows ({job['size'] / 1e6:.1f} MB) exported in {seconds:.0f} s, each once and as it was"


def _check(job: dict[str, Any], **wanted: Any) -> None:
    if {name: job[name] for name in wanted} != wanted:
        raise SystemExit(f"{wanted} were wanted: {job}")


def _say(what: str) -> None:
    sys.stdout.write(f"{what}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
