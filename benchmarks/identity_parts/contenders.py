"""The methods that the identity benchmark compares: from a table of links to a stored map.

Each takes a connection with the table `links` (left_id_type, left_id_value, right_id_type,
right_id_value) and an attached database `out`, and creates out.map (id_type, id_value, cluster_id).
"""

from __future__ import annotations

from collections.abc import Callable

import duckdb
import networkx as nx
import pyarrow as pa

from identity_parts.graph import FULL_RUN_AT, NO_RULES, RULES, graph_alone, graph_with_rules
from identity_parts.sql import hashed_edges, macros
from onecdp.errors import OnecdpError
from onecdp.identity.resolution.resolve import resolve

Contender = Callable[[duckdb.DuckDBPyConnection], None]

# Every end of a link with its position, so that no text has to be aggregated.
_PLACES = """
    select 2 * rowid as place, left_id_type as id_type, left_id_value as id_value from links
    union all
    select 2 * rowid + 1, right_id_type, right_id_value from links
"""


def _write_map(connection: duckdb.DuckDBPyConnection, clusters: str) -> None:
    """Stores the map; raises on a hash collision.

    Raises:
        OnecdpError: two identifiers have one node_id.
    """
    # Integers only: the first position of each node, and whether a second hash shows a collision.
    connection.execute("""
        create temp table firsts as
        select node_id, min(place) as place, min(check_value) <> max(check_value) as is_mixed
        from (
            select left_node_id as node_id, 2 * edges.rowid as place,
                left_check as check_value
            from out.edges
            union all
            select right_node_id, 2 * edges.rowid + 1, right_check
            from out.edges
        )
        group by node_id
    """)
    mixed = connection.execute("select node_id from firsts where is_mixed limit 1").fetchone()
    if mixed:
        raise OnecdpError(
            f"two identifiers have the node_id {mixed[0]}: give node_id() another hash and rebuild"
        )
    connection.execute(f"""
        create table out.map as
        select firsts.node_id, places.id_type, places.id_value, {clusters}.cluster_id
        from ({_PLACES}) as places
        inner join firsts on places.place = firsts.place
        inner join {clusters} on firsts.node_id = {clusters}.node_id
    """)


def resolve_and_sql(connection: duckdb.DuckDBPyConnection) -> None:
    """The function that the product's model calls; the map is written by SQL."""
    connection.execute(f"create table out.edges as {hashed_edges('links', FULL_RUN_AT)}")
    resolved = resolve(connection, connection.table("out.edges"), NO_RULES)
    connection.from_arrow(resolved).create("out.clusters")
    del resolved
    _write_map(connection, "out.clusters")


def plain_sql(connection: duckdb.DuckDBPyConnection) -> None:
    """The product's macros for engines without Python models."""
    sql = macros()
    connection.execute(f"create table out.edges as {hashed_edges('links', FULL_RUN_AT)}")
    connection.execute(f"create table edges_0 as {sql.first_component_edges('out.edges')}")
    rounds = 0
    while connection.execute(f"select 1 from edges_{rounds} limit 1").fetchone():
        here, labels = f"edges_{rounds}", f"labels_{rounds}"
        connection.execute(f"create table {labels} as {sql.component_labels(here, rounds)}")
        contracted = sql.contracted_edges(here, labels)
        connection.execute(f"create table edges_{rounds + 1} as {contracted}; drop table {here}")
        rounds += 1
    for number in range(rounds - 2, -1, -1):
        followed = sql.followed_labels(f"labels_{number}", f"labels_{number + 1}")
        connection.execute(
            f"create table followed as {followed}; drop table labels_{number};"
            f"drop table labels_{number + 1}; alter table followed rename to labels_{number}"
        )
    named = sql.named_components("out.edges", "labels_0")
    connection.execute(
        f"create table out.clusters as select node_id, component_id as cluster_id from ({named})"
    )
    _write_map(connection, "out.clusters")


def splink(connection: duckdb.DuckDBPyConnection) -> None:
    """A dictionary of identifiers, Splink's clustering of their numbers, and the map by SQL."""
    from splink import DuckDBAPI
    from splink.clustering import cluster_pairwise_predictions_at_threshold

    connection.execute("""
        create table dictionary as
        select row_number() over () as unique_id, id_type, id_value
        from (
            select left_id_type as id_type, left_id_value as id_value from links
            union
            select right_id_type, right_id_value from links
        );
        create table numbered as
        select one.unique_id as unique_id_l, two.unique_id as unique_id_r
        from links
        inner join dictionary as one
            on left_id_type = one.id_type and left_id_value = one.id_value
        inner join dictionary as two
            on right_id_type = two.id_type and right_id_value = two.id_value
    """)
    clusters = cluster_pairwise_predictions_at_threshold(
        connection.table("dictionary").project("unique_id"),
        connection.table("numbered"),
        db_api=DuckDBAPI(connection),
        node_id_column_name="unique_id",
    )
    connection.execute(f"""
        create table out.map as
        select id_type, id_value, cluster_id
        from dictionary inner join {clusters.physical_name} using (unique_id)
    """)


def networkx(connection: duckdb.DuckDBPyConnection) -> None:
    """Networkx on (type, value) tuples."""
    links = (
        connection.table("links")
        .project("left_id_type, left_id_value, right_id_type, right_id_value")
        .to_arrow_table()
    )
    columns = [column.to_pylist() for column in links.columns]
    graph = nx.Graph(
        zip(
            zip(columns[0], columns[1], strict=True),
            zip(columns[2], columns[3], strict=True),
            strict=True,
        )
    )
    rows = [
        (*node, number)
        for number, part in enumerate(nx.connected_components(graph))
        for node in part
    ]
    mapped = pa.table(
        [list(column) for column in zip(*rows, strict=True)],
        names=["id_type", "id_value", "cluster_id"],
    )
    assert mapped.num_rows
    connection.execute("create table out.map as from mapped")


OURS = "our graph"
OURS_WITH_RULES = "our graph, with rules"
CONTENDERS: dict[str, Contender] = {
    OURS: graph_alone,
    OURS_WITH_RULES: graph_with_rules,
    "our resolve, SQL": resolve_and_sql,
    "splink": splink,
    "networkx": networkx,
    "plain sql": plain_sql,
}
BATCHES = "batches"


def rehearse(task: str) -> None:
    """Runs the task on two links, to import modules and load machine code."""
    with duckdb.connect() as connection:
        connection.execute("""
            attach ':memory:' as out;
            create table links as
            from (values ('member', 'M1', 'phone', 'P1'), ('member', 'M2', 'phone', 'P1'))
            as given (left_id_type, left_id_value, right_id_type, right_id_value)
        """)
        if task in CONTENDERS:
            CONTENDERS[task](connection)
        elif task == BATCHES:
            graph_with_rules(connection)
            connection.execute("update out.edges set changed_at = timestamp '2026-06-07'")
            resolve(connection, connection.table("out.edges"), RULES, connection.table("out.map"))
