"""Links between identifiers: the row of a pair with the latest `last_seen` wins.

`is_active` false withdraws a link; of two rows with the same `last_seen`, that one wins.
"""

from ...declaration import Column, Kind, OnRepeatedKey, TableSpec

LINKS = TableSpec(
    source="id_graph",
    table="links",
    columns=(
        Column("left_id_type", Kind.CODE, required=True),
        Column("left_id_value", Kind.CODE, required=True),
        Column("right_id_type", Kind.CODE, required=True),
        Column("right_id_value", Kind.CODE, required=True),
        Column("source_channel"),
        # Without a confidence a link has the one of its type.
        Column("confidence", Kind.SCORE, is_decisive=True),
        Column("first_seen", Kind.TIMESTAMP, is_past=True),
        Column("last_seen", Kind.TIMESTAMP, is_past=True),
        Column("is_active", Kind.BOOLEAN),
    ),
    key=("left_id_type", "left_id_value", "right_id_type", "right_id_value"),
    rule=OnRepeatedKey.NEWER_WINS,
    version="last_seen",
    active="is_active",
)
