"""Messages of tickets, and who has an open one."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path

from onecdp.live.kept import LiveEvents
from onecdp.live.person import People
from onecdp.live.state import LiveState
from onecdp.live.tickets import TicketColumns, parse_ticket
from support.live_worlds import MAX_VALUES, NOON, TICKET_COLUMNS, Warehouse

NAMES = (
    "ticket_id", "status", "is_deleted", "created_at", "updated_at", "solved_at", "customer",
    "browser",
)  # fmt: skip
COLUMNS = TicketColumns({name: name for name in NAMES}, TICKET_COLUMNS)
NOW = dt.datetime(2026, 6, 6, 12)


def take(state: LiveState, at: int, **said: object) -> None:
    line = json.dumps({"ticket_id": "T1", **said}).encode()
    parsed = parse_ticket(line, COLUMNS, NOW)
    assert parsed is not None
    state.take("a", at, [(at, parsed)])


def open_of(file: Path, warehouse: Warehouse, person: int = 1) -> list[str]:
    reader = LiveEvents(file)
    found = People(warehouse, reader, MAX_VALUES).open_tickets_of(person, NOON, {})
    reader.close()
    assert found is not None
    return [each.ticket_id for each in found]
