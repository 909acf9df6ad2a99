"""What is published as a view: it reads the published tables, and is replaced when it changes."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest

from onecdp.errors import OnecdpError
from onecdp.pipeline.publish import publish_marts
from onecdp.warehouse.files import Warehouse

NAME = "customer_profiles_as_of"


def build(folder: Path, as_of: str, *, second: int = 0) -> Warehouse:
    """A private file with a table of changes, and the relation that is made of it."""
    warehouse = Warehouse(folder)
    with duckdb.connect(warehouse.build_file) as private:
        private.execute(
            f"""
            create schema if not exists marts;
            create schema if not exists audit;
            create or replace table marts.customer_profiles_daily as
                select {second} as dt, 'A' as one_id;
            {as_of};
            create or replace table audit.node_status (
                unique_id varchar, status varchar, invocation_id varchar, finished_at timestamptz,
                relation_schema varchar, relation_name varchar
            );
            insert into audit.node_status
            select 'model.onecdp.' || name, 'success', '{second}',
                '2026-06-06'::timestamptz + interval '{second} seconds', 'marts', name
            from unnest(['{NAME}', 'customer_profiles_daily']) as models(name);
            """
        )
    return warehouse


def view(
    columns: str = "dt, one_id", relation: str = "onecdp.marts.customer_profiles_daily"
) -> str:
    return (
        f"create or replace view marts.{NAME} as with customer_profiles_daily as"
        f" (select * from {relation}) select {columns} from customer_profiles_daily;"
        f" comment on view marts.{NAME} is 'One row per day.';"
        f" comment on column marts.{NAME}.dt is 'The day.'"
    )


def read(folder: Path, query: str) -> list[tuple[object, ...]]:
    with duckdb.connect(folder / "marts.duckdb", read_only=True) as marts:
        return marts.execute(query).fetchall()


def test_a_view_reads_the_published_table(tmp_path: Path) -> None:
    assert publish_marts(build(tmp_path, view())).changed == (NAME, "customer_profiles_daily")
    assert read(tmp_path, f"from {NAME}") == [(0, "A")]
    assert read(tmp_path, "select comment from duckdb_views() where not internal") == [
        ("One row per day.",)
    ]

    # Its rows are those of the table, which is all that is written.
    changed = publish_marts(build(tmp_path, view(), second=1)).changed
    assert changed == ("customer_profiles_daily",)
    assert read(tmp_path, f"from {NAME}") == [(1, "A")]

    assert publish_marts(build(tmp_path, view("dt + 1 as dt"), second=2)).changed == (
        NAME, "customer_profiles_daily",
    )  # fmt: skip
    assert read(tmp_path, f"from {NAME}") == [(3,)]


def test_it_may_become_a_table_and_a_view_again(tmp_path: Path) -> None:
    table = f"drop view if exists marts.{NAME}; create table marts.{NAME} as select 7 as dt"
    publish_marts(build(tmp_path, view()))
    publish_marts(build(tmp_path, table, second=1))
    assert read(tmp_path, f"from {NAME}") == [(7,)]
    publish_marts(build(tmp_path, f"drop table marts.{NAME}; {view()}", second=2))
    assert read(tmp_path, f"from {NAME}") == [(2, "A")]


def test_a_view_on_what_is_not_published_is_refused(tmp_path: Path) -> None:
    publish_marts(build(tmp_path, view()))
    hidden = "create schema hidden; create table hidden.t as select 1 as dt, 'B' as one_id; "
    warehouse = build(tmp_path, hidden + view(relation="onecdp.hidden.t"), second=1)
    with pytest.raises(OnecdpError, match="published as a view, so it may read nothing but"):
        publish_marts(warehouse)
    assert read(tmp_path, f"from {NAME}") == [(0, "A")]
