"""The bitmap functions and those of the ID graph as SQL functions of DuckDB.

`register` gives them to a connection. In dbt, one line of profiles.yml gives them to every model:

    plugins: [{module: onecdp.warehouse.sql_functions}]

Null in gives null out. Bytes that are no Roaring bitmap are an error. docs/audiences.md and
docs/id-graph.md describe the functions.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
from duckdb.func import ARROW, DEFAULT, NATIVE, SPECIAL, FunctionNullHandling, PythonUDFType
from duckdb.sqltypes import BIGINT, BLOB, BOOLEAN, UINTEGER, VARCHAR, DuckDBPyType

from onecdp.audiences.bitmaps import BitMap, from_bytes, intersection, to_bytes, to_numpy, union
from onecdp.identity.graph_service.client import call_id_graph, normalize_id


def bitmap_count(bitmap: bytes) -> int:
    """Returns how many members a bitmap has."""
    return len(from_bytes(bitmap))


def bitmap_and(left: bytes, right: bytes) -> bytes:
    """Returns the members that are in both."""
    return to_bytes(from_bytes(left) & from_bytes(right))


def bitmap_or(left: bytes, right: bytes) -> bytes:
    """Returns the members that are in either."""
    return to_bytes(from_bytes(left) | from_bytes(right))


def bitmap_andnot(left: bytes, right: bytes) -> bytes:
    """Returns the members of `left` that are not in `right`."""
    return to_bytes(from_bytes(left) - from_bytes(right))


def bitmap_and_count(left: bytes, right: bytes) -> int:
    """Returns how many members are in both, making no bitmap: for tables of overlaps."""
    return from_bytes(left).intersection_cardinality(from_bytes(right))


def bitmap_contains(bitmap: bytes, one_int: int) -> bool:
    """Says whether a number is a member; none outside 0 to 2^32 - 1 is."""
    return 0 <= one_int < 2**32 and one_int in from_bytes(bitmap)


def bitmap_to_array(bitmaps: pa.ChunkedArray) -> pa.Array:
    """Returns the members of each bitmap as a list, in rising order."""
    members = [to_numpy(from_bytes(blob)) for blob in bitmaps.to_pylist()]
    offsets = np.cumsum([0, *map(len, members)], dtype=np.int64)
    values = np.concatenate([np.empty(0, np.uint32), *members])
    return pa.LargeListArray.from_arrays(pa.array(offsets), pa.array(values))


def bitmap_and_agg(lists: pa.ChunkedArray) -> pa.Array:
    """Returns what all bitmaps of each list share."""
    return _aggregate(lists, intersection)


def bitmap_or_agg(lists: pa.ChunkedArray) -> pa.Array:
    """Returns the members of any bitmap of each list."""
    return _aggregate(lists, union)


def _aggregate(lists: pa.ChunkedArray, combine: Callable[[list[BitMap]], BitMap]) -> pa.Array:
    """Combines each list; as in SQL, nulls in it are skipped, and nothing gives null."""
    given = [
        [from_bytes(blob) for blob in row or () if blob is not None] for row in lists.to_pylist()
    ]
    return pa.array([to_bytes(combine(row)) if row else None for row in given], pa.binary())


@dataclass(frozen=True)
class _Function:
    call: Callable[..., Any]
    parameters: tuple[DuckDBPyType, ...]
    result: DuckDBPyType
    # Vectors of 2,048 rows (ARROW) are quicker by far on small values. But they copy a constant
    # once per row: an overlap table of 50 tags of 2 million customers took 3.6 GB that way.
    # So what reads pairs of bitmaps goes row by row (NATIVE).
    kind: PythonUDFType
    # DEFAULT: null in, null out, without a call. SPECIAL: the function may return null itself.
    nulls: FunctionNullHandling = DEFAULT
    # What asks somebody else must not be called while a query is only planned.
    is_volatile: bool = False


def _functions() -> tuple[_Function, ...]:
    blobs = duckdb.list_type(BLOB)
    return (
        _Function(bitmap_count, (BLOB,), BIGINT, NATIVE),
        _Function(bitmap_and, (BLOB, BLOB), BLOB, NATIVE),
        _Function(bitmap_or, (BLOB, BLOB), BLOB, NATIVE),
        _Function(bitmap_andnot, (BLOB, BLOB), BLOB, NATIVE),
        _Function(bitmap_and_count, (BLOB, BLOB), BIGINT, NATIVE),
        _Function(bitmap_contains, (BLOB, BIGINT), BOOLEAN, NATIVE),
        _Function(bitmap_to_array, (BLOB,), duckdb.list_type(UINTEGER), ARROW),
        _Function(bitmap_and_agg, (blobs,), BLOB, ARROW, SPECIAL),
        _Function(bitmap_or_agg, (blobs,), BLOB, ARROW, SPECIAL),
        _Function(normalize_id, (VARCHAR, VARCHAR), VARCHAR, ARROW, SPECIAL),
        _Function(call_id_graph, (VARCHAR, VARCHAR), VARCHAR, ARROW, SPECIAL, is_volatile=True),
    )


def register(connection: duckdb.DuckDBPyConnection) -> None:
    """Gives a connection the functions; a second time changes nothing.

    DuckDB keeps functions per database, not per connection: every connection of this process to the
    same file has them, also after this one is closed.
    """
    rows = connection.execute("select distinct function_name from duckdb_functions()").fetchall()
    there = {name for (name,) in rows}
    for function in _functions():
        # DuckDB goes on calling them when the connection that brought them is gone, and crashes if
        # they went with it. So they are functions of this module, never closures.
        if function.call.__name__ not in there:
            connection.create_function(
                function.call.__name__,
                function.call,
                list(function.parameters),
                function.result,
                type=function.kind,
                null_handling=function.nulls,
                side_effects=function.is_volatile,
            )


@cache
def _plugin() -> type:
    # dbt takes seconds to import, and only dbt needs this.
    from dbt.adapters.duckdb.plugins import BasePlugin

    class Plugin(BasePlugin):
        """Registers the functions on the connection that dbt-duckdb opens."""

        def configure_connection(self, conn: duckdb.DuckDBPyConnection) -> None:
            register(conn)

    return Plugin


def __getattr__(name: str) -> type:
    """Makes `Plugin`, the name by which dbt-duckdb finds a plugin, when it is asked for."""
    if name == "Plugin":
        return _plugin()
    raise AttributeError(f"module {__name__} has no attribute {name}")
