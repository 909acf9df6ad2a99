"""App events as messages, and what a load makes of them."""

from __future__ import annotations

import json

from support.ingestion import Warehouse


def event(number: int, **more: object) -> bytes:
    """An event, as a message."""
    return json.dumps(
        {"event_id": f"E{number}", "event_type": "view", "event_time": "2024-11-01T00:00:00Z",
         **more}
    ).encode()  # fmt: skip


def loaded(warehouse: Warehouse) -> list[tuple[object, ...]]:
    """The loaded events with the place and the offset of each."""
    return warehouse.query(
        "select event_id, _file, _line from raw_app.events order by _file, _line"
    )


def load(warehouse: Warehouse) -> tuple[int, int, int, int, int]:
    """Loads app events; rows read, loaded, quarantined, duplicate and superseded."""
    return warehouse.counts(warehouse.load(source="app")["app"])
