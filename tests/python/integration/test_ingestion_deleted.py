"""Members that the CRM deleted, in warehouses new and old."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import duckdb
import pytest
from support.ingestion import Warehouse, replace_table

from ingestion.pipelines import tables
from ingestion.sources.crm import MEMBERS as TABLE
from ingestion.sources.id_graph.asking import find_identifiers

MEMBERS = "member_id,real_name,updated_at,is_deleted"


def stored(warehouse: Warehouse) -> list[tuple[object, ...]]:
    return warehouse.query(
        "select member_id, real_name, is_deleted from raw_crm.members order by member_id"
    )


def test_a_deleted_member_is_one_more_version_of_it(tmp_path: Path) -> None:
    warehouse = Warehouse(tmp_path)
    warehouse.write(
        "crm/a.csv", MEMBERS, "M1,Ann,2024-01-01,false", "M2,Bob,2024-01-01,", "M3,Cy,2024-01-01,"
    )
    warehouse.write("crm/b.csv", MEMBERS, "M1,,2024-02-01,true", "M2,,2023-02-01,true", "M3,,,1")
    report = warehouse.load()["crm"]
    # The deletion of M2 is older than the row that stands; one without a time counts as of now.
    assert stored(warehouse) == [("M1", None, True), ("M2", "Bob", None), ("M3", None, True)]
    assert warehouse.counts(report) == (6, 3, 0, 0, 3)
    warehouse.write("crm/c.csv", MEMBERS, "M1,Ann,2024-03-01,no", "M2,Bob,2024-03-01,gone")
    assert warehouse.load()["crm"].rows_quarantined == 1
    assert stored(warehouse)[0] == ("M1", "Ann", False)
    assert "is_deleted: 'gone' is not true or false" in str(warehouse.quarantine("crm"))


def test_a_warehouse_of_before_the_column_gets_it_without_any_new_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    warehouse = Warehouse(tmp_path)
    warehouse.write("crm/a.csv", "member_id,real_name,updated_at", "M1,Ann,2024-01-01")
    with monkeypatch.context() as before:
        columns = tuple(c for c in TABLE.columns if c.name != "is_deleted")
        replace_table(before, dataclasses.replace(TABLE, columns=columns))
        warehouse.load()
    assert "is_deleted" not in {name for name, *_ in warehouse.query("describe raw_crm.members")}
    report = warehouse.load()["crm"]
    assert (report.files_skipped, report.rows_read) == (1, 0)
    assert stored(warehouse) == [("M1", "Ann", None)]
    loads = warehouse.query("select count(*) from raw_crm._dlt_loads")
    warehouse.load()
    assert warehouse.query("select count(*) from raw_crm._dlt_loads") == loads
    warehouse.write("crm/b.csv", MEMBERS, "M1,,2024-02-01,true")
    warehouse.load()
    assert stored(warehouse) == [("M1", None, True)]


def test_nobody_outside_is_asked_about_a_deleted_member(tmp_path: Path) -> None:
    warehouse = Warehouse(tmp_path)
    header = "member_id,mobile_hash,updated_at,is_deleted"
    warehouse.write("crm/a.csv", header, "M1,h1,2024-01-01,true", "M2,h2,2024-01-01,")
    warehouse.load()
    with duckdb.connect() as scratch:
        database = warehouse.folder / "onecdp.duckdb"
        assert find_identifiers(scratch, database, tables(), 10, "to_ask") == 2
        asked = scratch.execute("select id_value from to_ask order by id_value").fetchall()
    assert asked == [("M2",), ("h2",)]
