"""No model compares every row of a table with every row of another."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import duckdb
from support.cli import BuiltProject

from onecdp.audiences import sql_functions as bitmaps
from onecdp.identity.graph_service import sql_functions as id_graph

# One side has a handful of rows. Views are planned with the models that read them.
_OF_FEW_DAYS = {
    "int_customers__profile_days",
    "int_customers__profile_changes",
    "customer_profiles_daily",
    "customer_profiles_as_of",
    "segment_daily",
}
_OF_A_SEED = {
    "int_customers__rfm_segments",
    "customer_segments",
    "int_customers__stated_attributes",
    "int_customers__attribute_candidates",
    "int_identity__blocked_values",
}
_OF_SEGMENT_SCHEMES = {"segment_changes"}


def test_joins_have_a_key(built_warehouse: BuiltProject) -> None:
    """DuckDB joins by a hash table only where a condition compares both sides.

    A left join on `a.key = b.key and a.share > 0` looks innocent and isn't: the second condition
    looks at one side alone, and every row is compared with every other.
    """
    outer, inner = {}, set()
    with duckdb.connect(built_warehouse.warehouse / "onecdp.duckdb", read_only=True) as private:
        bitmaps.register(private)
        id_graph.register(private)
        models = [
            file
            for file in (built_warehouse.folder / "target" / "compiled").rglob("models/**/*.sql")
            if file.parent.suffix != ".yml"
        ]
        assert len(models) > 100
        for model in models:
            ((_, plan),) = private.execute(f"explain (format json) {model.read_text()}").fetchall()
            for join in _nodes(json.loads(plan)):
                if join["name"].strip() == "BLOCKWISE_NL_JOIN":
                    # An outer join on nothing at all adds one row to each.
                    told = join["extra_info"]["Join Type"], join["extra_info"]["Condition"]
                    if told[0] != "INNER" and told[1] != "true":
                        outer[model.stem] = told
                    if told[0] == "INNER":
                        inner.add(model.stem)
    assert outer == {}
    assert inner <= _OF_FEW_DAYS | _OF_A_SEED | _OF_SEGMENT_SCHEMES


def _nodes(plan: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for node in plan:
        yield node
        yield from _nodes(node["children"])
