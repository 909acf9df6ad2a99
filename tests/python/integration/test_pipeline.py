"""The functions of onecdp.pipeline, as a scheduler calls them."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.cli import REPOSITORY

from onecdp import pipeline
from onecdp.errors import OnecdpError
from onecdp.project.find import open_project
from onecdp.warehouse.files import connect


@pytest.fixture
def context(tmp_path: Path) -> pipeline.Context:
    return pipeline.Context(open_project(REPOSITORY, tmp_path / "warehouse", {}))


def raw_schemas(context: pipeline.Context) -> set[str]:
    with connect(context.warehouse.build_file, read_only=True) as private:
        rows = private.execute(
            "select schema_name from duckdb_tables()"
            " where table_name = 'loads' and not ends_with(schema_name, '_staging')"
        ).fetchall()
    return {schema for (schema,) in rows}


def test_a_source_can_be_ingested_alone_and_the_others_later(context: pipeline.Context) -> None:
    alone = pipeline.ingest(context, sources=["crm"])

    assert [(s.source, s.rows_loaded) for s in alone.sources] == [("crm", 5)]
    assert raw_schemas(context) == {"raw_crm"}

    both = pipeline.ingest(context, sources=["app", "crm"])

    assert [(s.source, s.rows_loaded, s.files_skipped) for s in both.sources] == [
        ("crm", 0, 1),
        ("app", 10, 0),
    ]
    assert raw_schemas(context) == {"raw_crm", "raw_app"}


def test_a_function_refuses_while_another_command_works_in_the_folder(
    context: pipeline.Context,
) -> None:
    with context.lock("onecdp run"):
        for call in (pipeline.ingest, pipeline.build, pipeline.publish, pipeline.run):
            with pytest.raises(OnecdpError, match=r"is in use by `onecdp run`"):
                call(context)
