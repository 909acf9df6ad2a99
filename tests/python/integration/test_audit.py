"""The audit: each promise, broken by hand in the private file, is named by its test.

CONTRIBUTING.md says which promise is checked when.
"""

from __future__ import annotations

import duckdb
from support.cli import BuiltProject, run_cli

# One row of each relation is changed behind dbt's back.
BROKEN = {
    "assert_customer_totals_match_their_events": (
        "update intermediate.int_customers__activity set page_views = page_views + 1"
        " where one_id = (select min(one_id) from intermediate.int_customers__activity)"
    ),
    "assert_events_carry_the_current_one_id": (
        "update intermediate.int_events__resolved set one_id = 'ONE0'"
        " where event_id = (select min(event_id) from intermediate.int_events__resolved)"
    ),
    "assert_app_events_are_conserved": (
        "delete from intermediate.int_events__resolved where event_id ="
        " (select max(event_id) from intermediate.int_events__resolved where source_name = 'app')"
    ),
    "assert_retail_revenue_is_conserved": (
        "update intermediate.int_events__resolved set revenue = revenue + 0.01 where event_id ="
        " (select max(event_id) from intermediate.int_events__resolved"
        " where source_name = 'retail')"
    ),
    "assert_totals_are_conserved": "select 1",  # by the deletion above
    "assert_bitmap_counts_match_memberships": (
        "update marts.audience_bitmaps set user_count = user_count + 1"
        " where segment_tag = 'all_customers'"
    ),
    "primary_key_int_identity__clusters_node_id": (
        "insert into intermediate.int_identity__clusters"
        " from intermediate.int_identity__clusters limit 1"
    ),
    "primary_key_int_identity__edges_left_node_id__right_node_id": (
        "insert into intermediate.int_identity__edges from intermediate.int_identity__edges limit 1"
    ),
    "primary_key_int_identity__map_node_id": (
        "insert into intermediate.int_identity__map"
        " from intermediate.int_identity__map where is_active limit 1"
    ),
    "primary_key_customer_profiles_one_id": (
        "insert into marts.customer_profiles from marts.customer_profiles limit 1"
    ),
    "primary_key_id_map_history_node_id__dbt_valid_from": (
        "insert into snapshots.id_map_history from snapshots.id_map_history limit 1"
    ),
    "primary_key_stg_crm__members_member_id": (
        "insert into raw_crm.members from raw_crm.members limit 1"
    ),
    "not_null_columns_int_identity__edges_is_present__confidence__changed_at": (
        "update intermediate.int_identity__edges set confidence = null"
        " where left_node_id = (select min(left_node_id) from intermediate.int_identity__edges)"
    ),
    "assert_one_int_is_dense": ("delete from intermediate.int_identity__one_ids where one_int = 1"),
    "assert_links_between_customers_are_rejections": "select 1",  # by one_ids that differ, below
    "assert_identifier_belongs_to_one_customer": (
        "update intermediate.int_identity__map set one_id = 'ONE1' where rowid ="
        " (select max(rowid) from intermediate.int_identity__map where node_id in"
        " (select node_id from intermediate.int_identity__map group by all having count(*) > 1))"
    ),
}


def test_the_audit_names_every_promise_that_was_broken(project: BuiltProject) -> None:
    with duckdb.connect(project.warehouse / "onecdp.duckdb") as private:
        for statement in BROKEN.values():
            private.execute(statement)

    asked = run_cli("audit", "--json", cwd=project.folder)

    assert asked.code == 1
    failed = {failure["node"] for failure in asked.document()["failures"]}
    assert not BROKEN.keys() - failed
    # Readers keep what they have.
    refused = run_cli("publish", cwd=project.folder)
    assert refused.code == 1
    assert "the last build has failures" in refused.stderr


def test_a_contract_stops_a_null_while_the_table_is_written(project: BuiltProject) -> None:
    before = (project.warehouse / "marts.duckdb").read_bytes()
    model = project.folder / "models" / "marts" / "customers" / "customer_segments.sql"
    filled = "value_bands.engagement_segment\n"
    emptied = "nullif(value_bands.engagement_segment, 'Low Engagement') as engagement_segment\n"
    assert filled in model.read_text()
    model.write_text(model.read_text().replace(filled, emptied))

    done = run_cli("run", "--as-of", "2026-06-06", cwd=project.folder)

    assert done.code == 1
    (error,) = (line for line in done.stdout.splitlines() if line.startswith("error: "))
    assert error.startswith("error: customer_segments: ")
    assert "NOT NULL constraint failed" in error
    assert "engagement_segment" in error
    assert (project.warehouse / "marts.duckdb").read_bytes() == before
