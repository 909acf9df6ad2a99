"""Incremental resolution: batches of new links, and a withdrawal."""

from __future__ import annotations

import time
from collections.abc import Callable

import duckdb

from identity_parts.graph import RULES
from identity_parts.sql import check_value, hashed_edges, node_id
from onecdp.errors import OnecdpError
from onecdp.identity.resolution.resolve import resolve

# Of three new links, one links two new identifiers, one a member to a new device, and one the
# identifiers of two members.
_BATCH = """
    create or replace temp table batch as
    select 'member' as left_id_type,
        case row_number() over () % 3 when 0 then 'N' || row_number() over () else left_id_value end
            as left_id_value,
        case row_number() over () % 3 when 2 then other_type else 'device' end as right_id_type,
        case row_number() over () % 3 when 2 then other_value else uuid()::varchar end
            as right_id_value
    from (
        select left_id_value, lead(right_id_type) over (order by rowid) as other_type,
            lead(right_id_value) over (order by rowid) as other_value
        from (
            select rowid, * from links
            where left_id_type = 'member' and hash(right_id_value) % $one_in = $number
        )
    )
    where other_value is not null
    limit $rows
"""


def timed(work: Callable[[], object]) -> float:
    """Runs the function and returns its seconds."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def measure_batches(
    connection: duckdb.DuckDBPyConnection, rows: int
) -> dict[str, dict[str, float]]:
    """Adds two batches of links, then withdraws a tenth; returns the seconds per step.

    The first batch starts without the stored result in memory, like a process of its own.
    """
    found = {}
    for day, name in enumerate(("first batch", "next batch")):
        draw_batch(connection, rows, day)
        found[name] = add_batch(connection, 7 + day)
        found[name]["checkpoint"] = timed(lambda: connection.execute("checkpoint out"))
    found["withdrawal"] = withdraw(connection, rows // 10)
    found["withdrawal"]["checkpoint"] = timed(lambda: connection.execute("checkpoint out"))
    _compare_with_full(connection)
    return found


def _compare_with_full(connection: duckdb.DuckDBPyConnection) -> None:
    """Raises a ValueError if the stored result differs from a full run."""
    columns = "node_id, component_id, cluster_id"
    stored = connection.table("out.map").project(columns)
    full = resolve(connection, connection.table("out.edges"), RULES)
    recomputed = connection.from_arrow(full).project(columns)
    for one, other in ((stored, recomputed), (recomputed, stored)):
        if rows := one.except_(other).limit(3).fetchall():
            raise ValueError(f"batches and a full run differ, as in {rows}")


def draw_batch(connection: duckdb.DuckDBPyConnection, rows: int, number: int) -> None:
    """Creates the table `batch` of links; each number draws different ones."""
    links = connection.execute("select count(*) from links").fetchone()
    assert links
    one_in = max(1, links[0] // (4 * rows))
    query = _BATCH.replace("$one_in", str(one_in)).replace("$number", str(number))
    connection.execute(query.replace("$rows", str(rows)))


def add_batch(connection: duckdb.DuckDBPyConnection, day: int) -> dict[str, float]:
    """Adds the batch; returns the seconds per step.

    Raises:
        OnecdpError: a hash collision.
    """
    clock = _Clock()
    connection.execute(f"""
        begin;
        create or replace temp table new_edges as {hashed_edges("batch", f"2026-06-{day:02}")};
        create or replace temp table new_nodes as
        select distinct id_type, id_value, {node_id()} as node_id, {check_value()} as check_value
        from (
            select left_id_type as id_type, left_id_value as id_value from batch
            union all
            select right_id_type, right_id_value from batch
        );
        create or replace temp table known_nodes as
        select stored.node_id, stored.check_value <> new_nodes.check_value as is_mixed
        from out.map as stored inner join new_nodes on stored.node_id = new_nodes.node_id
    """)
    taken = connection.execute("""
        select node_id from known_nodes where is_mixed
        union all
        select node_id from new_nodes group by node_id having count(*) > 1
    """).fetchone()
    if taken:
        raise OnecdpError(f"two identifiers have the node_id {taken[0]}")
    clock.lap("hash and check")
    connection.execute("""
        insert into out.edges
        select distinct on (left_node_id, right_node_id) * from new_edges
        anti join out.edges using (left_node_id, right_node_id)
    """)
    clock.lap("edges")
    _resolve(connection, clock)
    connection.execute("""
        insert into out.map by name
        select new_nodes.*, written.* exclude (node_id)
        from new_nodes
        inner join written using (node_id)
        anti join known_nodes using (node_id);
        commit
    """)
    clock.lap("new identifiers")
    return clock.laps


def withdraw(connection: duckdb.DuckDBPyConnection, rows: int) -> dict[str, float]:
    """Withdraws links; returns the seconds per step."""
    chosen = connection.execute(f"""
        select left_node_id, right_node_id from out.edges
        where hash(left_node_id, right_node_id) % 97 = 0 and is_present limit {rows}
    """).to_arrow_table()
    assert chosen.num_rows
    clock = _Clock()
    connection.execute("""
        begin;
        update out.edges set is_present = false, changed_at = timestamp '2026-06-09'
        from chosen
        where edges.left_node_id = chosen.left_node_id
            and edges.right_node_id = chosen.right_node_id
    """)
    clock.lap("edges")
    _resolve(connection, clock)
    connection.execute("commit")
    return clock.laps


def _resolve(connection: duckdb.DuckDBPyConnection, clock: _Clock) -> None:
    """Resolves the changed components and updates the map."""
    written = resolve(connection, connection.table("out.edges"), RULES, connection.table("out.map"))
    assert written.num_rows
    connection.register("written", written)
    clock.lap("resolve")
    connection.execute("""
        update out.map
        set component_id = written.component_id, cluster_id = written.cluster_id,
            resolved_through_at = written.resolved_through_at
        from written
        where map.node_id = written.node_id
            and (map.component_id, map.cluster_id) <> (written.component_id, written.cluster_id)
    """)
    clock.lap("map")


class _Clock:
    def __init__(self) -> None:
        self.laps: dict[str, float] = {}
        self._last = time.perf_counter()

    def lap(self, name: str) -> None:
        now = time.perf_counter()
        self.laps[name] = now - self._last
        self._last = now
