"""The identity tables made by hand, with the SQL functions of explain, in a plain DuckDB."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from datetime import datetime

import duckdb

from support.explain_sql import explain_functions, model

Node = tuple[str, str]
VIEWS = (
    "int_identity__explained_identifiers",
    "int_identity__unmerged_links",
    "int_identity__link_sources",
)
PRIORITIES = {
    "member_id": 1, "union_id": 2, "retail_customer_id": 3, "mobile_hash": 4, "email_hash": 5,
    "open_id": 6, "device_id": 7,
}  # fmt: skip
TABLES = """
create schema intermediate; create schema marts; create schema seeds; create schema staging;
create table seeds.id_types (id_type varchar, priority integer);
create table intermediate.int_identity__overrides (
    override varchar, left_id_type varchar, left_id_value varchar, right_id_type varchar,
    right_id_value varchar, reason varchar, left_node_id bigint, right_node_id bigint
);
create table intermediate.int_identity__probabilistic_links (
    left_id_type varchar, left_id_value varchar, right_id_type varchar, right_id_value varchar
);
create table intermediate.int_identity__nodes (
    node_id bigint, id_type varchar, id_value varchar, priority smallint, source_channel varchar,
    first_seen timestamp, last_seen timestamp, times_seen bigint, is_active boolean
);
create table intermediate.int_identity__links (
    left_node_id bigint, right_node_id bigint, source_channel varchar, method varchar,
    is_active boolean, left_priority smallint, right_priority smallint, confidence double,
    first_seen timestamp, last_seen timestamp, times_seen bigint, link_status varchar
);
create table intermediate.int_identity__shared_values (
    node_id bigint, id_type varchar, id_value varchar, hub_count bigint
);
create table intermediate.int_identity__edges (
    left_node_id bigint, right_node_id bigint, left_priority smallint, right_priority smallint,
    method_rank smallint, confidence double, first_seen timestamp, last_seen timestamp,
    is_present boolean, changed_at timestamp
);
create table intermediate.int_identity__clusters (
    node_id bigint, component_id bigint, cluster_id bigint, resolved_through_at timestamp,
    settings_fingerprint varchar
);
create table intermediate.int_identity__one_ids (
    one_id varchar, one_int bigint, root_id_type varchar, root_id_value varchar, minted_by varchar
);
create table intermediate.int_identity__map (
    node_id bigint, one_id varchar, one_int bigint, id_type varchar, id_value varchar,
    source_channel varchar, confidence double, first_seen timestamp, last_seen timestamp,
    is_active boolean
);
create view marts.id_map as select * exclude (node_id) from intermediate.int_identity__map;
create table intermediate.int_identity__cluster_one_ids (
    cluster_id bigint, root_node_id bigint, one_id varchar, one_int bigint
);
create table intermediate.int_identity__rejections (
    left_node_id bigint, right_node_id bigint, constraint_name varchar, reason varchar
);
create table marts.id_link_rejections (
    left_id_type varchar, left_id_value varchar, right_id_type varchar, right_id_value varchar,
    left_one_id varchar, right_one_id varchar, constraint_name varchar, constrained_id_type varchar,
    reason varchar, method varchar, confidence double, first_seen timestamp
);
create table marts.id_link_reviews (left_id_value varchar, is_one_person boolean);
create table marts.id_map_changes (
    run_id varchar, changed_at timestamp, kind varchar, from_one_id varchar, to_one_id varchar,
    identifier_count bigint, left_id_type varchar, left_id_value varchar, right_id_type varchar,
    right_id_value varchar
);
create table staging.stg_crm__members (
    member_id varchar, mobile_hash varchar, email_hash varchar, retail_customer_id varchar,
    updated_at timestamp, source_file varchar, source_line bigint
);
create table staging.stg_app__events (
    union_id varchar, open_id varchar, device_id varchar, event_time timestamp,
    source_file varchar, source_line bigint
);
create table staging.stg_id_graph__links (
    left_id_type varchar, left_id_value varchar, right_id_type varchar, right_id_value varchar,
    first_seen timestamp, last_seen timestamp, source_file varchar, source_line bigint
);
create table staging.stg_retail__transactions (
    retail_customer_id varchar, invoiced_at timestamp, is_withdrawn boolean,
    source_file varchar, source_line bigint
);
"""


def node_id(node: Node) -> int:
    """Any stable number will do here."""
    return int.from_bytes(hashlib.md5(":".join(node).encode()).digest()[:8]) >> 1


@dataclass(frozen=True)
class Link:
    """A link as int_identity__links has it; ends in any order."""

    left: Node
    right: Node
    confidence: float = 0.95
    status: str = "merging"
    channel: str = "crm"
    method: str = "deterministic"
    times_seen: int = 1


@dataclass
class Shop:
    """What a test lays out: links, which of them were refused, who is whose root."""

    links: list[Link]
    refused: dict[tuple[Node, Node], tuple[str, str]] = field(default_factory=dict)
    shared: dict[Node, int] = field(default_factory=dict)
    cannot_link: list[tuple[Node, Node, str]] = field(default_factory=list)
    alone: list[Node] = field(default_factory=list)
    inactive: dict[Node, Node] = field(default_factory=dict)
    """Identifiers that are inactive, with the root of the person they belonged to last."""

    def fill(self, connection: duckdb.DuckDBPyConnection) -> None:
        """Makes the tables, with clusters as the links that aren't refused join them."""
        connection.execute(TABLES)
        ends = [end for link in self.links for end in (link.left, link.right)]
        nodes = sorted({*ends, *self.alone})
        cluster = {node: node for node in nodes}

        def find(node: Node) -> Node:
            while cluster[node] != node:
                cluster[node] = cluster[cluster[node]]
                node = cluster[node]
            return node

        links = [_oriented(link) for link in self.links]
        refused = {_key(*pair): why for pair, why in self.refused.items()}
        merging = [link for link in links if link.status == "merging"]
        for link in merging:
            if (link.left, link.right) not in refused:
                cluster[find(link.left)] = find(link.right)
        members: dict[Node, list[Node]] = {}
        for node in nodes:
            members.setdefault(find(node), []).append(node)
        roots = {
            node: min(group, key=lambda one: (PRIORITIES[one[0]], one))
            for group in members.values()
            for node in group
        }
        one_ints = {root: number for number, root in enumerate(sorted(set(roots.values())), 1)}
        seen = datetime(2024, 1, 1)
        insert(connection, "seeds.id_types", list(PRIORITIES.items()))
        insert(
            connection,
            "intermediate.int_identity__nodes",
            [(node_id(n), *n, PRIORITIES[n[0]], "crm", seen, seen, 1, True) for n in nodes],
        )
        insert(
            connection,
            "intermediate.int_identity__map",
            [
                (node_id(n), one_id(roots[n]), one_ints[roots[n]], *n, "crm", 1.0, seen, seen, True)
                for n in nodes
            ],
        )
        insert(
            connection,
            "intermediate.int_identity__map",
            [
                (node_id(n), one_id(root), one_ints[root], *n, "crm", 1.0, seen, seen, False)
                for n, root in self.inactive.items()
            ],
        )
        insert(
            connection,
            "intermediate.int_identity__cluster_one_ids",
            [
                (
                    min(map(node_id, members[find(root)])), node_id(root), one_id(root), number
                )
                for root, number in one_ints.items()
            ],
        )  # fmt: skip
        insert(
            connection,
            "intermediate.int_identity__one_ids",
            [(one_id(root), number, *root, "test") for root, number in one_ints.items()],
        )
        insert(
            connection,
            "intermediate.int_identity__links",
            [
                (
                    node_id(x.left), node_id(x.right), x.channel, x.method, x.status != "inactive",
                    PRIORITIES[x.left[0]], PRIORITIES[x.right[0]], x.confidence, seen, seen,
                    x.times_seen, x.status,
                )
                for x in links
            ],
        )  # fmt: skip
        best: dict[tuple[Node, Node], float] = {}
        for link in merging:
            pair = (link.left, link.right)
            best[pair] = max(best.get(pair, 0.0), link.confidence)
        insert(
            connection,
            "intermediate.int_identity__edges",
            [
                (node_id(x), node_id(y), PRIORITIES[x[0]], PRIORITIES[y[0]], 1, c, seen, seen,
                 True, seen)
                for (x, y), c in best.items()
            ],
        )  # fmt: skip
        linked = {end for pair in best for end in pair}
        names = {find(n): min(map(node_id, members[find(n)])) for n in linked}
        insert(
            connection,
            "intermediate.int_identity__clusters",
            [(node_id(n), 0, names[find(n)], seen, "") for n in linked],
        )
        insert(
            connection,
            "marts.id_link_rejections",
            [
                (*x, *y, one_id(roots[x]), one_id(roots[y]), name, None, reason, "deterministic",
                 best[x, y], seen)
                for (x, y), (name, reason) in refused.items()
            ],
        )  # fmt: skip
        insert(
            connection,
            "intermediate.int_identity__rejections",
            [(node_id(x), node_id(y), *why) for (x, y), why in refused.items()],
        )
        insert(
            connection,
            "intermediate.int_identity__shared_values",
            [(node_id(node), *node, count) for node, count in self.shared.items()],
        )
        insert(
            connection,
            "intermediate.int_identity__overrides",
            [
                ("cannot_link", *x, *y, reason, node_id(x), node_id(y))
                for x, y, reason in self.cannot_link
            ],
        )
        for name in VIEWS:
            connection.execute(f"create view intermediate.{name} as {model(name)}")
        for signature, query in explain_functions().items():
            connection.execute(f"create macro {signature} as table ({query})")


def one_id(root: Node) -> str:
    return "ONE" + hashlib.sha256(":".join(root).encode()).hexdigest()[:16]


def insert(
    connection: duckdb.DuckDBPyConnection, table: str, rows: list[tuple[object, ...]]
) -> None:
    if rows:
        marks = ", ".join("?" * len(rows[0]))
        connection.execute("begin")
        connection.executemany(f"insert into {table} values ({marks})", rows)
        connection.execute("commit")


def _key(left: Node, right: Node) -> tuple[Node, Node]:
    a, b = sorted((left, right), key=lambda node: (PRIORITIES[node[0]], node[1]))
    return a, b


def _oriented(link: Link) -> Link:
    left, right = _key(link.left, link.right)
    return Link(left, right, link.confidence, link.status, link.channel, link.method,
                link.times_seen)  # fmt: skip
