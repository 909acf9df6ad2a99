"""Events of the app and the mini-program: an event happens once and does not change."""

from ...declaration import Column, Kind, OnRepeatedKey, TableSpec
from ...readers.files import Files
from ..source import Source

EVENTS = TableSpec(
    source="app",
    table="events",
    columns=(
        Column("event_id", Kind.CODE, required=True),
        Column("device_id", Kind.CODE),
        Column("union_id", Kind.CODE),
        Column("open_id", Kind.CODE),
        Column("event_type", required=True),
        Column("page_name"),
        Column("item_id", Kind.CODE),
        Column("item_price", Kind.MONEY),
        Column("channel"),
        Column("platform"),
        Column("event_time", Kind.TIMESTAMP, required=True, is_past=True),
        Column("session_id"),
    ),
    key=("event_id",),
    rule=OnRepeatedKey.FIRST_WINS,
    traces=("session_id",),
)

SOURCE = Source("app", (EVENTS,), Files())
