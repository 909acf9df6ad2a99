"""Links between identifiers: the latest row of a pair wins; `is_active` false withdraws it."""

from ...declaration import Column, Kind, OnRepeatedKey, TableSpec

LINKS = TableSpec(
    source="id_graph",
    table="links",
    columns=(
        Column("left_id_type", required=True),
        Column("left_id_value", Kind.CODE, required=True),
        Column("right_id_type", required=True),
        Column("right_id_value", Kind.CODE, required=True),
        Column("source_channel"),
        Column("confidence", Kind.SCORE),
        Column("first_seen", Kind.TIMESTAMP),
        Column("last_seen", Kind.TIMESTAMP),
        Column("is_active", Kind.BOOLEAN),
    ),
    key=("left_id_type", "left_id_value", "right_id_type", "right_id_value"),
    rule=OnRepeatedKey.NEWER_WINS,
)
