"""Every text column that outlives a build declares what forget does with it."""

from __future__ import annotations

import re
from typing import Any

import duckdb
import pytest
from support.cli import BuiltProject, run_cli

from ingestion import pipelines
from onecdp.cli.progress import LineProgress
from onecdp.erasure import tables
from onecdp.erasure.rules import OTHERS, REBUILT, read_rules
from onecdp.project.dbt import Dbt
from onecdp.project.find import Project
from onecdp.warehouse.files import Warehouse

# What neither dbt nor a source of the project holds, and why nothing in it needs to be erased.
BOOKKEEPING = {
    r"audit\.\w+": "statuses of dbt nodes, and what was published",
    r"quality\.\w+": "what data quality tests measured: numbers",
    r"raw_\w+\._dlt_\w+": "dlt's own loads, versions and state",
    r"raw_\w+_staging\.\w+": "dlt's staging tables; forget empties them",
    r"raw_erasure\.\w+": "keyed hashes, and the note of an interrupted erasure",
}


def manifest_of(project: BuiltProject) -> Any:
    return Dbt(Project(project.folder, Warehouse(project.warehouse)), LineProgress()).manifest()


def test_every_persistent_text_column_is_declared(project: BuiltProject) -> None:
    manifest = manifest_of(project)
    rules = read_rules(manifest)
    rebuilt = {
        f"{node.schema}.{node.alias}"
        for node in manifest.nodes.values()
        if node.resource_type == "model" and node.config.materialized in REBUILT
    }
    with duckdb.connect(project.warehouse / "onecdp.duckdb", read_only=True) as private:
        assert tables.undeclared(private, rules) == ()
        held = private.execute(
            "select schema_name || '.' || table_name from duckdb_tables() order by all"
        ).fetchall()
    declared = {rule.full_name for rule in rules}
    unknown = [
        name
        for (name,) in held
        if name not in declared | rebuilt
        and not any(re.fullmatch(pattern, name) for pattern in BOOKKEEPING)
    ]
    assert unknown == []


@pytest.mark.soak
def test_raw_tables_declare_what_ingestion_does(project: BuiltProject) -> None:
    rules = {rule.full_name: rule for rule in read_rules(manifest_of(project))}
    for spec in pipelines.tables():
        rule = rules[f"{spec.dataset}.{spec.table}"]
        deleted = {cell.column for cell in rule.delete_row}
        emptied = {cell.column for cell in rule.set_null}
        identifiers = {identifier.column for identifier in spec.identifiers}
        assert deleted == identifiers & set(spec.key), rule.full_name
        assert emptied == identifiers - set(spec.key), rule.full_name
        assert set(rule.set_null_in_row) - {OTHERS} == set(spec.traces), rule.full_name
        for cell in (*rule.delete_row, *rule.set_null):
            (same,) = [i for i in spec.identifiers if i.column == cell.column]
            assert (same.id_type, same.type_column) == (cell.holds, cell.type_column)


def test_forget_refuses_a_column_that_declares_nothing(project: BuiltProject) -> None:
    model = project.folder / "models" / "marts" / "own_facts.sql"
    model.write_text(
        "{{ config(materialized='incremental', contract={'enforced': false}) }}\n"
        "select one_id, 'hers' as note from {{ ref('customer_profiles') }}\n"
    )
    dbt = Dbt(Project(project.folder, Warehouse(project.warehouse)), LineProgress())
    assert dbt.invoke("run", options=["--select", "own_facts"]).success
    refused = run_cli("forget", "member_id:MBR001", "--yes", cwd=project.folder)
    assert refused.code == 1
    assert "marts.own_facts.note" in refused.stderr
    assert "Nothing was erased" in refused.stderr
    model.with_suffix(".yml").write_text(
        "models:\n  - name: own_facts\n    config:\n      meta:\n        forget:\n"
        "          delete_row: {one_id: one_id}\n          with_row: [note]\n"
    )
    erased = run_cli("forget", "member_id:MBR001", "--yes", cwd=project.folder)
    assert erased.code == 0, erased.stderr
