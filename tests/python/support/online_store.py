"""A small world for the online store, and what its files hold."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path
from typing import Any

from onecdp.audiences.bitmaps import from_bytes
from onecdp.serving.lookups import Store
from onecdp.serving.store_file import NOBODY, read_stored
from onecdp.warehouse.files import Warehouse
from support.serving import Person, World

ADA = Person(1, "gold", ("member_id:M1", "device_id:D/1"), ("device_id:D0",))
BOB = Person(2, None, ("member_id:M2", "email_hash:b2"))
CY = Person(3, "silver", ("device_id:D3",))
SMALL = World((ADA, BOB, CY), {"P1": (1, 3), "P2": ()}, failed=("P3",))


def contents(file: Path) -> dict[str, list[tuple[Any, ...]]]:
    """All rows of a store but its name, changes before those of the base; bitmaps as sets."""
    stored = read_stored(file)
    assert stored is not None
    rows: dict[str, list[tuple[Any, ...]]] = {}
    with sqlite3.connect(file) as store, sqlite3.connect(stored.base) as base:
        for table, keys in (("customers", 1), ("identifiers", 2)):
            found = {row[:keys]: row for row in base.execute(f"select * from {table}")}
            found |= {row[:keys]: row for row in store.execute(f"select * from {table}")}
            rows[table] = sorted(row for row in found.values() if row[-1] not in (None, NOBODY))
        rows["audiences"] = store.execute("select * from audiences order by 1").fetchall()
        rows["store"] = store.execute("select id_types from store").fetchall()
    store.close()
    base.close()
    rows["audiences"] = [
        (key, text, *(set(from_bytes(each)) for each in bitmaps))
        for key, text, *bitmaps in rows["audiences"]
    ]
    return rows


def base_of(warehouse: Warehouse) -> Path:
    """The base that the store of a warehouse stands on."""
    stored = read_stored(warehouse.online_file)
    assert stored is not None
    return stored.base


def read_publication(file: Path) -> str | None:
    """The name of what a store belongs to."""
    stored = read_stored(file)
    return stored.publication if stored else None


def audiences(store: Store, one_int: int) -> list[str]:
    """The audiences by which a customer may be reached."""
    found: list[str] = json.loads(store.audiences_of(one_int))
    return found


def held(folder: Path) -> bytes:
    """All bytes of a store."""
    return b"".join(file.read_bytes() for file in sorted(folder.glob("online*")))
