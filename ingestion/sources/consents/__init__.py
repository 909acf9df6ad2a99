"""Choices of people about what may be done with their data: each is an event of one identifier.

The identifier is written as its type and its value, as in the links of the ID graph. `status` is in
the key, so that of two choices at the same moment none is lost; models let the withdrawal win.
"""

from ...declaration import Column, Kind, OnRepeatedKey, TableSpec
from ...readers.files import Files
from ..source import Source

EVENTS = TableSpec(
    source="consents",
    table="events",
    columns=(
        Column("id_type", Kind.CODE, required=True),
        Column("id_value", Kind.CODE, required=True),
        Column("purpose", required=True),
        Column("status", required=True, aliases=("consent",)),
        Column(
            "event_time",
            Kind.TIMESTAMP,
            required=True,
            aliases=("at", "changed_at", "consented_at"),
            is_past=True,
        ),
        Column("channel"),
    ),
    key=("id_type", "id_value", "purpose", "status", "event_time"),
    rule=OnRepeatedKey.FIRST_WINS,
)

SOURCE = Source("consents", (EVENTS,), Files())
