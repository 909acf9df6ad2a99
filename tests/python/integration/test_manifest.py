"""Rules about the dbt project that its manifest shows and no linter holds."""

from __future__ import annotations

import json
import re

from support.cli import BuiltProject


def test_foreign_keys_point_at_keys(built_warehouse: BuiltProject) -> None:
    """A relationships test joins: to a column with repeats it joins every row with every other.

    Events to id_map is that case: with a shop's till in it, one customer has 100,000 of both.
    """
    manifest = json.loads((built_warehouse.folder / "target" / "manifest.json").read_text())
    tests = [node for node in manifest["nodes"].values() if node["resource_type"] == "test"]
    unique = {
        (node["attached_node"].split(".")[-1], node["column_name"])
        for node in tests
        if (node.get("test_metadata") or {}).get("name") == "unique" and node["attached_node"]
    }
    foreign = []
    for node in tests:
        metadata = node.get("test_metadata") or {}
        if metadata.get("name") == "relationships":
            arguments = metadata["kwargs"]
            parent = re.search(r"ref\('(\w+)'\)", arguments["to"])
            assert parent, arguments["to"]
            foreign.append((parent[1], arguments["field"]))
    assert len(foreign) > 5
    assert set(foreign) <= unique
