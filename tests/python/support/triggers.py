"""Triggers on a made-up publication, with a clock that a test moves."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from onecdp.audiences.bitmaps import BitMap
from onecdp.audiences.rules import Tag, parse
from onecdp.live.events import Identifier
from onecdp.live.features import Feature, Window
from onecdp.live.kept import LiveEvents
from onecdp.live.measure import Watermark
from onecdp.live.settings import LiveSettings
from onecdp.live.state import LiveState
from onecdp.live.triggers.declared import Trigger
from onecdp.live.triggers.publication import Publication
from onecdp.live.triggers.watch import Watcher, Watching
from support.live_worlds import D1, D2, MAX_VALUES, MINUTE, NOON, U1, U2, Warehouse, event

GAP = 30 * MINUTE
KEY = "onecdp"
FEATURES = (
    Feature("views_30m", "page_view", "count", Window("last", 30 * MINUTE)),
    Feature("bought_2h", "purchase", "any", Window("last", 120 * MINUTE)),
    Feature("session_views", "page_view", "count", Window("session")),
    Feature("idle", "*", "seconds_since_last", Window("all")),
    Feature("orders", "purchase", "count", Window("batch")),
    Feature("cart", "page_view", "sum", Window("since", since="purchase")),
    Feature("started_at", "*", "first_time", Window("session")),
    Feature("has_ticket", "ticket_created", "any", Window("open")),
)


def one_id_of(person: int) -> str:
    return f"ONE{person:016x}"


def trigger(name: str, rule: str, **more: Any) -> Trigger:
    made = Trigger(name, rule, parse(rule), "", 0.0, 0, "hook", 2)
    return replace(made, **more)


@dataclass
class Customers(Warehouse):
    """A warehouse whose customers are also found by their one_ids."""

    def person_of(self, identifier: Identifier) -> int | None:
        if identifier[0] == "one_id":
            return next((p for p in self.people.values() if one_id_of(p) == identifier[1]), None)
        return super().person_of(identifier)

    def one_id_of(self, person: int) -> str:
        return one_id_of(person)


@dataclass
class Stage:
    """Triggers on a file; `restart` opens it anew, as after a kill.

    Attributes:
        now: The time.
        publication: What is published now; None if nothing is.
    """

    file: Path
    triggers: Sequence[Trigger]
    customers: Customers = field(default_factory=Customers)
    now: int = NOON
    publication: Publication | None = None
    number: int = 0

    def __post_init__(self) -> None:
        self.open()

    def open(self) -> None:
        self.state = LiveState(self.file, has_triggers=True)
        self.watcher = Watcher(
            self.state,
            LiveEvents(self.file),
            Watching(self.triggers, LiveSettings(FEATURES, MAX_VALUES, GAP), KEY),
            lambda: self.publication,
            lambda: self.now,
        )

    def restart(self) -> None:
        self.watcher.close()
        self.state.close()
        self.open()

    def publish(
        self,
        *,
        watermark: Watermark | None = None,
        gold: Sequence[int] = (),
        consented: Sequence[int] = (),
        suppressed: Sequence[int] = (),
        failed: dict[str, str] | None = None,
    ) -> None:
        """Publishes the customers as they are now."""
        self.number += 1
        known = Customers(
            dict(self.customers.people), set(self.customers.blocked), dict(self.customers.tickets)
        )
        self.publication = Publication(
            name=f"publication {self.number}",
            people=known,
            watermark=watermark or Watermark({}, 0),
            sets={Tag("gold"): BitMap(gold)},
            consented={"mail": BitMap(consented)},
            suppressed=BitMap(suppressed),
            failed=failed or {},
        )

    def look(self) -> None:
        while self.watcher.step():
            pass

    def put_out(self) -> list[dict[str, Any]]:
        """What waits to be sent, in its order."""
        rows = self.state.connection.execute("select body from trigger_outbox order by number")
        return [json.loads(body) for (body,) in rows]

    def told(self) -> list[tuple[str, str, str]]:
        """Trigger, action and one_id of what waits."""
        return [(each["trigger"], each["action"], each["one_id"]) for each in self.put_out()]


StageOf = Callable[[Sequence[Trigger]], Stage]


def stage_of(folder: Path, *triggers: Trigger, **people: int) -> Stage:
    stage = Stage(folder / "live.sqlite", triggers)
    known = {"U1": U1, "U2": U2, "D1": D1, "D2": D2}
    stage.customers.people = {known[name]: person for name, person in people.items()}
    stage.publish()
    return stage


def see(stage: Stage, number: int, *identifiers: tuple[str, str], kind: str = "page_view") -> None:
    new = event(f"E{number}", *identifiers, at=stage.now, kind=kind)
    stage.state.take("a", number, [(number, new)])
    stage.look()


def wait(stage: Stage, minutes: float) -> None:
    stage.now += round(minutes * MINUTE)
    stage.look()
