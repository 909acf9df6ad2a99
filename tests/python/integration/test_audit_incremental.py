"""The audit finds a row that was changed by hand in an incremental table, and a build mends it."""

from __future__ import annotations

from datetime import date

import duckdb
import pytest
from support.cli import BuiltProject, run_cli

from onecdp.pipeline import Context, audit
from onecdp.pipeline.compared import compare, find_wrong_tables
from onecdp.pipeline.last_build import describe_build
from onecdp.pipeline.plan import plan_run
from onecdp.project.dbt import CompiledModel, Dbt
from onecdp.project.dbt_report import NOTHING_BUILT
from onecdp.project.find import open_project
from onecdp.project.progress import Silent

AS_OF = date(2026, 6, 6)
# When a row was written, by which run, and whom it left in that run: no build makes them again.
WRITTEN = {"changed_at", "minted_by", "former_customer", "former_cluster_id"}
# Of the resolution in Python, what SQL downstream shows; test_audit.py changes a component. Not of
# the first identifier of a customer: the others are in its cluster, and its confidence is not read.
PYTHON = {
    "int_identity__clusters": {"cluster_id"},
    "int_identity__confidences": {"confidence"},
}
NOT_FIRST = {
    "int_identity__clusters": "where node_id <> cluster_id",
    "int_identity__confidences": "where confidence < 1",
}
# What was told: nothing says it again.
TOLD = {"id_map_changes", "audience_membership_changes"}
OTHER_VALUES = {
    "BOOLEAN": "not coalesce({0}, false)",
    "VARCHAR": "coalesce({0}, '') || 'x'",
    "TIMESTAMP": "coalesce({0}, timestamp '2020-01-01') + interval 1 day",
    "DATE": "cast(coalesce({0}, date '2020-01-01') + interval 1 day as date)",
    "BLOB": "{0} || '\\x00'::blob",
}
NUMBER = "coalesce({0}, 0) + 1"


@pytest.fixture(scope="module")
def compiled(
    built_warehouse: BuiltProject, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, CompiledModel]:
    # A copy: dbt writes what it compiles into the project.
    copied = built_warehouse.copy(tmp_path_factory.mktemp("compiled") / "project")
    (copied.folder / "models" / "own_events.sql").write_text(
        "{{ config(materialized='incremental', unique_key='event_id') }}\n"
        "select * from {{ ref('unified_events') }}"
        "{% if is_incremental() %} where event_time >= (select max(event_time) from {{ this }})"
        "{% endif %}"
    )
    opened = open_project(copied.folder, copied.warehouse, {})
    return {model.name: model for model in Dbt(opened, Silent()).compiled(as_of=AS_OF)}


def changes(private: duckdb.DuckDBPyConnection, names: set[str]) -> dict[str, str]:
    """For each column of these tables, and for a row that goes, a statement by its name."""
    found = {}
    for schema, name, column, kind in private.execute(
        "select schema_name, table_name, column_name, data_type from duckdb_columns()"
        " where schema_name in ('intermediate', 'marts')"
    ).fetchall():
        if name not in names or column in WRITTEN or column not in PYTHON.get(name, {column}):
            continue
        table = f"{schema}.{name}"
        of_one_row = f"where rowid = (select max(rowid) from {table} {NOT_FIRST.get(name, '')})"
        value = OTHER_VALUES.get(kind, NUMBER).format(column)
        found[f"{name}.{column}"] = f"update {table} set {column} = {value} {of_one_row}"
        found[name] = f"delete from {table} {of_one_row}"
    return found


def test_each_changed_column_of_each_incremental_table_is_found(
    project: BuiltProject, compiled: dict[str, CompiledModel]
) -> None:
    assert len(compiled) >= 23
    # dbt's usual style writes the last rows each time, and is no mistake.
    assert "own_events" not in compiled
    with duckdb.connect(project.warehouse / "onecdp.duckdb") as private:
        private.execute("set TimeZone = 'UTC'")
        assert list(compare(private, compiled.values())) == []
        unnoticed = []
        for what, statement in changes(private, {*compiled, *PYTHON} - TOLD).items():
            name = what.partition(".")[0]
            private.execute("begin")
            ((rows,),) = private.execute(statement).fetchall()
            readers = [
                model
                for model in compiled.values()
                if f'"{name}"' in model.sql or model.name == name
            ]
            if rows and not any(list(compare(private, [model])) for model in readers):
                unnoticed.append(what)
            private.execute("rollback")
    assert unnoticed == []


def sessions(project: BuiltProject) -> list[tuple[object, ...]]:
    with duckdb.connect(project.warehouse / "marts.duckdb", read_only=True) as marts:
        return marts.execute("from sessions order by all").fetchall()


def execute(project: BuiltProject, statement: str) -> None:
    with duckdb.connect(project.warehouse / "onecdp.duckdb") as private:
        private.execute(statement)


def days_of_the_history(project: BuiltProject) -> list[tuple[object, ...]]:
    with duckdb.connect(project.warehouse / "onecdp.duckdb") as private:
        return private.execute("select as_of_date, noted_at from audit.profile_days").fetchall()


CHANGE_A_SESSION = (
    "update intermediate.int_customers__sessions set landing_page = 'x' where rowid ="
    " (select max(rowid) from intermediate.int_customers__sessions)"
)


def test_a_changed_row_is_not_published_and_the_next_run_writes_it(project: BuiltProject) -> None:
    """It is found by the audit that is asked for, and by the one of the weekly run."""
    published = sessions(project)
    execute(project, CHANGE_A_SESSION)
    run = ("run", "--as-of", "2026-06-06", "--json")
    unnoticed = run_cli(*run, cwd=project.folder).document()
    assert unnoticed["built"] == "nothing"

    asked = run_cli("audit", "--json", cwd=project.folder)

    assert asked.code == 1
    (failure,) = asked.document()["failures"]
    assert failure["node"] == "int_customers__sessions"
    assert failure["reason"] == "1 row differs from what the model makes of all rows upstream"
    refused = run_cli("publish", cwd=project.folder)
    assert "the last build has failures: int_customers__sessions (fail)" in refused.stderr
    mended = run_cli(*run, cwd=project.folder)
    assert mended.code == 0
    assert "audit" not in mended.document()["seconds"]
    assert sessions(project) == published

    days = days_of_the_history(project)
    execute(project, CHANGE_A_SESSION)
    execute(project, "update audit.last_build set audited_at = audited_at - interval 8 days")
    week = run_cli(*run, cwd=project.folder)
    assert week.code == 1
    assert [failure["node"] for failure in week.document()["failures"]] == [
        "int_customers__sessions"
    ]
    assert sessions(project) == published
    assert days_of_the_history(project) == days
    # The audit is still due, and passes once the row is written.
    mended = run_cli(*run, cwd=project.folder)
    assert mended.code == 0
    assert mended.document()["seconds"]["audit"] > 0
    assert sessions(project) == published
    assert run_cli(*run, cwd=project.folder).document()["built"] == "nothing"


def test_an_audit_that_compared_nothing_is_not_noted(
    project: BuiltProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    execute(project, "update audit.last_build set audited_at = audited_at - interval 8 days")
    execute(project, "insert into raw_crm.loads from raw_crm.loads limit 1")
    monkeypatch.setattr(Dbt, "test", lambda *_, **__: NOTHING_BUILT)
    context = Context(open_project(project.folder, project.warehouse, {}))

    assert audit(context).ok

    assert plan_run(context, describe_build(context, AS_OF)).is_audit


def test_what_cannot_be_compared_is_a_warning_and_bitmaps_can(project: BuiltProject) -> None:
    warehouse = open_project(project.folder, project.warehouse, {}).warehouse
    file = project.folder / "x.sql"
    models = [
        CompiledModel("bitmaps", "bitmaps", "model.own.bitmaps", "select bitmap_count(null)"
                      " where false", file),
        CompiledModel("elsewhere", "elsewhere", "model.own.elsewhere", "from elsewhere.t", file),
    ]  # fmt: skip

    found = find_wrong_tables(warehouse, models)

    assert [(finding.node, finding.status) for finding in found] == [("elsewhere", "warn")]
    report = NOTHING_BUILT.with_findings(found)
    assert report.ok
    assert report.warnings == found


def test_rows_that_no_build_has_read_are_no_mistake_of_the_tables(project: BuiltProject) -> None:
    file = project.folder / "ingestion" / "sample" / "app" / "events.csv"
    first = file.read_text().splitlines()[1]
    file.write_text(f"{file.read_text()}{first.replace('EVT001', 'EVT901')}\n")
    assert run_cli("ingest", cwd=project.folder).code == 0

    asked = run_cli("audit", cwd=project.folder)

    # Tests that count what was loaded fail until a build has read it.
    assert "rows upstream" not in asked.stdout
    said = "audit: rows were loaded or erased, so the incremental tables are not compared"
    assert said in asked.stderr
