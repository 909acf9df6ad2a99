"""Rules about the dbt project that its manifest shows and no linter holds."""

from __future__ import annotations

import re
from argparse import Namespace
from typing import Any

import pytest
from dbt.flags import set_from_args
from support.cli import REPOSITORY, BuiltProject

from onecdp.project.dbt import Dbt
from onecdp.project.find import open_project
from onecdp.project.marts_page import marts_page
from onecdp.project.progress import Silent

SQL_WORDS = {"case", "when", "then", "end", "cast", "as", "string"}


@pytest.fixture(scope="module")
def parsed(built_warehouse: BuiltProject) -> Any:
    project = open_project(built_warehouse.folder, built_warehouse.warehouse, {})
    return Dbt(project, Silent()).manifest()


@pytest.fixture(scope="module")
def manifest(parsed: Any) -> dict[str, Any]:
    # Of a manifest that was kept: no invocation of dbt in this process has set its flags.
    set_from_args(Namespace(), None)
    read: dict[str, Any] = parsed.writable_manifest().to_dict()
    return read


def test_the_page_of_the_marts_is_what_the_command_prints(parsed: Any) -> None:
    page = marts_page(parsed)
    assert (REPOSITORY / "docs" / "marts.md").read_text() == page
    assert not re.findall(r"^\| \[.*\| +\|$", page, re.MULTILINE), "a mart without meta: question"


def test_the_metrics_for_bi_are_there(manifest: dict[str, Any]) -> None:
    """dbt checked them against its rules and the time spine when it parsed the project."""
    names = {metric["name"] for metric in manifest["metrics"].values()}
    assert names >= {
        "customers", "active_customers", "new_customers", "revenue", "orders",
        "average_order_value", "repeat_rate", "retention",
    }  # fmt: skip
    assert len(manifest["saved_queries"]) == 2
    for model in manifest["semantic_models"].values():
        columns = manifest["nodes"][model["depends_on"]["nodes"][0]]["columns"]
        parts = (*model["dimensions"], *model["entities"], *model["measures"])
        for used in {part.get("expr") or part["name"] for part in parts}:
            words = set(re.findall(r"[a-z_]+", re.sub(r"'[^']*'", "", used)))
            assert words - SQL_WORDS <= set(columns), f"{model['name']}: {used}"


def test_foreign_keys_point_at_keys(manifest: dict[str, Any]) -> None:
    """A relationships test joins: to a column with repeats it joins every row with every other.

    Events to id_map is that case: with a shop's till in it, one customer has 100,000 of both.
    """
    tests = [node for node in manifest["nodes"].values() if node["resource_type"] == "test"]
    unique = set()
    for node in tests:
        metadata = node.get("test_metadata") or {}
        relation = (node.get("attached_node") or "").split(".")[-1]
        if metadata.get("name") == "unique":
            unique.add((relation, node["column_name"]))
        elif metadata.get("name") == "primary_key" and len(metadata["kwargs"]["columns"]) == 1:
            unique.add((relation, metadata["kwargs"]["columns"][0]))
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


def test_no_model_that_is_left_out_on_another_date_depends_on_it(
    manifest: dict[str, Any],
) -> None:
    """`by_date: false` in dbt_project.yml: neither it nor what it reads asks for the as-of date."""
    nodes = manifest["nodes"]
    dated = {
        name
        for name, node in nodes.items()
        if "macro.onecdp.as_of_date" in node["depends_on"].get("macros", ())
    }
    assert len(dated) > 5
    reached = set(dated)
    waiting = list(dated)
    while waiting:
        for child in manifest["child_map"][waiting.pop()]:
            if child not in reached:
                reached.add(child)
                waiting.append(child)
    left_out = {
        name for name, node in nodes.items() if node["config"]["meta"].get("by_date") is False
    }
    assert len(left_out) > 30
    assert not left_out & reached


# Tables that models with watermarks read beside those that they declare, and why they may.
LOOKED_UP_AT_WILL = {
    # Overrides are joined with the identifiers at each build.
    ("int_identity__candidate_links", "int_identity__nodes"),
    # The clusters that are read are made of these identifiers.
    ("int_identity__one_ids", "int_identity__nodes"),
    # What they make unusable is deleted at each build.
    ("int_identity__map", "id_types"),
    ("int_identity__map", "int_identity__blocked_values"),
    # It remembers the days that it read, in audit.profile_days_read.
    ("int_customers__profile_changes", "int_customers__profile_days"),
    # A one_id's integer never changes.
    ("int_customers__attribute_candidates", "int_identity__one_ids"),
}


def test_models_with_watermarks_declare_all_tables_that_they_read(manifest: dict[str, Any]) -> None:
    """Another table could lack rows that the stamped ones name, if a build left it out."""
    nodes = manifest["nodes"]
    undeclared = set()
    for node in nodes.values():
        declared = node["config"]["meta"].get("watermarks")
        if not declared or node["language"] != "sql":
            continue
        known = {*declared["stamps"], *declared["contents"], *declared["looks_up"]}
        waiting = list(node["depends_on"]["nodes"])
        while waiting:
            upstream = nodes.get(waiting.pop())
            if upstream is None or upstream["name"] in known:
                continue
            if upstream["config"]["materialized"] in ("view", "ephemeral"):
                waiting.extend(upstream["depends_on"]["nodes"])
            else:
                undeclared.add((node["name"], upstream["name"]))
    assert undeclared == LOOKED_UP_AT_WILL


def test_every_promise_of_ours_is_asked_daily_or_weekly(manifest: dict[str, Any]) -> None:
    """A word that is neither would leave a test out of nothing, or be misread as weekly."""
    words = {
        node["config"]["meta"].get("checked")
        for node in manifest["nodes"].values()
        if node["resource_type"] == "test"
    }
    assert words == {"daily", "weekly", None}
