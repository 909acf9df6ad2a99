"""A store of edges and clusters for tests: what the models keep, in memory."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

import duckdb
import pyarrow as pa

from onecdp.identity.resolution.resolve import CLUSTER_COLUMNS, resolve
from onecdp.identity.resolution.settings import Settings
from support.identity_reference import Edge

DAY_ZERO = datetime(2026, 1, 1)
EDGE_SCHEMA = pa.schema(
    [
        ("left_node_id", pa.int64()),
        ("right_node_id", pa.int64()),
        ("left_priority", pa.int16()),
        ("right_priority", pa.int16()),
        ("method_rank", pa.int16()),
        ("confidence", pa.float64()),
        ("first_seen", pa.timestamp("us")),
        ("last_seen", pa.timestamp("us")),
        ("is_present", pa.bool_()),
        ("changed_at", pa.timestamp("us")),
    ]
)
Clusters = dict[int, tuple[int, int]]


def _day(number: int | None) -> datetime | None:
    return None if number is None else DAY_ZERO + timedelta(days=number)


def edge_rows(edges: Iterable[tuple[Edge, bool, int]]) -> pa.Table:
    """The edges table; each edge with whether it is present and the day of its change."""
    rows = [
        (
            edge.left,
            edge.right,
            edge.left_priority,
            edge.right_priority,
            edge.method_rank,
            edge.confidence,
            _day(edge.first_day),
            _day(edge.last_day),
            is_present,
            _day(changed),
        )
        for edge, is_present, changed in edges
    ]
    columns = zip(*rows, strict=True) if rows else [()] * len(EDGE_SCHEMA)
    return pa.table([list(column) for column in columns], schema=EDGE_SCHEMA)


def by_node(table: pa.Table) -> Clusters:
    """Component and cluster by node; every node stands in the table once."""
    nodes = table["node_id"].to_pylist()
    assert len(set(nodes)) == len(nodes)
    pairs = zip(table["component_id"].to_pylist(), table["cluster_id"].to_pylist(), strict=True)
    return dict(zip(nodes, pairs, strict=True))


def resolve_all(
    connection: duckdb.DuckDBPyConnection, edges: Iterable[Edge], settings: Settings
) -> Clusters:
    """Resolves present edges, with nothing stored."""
    rows = edge_rows((edge, True, 0) for edge in edges)
    return by_node(resolve(connection, connection.from_arrow(rows), settings))


class Store:
    """Edges by pair and the stored clusters, on one connection."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        """Starts empty."""
        self.connection = connection
        self.edges: dict[tuple[int, int], tuple[Edge, bool, int]] = {}
        self.clusters = pa.schema(CLUSTER_COLUMNS).empty_table()
        self.day = 0

    def change(self, edges: Iterable[Edge], withdrawn: Iterable[tuple[int, int]]) -> None:
        """A batch: edges that are new or changed, and the pairs that are no edges any more."""
        self.day += 1
        for edge in edges:
            self.edges[edge.left, edge.right] = (edge, True, self.day)
        for pair in withdrawn:
            if pair in self.edges:
                self.edges[pair] = (self.edges[pair][0], False, self.day)

    @property
    def present(self) -> list[Edge]:
        """The edges that stand."""
        return [edge for edge, is_present, _ in self.edges.values() if is_present]

    def resolve(self, settings: Settings) -> pa.Table:
        """Resolves what changed, keeps the result, and gives the rows that were written."""
        rows = self.connection.from_arrow(edge_rows(self.edges.values()))
        written = resolve(
            self.connection, rows, settings, self.connection.from_arrow(self.clusters)
        )
        kept = self.clusters.filter(
            pa.compute.invert(pa.compute.is_in(self.clusters["node_id"], written["node_id"]))
        )
        self.clusters = pa.concat_tables([kept, written])
        return written

    def resolve_anew(self, settings: Settings) -> pa.Table:
        """Resolves everything, as if nothing were stored."""
        rows = self.connection.from_arrow(edge_rows(self.edges.values()))
        return resolve(self.connection, rows, settings)
