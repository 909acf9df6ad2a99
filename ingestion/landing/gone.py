"""Stored rows by keys that a source has, or has not any more."""

from __future__ import annotations

from collections.abc import Iterable

import duckdb
import pyarrow as pa

from onecdp.identity.normalise import trim_sql
from onecdp.warehouse.sql_text import quoted

from ..declaration import TableSpec
from .kinds import typed
from .scratch import NFKC


def find_gone(
    connection: duckdb.DuckDBPyConnection,
    spec: TableSpec,
    present: Iterable[pa.Table],
    brought_by: str = "",
    *,
    among: bool = False,
) -> pa.Table:
    """The keys of stored rows, not deleted ones, that are not among those that a source has.

    Args:
        connection: The scratch database, with the warehouse attached (`stored.attach`).
        spec: The table.
        present: The keys that the source has, as text.
        brought_by: What the `_file` of the rows to compare begins with.
        among: Finds the keys that are among `present` instead.

    Returns:
        A table with a column of text per column of the key.
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
    texts = ", ".join(f"s.{quoted(n)}::varchar as {quoted(n)}" for n in spec.key)
    equal = " and ".join(f"s.{quoted(n)} = p.{quoted(n)}" for n in spec.key)
    stands = f"s.{quoted(spec.active)} is distinct from false" if spec.active else "true"
    if spec.deleted:
        stands = f"s.{quoted(spec.deleted)} is distinct from true"
    found = connection.execute(
        f"""select {texts} from {spec.table}__stored as s
        {"semi" if among else "anti"} join (
            select {read} from (select {written} from present_keys)
        ) as p on {equal}
        where {stands} and starts_with(s._file, $1)
        order by all""",
        [brought_by],
    ).to_arrow_table()
    connection.execute("drop table present_keys")
    return found
