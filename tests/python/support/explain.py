"""The identity tables made by hand, with the SQL functions of explain, in a plain DuckDB."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import duckdb
import jinja2

from support.line import REPOSITORY

Node = tuple[str, str]
SCHEMAS = {"int_": "intermediate", "stg_": "staging", "id_map": "marts", "id_link_r": "marts"}
VARIABLES = {"identity_min_confidence": 0.8}
PRIORITIES = {
    "member_id": 1, "union_id": 2, "retail_customer_id": 3, "mobile_hash": 4, "email_hash": 5,
    "open_id": 6, "device_id": 7,
}  # fmt: skip
TABLES = """
create schema intermediate; create schema marts; create schema seeds; create schema staging;
create table seeds.id_types (id_type varchar, priority integer);
create table intermediate.int_identity__overrides (
    override varchar, left_id_type varchar, left_id_value varchar, right_id_type varchar,
    right_id_value varchar, reason varchar
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
create table intermediate.int_identity__settings (setting varchar, value varchar);
insert into intermediate.int_identity__settings values ('identity_max_cluster_size', '4');
create table marts.id_map (
    one_id varchar, one_int bigint, id_type varchar, id_value varchar, source_channel varchar,
    confidence double, first_seen timestamp, last_seen timestamp, is_active boolean
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
            "marts.id_map",
            [
                (one_id(roots[n]), one_ints[roots[n]], *n, "crm", 1.0, seen, seen, True)
                for n in nodes
            ],
        )
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
            "intermediate.int_identity__shared_values",
            [(node_id(node), *node, count) for node, count in self.shared.items()],
        )
        insert(
            connection,
            "intermediate.int_identity__overrides",
            [("cannot_link", *x, *y, reason) for x, y, reason in self.cannot_link],
        )
        connection.execute(explain_macros())


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


class _Relation(str):
    def include(self, database: bool) -> str:
        return str(self)


class _Adapter:
    def __init__(self, template: jinja2.Environment) -> None:
        self.environment = template

    def dispatch(self, name: str, _package: str) -> object:
        return lambda *args: _module(self.environment, f"duckdb__{name}", *args)


def explain_macros() -> str:
    """The statements that the post-hook runs, rendered without dbt."""
    environment = jinja2.Environment(extensions=["jinja2.ext.do"])
    return _module(environment, "duckdb__create_explain_macros")


def _module(environment: jinja2.Environment, name: str, *args: object) -> str:
    files = [
        *sorted((REPOSITORY / "macros/compat/explain").glob("*.sql")),
        REPOSITORY / "macros/identity/normalize_identifier.sql",
        REPOSITORY / "macros/compat/replace_pattern.sql",
    ]
    text = "".join(Path(file).read_text() for file in files)
    # DuckDB has no replace_pattern of its own.
    name = name if f"macro {name}(" in text else name.replace("duckdb__", "default__")
    module = environment.from_string(
        text,
        globals={
            "ref": _ref,
            "var": VARIABLES.__getitem__,
            "return": lambda value: value,
            "adapter": _Adapter(environment),
        },
    ).module
    return str(getattr(module, name)(*args))


def _ref(name: str) -> _Relation:
    schema = next((s for start, s in SCHEMAS.items() if name.startswith(start)), "seeds")
    return _Relation(f'"{schema}"."{name}"')
