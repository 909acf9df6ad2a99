"""Erases a person from the tables that dbt keeps between builds, following the declared `rules`.

The next build recomputes all other tables from the raw ones.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import duckdb

from onecdp.erasure.person import Person
from onecdp.erasure.rules import Cell, TableRules
from onecdp.warehouse.schemas import AUDIT, RAW_ERASURE, RAW_PREFIX
from onecdp.warehouse.sql_text import literal, quoted

MARKER = "erased"
"""`erased-12` replaces the one_id with the one_int 12, and its root."""

_NOTE = f"{RAW_ERASURE}.unfinished"
_REMOVED = "audit.removed_rows"
_INCREMENTS = ("audit.watermarks", _REMOVED)
_ERASED_ONE_IDS = "(select one_id from erased_one_ids)"
# Whether a version in a snapshot is of a time when its one_id had an identifier of the person: what
# it says of a customer may have come from the person's rows.
_HELD_THEN = """exists (
    select 1 from snapshots.id_map_history as held
    inner join erased_ids using (id_type, id_value)
    where
        held.is_active
        and held.one_id = versions.one_id
        and held.dbt_valid_from < coalesce(versions.dbt_valid_to, 'infinity'::timestamp)
        and coalesce(held.dbt_valid_to, 'infinity'::timestamp) > versions.dbt_valid_from
)"""
# Shorter values and numbers occur elsewhere by chance: they are ambiguous without their type.
_DISTINCTIVE = 6


@dataclass(frozen=True)
class Removal:
    """An action on a table, and the number of affected rows."""

    table: str
    what: str
    rows: int


@dataclass(frozen=True)
class _Table:
    """A base table of the private file; `texts` are its text columns."""

    schema: str
    name: str
    columns: tuple[str, ...]
    texts: tuple[str, ...]

    @property
    def full_name(self) -> str:
        return f"{self.schema}.{self.name}"

    @property
    def sql(self) -> str:
        return f"{quoted(self.schema)}.{quoted(self.name)}"


def erase(
    private: duckdb.DuckDBPyConnection, person: Person, rules: Sequence[TableRules]
) -> list[Removal]:
    """Erases the person from every declared table except the raw ones; does not commit."""
    private.execute("create or replace temp table erased_ids (id_type varchar, id_value varchar)")
    private.executemany(
        "insert into erased_ids values ($1, $2)", [list(p) for p in person.identifiers]
    )
    private.execute("create or replace temp table erased_one_ids (one_id varchar, marker varchar)")
    for one_id, one_int in zip(person.one_ids, person.one_ints, strict=True):
        private.execute(
            "insert into erased_one_ids values ($1, $2)", [one_id, f"{MARKER}-{one_int}"]
        )
    tables = {table.full_name: table for table in _tables(private)}
    removals = [
        removal
        # First those that ask the history of the map, before it loses the person.
        for rule in sorted(rules, key=lambda rule: not rule.set_null_in_row)
        if rule.full_name in tables and not rule.schema.startswith(RAW_PREFIX)
        for removal in _apply(private, tables[rule.full_name], rule)
    ]
    # The next build compares everything: erased rows have no time of change.
    for name in _INCREMENTS:
        if name in tables:
            private.execute(f"delete from {name}")
    private.execute("drop table erased_ids")
    private.execute("drop table erased_one_ids")
    return [removal for removal in removals if removal.rows]


def undeclared(private: duckdb.DuckDBPyConnection, rules: Sequence[TableRules]) -> tuple[str, ...]:
    """Returns text columns without a declaration, as `schema.table.column`."""
    tables = {table.full_name: table for table in _tables(private)}
    return tuple(
        f"{rule.full_name}.{column}"
        for rule in rules
        if rule.full_name in tables
        for column in tables[rule.full_name].texts
        if not rule.covers(column)
    )


def set_unfinished(private: duckdb.DuckDBPyConnection) -> None:
    """Marks an erasure as unfinished; needs the schema of the tombstones."""
    private.execute(f"create table if not exists {_NOTE} (since timestamptz)")
    private.execute(f"alter table {_NOTE} add column if not exists built_before varchar[]")
    try:
        rows = private.execute(f"select distinct invocation_id from {AUDIT}.node_status").fetchall()
    except duckdb.CatalogException:
        rows = []
    before = [command for (command,) in rows]
    private.execute(f"insert into {_NOTE} values (current_timestamp, $1)", [before])


def set_finished(private: duckdb.DuckDBPyConnection) -> None:
    """Removes the mark of `set_unfinished`."""
    private.execute(f"drop table if exists {_NOTE}")


def is_unfinished(private: duckdb.DuckDBPyConnection) -> bool:
    """Returns whether an erasure was interrupted."""
    try:
        return bool(private.execute(f"select 1 from {_NOTE} limit 1").fetchall())
    except duckdb.CatalogException:
        return False


def has_older_marts(private: duckdb.DuckDBPyConnection) -> bool:
    """Returns whether marts, or what they are made of, are from before an interrupted erasure."""
    older = f"select 1 from {AUDIT}.node_status where relation_schema is not null and"
    try:
        found = private.execute(
            f"{older} invocation_id in (select unnest(built_before) from {_NOTE}) limit 1"
        )
    except duckdb.CatalogException:
        return False
    except duckdb.BinderException:
        # Interrupted under a version that noted the time alone.
        found = private.execute(f"{older} finished_at <= (select max(since) from {_NOTE}) limit 1")
    return bool(found.fetchall())


def _apply(
    private: duckdb.DuckDBPyConnection, table: _Table, rule: TableRules
) -> Iterator[Removal]:
    held = [cell for cell in rule.replace if cell.holds == "one_id"]
    beside = [cell for cell in rule.replace if cell.type_column]
    replaced = 0
    for cell in held:
        changes = [f"{quoted(cell.column)} = marker"]
        for pair in beside:
            changes += [
                f"{quoted(pair.column)} = marker",
                f"{quoted(pair.type_column)} = {literal(MARKER)}",
            ]
        replaced += _changed(
            private,
            f"update {table.sql} as held set {', '.join(changes)}"
            f" from erased_one_ids where held.{quoted(cell.column)} = erased_one_ids.one_id",
        )
    deleted = sum(
        _changed(private, f"delete from {table.sql} where {_names_person(cell)}")
        for cell in rule.delete_row
    )
    emptied = 0
    for cell in rule.set_null:
        changes = [f"{quoted(cell.column)} = null"]
        if cell.type_column:
            changes.append(f"{quoted(cell.type_column)} = null")
        emptied += _changed(
            private,
            f"update {table.sql} set {', '.join(changes)} where {_names_person(cell)}",
        )
    if rule.set_null_in_row:
        changes = [f"{quoted(column)} = null" for column in rule.set_null_in_row]
        emptied += _changed(
            private, f"update {table.sql} as versions set {', '.join(changes)} where {_HELD_THEN}"
        )
    following = 0
    if "one_id" in rule.recomputed:
        following = _changed(
            private, f"select count(*) from {table.sql} where one_id in {_ERASED_ONE_IDS}"
        )
    yield Removal(table.full_name, f"one_id is now {MARKER}-<one_int>", replaced)
    yield Removal(table.full_name, "deleted", deleted)
    yield Removal(table.full_name, "emptied", emptied)
    yield Removal(table.full_name, "recomputed by the build", following)


def _names_person(cell: Cell) -> str:
    """Returns SQL for whether a column matches the person."""
    column = quoted(cell.column)
    if cell.type_column:
        return f"({quoted(cell.type_column)}, {column}) in (from erased_ids)"
    if cell.holds == "one_id":
        return f"{column} in {_ERASED_ONE_IDS}"
    return f"{column} in (select id_value from erased_ids where id_type = {literal(cell.holds)})"


def prune(private: duckdb.DuckDBPyConnection, rules: Sequence[TableRules]) -> None:
    """Deletes rows whose identifier no longer exists; after a build.

    Removed edges are needed until the build has resolved their cluster again. Node ids are unkeyed
    hashes of identifiers, so they must not be kept longer.
    """
    nodes = "intermediate.int_identity__nodes"
    tables = {table.full_name: table for table in _tables(private)}
    if nodes not in tables:
        return
    for rule in rules:
        if not rule.prune or rule.full_name not in tables:
            continue
        table = tables[rule.full_name]
        lost = " or ".join(f"{quoted(n)} not in (select node_id from {nodes})" for n in rule.prune)
        present = " and not is_present" if "is_present" in table.columns else ""
        private.execute(f"delete from {table.sql} where ({lost}){present}")
    if _REMOVED in tables:
        private.execute(f"delete from {_REMOVED}")


def find_leftovers(private: duckdb.DuckDBPyConnection, person: Person) -> tuple[str, ...]:
    """Returns columns of any table that still contain an unambiguous value of the person."""
    values = sorted(
        {v for _, v in person.identifiers if len(v) >= _DISTINCTIVE and not v.isdecimal()}
        | set(person.one_ids)
    )
    found = []
    for table in _tables(private):
        if not table.texts:
            continue
        held = ", ".join(
            f"count(*) filter (where list_contains($1::varchar[], {quoted(name)}))"
            for name in table.texts
        )
        (counts,) = private.execute(f"select {held} from {table.sql}", [values]).fetchall()
        found += [
            f"{table.full_name}.{name}" for name, n in zip(table.texts, counts, strict=True) if n
        ]
    return tuple(found)


def _tables(private: duckdb.DuckDBPyConnection) -> list[_Table]:
    rows = private.execute(
        """select schema_name, table_name, list(column_name order by column_index),
            list(column_name order by column_index) filter (where data_type = 'VARCHAR')
        from duckdb_columns()
        semi join duckdb_tables() using (database_name, schema_name, table_name)
        where database_name = current_database() and not internal
        group by all order by all"""
    ).fetchall()
    return [
        _Table(schema, name, tuple(columns), tuple(texts or ()))
        for schema, name, columns, texts in rows
    ]


def _changed(private: duckdb.DuckDBPyConnection, statement: str) -> int:
    row = private.execute(statement).fetchone()
    return int(row[0]) if row else 0
