"""Stored rows by keys that a source has, or has not any more."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import duckdb
import pyarrow as pa

from onecdp.identity.normalise import trim_sql
from onecdp.warehouse.sql_text import literal, quoted

from ..declaration import TableSpec
from ..raw_tables import COLUMN_SOURCES
from .kinds import typed
from .scratch import NFKC


@dataclass(frozen=True)
class ComparedKeys:
    """Keys of stored rows, in a column of text per column of the key.

    Attributes:
        gone: Of rows that stand here and are not at the source.
        back: Of rows that are marked as deleted here and are at the source, as the source has them.
    """

    gone: pa.Table
    back: pa.Table


def compare_keys(
    connection: duckdb.DuckDBPyConnection,
    spec: TableSpec,
    present: Iterable[pa.Table],
    brought_by: str = "",
    *,
    among: bool = False,
    marked_by: str | None = None,
) -> ComparedKeys:
    """Compares the keys of stored rows with those that a source has.

    Args:
        connection: The scratch database, with the warehouse attached (`stored.attach`).
        spec: The table.
        present: The keys that the source has, as text.
        brought_by: What the `_file` of the rows to compare begins with.
        among: Finds as gone the keys that are among `present` instead.
        marked_by: What the place of a deletion begins with; only such deleted rows can be back.
    """
    columns = ", ".join(f"{quoted(name)} varchar" for name in spec.key)
    connection.execute(f"create or replace temp table present_keys ({columns})")
    for some in present:
        connection.register("some_keys", some)
        connection.execute("insert into present_keys by name from some_keys")
        connection.unregister("some_keys")
    # As the landing reads them.
    kinds = {name: spec.kind_of(name) for name in spec.key}
    written = ", ".join(
        f"{trim_sql(quoted(n), NFKC) if kind.is_code else quoted(n)} as {quoted(n)}"
        for n, kind in kinds.items()
    )
    read = ", ".join(f"{typed(n, kind)} as {quoted(n)}" for n, kind in kinds.items())
    there = f"""(
        select {read}, _there
        from (select {written}, present_keys as _there from present_keys)
    ) as p on {" and ".join(f"s.{quoted(n)} = p.{quoted(n)}" for n in spec.key)}"""
    told = spec.deleted or spec.active
    is_deleted = f"s.{quoted(told)} is not distinct from {bool(spec.deleted)}" if told else "false"
    texts = ", ".join(f"s.{quoted(n)}::varchar as {quoted(n)}" for n in spec.key)
    gone = connection.execute(
        f"""select {texts} from {spec.table}__stored as s
        {"semi" if among else "anti"} join {there}
        where not ({is_deleted}) and starts_with(s._file, $1)
        order by all""",
        [brought_by],
    ).to_arrow_table()
    texts = ", ".join(f"_there.{quoted(n)}" for n in spec.key)
    # The place of one value is that of the row, unless COLUMN_SOURCES tells another.
    path = literal(f'$."{told}"[1]')
    back = connection.execute(
        f"""select distinct {texts} from {spec.table}__stored as s
        inner join {there}
        where {is_deleted} and starts_with(
            coalesce(json_extract_string(s.{COLUMN_SOURCES}, {path}), s._file), $1
        )
        order by all""",
        [marked_by],
    ).to_arrow_table()
    connection.execute("drop table present_keys")
    return ComparedKeys(gone, back)
