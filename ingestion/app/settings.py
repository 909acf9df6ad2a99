"""Events of the app and the mini-program: an event happens once and does not change."""

from ..files.spec import Column, Identifier, Kind, Rule, TableSpec

EVENTS = TableSpec(
    source="app",
    table="events",
    columns=(
        Column("event_id", Kind.CODE, required=True),
        Column("device_id"),
        Column("union_id"),
        Column("open_id"),
        Column("event_type", required=True),
        Column("page_name"),
        Column("item_id", Kind.CODE),
        Column("item_price", Kind.MONEY),
        Column("channel"),
        Column("platform"),
        Column("event_time", Kind.TIMESTAMP, required=True),
        Column("session_id"),
    ),
    key=("event_id",),
    rule=Rule.FIRST_STANDS,
    identifiers=(
        Identifier("union_id", "union_id"),
        Identifier("open_id", "open_id"),
        Identifier("device_id", "device_id"),
    ),
    traces=("session_id",),
)
