"""Worlds that are published in Redis, and all that a store of them answers."""

from __future__ import annotations

import random
from pathlib import Path

from onecdp.serving.lookups import Store
from onecdp.serving.online_store import OnlineStore
from onecdp.serving.places import Publication
from onecdp.serving.redis_place import RedisPlace
from onecdp.serving.write_store import write_store
from onecdp.warehouse.files import Warehouse
from support.serving import (
    Person,
    World,
    write_marts,
)

ADA = Person(1, "gold", ("member_id:M1", "device_id:D/1"), ("device_id:D0",))
BOB = Person(2, None, ("member_id:M2", "email_hash:b2"))
CY = Person(3, "silver", ("device_id:D3",))
SMALL = World((ADA, BOB, CY), {"P1": (1, 3), "P2": ()}, failed=("P3",), held_out=(3,))


class Publisher:
    """Publishes worlds, each after the one before it."""

    def __init__(self, place: RedisPlace) -> None:
        self.place, self.days = place, 0
        self.world: World | None = None

    def __call__(self, world: World, *, is_known: bool = True) -> None:
        before = None
        if self.world and is_known:
            before = self.place.marts.with_name("before")
            write_marts(before, self.world)
        write_marts(self.place.marts, world)
        assert self.place.write(
            Publication(str(self.days + 1), before, str(self.days) if before else None)
        )
        self.days, self.world = self.days + 1, world


def answers(store: Store, people: int = 12) -> list[object]:
    """All that can be asked."""
    ids = [("member_id", f"M{n}") for n in range(people)]
    ids += [("device_id", text) for text in ("D/1", "D0", "D3", "x")] + [("email_hash", "b2")]
    ids += [("one_id", Person(n).one_id) for n in range(people)]
    found: list[object] = []
    for each in ids:
        found += [store.profile(*each), store.identifiers(*each), store.customer(*each)]
    for n in range(people):
        found += [store.profile_of(n), store.identifiers_of(n), store.audiences_of(n)]
    summaries = {key: (each.summary, set(each.members), set(each.held_out), each.has_failed)
                 for key, each in store.audiences.items()}  # fmt: skip
    return [*found, summaries, store.id_types, store.unhashed_types]


def in_file(world: World, folder: Path) -> list[object]:
    """What the store in a file answers."""
    folder.mkdir(exist_ok=True)
    warehouse = Warehouse(folder)
    write_marts(warehouse.marts_file, world)
    write_store(warehouse, str(random.random()), before=None, of=None)
    return answers(OnlineStore(warehouse.online_file))
