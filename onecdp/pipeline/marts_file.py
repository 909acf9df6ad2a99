"""The published file: which of its tables differ from the private marts, and their replacement.

A table's digest is made of its columns, its comments and all of its rows, in any order. Digests say
what differs before anything is written, and prove what was written afterwards.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import duckdb

from onecdp.errors import OnecdpError
from onecdp.warehouse.files import connect
from onecdp.warehouse.schemas import MARTS
from onecdp.warehouse.sql_text import literal, quoted

# Views name their relations with the private file's own database name, so it must keep it.
_PRIVATE = "onecdp"
# Below, a table is written anew: that costs less than to compare its rows.
_ROWS_WORTH_COMPARING = 100_000
# Also a table of which more than one row in so many differs.
_SHARE_WORTH_COMPARING = 4
# Published as views, since their rows are many times those of the marts that they read.
_VIEWS = ("customer_profiles_as_of",)


@dataclass(frozen=True)
class Digest:
    """What a table holds, for comparison: equal digests mean equal tables.

    Attributes:
        shape: The columns with their types, and all comments, as the statements that set them; the
            SQL of what is published as a view, too.
        rows: How many rows; 0 of what is published as a view.
        xor: All row hashes, combined by exclusive or.
        sum: All row hashes, added up.
    """

    shape: str
    rows: int
    xor: int
    sum: int


def digest_marts(private: duckdb.DuckDBPyConnection, names: tuple[str, ...]) -> dict[str, Digest]:
    """Returns the digests of the named relations of the private marts."""
    return {name: _digest(private, _open_catalog(private), MARTS, name) for name in names}


def _open_catalog(connection: duckdb.DuckDBPyConnection) -> str:
    """The name of the database that a connection has open."""
    ((name,),) = connection.execute("select current_database()").fetchall()
    return str(name)


def write(
    build_file: Path,
    fresh: Path,
    wanted: Mapping[str, Digest],
    *,
    old: Path | None,
    known: Mapping[str, Digest],
) -> None:
    """Writes the published file anew, from the old one where it has equal tables.

    Args:
        build_file: The private file.
        fresh: The file to write.
        wanted: The tables and what they must hold.
        old: The published file; None writes all tables.
        known: What the tables of the old file hold.

    Raises:
        OnecdpError: A written table doesn't hold what the private one holds.
    """
    if old is not None:
        shutil.copyfile(old, fresh)
    with connect(fresh, read_only=False) as out:
        out.execute(f"attach {literal(str(build_file))} as {_PRIVATE} (read_only)")
        for name in set(known) - set(wanted):
            _drop(out, name)
        # Views last: they read the tables.
        for name, digest in sorted(wanted.items(), key=lambda item: item[0] in _VIEWS):
            if known.get(name) == digest:
                continue
            if view := _view_sql(out, _PRIVATE, name):
                _drop(out, name)
                out.execute(view)
                for statement in _comments(out, _PRIVATE, MARTS, name, kind="view"):
                    out.execute(statement)
                continue
            if not (name in known and _apply_difference(out, name, digest, known[name])):
                _write_table(out, name)
                if _digest(out, _open_catalog(out), "main", name) != digest:
                    raise OnecdpError(
                        f"{MARTS}.{name} changed while it was published; run `onecdp publish` again"
                    )
        out.execute(f"detach {_PRIVATE}")
        out.execute("checkpoint")


def _apply_difference(
    out: duckdb.DuckDBPyConnection, name: str, wanted: Digest, known: Digest
) -> bool:
    """Deletes and inserts the rows that differ; False, with nothing changed, if that isn't enough.

    Rows are compared by their hashes, each once: a table that holds equal rows may stay unequal.
    """
    if known.shape != wanted.shape or known.rows < _ROWS_WORTH_COMPARING:
        return False
    source, target = f"{_PRIVATE}.{MARTS}.{quoted(name)}", quoted(name)
    most = known.rows // _SHARE_WORTH_COMPARING
    columns = _columns(out, _open_catalog(out), "main", name)
    row_hash = _row_hash(columns)
    out.execute("begin")
    try:
        # Both sides are read once.
        out.execute(
            "create temp table differing as select ours.*, theirs.* from"
            f" (select *, {row_hash} as _our_hash from {source}) as ours full join"
            f" (select {row_hash} as _their_hash, rowid as _their_row from {target}) as theirs"
            " on _our_hash = _their_hash where _our_hash is null or _their_hash is null"
            f" limit {most + 1}"
        )
        ((differing,),) = out.execute("select count(*) from differing").fetchall()
        if differing > most:
            out.execute("rollback")
            return False
        out.execute(
            f"delete from {target} where rowid in"
            " (select _their_row from differing where _their_hash is not null)"
        )
        out.execute(
            f"insert into {target} select {', '.join(map(quoted, columns))} from differing"
            " where _our_hash is not null"
        )
        if _digest(out, _open_catalog(out), "main", name) != wanted:
            out.execute("rollback")
            return False
        out.execute("drop table differing")
        out.execute("commit")
    except duckdb.Error:
        out.execute("rollback")
        raise
    return True


def _write_table(out: duckdb.DuckDBPyConnection, name: str) -> None:
    """Copies a relation of the private marts as a table, with its comments."""
    _drop(out, name)
    out.execute(f"create table {quoted(name)} as from {_PRIVATE}.{MARTS}.{quoted(name)}")
    for statement in _comments(out, _PRIVATE, MARTS, name):
        out.execute(statement)


def _view_sql(connection: duckdb.DuckDBPyConnection, catalog: str, name: str) -> str | None:
    """The statement that creates the view in the published file; None of what becomes a table.

    Raises:
        OnecdpError: The view reads what is not published.
    """
    found = connection.execute(
        "select sql from duckdb_views()"
        " where (database_name, schema_name, view_name) = ($1, $2, $3)",
        [catalog, MARTS, name],
    ).fetchone()
    if name not in _VIEWS or found is None:
        return None
    text = (
        str(found[0]).replace(f"{_PRIVATE}.{MARTS}.", "").replace(f" {MARTS}.{name} ", f" {name} ")
    )
    if f"{_PRIVATE}." in text:
        raise OnecdpError(
            f"{MARTS}.{name} is published as a view, so it may read nothing but tables of {MARTS}"
        )
    return text


def _drop(out: duckdb.DuckDBPyConnection, name: str) -> None:
    """Drops a relation of the published file, if it is there."""
    kinds = out.execute(
        "select 'view' from duckdb_views() where (database_name, view_name) = ($1, $2)"
        " union all"
        " select 'table' from duckdb_tables() where (database_name, table_name) = ($1, $2)",
        [_open_catalog(out), name],
    ).fetchall()
    for (kind,) in kinds:
        out.execute(f"drop {kind} {quoted(name)}")


def _digest(connection: duckdb.DuckDBPyConnection, catalog: str, schema: str, name: str) -> Digest:
    columns = _columns(connection, catalog, schema, name)
    shape = [f"{column} {data_type}" for column, data_type in columns.items()]
    shape += _comments(connection, catalog, schema, name)
    if schema == MARTS and (view := _view_sql(connection, catalog, name)):
        return Digest("\n".join([*shape, view]), 0, 0, 0)
    row_hash = _row_hash(columns)
    ((rows, xor, total),) = connection.execute(
        f"select count(*), coalesce(bit_xor({row_hash}), 0), coalesce(sum({row_hash}), 0)::hugeint"
        f" from {quoted(catalog)}.{quoted(schema)}.{quoted(name)}"
    ).fetchall()
    return Digest("\n".join(shape), rows, xor, total)


def _columns(
    connection: duckdb.DuckDBPyConnection, catalog: str, schema: str, name: str
) -> dict[str, str]:
    """The columns of a relation with their types, in order."""
    found = connection.execute(
        "select column_name, data_type from duckdb_columns()"
        " where database_name = $1 and schema_name = $2 and table_name = $3 order by column_index",
        [catalog, schema, name],
    )
    return dict(found.fetchall())


def _row_hash(columns: Iterable[str]) -> str:
    return f"hash({', '.join(map(quoted, columns))})"


def _comments(
    connection: duckdb.DuckDBPyConnection,
    catalog: str,
    schema: str,
    name: str,
    kind: str = "table",
) -> list[str]:
    """The statements that set the comments of a table and its columns in the published file."""
    place = [catalog, schema, name]
    relation = connection.execute(
        "select comment from duckdb_tables() where (database_name, schema_name, table_name)"
        " = ($1, $2, $3) and comment is not null"
        " union all select comment from duckdb_views() where"
        " (database_name, schema_name, view_name) = ($1, $2, $3) and comment is not null",
        place,
    ).fetchall()
    columns = connection.execute(
        "select column_name, comment from duckdb_columns() where"
        " (database_name, schema_name, table_name) = ($1, $2, $3) and comment is not null"
        " order by column_index",
        place,
    ).fetchall()
    return [f"comment on {kind} {quoted(name)} is {literal(text)}" for (text,) in relation] + [
        f"comment on column {quoted(name)}.{quoted(column)} is {literal(text)}"
        for column, text in columns
    ]
