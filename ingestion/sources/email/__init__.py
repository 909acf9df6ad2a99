"""What became of mails: an event happens once and does not change."""

from ...declaration import Column, Kind, OnRepeatedKey, TableSpec
from ...readers.files import Files
from ..source import Source

EVENTS = TableSpec(
    source="email",
    table="events",
    columns=(
        Column("event_id", Kind.CODE, required=True),
        Column("event_type", required=True),
        Column("email_hash", Kind.EMAIL_HASH, aliases=("email", "email_address", "recipient")),
        Column("campaign_id", Kind.CODE),
        Column("event_time", Kind.TIMESTAMP, required=True, is_past=True),
    ),
    key=("event_id",),
    rule=OnRepeatedKey.FIRST_WINS,
)

SOURCE = Source("email", (EVENTS,), Files())
