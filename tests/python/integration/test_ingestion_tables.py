"""A source of several tables, and identifiers that a project declares, in a copy of the project."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest
from support.cli import run_cli
from support.ingestion import ROOT

TILL = '''"""Customers and orders of a till."""

from ...declaration import Column, Kind, OnRepeatedKey, TableSpec
from ...readers.files import Files
from ..source import Source

CUSTOMERS = TableSpec(
    source="till",
    table="customers",
    columns=(Column("customer", Kind.CODE, required=True), Column("updated_at", Kind.TIMESTAMP)),
    key=("customer",),
    rule=OnRepeatedKey.NEWER_WINS,
    version="updated_at",
)
ORDERS = TableSpec(
    source="till",
    table="orders",
    columns=(
        Column("order_id", Kind.CODE, required=True),
        Column("customer", Kind.CODE),
        Column("total", Kind.MONEY, required=True),
    ),
    key=("order_id",),
    rule=OnRepeatedKey.FIRST_WINS,
)

SOURCE = Source("till", (CUSTOMERS, ORDERS), Files())
'''
CARD = """
      - name: loyalty_card
        config: {meta: {id_type: loyalty_card}}
"""
FILES = {
    "till/customers/a.csv": "customer,updated_at\nC1,2024-01-01\nC2,2024-01-01\nC1,2024-01-02\n",
    "till/orders/2024/a.csv": "order_id,customer,total\nO1,C1,9.5\nO2,C1,much\n",
    "till/orders/b.jsonl": '{"order_id": "O1", "customer": "C2", "total": 1}\n',
    "till/orders/c.csv": "order_id\nO3\n",
    "till/other.csv": "order_id,customer,total\nO4,C1,1\n",
}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """The parts of the project that ingestion reads."""
    folder = tmp_path / "project"
    for part in ("ingestion", "models", "seeds", ".dlt"):
        shutil.copytree(ROOT / part, folder / part, ignore=shutil.ignore_patterns("__pycache__"))
    for file in ("dbt_project.yml", "profiles.yml"):
        shutil.copy(ROOT / file, folder)
    return folder


def add_till(project: Path) -> None:
    sources = project / "ingestion" / "sources"
    (sources / "till").mkdir()
    (sources / "till" / "__init__.py").write_text(TILL)
    listed = sources / "__init__.py"
    text = listed.read_text()
    text = text.replace("support, web", "support, till, web")
    listed.write_text(
        text.replace("    id_graph.SOURCE,", "    id_graph.SOURCE,\n    till.SOURCE,")
    )


def write(folder: Path, files: dict[str, str]) -> None:
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(content)


def rows(warehouse: Path, sql: str) -> list[tuple[object, ...]]:
    with duckdb.connect(str(warehouse / "onecdp.duckdb"), read_only=True) as connection:
        return connection.execute(sql).fetchall()


def run_python(script: str, project: Path) -> str:
    """Runs a script with the project's own ingestion folder; its stdout."""
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=project, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_source_of_two_tables_needs_one_declaration(project: Path, tmp_path: Path) -> None:
    add_till(project)
    data, warehouse = tmp_path / "data", tmp_path / "warehouse"
    write(data, FILES)
    ingest = ("ingest", "--data", str(data), "--warehouse", str(warehouse), "--json")

    loaded = run_cli(*ingest, cwd=project)
    # 4: loaded, but for the file that lacks a column.
    assert loaded.code == 4, loaded.stderr
    (till,) = (s for s in loaded.document()["sources"] if s["source"] == "till")
    assert (till["files_loaded"], till["rows_read"], till["rows_loaded"]) == (3, 6, 3)
    folders = "till/customers/, till/orders/"
    (other,) = till["left_out"]
    assert other == {"file": "other.csv", "reason": f"it is not in one of {folders}"}
    assert rows(
        warehouse, "select customer, updated_at::date::varchar, _file from raw_till.customers"
    ) == [("C2", "2024-01-01", "customers/a.csv"), ("C1", "2024-01-02", "customers/a.csv")]
    assert rows(warehouse, "select order_id, customer, total, _file from raw_till.orders") == [
        ("O1", "C1", 9.5, "orders/2024/a.csv")
    ]
    quarantine = "select table_name, file, line from raw_till.quarantine order by all"
    assert rows(warehouse, quarantine) == [
        ("orders", "orders/2024/a.csv", 3),
        ("orders", "orders/b.jsonl", 1),
        ("orders", "orders/c.csv", None),
    ]
    loads = "select table_name, file, rows_read, rows_superseded from raw_till.loads order by all"
    assert rows(warehouse, loads) == [
        ("customers", "customers/a.csv", 3, 1),
        ("orders", "orders/2024/a.csv", 2, 0),
        ("orders", "orders/b.jsonl", 1, 0),
    ]

    again = run_cli(*ingest, cwd=project).document()["sources"]
    (till,) = (s for s in again if s["source"] == "till")
    assert (till["files_loaded"], till["files_skipped"], till["rows_read"]) == (0, 3, 0)
    # The sources of one table keep their columns.
    (columns,) = rows(
        warehouse,
        "select list(distinct table_schema order by table_schema) from information_schema.columns"
        " where column_name = 'table_name' and table_schema like 'raw_%'"
        " and table_schema not like '%_staging'",
    )
    assert columns == (["raw_shop", "raw_till"],)


def declare_card(project: Path) -> None:
    seed = project / "seeds" / "id_types.csv"
    seed.write_text(seed.read_text() + "loyalty_card,9,false,5,,0.95\n")
    file = project / "models" / "staging" / "crm" / "_crm__models.yml"
    file.write_text(file.read_text().replace("    columns:\n", f"    columns:{CARD}", 1))


def test_an_identifier_column_is_declared_by_one_line(project: Path, tmp_path: Path) -> None:
    """No code knows it, and no column of the table: it comes as text with the first file."""
    declare_card(project)
    data, warehouse = tmp_path / "data", tmp_path / "warehouse"
    card = "member_id,updated_at,Loyalty Card\n"
    write(data, {"crm/a.csv": card + "M1,2024-01-01, L1\nM2,2024-01-01,L1 \nM3,2024-01-01,L3\n"})
    script = f"""
import json
from pathlib import Path
import duckdb
from ingestion.erasure import erase_raw, set_tombstones
from ingestion.pipelines import identifiers, load, tables
from ingestion.sources.id_graph.asking import find_identifiers

data, warehouse = Path({str(data)!r}), Path({str(warehouse)!r})
load(data, warehouse, lambda line: None)
with duckdb.connect() as scratch:
    find_identifiers(scratch, warehouse / "onecdp.duckdb", tables(), 10, "to_ask")
    asked = scratch.execute(
        "select distinct id_value from to_ask where id_type = 'loyalty_card' order by all"
    ).fetchall()
person = [("member_id", "M1"), ("loyalty_card", "L1")]
with duckdb.connect(str(warehouse / "onecdp.duckdb")) as private:
    set_tombstones(private, warehouse, person)
    removed = [(r.what, r.rows) for r in erase_raw(private, tables(), person)]
(data / "crm" / "b.csv").write_text({card!r} + "M1,2024-02-01,L1\\nM4,2024-02-01,L1\\n")
load(data, warehouse, lambda line: None)
print(json.dumps({{
    "declared": [i.column for i in identifiers() if i.id_type == "loyalty_card"],
    "asked": asked,
    "removed": removed,
}}))
"""
    done = run_python(script, project)
    assert json.loads(done) == {
        "declared": ["loyalty_card"],
        "asked": [["L1"], ["L3"]],
        "removed": [["deleted", 1], ["of others, emptied", 1]],
    }
    assert rows(
        warehouse, "select member_id, trim(loyalty_card) from raw_crm.members order by 1"
    ) == [("M2", None), ("M3", "L3"), ("M4", None)]


@pytest.mark.parametrize(
    ("line", "told"),
    [
        (CARD, "_crm__models.yml: column loyalty_card: id_type 'loyalty_card' has no row in"
               " seeds/id_types.csv"),
        ("\n      - {name: x, config: {meta: {id_type: open_id, id_type_column: y}}}\n",
         "_crm__models.yml: column x: meta wants either id_type or id_type_column, as text"),
        ("\n      - {name: x, config: {meta: {id_type: open_id, raw_column: mobile_hash}}}\n",
         "column mobile_hash of raw_crm.members is declared as an identifier twice"),
        ("\n      - [\n", "_crm__models.yml cannot be read"),
        ("\n      - name\n", "_crm__models.yml: columns is not a list of entries with a name"),
    ],
)  # fmt: skip
def test_a_wrong_declaration_is_one_line(project: Path, line: str, told: str) -> None:
    file = project / "models" / "staging" / "crm" / "_crm__models.yml"
    file.write_text(file.read_text().replace("    columns:\n", f"    columns:{line}", 1))
    refused = run_cli("ingest", cwd=project)
    assert refused.code == 1
    (message,) = refused.stderr.strip().splitlines()[-1:]
    assert told in message
    assert "Traceback" not in refused.stderr
