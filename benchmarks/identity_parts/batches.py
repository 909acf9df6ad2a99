"""A batch of new links, and a withdrawal, against a stored result of ten million."""

from __future__ import annotations

import time

import duckdb

from identity_parts.contenders import NO_RULES, hashed_edges, macros
from onecdp.errors import OnecdpError
from onecdp.identity.resolution import resolve

# Of three new links one is between two new identifiers, one gives a member a new device, and one
# says that two members' identifiers are one person's.
_BATCH = """
    create table batch as
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
            where left_id_type = 'member' and hash(right_id_value) % $one_in = 0
        )
    )
    where other_value is not null
    limit $rows
"""


def draw_batch(connection: duckdb.DuckDBPyConnection, rows: int) -> None:
    """Makes the table `batch`, as links."""
    links = connection.execute("select count(*) from links").fetchone()
    assert links
    one_in = max(1, links[0] // (4 * rows))
    connection.execute(_BATCH.replace("$one_in", str(one_in)).replace("$rows", str(rows)))


def add_batch(connection: duckdb.DuckDBPyConnection) -> dict[str, float]:
    """Takes the batch in; gives the seconds of its steps, what a process has to load included.

    Raises:
        OnecdpError: an identifier of the batch has the node_id of another.
    """
    clock = _Clock()
    resolve(connection.table("out.edges").limit(1), NO_RULES)
    clock.lap("load machine code")
    node_id = str(macros().node_id("id_type", "id_value"))
    connection.execute(
        f"create temp table new_edges as {hashed_edges(node_id, 'batch', '2026-06-07')}"
    )
    connection.execute(f"""
        create temp table new_nodes as
        select distinct id_type, id_value, {node_id} as node_id
        from (
            select left_id_type as id_type, left_id_value as id_value from batch
            union all
            select right_id_type, right_id_value from batch
        )
    """)
    taken = connection.execute("""
        select stored.node_id
        from out.map as stored
        inner join new_nodes on stored.node_id = new_nodes.node_id
        where (stored.id_type, stored.id_value) <> (new_nodes.id_type, new_nodes.id_value)
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
    _resolve_and_write(connection, clock)
    return clock.laps


def withdraw(connection: duckdb.DuckDBPyConnection, rows: int) -> dict[str, float]:
    """Withdraws some links; gives the seconds of its steps."""
    chosen = connection.execute(f"""
        select left_node_id, right_node_id from out.edges
        where hash(left_node_id, right_node_id) % 97 = 0 and is_present limit {rows}
    """).to_arrow_table()
    assert chosen.num_rows
    clock = _Clock()
    connection.execute("""
        update out.edges set is_present = false, changed_at = timestamp '2026-06-08'
        from chosen
        where edges.left_node_id = chosen.left_node_id
            and edges.right_node_id = chosen.right_node_id
    """)
    clock.lap("edges")
    connection.execute(
        "create or replace temp table new_nodes (id_type text, id_value text, node_id bigint)"
    )
    _resolve_and_write(connection, clock)
    return clock.laps


def _resolve_and_write(connection: duckdb.DuckDBPyConnection, clock: _Clock) -> None:
    written = resolve(connection.table("out.edges"), NO_RULES, connection.table("out.clusters"))
    assert written.num_rows
    clock.lap("resolve")
    connection.execute("""
        create or replace temp table changed as
        select written.node_id, written.cluster_id
        from written
        left join out.map as stored on written.node_id = stored.node_id
        where written.cluster_id is distinct from stored.cluster_id;

        delete from out.clusters using written where clusters.node_id = written.node_id;
        insert into out.clusters from written;

        update out.map set cluster_id = changed.cluster_id
        from changed where map.node_id = changed.node_id;
        insert into out.map
        select new_nodes.node_id, new_nodes.id_type, new_nodes.id_value, changed.cluster_id
        from new_nodes
        inner join changed using (node_id)
        anti join out.map using (node_id)
    """)
    clock.lap("write")


class _Clock:
    def __init__(self) -> None:
        self.laps: dict[str, float] = {}
        self._last = time.perf_counter()

    def lap(self, name: str) -> None:
        now = time.perf_counter()
        self.laps[name] = now - self._last
        self._last = now
