"""Events of a web site: an event happens once and does not change."""

from ...declaration import Column, Kind, OnRepeatedKey, TableSpec
from ...readers.files import Files
from ..source import Source

EVENTS = TableSpec(
    source="web",
    table="events",
    columns=(
        Column("event_id", Kind.CODE, required=True),
        Column("customer_id", Kind.CODE),
        # What a visitor is before the log-in.
        Column("device_id", Kind.CODE, aliases=("anonymous_id",)),
        Column("event_type", required=True),
        Column("page_url"),
        Column("event_time", Kind.TIMESTAMP, required=True, is_past=True),
        Column("session_id"),
    ),
    key=("event_id",),
    rule=OnRepeatedKey.FIRST_WINS,
    # An address may have a name in it, or the token of a link in a mail.
    traces=("session_id", "page_url"),
)

SOURCE = Source("web", (EVENTS,), Files())
