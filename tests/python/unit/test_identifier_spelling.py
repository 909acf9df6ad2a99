"""An identifier has one spelling: tombstones write it as the models do."""

import duckdb
from support.spelling import as_the_models_do

from ingestion.erasure.tombstones import spelled

TYPES = ["mobile_hash", "email_hash", "retail_customer_id", "member_id", "device_id", "unheard_of"]
VALUES = [
    "A1", " A1 ", "aB", "", "  ", "17850.0", " 17850.00 ", "17850.5", "017.0", "x17.0", "17.0x",
    "\tA1\n", "Ä", "' or 1=1", None,
]  # fmt: skip


def test_tombstones_spell_as_the_models_do() -> None:
    with duckdb.connect() as connection:
        connection.execute(
            "create table given as select * from (select unnest($1) as id_type), "
            "(select unnest($2) as id_value)",
            [TYPES, VALUES],
        )
        columns = spelled("id_type", "id_value"), as_the_models_do("id_type", "id_value")
        rows = connection.sql(
            f"select id_type, id_value, {columns[0]}, {columns[1]} from given"
        ).fetchall()
    assert len(rows) == len(TYPES) * len(VALUES)
    assert [row for row in rows if row[2] != row[3]] == []
    assert ("retail_customer_id", " 17850.00 ", "17850", "17850") in rows
    assert ("email_hash", "aB", "ab", "ab") in rows
