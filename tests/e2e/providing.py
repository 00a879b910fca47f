"""A provider of records on loopback, as the integration of type `http` reads one: pages of any number of rows."""

import json
from typing import Any

from tests.contract.connectors.fakes import Asked, Fake, Reply, told

PAGE = 100


class Provider(Fake):
    """Has `rows` records, read a page at a time behind a place; what is posted to it stands in `asked`."""

    def __init__(self, rows: int) -> None:
        super().__init__()
        self.rows = [{"id": str(number), "kind": "issue", "title": f"问题 {number}"} for number in range(rows)]
        self.pages = 0
        self.refusals: list[Reply] = []

    def answer(self, asked: Asked) -> Reply:
        """A page, unless a refusal was put in its way."""
        if asked.method != "GET":
            return told({})
        if self.refusals:
            return self.refusals.pop(0)
        self.pages += 1
        begin = int(asked.query.get("cursor", 0))
        found: dict[str, Any] = {"items": self.rows[begin : begin + PAGE]}
        if begin + PAGE < len(self.rows):
            found["next"] = str(begin + PAGE)
        return Reply(200, json.dumps(found, ensure_ascii=False).encode(), {"Content-Type": "application/json"})

    def config(self) -> dict[str, str]:
        """What an integration of it says."""
        return {"url": f"{self.url}/", "records_url": f"{self.url}/records"}
