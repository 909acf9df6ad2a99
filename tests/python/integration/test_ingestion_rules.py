"""What a repeated key, a changed file and an overlap do to the raw tables."""

from __future__ import annotations

import datetime as dt
import shutil
from pathlib import Path
from typing import Any

import duckdb
import pytest
from support.ingestion import (
    EVENTS,
    LINKS,
    MEMBERS,
    SAMPLE,
    Warehouse,
    content,
)

from ingestion.landing import land
from ingestion.landing.deduplicate import Outcomes, deduplicate


def test_absent_sources_leave_empty_tables_with_every_column(warehouse: Warehouse) -> None:
    types = {
        f"{schema}.{table}.{column}": kind
        for schema, table, column, kind in warehouse.query(
            "select table_schema, table_name, column_name, data_type "
            "from information_schema.columns where table_schema like 'raw_%'"
        )
    }
    expected = {
        "raw_crm.members.birthday": "DATE",
        "raw_crm.members.retail_customer_id": "VARCHAR",
        "raw_crm.members.total_points": "BIGINT",
        "raw_crm.members.updated_at": "TIMESTAMP",
        "raw_crm.members._loaded_at": "TIMESTAMP WITH TIME ZONE",
        "raw_app.events.item_price": "DECIMAL(18,4)",
        "raw_app.events.event_time": "TIMESTAMP",
        "raw_app.events._column_sources": "VARCHAR",
        "raw_crm.superseded.by_line": "BIGINT",
        "raw_retail.transactions.price": "DECIMAL(18,4)",
        "raw_retail.transactions.quantity": "BIGINT",
        "raw_retail.transactions.line_number": "BIGINT",
        "raw_retail.transactions.is_withdrawn": "BOOLEAN",
        "raw_id_graph.links.confidence": "DOUBLE",
        "raw_id_graph.links.is_active": "BOOLEAN",
        "raw_id_graph.links._file": "VARCHAR",
        "raw_crm.quarantine.line": "BIGINT",
        "raw_app.loads.rows_superseded": "BIGINT",
    }
    assert {name: types.get(name) for name in expected} == expected
    assert warehouse.query("select count(*) from raw_retail.transactions") == [(0,)]


def test_worked_example_is_loaded_whole_and_once(tmp_path: Path) -> None:
    warehouse = Warehouse(tmp_path)
    shutil.copytree(SAMPLE, warehouse.data)
    first = warehouse.load()
    assert {name: warehouse.counts(report) for name, report in first.items()} == {
        "crm": (5, 5, 0, 0, 0),
        "app": (10, 10, 0, 0, 0),
        "retail": (10, 10, 0, 0, 0),
        "shop": (6, 6, 0, 0, 0),
        "web": (5, 5, 0, 0, 0),
        "email": (6, 6, 0, 0, 0),
        "support": (2, 2, 0, 0, 0),
        "consents": (7, 7, 0, 0, 0),
        "id_graph": (5, 5, 0, 0, 0),
    }
    tables = ["raw_crm.members", "raw_app.events", "raw_retail.transactions", "raw_id_graph.links"]
    before = [content(warehouse, table, ()) for table in tables]
    again = warehouse.load()
    assert [(r.files_loaded, r.files_skipped, r.rows_read) for r in again.values()] == [
        (0, 2 if name == "shop" else 1, 0) for name in again
    ]
    assert [content(warehouse, table, ()) for table in tables] == before
    assert warehouse.query("select * from raw_id_graph.quarantine") == []


def test_newer_member_wins_wherever_it_stands(warehouse: Warehouse) -> None:
    warehouse.write(
        "crm/a.csv",
        MEMBERS,
        "M1,New,2,2024-02-01 00:00:00",
        "M1,Old,1,2024-01-01 00:00:00",
        "M1,New,2,2024-02-01 00:00:00",
        "M2,Same,1,2024-01-01",
    )
    assert warehouse.counts(warehouse.load()["crm"]) == (4, 2, 0, 1, 1)
    warehouse.write(
        "crm/b.csv",
        MEMBERS,
        "M1,Older,0,2023-01-01 00:00:00",
        "M2,Same,1,2024-01-01T00:00:00Z",
        "M3,Third,0,",
    )
    assert warehouse.counts(warehouse.load()["crm"]) == (3, 1, 0, 1, 1)
    warehouse.write("crm/c.csv", MEMBERS, "M1,Newest,3,2024-03-01 00:00:00", "M3,Later,0,")
    assert warehouse.counts(warehouse.load()["crm"]) == (2, 2, 0, 0, 0)
    assert warehouse.query(
        "select member_id, real_name, _file from raw_crm.members order by 1"
    ) == [
        ("M1", "Newest", "c.csv"),
        ("M2", "Same", "a.csv"),
        ("M3", "Later", "c.csv"),
    ]


def test_link_is_withdrawn_by_a_later_row(warehouse: Warehouse) -> None:
    warehouse.write("id_graph/1.csv", LINKS, "member_id,M1,union_id,U1,0.9,true")
    warehouse.load()
    warehouse.write("id_graph/2.csv", LINKS, "member_id,M1,union_id,U1,0.9,false")
    assert warehouse.counts(warehouse.load()["id_graph"]) == (1, 1, 0, 0, 0)
    assert warehouse.query("select is_active, _file from raw_id_graph.links") == [(False, "2.csv")]


def test_second_event_with_the_id_of_another_is_quarantined(warehouse: Warehouse) -> None:
    warehouse.write(
        "app/a.csv",
        EVENTS,
        "E1,page_view,1.0,2024-11-01 08:00:00",
        "E1,page_view,1.00,2024-11-01T10:00:00+02:00",
        "E1,purchase,1.0,2024-11-01 08:00:00",
    )
    assert warehouse.counts(warehouse.load()["app"]) == (3, 1, 1, 1, 0)
    warehouse.write("app/b.csv", EVENTS, "E1,purchase,9,2024-11-01", "E2,purchase,9,2024-11-01")
    assert warehouse.counts(warehouse.load()["app"]) == (2, 1, 1, 0, 0)
    said = "event_id 'E1' already exists in app/a.csv line 2 with different values"
    assert warehouse.quarantine("app") == [("a.csv", 4, said), ("b.csv", 2, said)]
    (payload,) = warehouse.query("select payload from raw_app.quarantine where file = 'b.csv'")[0]
    assert '"event_type":"purchase"' in payload


def test_event_is_updated_by_a_new_version_of_its_own_file(warehouse: Warehouse) -> None:
    warehouse.write("app/a.csv", EVENTS, "E1,page_view,,2024-11-01", "E2,page_view,,2024-11-01")
    warehouse.load()
    warehouse.write("app/a.csv", EVENTS, "E1,purchase,5,2024-11-01", "E2,page_view,,2024-11-01")
    report = warehouse.load()["app"]
    assert (report.files_loaded, warehouse.counts(report)) == (1, (2, 1, 0, 1, 0))
    assert warehouse.query("select event_id, event_type from raw_app.events order by 1") == [
        ("E1", "purchase"),
        ("E2", "page_view"),
    ]
    # The first version comes back: it is a changed file again.
    warehouse.write("app/a.csv", EVENTS, "E1,page_view,,2024-11-01", "E2,page_view,,2024-11-01")
    assert warehouse.counts(warehouse.load()["app"]) == (2, 1, 0, 1, 0)
    assert warehouse.query("select event_type from raw_app.events where event_id = 'E1'") == [
        ("page_view",)
    ]
    assert warehouse.query("select count(*) from raw_app.loads") == [(3,)]


def test_new_column_evolves_and_old_rows_keep_their_content(warehouse: Warehouse) -> None:
    warehouse.write("app/a.csv", EVENTS, "E1,page_view,,2024-11-01")
    warehouse.load()
    warehouse.write(
        "app/b.csv", f"{EVENTS},Campaign Name", "E1,page_view,,2024-11-01,", "E2,view,,2024-11-02,x"
    )
    assert warehouse.counts(warehouse.load()["app"]) == (2, 1, 0, 1, 0)
    assert warehouse.query("select event_id, campaign_name from raw_app.events order by 1") == [
        ("E1", None),
        ("E2", "x"),
    ]


def test_load_time_rises_even_if_the_clock_went_back(
    warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    future = dt.datetime(2999, 1, 1, tzinfo=dt.UTC)
    warehouse.write("crm/a.csv", MEMBERS, "M1,A,1,2024-01-01")
    with monkeypatch.context() as patch:
        patch.setattr(land, "clock", lambda: future)
        warehouse.load()
    warehouse.write("crm/b.csv", MEMBERS, "M2,B,1,2024-01-01")
    warehouse.load()
    (first,), (second,) = warehouse.query(
        "select epoch_us(_loaded_at) from raw_crm.members order by member_id"
    )
    assert second == first + 1


def test_load_that_loses_sight_of_a_row_writes_nothing(
    warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    def careless(connection: duckdb.DuckDBPyConnection, *relations: Any) -> Outcomes:
        outcomes = deduplicate(connection, *relations)
        connection.execute(f"delete from {outcomes.rows} where _row = 1")
        return outcomes

    warehouse.write("app/a.csv", EVENTS, "E1,view,,2024-11-01", "E2,view,,2024-11-01")
    monkeypatch.setattr(land, "deduplicate", careless)
    with pytest.raises(AssertionError, match=r"accounted for differ: \[\('a.csv', 2\)\]"):
        warehouse.load()
    for table in ("events", "loads", "quarantine"):
        assert warehouse.query(f"select * from raw_app.{table}") == []
    monkeypatch.undo()
    assert warehouse.counts(warehouse.load()["app"]) == (2, 2, 0, 0, 0)


def test_refused_file_is_tried_again_and_told_once(warehouse: Warehouse) -> None:
    warehouse.write("app/a.csv", "event_id,event_time", "E1,2024-11-01")
    warehouse.write("app/b.csv", EVENTS, "E2,view,,2024-11-01")
    refusal = ("a.csv", "has no column event_type; columns found: event_id, event_time")
    first, second = warehouse.load()["app"], warehouse.load()["app"]
    assert (first.files_loaded, first.refused) == (1, (refusal,))
    assert (second.files_loaded, second.refused) == (0, (refusal,))
    assert warehouse.quarantine("app") == [("a.csv", None, refusal[1])]
    warehouse.write("app/a.csv", EVENTS, "E1,view,,2024-11-01")
    third = warehouse.load()["app"]
    assert (third.files_loaded, third.rows_loaded, third.refused) == (1, 1, ())
    assert warehouse.query("select count(*) from raw_app.quarantine") == [(1,)]


def test_folder_and_file_kinds_that_are_not_loaded_are_told(warehouse: Warehouse) -> None:
    warehouse.write("crm/deep/er/a.csv", MEMBERS, "M1,A,1,2024-01-01")
    warehouse.write("crm/notes.txt", "hello")
    warehouse.write("crm/.hidden.csv", MEMBERS, "M2,B,1,2024-01-01")
    report = warehouse.load()["crm"]
    assert (report.files_loaded, report.refused) == (1, ())
    assert warehouse.query("select member_id, _file from raw_crm.members") == [
        ("M1", "deep/er/a.csv")
    ]
    ((name, reason),) = report.left_out
    assert name == "notes.txt"
    assert "not a kind of file that is loaded; if it holds rows, save it as .csv" in reason
    assert f"crm/notes.txt: left out, {reason}" in warehouse.notices
