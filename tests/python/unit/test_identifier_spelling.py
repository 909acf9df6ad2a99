"""An identifier has one spelling: tombstones write it as the models do."""

from pathlib import Path
from typing import Any

import duckdb
import jinja2

from ingestion.erasure.tombstones import spelled

MACROS = Path(__file__).parents[3] / "macros"
TYPES = ["mobile_hash", "email_hash", "retail_customer_id", "member_id", "device_id", "unheard_of"]
VALUES = [
    "A1", " A1 ", "aB", "", "  ", "17850.0", " 17850.00 ", "17850.5", "017.0", "x17.0", "17.0x",
    "\tA1\n", "Ä", "' or 1=1", None,
]  # fmt: skip


def as_the_models_do(id_type: str, id_value: str) -> str:
    """The macro normalize_identifier for DuckDB; no dbt is started."""
    files = ("compat/replace_pattern", "identity/normalize_identifier")
    text = "".join((MACROS / f"{name}.sql").read_text() for name in files)
    made: dict[str, Any] = {}
    dispatch = {"dispatch": lambda name, _: made[f"default__{name}"]}
    environment = jinja2.Environment(extensions=["jinja2.ext.do"])
    module = environment.from_string(text).make_module(
        {"return": lambda value: value, "adapter": dispatch}
    )
    made.update(vars(module))
    return str(made["normalize_identifier"](id_type, id_value))


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
