"""Publishing: only a clean build, only the marts, all at once, without disturbing a reader."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest

from onecdp.errors import OnecdpError
from onecdp.pipeline.publish import publish_marts
from onecdp.warehouse.files import Warehouse


def build(folder: Path, *, amount: int = 1, statuses: dict[str, str] | None = None) -> Warehouse:
    """A private file as dbt leaves it; `statuses` are those of the nodes."""
    warehouse = Warehouse(folder)
    moment = "'2026-06-06 09:30:00+00'::timestamptz"
    with duckdb.connect(warehouse.build_file) as private:
        private.execute(
            f"""
            create schema if not exists raw_crm;
            create schema if not exists marts;
            create schema if not exists audit;
            create or replace table raw_crm.members as select 'Ada' as real_name;
            create or replace table marts.id_map as select {amount} as amount, 'A' as one_id;
            create or replace view marts.customer_rfm as
                select amount + 1 as next_amount from "onecdp"."marts"."id_map";
            comment on table marts.id_map is 'One row per identifier: it''s the map.';
            comment on column marts.id_map.one_id is 'The customer.';
            comment on view marts.customer_rfm is 'One row per buyer.';
            create or replace table audit.node_status (
                unique_id varchar, status varchar, invocation_id varchar, finished_at timestamptz,
                relation_schema varchar, relation_name varchar
            );
            insert into audit.node_status
            select 'model.onecdp.my_' || name, 'success', '{amount}', {moment}, 'marts', name
            from unnest(['id_map', 'customer_rfm']) as models(name);
            """
        )
        for node, status in (statuses or {"model_id_map": "success"}).items():
            unique_id = f"invocation.{node}" if status == "running" else f"model.onecdp.{node}"
            private.execute(
                f"insert into audit.node_status values (?, ?, '{amount}', {moment}, null, null)",
                [unique_id, status],
            )
    return warehouse


BUILT_AGAIN = "update audit.node_status set invocation_id = invocation_id || 'i'"


def read(file: Path, query: str) -> list[tuple[object, ...]]:
    with duckdb.connect(file, read_only=True) as marts:
        return marts.execute(query).fetchall()


def test_marts_come_out_as_tables_and_nothing_else_does(tmp_path: Path) -> None:
    warehouse = build(tmp_path)

    published = publish_marts(warehouse)

    assert published.tables == 2
    tables = read(
        warehouse.marts_file,
        "select table_schema, table_name, table_type from information_schema.tables order by all",
    )
    assert tables == [("main", "customer_rfm", "BASE TABLE"), ("main", "id_map", "BASE TABLE")]
    assert read(warehouse.marts_file, "from customer_rfm") == [(2,)]
    assert b"Ada" not in warehouse.marts_file.read_bytes()


def test_only_tables_that_differ_are_written_and_without_any_the_file_stays(tmp_path: Path) -> None:
    assert publish_marts(build(tmp_path, amount=1)).changed == ("customer_rfm", "id_map")
    before = (tmp_path / "marts.duckdb").stat()

    assert publish_marts(Warehouse(tmp_path)).changed == ()
    execute(tmp_path, BUILT_AGAIN)
    assert publish_marts(Warehouse(tmp_path)).changed == ()
    assert (tmp_path / "marts.duckdb").stat() == before

    # Built again, with another row in one of the two.
    execute(
        tmp_path,
        "insert into marts.id_map values (1, 'B')",
        "create or replace view marts.customer_rfm as select 2 as next_amount",
        "comment on view marts.customer_rfm is 'One row per buyer.'",
        BUILT_AGAIN,
    )
    assert publish_marts(Warehouse(tmp_path)).changed == ("id_map",)
    assert read(tmp_path / "marts.duckdb", "from id_map order by all") == [(1, "A"), (1, "B")]


@pytest.mark.parametrize(
    "change",
    [
        "update marts.id_map set one_id = 'Z' where amount % 1000 = 7",
        "delete from marts.id_map where amount % 1000 = 7",
        "insert into marts.id_map select -1, 'new' from range(500)",
        "insert into marts.id_map from marts.id_map where amount < 9",
        "delete from marts.id_map where rowid in (select min(rowid) from marts.id_map"
        " where amount < 0)",
        "alter table marts.id_map add column another integer",
        "comment on table marts.id_map is 'Another comment.'",
    ],
)
def test_a_large_table_is_changed_row_by_row_and_equals_the_private_one(
    tmp_path: Path, change: str
) -> None:
    large = (
        "create or replace table marts.id_map as"
        " select n::int as amount, 'A' as one_id from range(150_000) as r(n)",
        "insert into marts.id_map select -1, 'twice' from range(2)",
    )
    build(tmp_path)
    execute(tmp_path, *large)
    publish_marts(Warehouse(tmp_path))

    execute(tmp_path, change, BUILT_AGAIN)
    assert "id_map" in publish_marts(Warehouse(tmp_path)).changed

    with duckdb.connect(tmp_path / "onecdp.duckdb", read_only=True) as private:
        private.execute(f"attach '{tmp_path / 'marts.duckdb'}' as published (read_only)")
        for left, right in (("marts", "published.main"), ("published.main", "marts")):
            differ = f"select count(*) from (from {left}.id_map except all from {right}.id_map)"
            assert private.execute(differ).fetchall() == [(0,)]


def execute(folder: Path, *statements: str) -> None:
    with duckdb.connect(folder / "onecdp.duckdb") as private:
        for statement in statements:
            private.execute(statement)


def test_descriptions_come_along(tmp_path: Path) -> None:
    warehouse = build(tmp_path)

    publish_marts(warehouse)

    assert read(
        warehouse.marts_file, "select table_name, comment from duckdb_tables() order by all"
    ) == [
        ("customer_rfm", "One row per buyer."),
        ("id_map", "One row per identifier: it's the map."),
    ]
    assert read(
        warehouse.marts_file,
        "select column_name, comment from duckdb_columns() where comment is not null",
    ) == [("one_id", "The customer.")]


def test_what_a_model_that_is_gone_left_behind_is_not_published(tmp_path: Path) -> None:
    warehouse = build(tmp_path)
    with duckdb.connect(warehouse.build_file) as private:
        private.execute("create table marts.old_name as select 'yesterday' as told")
        private.execute("comment on table marts.old_name is 'One row.'")
        private.execute("comment on column marts.old_name.told is 'When.'")
        # A relation of that name elsewhere is none of the marts.
        private.execute(
            "insert into audit.node_status"
            " values ('model.onecdp.o', 'success', 'i', now(), 'intermediate', 'old_name')"
        )

    published = publish_marts(warehouse)

    assert published.left_out == ("old_name",)
    assert published.notice == (
        "publish: left out marts.old_name: no model of the project makes it any more"
    )
    assert published.tables == 2
    assert read(warehouse.marts_file, "select table_name from duckdb_tables() order by all") == [
        ("customer_rfm",), ("id_map",)
    ]  # fmt: skip


def test_a_clean_publish_has_no_notice(tmp_path: Path) -> None:
    assert publish_marts(build(tmp_path)).notice is None


@pytest.mark.parametrize("status", ["success", "pass", "warn", "no-op"])
def test_a_clean_build_is_published(tmp_path: Path, status: str) -> None:
    assert publish_marts(build(tmp_path, statuses={"not_null_id_map": status})).file.is_file()


@pytest.mark.parametrize("status", ["error", "fail", "skipped", "stale", "empty", "runtime error"])
def test_an_unclean_build_is_refused_by_name_and_the_old_file_stays(
    tmp_path: Path, status: str
) -> None:
    publish_marts(build(tmp_path, amount=1))
    before = (tmp_path / "marts.duckdb").read_bytes()

    with pytest.raises(OnecdpError) as caught:
        publish_marts(
            build(tmp_path, amount=2, statuses={"id_map": "success", "not_null_id_map": status})
        )

    assert f"not_null_id_map ({status});" in str(caught.value)
    assert "id_map (success)" not in str(caught.value)
    assert (tmp_path / "marts.duckdb").read_bytes() == before
    assert sorted(p.name for p in tmp_path.iterdir()) == ["marts.duckdb", "onecdp.duckdb"]


def test_of_many_failures_a_few_are_named(tmp_path: Path) -> None:
    statuses = {f"test_{n}": "fail" for n in range(7)}

    with pytest.raises(OnecdpError, match=r"test_4 \(fail\) and 2 more; fix them"):
        publish_marts(build(tmp_path, statuses=statuses))


def test_a_build_that_was_killed_is_refused(tmp_path: Path) -> None:
    with pytest.raises(OnecdpError, match=r"the build that began at 2026-06-06 .* didn't finish"):
        publish_marts(build(tmp_path, statuses={"id_map": "success", "abc": "running"}))


def test_nothing_built_is_refused(tmp_path: Path) -> None:
    with pytest.raises(OnecdpError, match=r"onecdp\.duckdb isn't there; run `onecdp run` first"):
        publish_marts(Warehouse(tmp_path))

    # What `onecdp ingest` leaves: raw tables and no audit.
    duckdb.connect(tmp_path / "onecdp.duckdb").close()
    with pytest.raises(OnecdpError, match="nothing was built yet; run `onecdp build` first"):
        publish_marts(Warehouse(tmp_path))


def test_what_a_killed_publish_left_is_cleared_away(tmp_path: Path) -> None:
    warehouse = build(tmp_path)
    (tmp_path / "marts.duckdb.4711.tmp").write_bytes(b"half a file")
    (tmp_path / "marts.duckdb.4711.tmp.wal").write_bytes(b"half a log")

    publish_marts(warehouse)

    assert sorted(p.name for p in tmp_path.iterdir()) == ["marts.duckdb", "onecdp.duckdb"]


READER = """
import duckdb, sys
marts = duckdb.connect(sys.argv[1], read_only=True)
print(marts.execute('select count(*), min(amount), max(amount) from id_map').fetchone(), flush=True)
for _ in sys.stdin:
    print(marts.execute('select count(*), min(amount), max(amount) from id_map').fetchone(),
          flush=True)
"""


def test_a_reader_that_holds_the_old_file_is_not_disturbed(tmp_path: Path) -> None:
    warehouse = build(tmp_path, amount=1)
    publish_marts(warehouse)
    reader = subprocess.Popen(
        [sys.executable, "-c", READER, str(warehouse.marts_file)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert reader.stdin is not None
    assert reader.stdout is not None
    try:
        assert reader.stdout.readline() == "(1, 1, 1)\n"

        for amount in (2, 3):
            publish_marts(build(tmp_path, amount=amount))
            print(file=reader.stdin, flush=True)
            assert reader.stdout.readline() == "(1, 1, 1)\n"
        assert read(warehouse.marts_file, "select amount from id_map") == [(3,)]
    finally:
        reader.kill()
        reader.communicate()


KILLED_BEFORE_THE_RENAME = """
import os, signal, sys
from pathlib import Path
import importlib
from onecdp.warehouse.files import Warehouse
def die(fresh, file):
    os.kill(os.getpid(), signal.SIGKILL)
publish = importlib.import_module('onecdp.pipeline.publish')
publish.replace_file = die
publish.publish_marts(Warehouse(Path(sys.argv[1])))
"""


def test_a_publish_killed_before_the_rename_leaves_the_old_file(tmp_path: Path) -> None:
    publish_marts(build(tmp_path, amount=1))
    build(tmp_path, amount=2)

    killed = subprocess.run(
        [sys.executable, "-c", KILLED_BEFORE_THE_RENAME, str(tmp_path)], check=False
    )

    assert killed.returncode == -signal.SIGKILL
    assert len(list(tmp_path.glob("marts.duckdb.*.tmp"))) == 1
    assert read(tmp_path / "marts.duckdb", "select amount from id_map") == [(1,)]
    publish_marts(Warehouse(tmp_path))
    assert read(tmp_path / "marts.duckdb", "select amount from id_map") == [(2,)]
    assert not list(tmp_path.glob("*.tmp"))


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    warehouse = build(tmp_path)
    tmp_path.chmod(0o500)
    try:
        with pytest.raises(OnecdpError, match="can't be"):
            publish_marts(warehouse)
    finally:
        tmp_path.chmod(0o700)
