"""The parts of an erasure, each on a few rows: who, which rows, what is left."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from ingestion.erasure import normalise
from onecdp.erasure import files, person, tables
from onecdp.erasure.person import Person
from onecdp.erasure.rules import Cell, TableRules
from onecdp.errors import UsageProblem
from onecdp.warehouse.files import Warehouse

ONE_ID = Cell("one_id", holds="one_id")
RULES = (
    TableRules(
        "intermediate",
        "int_identity__one_ids",
        replace=(ONE_ID, Cell("root_id_value", type_column="root_id_type")),
    ),
    TableRules(
        "marts",
        "id_map_changes",
        replace=(Cell("from_one_id", holds="one_id"), Cell("to_one_id", holds="one_id")),
        set_null=(Cell("left_id_value", type_column="left_id_type"),),
    ),
    TableRules(
        "snapshots",
        "profiles",
        delete_row=(ONE_ID,),
        set_null=(Cell("email_hash", holds="email_hash"),),
        with_row=("member_id",),
    ),
    TableRules("marts", "own", delete_row=(ONE_ID,), with_row=("note",)),
    TableRules("marts", "facts", set_null=(ONE_ID,), keep={"note": "of nobody"}),
    TableRules("raw_crm", "members", delete_row=(Cell("member_id", holds="member_id"),)),
)
WHO = Person((("email_hash", "e1"), ("member_id", "M1")), (1, 3), ("ONE1", "ONE3"))


@pytest.fixture
def private() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as database:
        for schema in ("seeds", "marts", "snapshots", "intermediate", "raw_crm"):
            database.execute(f"create schema {schema}")
        database.execute("create table seeds.id_types (id_type varchar, priority integer)")
        database.execute("insert into seeds.id_types values ('member_id', 1), ('email_hash', 5)")
        for name in ("marts.id_map", "snapshots.id_map_history"):
            database.execute(
                f"create table {name} (one_id varchar, id_type varchar, id_value varchar)"
            )
        database.execute(
            "create table intermediate.int_identity__one_ids"
            " (one_id varchar, one_int bigint, root_id_type varchar, root_id_value varchar)"
        )
        database.execute(
            "alter table snapshots.id_map_history add column is_active boolean;"
            "alter table snapshots.id_map_history add column dbt_valid_from date;"
            "alter table snapshots.id_map_history add column dbt_valid_to date"
        )
        database.execute(
            "create table intermediate.int_identity__map (node_id bigint, one_id varchar,"
            " id_type varchar, id_value varchar, is_active boolean)"
        )
        database.execute(
            "create table intermediate.int_identity__nodes (node_id bigint, id_type varchar,"
            " id_value varchar)"
        )
        database.execute(
            "create table intermediate.int_identity__candidate_links (left_node_id bigint,"
            " right_node_id bigint, source_channel varchar, is_active boolean)"
        )
        yield database


def fill(private: duckdb.DuckDBPyConnection, table: str, *rows: str) -> None:
    """Inserts rows of words, in the order of the columns; the last columns may be left out."""
    columns = [name for name, *_ in private.execute(f"describe {table}").fetchall()]
    for row in rows:
        words = row.split()
        private.execute(
            f"insert into {table} ({', '.join(columns[: len(words)])})"
            f" values ({', '.join(map(repr, words))})"
        )


def test_a_person_is_all_that_it_is_and_was(private: duckdb.DuckDBPyConnection) -> None:
    fill(private, "marts.id_map", "ONE1 member_id M1", "ONE1 email_hash e1", "ONE2 member_id M2")
    fill(
        private,
        "snapshots.id_map_history",
        # Nobody's now, and the root of a one_id that was taken in.
        "ONE3 email_hash given_up true 2025-01-01",
        "ONE1 email_hash given_up true 2025-02-01",
        "ONE5 email_hash given_up false 2025-03-01",  # the rest of a deleted row
        "ONE3 member_id long_gone true 2025-01-01",
        "ONE1 member_id M2 true 2025-01-01",  # once thought to be the person's
        "ONE1 email_hash of_M2 true 2025-01-01",  # as was this, before M2 gave it up
        "ONE2 email_hash of_M2 true 2025-02-01",
        "ONE2 email_hash elsewhere true 2025-01-01",
    )
    fill(
        private,
        "intermediate.int_identity__one_ids",
        "ONE1 1 member_id M1",
        "ONE2 2 member_id M2",
        "ONE3 3 email_hash given_up",
        "ONE4 4 member_id e1",  # another type
    )
    found = person.find(private, ("email_hash", "e1"))
    assert found == Person(
        (
            ("email_hash", "e1"),
            ("email_hash", "given_up"),
            ("member_id", "M1"),
            ("member_id", "long_gone"),
        ),
        (1, 3),
        ("ONE1", "ONE3"),
    )
    assert person.find(private, ("member_id", "e1")) is None


def test_what_a_deleted_member_held_is_its_own_unless_somebody_has_it(
    private: duckdb.DuckDBPyConnection,
) -> None:
    mapped = (
        "1 ONE1 member_id M1 false",
        "2 ONE2 email_hash e1 false",  # held by two deleted members, so by nobody
        "3 ONE3 member_id M2 true",
        "4 ONE3 email_hash e2 true",
        "5 ONE3 email_hash e3 false",  # by a must_link
        "6 ONE6 member_id M3 false",
        "7 ONE7 email_hash e4 false",  # its link was withdrawn by the ID graph
    )
    # Deleted in the first file that named them.
    never_active = ("8 member_id M4", "9 email_hash e5")
    fill(private, "intermediate.int_identity__map", *mapped)
    fill(private, "marts.id_map", *(" ".join(node.split()[1:4]) for node in mapped))
    for node in mapped:
        number, _, id_type, value, _ = node.split()
        fill(private, "intermediate.int_identity__nodes", f"{number} {id_type} {value}")
    fill(private, "intermediate.int_identity__nodes", *never_active)
    fill(
        private,
        "intermediate.int_identity__candidate_links",
        *("1 2 crm false", "1 4 crm false", "1 5 crm false", "6 2 crm false", "3 4 crm true"),
        *("1 6 crm false", "1 7 app false", "8 9 crm false", "8 4 crm false"),
    )
    fill(
        private,
        "intermediate.int_identity__one_ids",
        *("ONE1 1 member_id M1", "ONE2 2 email_hash e1", "ONE6 6 member_id M3"),
    )
    assert person.find(private, ("member_id", "M1")) == Person(
        (("email_hash", "e1"), ("member_id", "M1")), (1, 2), ("ONE1", "ONE2")
    )
    assert person.find(private, ("member_id", "M4")) == Person(
        (("email_hash", "e5"), ("member_id", "M4")), (), ()
    )


def test_a_person_without_a_one_id_is_erased(private: duckdb.DuckDBPyConnection) -> None:
    private.execute("create table snapshots.profiles (one_id varchar, email_hash varchar)")
    fill(private, "snapshots.profiles", "ONE5 e5")
    erased = tables.erase(private, Person((("email_hash", "e5"),), (), ()), RULES)
    assert [(removal.what, removal.rows) for removal in erased] == [("emptied", 1)]


def test_a_value_may_hold_colons_and_several_matches_are_named(
    private: duckdb.DuckDBPyConnection,
) -> None:
    assert person.read_identifier(private, " Member_ID : a:b ") == ("member_id", "a:b")
    fill(private, "marts.id_map", "ONE1 member_id 7", "ONE2 email_hash 7")
    with pytest.raises(UsageProblem, match=r"write email_hash:7 or member_id:7$"):
        person.read_identifier(private, "7")


def test_tables_lose_the_person_and_nobody_else(private: duckdb.DuckDBPyConnection) -> None:
    for table, columns, rows in (
        (
            "intermediate.int_identity__one_ids",
            None,
            ("ONE1 1 member_id M1", "ONE2 2 member_id M2"),
        ),
        (
            "marts.id_map_changes",
            "from_one_id varchar, to_one_id varchar, left_id_type varchar, left_id_value varchar",
            ("ONE2 ONE1 member_id M1", "ONE3 ONE1 member_id e1"),
        ),
        (
            "snapshots.profiles",
            "one_id varchar, member_id varchar, email_hash varchar",
            ("ONE1 M1 x", "ONE2 M2 e1"),
        ),
        ("marts.own", "one_id varchar not null, note varchar", ("ONE1 hers", "ONE2 his")),
        ("marts.facts", "one_id varchar, note varchar", ("ONE3 hers", "ONE2 his")),
        ("marts.strange", "who varchar", ("M1", "ONE1", "ONE12")),
        ("raw_crm.members", "member_id varchar", ("M1",)),
    ):
        if columns:
            private.execute(f"create table {table} ({columns})")
        fill(private, table, *rows)
    removals = {(r.table, r.rows) for r in tables.erase(private, WHO, RULES)}
    assert ("raw_crm.members", 1) not in removals
    left = {
        name: private.execute(f"from {name} order by all").fetchall()
        for name in (
            "intermediate.int_identity__one_ids", "marts.id_map_changes", "snapshots.profiles",
            "marts.own", "marts.facts",
        )
    }  # fmt: skip
    assert left == {
        "intermediate.int_identity__one_ids": [
            ("ONE2", 2, "member_id", "M2"),
            ("erased-1", 1, "erased", "erased-1"),
        ],
        "marts.id_map_changes": [
            ("ONE2", "erased-1", None, None),
            ("erased-3", "erased-1", "member_id", "e1"),
        ],
        "snapshots.profiles": [("ONE2", "M2", None)],
        "marts.own": [("ONE2", "his")],
        "marts.facts": [("ONE2", "his"), (None, "hers")],
    }
    # Short values are told from others only by their type.
    assert tables.find_leftovers(private, WHO) == ("marts.strange.who",)


def test_versions_of_others_lose_what_may_be_the_persons(
    private: duckdb.DuckDBPyConnection,
) -> None:
    """M1 was a part of ONE2 until February, and ONE2 of that time may have M1's name.

    Both histories have the moment of the run: what ends then has it not, what begins then has.
    """
    fill(
        private,
        "snapshots.id_map_history",
        "ONE2 member_id M1 true 2025-01-01 2025-02-01",
        "ONE1 member_id M1 true 2025-02-01",
        "ONE2 member_id M2 true 2025-01-01",
        "ONE4 member_id M1 false 2025-01-01",
    )
    private.execute(
        "create table snapshots.profiles (one_id varchar, name varchar, orders int,"
        " dbt_valid_from date, dbt_valid_to date)"
    )
    fill(
        private,
        "snapshots.profiles",
        "ONE2 before 1 2024-12-01 2025-01-01",
        "ONE2 then 2 2025-01-01 2025-02-01",
        "ONE2 now 1 2025-02-01",
        "ONE1 hers 1 2025-02-01",
        "ONE4 another 1 2025-01-01",
    )
    rules = (
        TableRules("snapshots", "id_map_history", delete_row=(ONE_ID,)),
        TableRules("snapshots", "profiles", delete_row=(ONE_ID,), set_null_in_row=("name",)),
    )
    tables.erase(private, WHO, rules)
    assert private.execute("select one_id, name, orders from snapshots.profiles").fetchall() == [
        ("ONE2", "before", 1), ("ONE2", None, 2), ("ONE2", "now", 1), ("ONE4", "another", 1),
    ]  # fmt: skip


def test_numbers_of_identifiers_that_are_gone_go_too(private: duckdb.DuckDBPyConnection) -> None:
    private.execute("insert into intermediate.int_identity__nodes (node_id) values (1)")
    private.execute(
        "create table intermediate.edges as select * from (values"
        " (1, 1, true), (1, 2, false), (3, 1, false), (1, 1, false))"
        " as e (left_node_id, right_node_id, is_present)"
    )
    private.execute("create table intermediate.clusters as select unnest([1, 2]) as node_id")
    tables.prune(
        private,
        [
            TableRules("intermediate", "edges", prune=("left_node_id", "right_node_id")),
            TableRules("intermediate", "clusters", prune=("node_id",)),
        ],
    )
    edges = private.execute("from intermediate.edges order by all").fetchall()
    assert edges == [(1, 1, False), (1, 1, True)]
    assert private.execute("from intermediate.clusters").fetchall() == [(1,)]


def test_seeds_are_read_in_the_one_spelling(tmp_path: Path) -> None:
    (tmp_path / "seeds").mkdir()
    (tmp_path / "seeds" / "pairs.csv").write_text(
        "a_id_type,a_id_value,id_type,id_value\nx,y,x,y\nmember_id,m1,Email_Hash, E1 \n"
    )
    (tmp_path / "seeds" / "other.csv").write_text("id_type,priority\nmember_id,M1\n")
    refuse = (
        Cell("a_id_value", type_column="a_id_type"),
        Cell("id_value", type_column="id_type"),
    )
    rules = [TableRules("seeds", "pairs", refuse=refuse), TableRules("seeds", "other")]
    assert person.seeds_naming(tmp_path, WHO, normalise, rules) == ("seeds/pairs.csv, line 3",)


def test_a_rewritten_file_is_the_same_without_the_bytes(tmp_path: Path) -> None:
    warehouse = Warehouse(tmp_path)
    with duckdb.connect(str(warehouse.build_file)) as made:
        made.execute("create schema s; create table s.t (i integer not null default 4, v varchar)")
        # So few that they are stored as they are; a long column would be compressed.
        made.execute("insert into s.t select i, 'secret-' || i from range(3) as r (i)")
        made.execute('create view s.v as select * from "onecdp"."s"."t"')
        made.execute("comment on column s.t.v is 'a word'; comment on view s.v is 'a view'")
        made.execute("create macro s.plus(a) as a + 1; create sequence s.q start 5")
        made.execute("select nextval('s.q')")
        made.execute("checkpoint")
        made.execute("update s.t set v = 'gone' where i = 2")
    assert b"secret-2" in warehouse.build_file.read_bytes()
    stray = tmp_path / "mine.tmp"
    stray.touch()
    files.rewrite(warehouse)
    assert b"secret-2" not in warehouse.build_file.read_bytes()
    assert {file.name for file in tmp_path.iterdir()} == {"onecdp.duckdb", "mine.tmp"}
    with duckdb.connect(str(warehouse.build_file)) as made:
        assert made.execute("select count(*), max(v) from s.v").fetchall() == [(3, "secret-1")]
        assert made.execute("select s.plus(1), nextval('s.q')").fetchall() == [(2, 6)]
        assert made.execute(
            "select comment from duckdb_columns() where column_name = 'v' and comment is not null"
        ).fetchall() == [("a word",)]
        with pytest.raises(duckdb.ConstraintException):
            made.execute("insert into s.t values (null, 'x')")
