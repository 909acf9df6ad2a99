"""Values that may belong on the blocklist: they are linked to unusually many others."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

import duckdb

FEWEST_LINKED = 10
TIMES_THE_USUAL = 10
"""A value is unusual if it has so many times the links of the median value of its type."""

_UNUSUAL = f"""
with pairs as (
    select distinct left_node_id as node_id, right_node_id as other_id
    from intermediate.int_identity__links
    union
    select right_node_id, left_node_id from intermediate.int_identity__links
),
counted as (
    select node_id, count(*) as linked from pairs where node_id <> other_id group by node_id
),
typed as (
    select
        nodes.node_id,
        nodes.id_type,
        nodes.id_value,
        counted.linked,
        median(counted.linked) over (partition by nodes.id_type) as usual
    from counted
    inner join intermediate.int_identity__nodes as nodes on counted.node_id = nodes.node_id
)
select typed.node_id, clusters.cluster_id, id_type, id_value, linked, usual
from typed
left join intermediate.int_identity__clusters as clusters on typed.node_id = clusters.node_id
where linked >= {FEWEST_LINKED} and linked >= {TIMES_THE_USUAL} * usual
order by linked desc, id_type, id_value
limit $shown
"""
_LINKS = """
select left_cluster.cluster_id, links.left_node_id, links.right_node_id
from intermediate.int_identity__links as links
inner join intermediate.int_identity__clusters as left_cluster
    on links.left_node_id = left_cluster.node_id
inner join intermediate.int_identity__clusters as right_cluster
    on links.right_node_id = right_cluster.node_id
where
    links.link_status = 'merging'
    and left_cluster.cluster_id = right_cluster.cluster_id
    and list_contains($clusters::bigint[], left_cluster.cluster_id)
"""


def find_candidates(
    connection: duckdb.DuckDBPyConnection, shown: int
) -> Sequence[Mapping[str, Any]]:
    """Finds what may belong on the blocklist, the most linked first.

    Returns:
        A row each: id_type, id_value, linked (how many identifiers it is linked to, whatever came
        of the links), usual (the median of its type), identifiers (those of its person besides
        itself) and people (how many people these would be without it).
    """
    unusual = connection.execute(_UNUSUAL, {"shown": shown}).fetchall()
    clusters = sorted({row[1] for row in unusual if row[1] is not None})
    links: dict[int, list[tuple[int, int]]] = defaultdict(list)
    for cluster, left, right in connection.execute(_LINKS, {"clusters": clusters}).fetchall():
        links[cluster].append((left, right))
    rows = []
    for node, cluster, id_type, id_value, linked, usual in unusual:
        identifiers, people = _without(node, links[cluster])
        rows.append(
            {
                "id_type": id_type,
                "id_value": id_value,
                "linked": linked,
                "usual": usual,
                "identifiers": identifiers,
                "people": people,
            }
        )
    return rows


def _without(node: int, links: Sequence[tuple[int, int]]) -> tuple[int, int]:
    """How many other nodes a cluster has, and into how many parts they fall without the node."""
    neighbours: dict[int, set[int]] = defaultdict(set)
    for left, right in links:
        neighbours[left].add(right)
        neighbours[right].add(left)
    waiting = set(neighbours) - {node}
    identifiers, parts = len(waiting), 0
    while waiting:
        parts += 1
        reached = [waiting.pop()]
        while reached:
            found = neighbours[reached.pop()] & waiting
            waiting -= found
            reached += found
    return identifiers, parts
