"""Takes a person out of the tables that dbt keeps from run to run.

What dbt makes anew follows from the raw tables by the next build. What it keeps is emptied here, by
the names of the columns: `id_type` beside `id_value`, with or without something before them, a
column named as a type of identifier, and `one_id`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import duckdb

from onecdp.erasure.person import Person, read_types

MARKER = "erased"
"""`erased-12` stands where the one_id of the number 12 stood, and in place of its root."""

_NOTE = "raw_erasure.unfinished"
_ONE_IDS = "intermediate.int_identity__one_ids"
_CHANGES = "marts.id_map_changes"
_EVENTS = "intermediate.int_events__resolved"
# Compared with the raw tables by the build, which takes the person out and recounts.
_FOLLOWING = (_EVENTS, "intermediate.int_customers__activity")
# Values of at least so many characters, not all digits, are told from other things without a type.
_DISTINCTIVE = 6


@dataclass(frozen=True)
class Removal:
    """What becomes of how many rows of a table."""

    table: str
    what: str
    rows: int


@dataclass(frozen=True)
class _Table:
    """A base table; `columns` says of each whether it may be null."""

    schema: str
    name: str
    columns: dict[str, bool]
    texts: tuple[str, ...]

    @property
    def full(self) -> str:
        return f"{self.schema}.{self.name}"

    @property
    def sql(self) -> str:
        return f"{_name(self.schema)}.{_name(self.name)}"


def erase(private: duckdb.DuckDBPyConnection, person: Person) -> list[Removal]:
    """Takes the person out of every table but the raw ones; commits nothing."""
    private.execute("create or replace temp table gone_ids (id_type varchar, id_value varchar)")
    private.executemany(
        "insert into gone_ids values ($1, $2)", [list(p) for p in person.identifiers]
    )
    private.execute("create or replace temp table gone_ones (one_id varchar, marker varchar)")
    private.executemany(
        "insert into gone_ones values ($1, $2)",
        [
            [one_id, f"{MARKER}-{one_int}"]
            for one_id, one_int in zip(person.one_ids, person.one_ints, strict=True)
        ],
    )
    removals = list(_removals(private, read_types(private)))
    private.execute("drop table gone_ids")
    private.execute("drop table gone_ones")
    return [removal for removal in removals if removal.rows]


def set_unfinished(private: duckdb.DuckDBPyConnection) -> None:
    """Notes that an erasure has begun; beside the tombstones, whose schema must be there."""
    private.execute(f"create table if not exists {_NOTE} (since timestamptz)")
    private.execute(f"insert into {_NOTE} values (current_timestamp)")


def set_finished(private: duckdb.DuckDBPyConnection) -> None:
    """Takes the note away."""
    private.execute(f"drop table if exists {_NOTE}")


def is_unfinished(private: duckdb.DuckDBPyConnection) -> bool:
    """Whether an erasure was interrupted."""
    try:
        return bool(private.execute(f"select 1 from {_NOTE} limit 1").fetchall())
    except duckdb.CatalogException:
        return False


def _removals(private: duckdb.DuckDBPyConnection, types: Sequence[str]) -> Iterator[Removal]:
    ours = "(select one_id from gone_ones)"
    for table in _tables(private):
        if table.full in _FOLLOWING:
            rows = _count(private, f"select count(*) from {table.sql} where one_id in {ours}")
            what = "without the person" if table.full == _EVENTS else "deleted"
            yield Removal(table.full, what, rows)
        elif table.full == _ONE_IDS:
            rows = _changed(
                private,
                f"update {table.sql} as minted set one_id = marker, root_id_value = marker,"
                f" root_id_type = '{MARKER}' from gone_ones where minted.one_id = gone_ones.one_id",
            )
            yield Removal(table.full, f"one_id and root are now {MARKER}-<one_int>", rows)
        elif table.full == _CHANGES:
            yield Removal(table.full, "without the person", _mark_changes(private, table))
        else:
            yield from _sweep(private, table, types, ours)


def _mark_changes(private: duckdb.DuckDBPyConnection, table: _Table) -> int:
    """Keeps the rows: the model tells what is later than the last of them."""
    touched = 0
    for column in ("from_one_id", "to_one_id"):
        touched += _changed(
            private,
            f"update {table.sql} as told set {column} = marker"
            f" from gone_ones where told.{column} = gone_ones.one_id",
        )
    for kind, value in _pair_columns(table):
        _changed(
            private,
            f"update {table.sql} set {_name(kind)} = null, {_name(value)} = null"
            f" where ({_name(kind)}, {_name(value)}) in (from gone_ids)",
        )
    return touched


def _sweep(
    private: duckdb.DuckDBPyConnection, table: _Table, types: Sequence[str], ours: str
) -> Iterator[Removal]:
    deleted = emptied = 0
    if table.schema == "snapshots" and "one_id" in table.columns:
        deleted += _changed(private, f"delete from {table.sql} where one_id in {ours}")
    for kind, value in _pair_columns(table):
        deleted += _changed(
            private,
            f"delete from {table.sql} where ({_name(kind)}, {_name(value)}) in (from gone_ids)",
        )
    columns = [
        (name, f"(select id_value from gone_ids where id_type = {_text(name)})")
        for name in types
        if name in table.texts
    ]
    columns += [
        (name, ours) for name in table.texts if name == "one_id" or name.endswith("_one_id")
    ]
    for name, those in columns:
        if table.columns[name]:
            emptied += _changed(
                private,
                f"update {table.sql} set {_name(name)} = null where {_name(name)} in {those}",
            )
        else:
            deleted += _changed(private, f"delete from {table.sql} where {_name(name)} in {those}")
    yield Removal(table.full, "deleted", deleted)
    yield Removal(table.full, "emptied", emptied)


def prune(private: duckdb.DuckDBPyConnection) -> None:
    """Deletes what numbers identifiers that are nobody's any more; after a build.

    An edge that went stays until what it held together is resolved again, which is done then. The
    numbers are hashes without a key, so they must not stay.
    """
    nodes = "intermediate.int_identity__nodes"
    held = {table.full: table for table in _tables(private)}
    if nodes not in held:
        return
    for table in held.values():
        ends = [n for n in table.columns if n == "node_id" or n.endswith("_node_id")]
        if table.schema != "intermediate" or table.full == nodes or not ends:
            continue
        lost = " or ".join(f"{_name(end)} not in (select node_id from {nodes})" for end in ends)
        present = " and not is_present" if "is_present" in table.columns else ""
        private.execute(f"delete from {table.sql} where ({lost}){present}")


def find_leftovers(private: duckdb.DuckDBPyConnection, person: Person) -> tuple[str, ...]:
    """Columns of any table that still hold a value that can only be the person's."""
    values = sorted(
        {v for _, v in person.identifiers if len(v) >= _DISTINCTIVE and not v.isdecimal()}
        | set(person.one_ids)
    )
    found = []
    for table in _tables(private, everything=True):
        if not table.texts:
            continue
        held = ", ".join(
            f"count(*) filter (where list_contains($1::varchar[], {_name(name)}))"
            for name in table.texts
        )
        (counts,) = private.execute(f"select {held} from {table.sql}", [values]).fetchall()
        found += [f"{table.full}.{name}" for name, n in zip(table.texts, counts, strict=True) if n]
    return tuple(found)


def _tables(private: duckdb.DuckDBPyConnection, *, everything: bool = False) -> list[_Table]:
    """The base tables, without the raw ones, the seeds and the audit unless `everything`."""
    rows = private.execute(
        """select schema_name, table_name, list(column_name order by column_index),
            list(is_nullable order by column_index), list(data_type order by column_index)
        from duckdb_columns()
        semi join duckdb_tables() using (database_name, schema_name, table_name)
        where database_name = current_database() and not internal
        group by all order by all"""
    ).fetchall()
    return [
        _Table(
            schema,
            name,
            dict(zip(columns, nullable, strict=True)),
            tuple(c for c, kind in zip(columns, kinds, strict=True) if kind == "VARCHAR"),
        )
        for schema, name, columns, nullable, kinds in rows
        if everything or not (schema.startswith("raw_") or schema in ("seeds", "audit"))
    ]


def _pair_columns(table: _Table) -> list[tuple[str, str]]:
    pairs = [(name, name.removesuffix("id_type") + "id_value") for name in table.texts]
    return [p for p in pairs if p[0].endswith("id_type") and p[1] in table.texts]


def _changed(private: duckdb.DuckDBPyConnection, statement: str) -> int:
    return _count(private, statement)


def _count(private: duckdb.DuckDBPyConnection, statement: str) -> int:
    row = private.execute(statement).fetchone()
    return int(row[0]) if row else 0


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


def _name(identifier: str) -> str:
    return '"' + identifier.replace('"', '""') + '"'
