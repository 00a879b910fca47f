"""What tests of syncs share: a provider in memory, and a sync that is taken from step to step as its machine does."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from functions.integrations import service, sync
from functions.integrations.models import NewIntegration
from functions.integrations.syncs import records
from functions.integrations.syncs import service as syncs
from functions.integrations.syncs.models import RecordParameters, Sync, SyncedRecord
from hub import connectors
from hub.connectors.protocol import (
    Account,
    Config,
    Connector,
    Contact,
    Limits,
    Page,
    ProviderError,
    Record,
)
from hub.events import Caller
from tests.conftest import Clock

CALLER = Caller("default", "enterprise", "user_1", "req_1")


@dataclass(slots=True)
class Source(Connector[Any]):
    """A provider: its rows in the order of `place`, read in pages behind a place; `troubles` are raised in turn.

    `repeats` is how many rows of the page before begin the next one. `before_page` runs before each page is made.
    """

    rows: dict[str, Record] = field(default_factory=dict)
    places: dict[str, int] = field(default_factory=dict)
    page: int = 2
    repeats: int = 0
    troubles: list[ProviderError | None] = field(default_factory=list)
    before_page: Callable[[], None] = lambda: None
    served: list[Record] = field(default_factory=list)
    asked: list[str | None] = field(default_factory=list)

    service_type: ClassVar[str] = "http"
    config = connectors.connector("http").config
    limits: ClassVar[Limits] = Limits(text=1000)
    abilities: ClassVar = frozenset({"send", "records"})

    def put(self, name: str, updated_at: int | None, **data: Any) -> None:
        """Make a row, behind all others where it is new, or change it."""
        self.places.setdefault(name, max(self.places.values(), default=0) + 1)
        self.rows[name] = Record(name, "issue", data, updated_at)

    def drop(self, name: str) -> None:
        """Remove a row; one that comes again is a new one."""
        del self.rows[name], self.places[name]

    def test(self, config: Config) -> Account:
        return Account("1", "source")

    def records(self, config: Config, cursor: str | None) -> Page[Record]:
        self.asked.append(cursor)
        self.before_page()
        if self.troubles and (trouble := self.troubles.pop(0)):
            raise trouble
        behind = int(cursor or 0)
        ordered = sorted(self.rows, key=self.places.__getitem__)
        known = [name for name in ordered if self.places[name] <= behind]
        fresh = [name for name in ordered if self.places[name] > behind]
        found = [self.rows[name] for name in (known[len(known) - self.repeats :] if self.repeats else [])]
        found += [self.rows[name] for name in fresh[: self.page]]
        self.served += found
        return Page(found, str(self.places[fresh[self.page - 1]]) if len(fresh) > self.page else None)


class People(Source):
    """One that knows contacts and no records."""

    abilities: ClassVar = frozenset({"send", "contacts"})

    def contacts(self, config: Config, cursor: str | None) -> Page[Contact]:
        return Page([Contact("7", "张三", "https://example.com/7.png")] if cursor else [Contact("6", "李四")], None)


def integrate(**settings: Any) -> str:
    """A new integration of the type `http`; its id."""
    config = {"url": "http://127.0.0.1:1/", "records_url": "http://127.0.0.1:1/", "token": "a-token"}
    wanted = NewIntegration.model_validate(
        {"name": "自有服务", "service_type": "http", "config": config, "settings": settings}
    )
    return service.create(CALLER, wanted)["id"]


def begin(integration_id: str) -> dict[str, Any]:
    """Begin a sync; the state that its machine starts with."""
    made = syncs.start(CALLER, integration_id)
    step = {"status": "running", "wait_seconds": 0, "number": 0}
    return {"tenant": "default", "integration_id": integration_id, "id": made["id"], "step": step}


def step(state: dict[str, Any]) -> dict[str, Any]:
    """The state after a step."""
    return {**state, "step": sync.handler(state, None)}


def run(state: dict[str, Any], clock: Clock, limit: int = 200) -> Sync:
    """Take a sync to its end, waiting as it asks to."""
    for _ in range(limit):
        state = step(state)
        if state["step"]["status"] == "ended":
            return syncs.get("default", state["integration_id"], state["id"])
        clock.advance(state["step"]["wait_seconds"])
    raise AssertionError("it never ends")


def all_records(integration_id: str, **asked: Any) -> dict[str, SyncedRecord]:
    """Every record, page after page."""
    found: dict[str, SyncedRecord] = {}
    cursor = ""
    while True:
        page = records.listed("default", integration_id, RecordParameters(cursor=cursor, **asked))
        for one in page.items:
            assert one["id"] not in found
            found[one["id"]] = one
        if page.next is None:
            return found
        cursor = page.next


def figures(ended: Mapping[str, Any]) -> tuple[int, int, int]:
    """Added, updated, deleted."""
    return ended["added"], ended["updated"], ended["deleted"]
