"""Links between identifiers: the latest row of a pair wins; `is_active` false withdraws it."""

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
        # Without a confidence a link has the one of its type, and without is_active it is active.
        Column("confidence", Kind.SCORE, is_decisive=True),
        Column("first_seen", Kind.TIMESTAMP),
        Column("last_seen", Kind.TIMESTAMP, is_decisive=True),
        Column("is_active", Kind.BOOLEAN, is_decisive=True),
    ),
    key=("left_id_type", "left_id_value", "right_id_type", "right_id_value"),
    rule=OnRepeatedKey.NEWER_WINS,
)
