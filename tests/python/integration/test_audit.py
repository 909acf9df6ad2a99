"""The audit: each promise, broken by hand in the private file, is named by its test.

CONTRIBUTING.md says which promise is checked when.
"""

from __future__ import annotations

import duckdb
from support.cli import REPOSITORY, BuiltProject, run_cli

# What is changed behind dbt's back, by the test that must notice it; a test may notice more.
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
    "assert_shop_revenue_is_conserved": (
        "update intermediate.int_events__resolved set revenue = revenue + 0.01 where event_id ="
        " (select max(event_id) from intermediate.int_events__resolved where source_name = 'shop')"
    ),
    "assert_events_of_sources_are_conserved": (
        "delete from intermediate.int_events__resolved where event_id ="
        " (select max(event_id) from intermediate.int_events__resolved where source_name = 'web')"
    ),
    "assert_consents_are_what_identifiers_said": (
        "update intermediate.int_customers__consents set status = 'granted' where rowid ="
        " (select max(rowid) from intermediate.int_customers__consents where status = 'withdrawn')"
    ),
    "assert_totals_are_conserved": (
        "update marts.customer_profiles set gross_revenue = gross_revenue + 1"
        " where one_id = (select min(one_id) from marts.customer_profiles)"
    ),
    "assert_bitmap_counts_match_memberships": (
        "update marts.audience_bitmaps set user_count = user_count + 1"
        " where segment_tag = 'all_customers'"
    ),
    "assert_tag_comes_from_one_family": (
        "insert into intermediate.int_audiences__tags values (9999, 'all_customers', 'other')"
    ),
    "assert_every_buyer_has_a_segment": (
        "update marts.customer_segments set monetary_segment = 'Never purchased'"
        " where one_id = (select min(one_id) from marts.customer_rfm)"
    ),
    "assert_grid_segments_sum_to_buyers": (
        "update marts.customer_segments set grid_segment = 'Never purchased'"
        " where one_id = (select min(one_id) from marts.customer_rfm)"
    ),
    "assert_grid_names_all_cells": "delete from seeds.rfm_grid_segments where r_score = 1",
    "assert_overrides_match_identifiers": (
        "insert into seeds.id_link_overrides"
        " values ('must_link', 'member_id', 'NOBODY', 'member_id', 'NOBODY ELSE', null)"
    ),
    "assert_identifier_columns_are_the_id_types": (
        "update seeds.id_types set id_type = 'gadget_id' where id_type = 'device_id'"
    ),
    "assert_one_int_is_dense": ("delete from intermediate.int_identity__one_ids where one_int = 1"),
    "primary_key_int_identity__clusters_node_id__component_id__cluster_id": (
        "insert into intermediate.int_identity__clusters"
        " from intermediate.int_identity__clusters limit 1"
    ),
    (
        "primary_key_int_identity__edges_left_node_id__right_node_id"
        "__is_present__confidence__changed_at"
    ): (
        "insert into intermediate.int_identity__edges from intermediate.int_identity__edges limit 1"
    ),
    "primary_key_customer_profiles_one_id": (
        "insert into marts.customer_profiles from marts.customer_profiles limit 1"
    ),
    "primary_key_id_map_history_node_id__dbt_valid_from__one_id": (
        "insert into snapshots.id_map_history from snapshots.id_map_history limit 1"
    ),
    "current_versions_of_id_map_history_ref_int_identity__map_": (
        "update snapshots.id_map_history set is_active = not is_active"
        " where node_id = (select max(node_id) from snapshots.id_map_history)"
    ),
    "current_versions_of_customer_profiles_history_ref_customer_profiles_": (
        "update snapshots.customer_profiles_history set dbt_valid_to = now()"
        " where one_id = (select min(one_id) from snapshots.customer_profiles_history)"
    ),
    "assert_history_ends_with_the_profiles": (
        "update intermediate.int_customers__profile_changes set version_begun_at = null"
        " where one_id = (select max(one_id) from intermediate.int_customers__profile_changes)"
    ),
    "primary_key_stg_crm__members_member_id__is_deleted__loaded_at": (
        "insert into raw_crm.members from raw_crm.members limit 1"
    ),
    # Of the columns that it wants filled.
    "primary_key_int_identity__confidences_node_id__confidence": (
        "update intermediate.int_identity__confidences set confidence = null"
        " where node_id = (select min(node_id) from intermediate.int_identity__confidences)"
    ),
    "primary_key_int_identity__map_node_id__changed_at": (
        "insert into intermediate.int_identity__map"
        " from intermediate.int_identity__map where is_active and id_type = 'device_id'"
        " order by node_id limit 1"
    ),
    # The second of the two rows that the line above left.
    "assert_identifier_belongs_to_one_customer": (
        "update intermediate.int_identity__map set one_id = 'ONE1' where rowid ="
        " (select max(rowid) from intermediate.int_identity__map where node_id in"
        " (select node_id from intermediate.int_identity__map group by all having count(*) > 1))"
    ),
    "assert_blocklisted_values_have_no_node": (
        "update intermediate.int_identity__map set id_value = 'unknown' where node_id ="
        " (select max(node_id) from intermediate.int_identity__map where id_type = 'open_id')"
    ),
    "assert_customers_keep_the_limits": (
        "update intermediate.int_identity__map set one_id ="
        " (select min(one_id) from intermediate.int_identity__map) where id_type = 'member_id'"
    ),
    "assert_components_are_connected_by_edges": (
        "update intermediate.int_identity__clusters set component_id = component_id - 1"
        " where rowid = (select max(rowid) from intermediate.int_identity__clusters)"
    ),
    "assert_links_between_customers_are_rejections": (
        "update intermediate.int_identity__map set one_id = 'ONE2' where node_id ="
        " (select max(right_node_id) from intermediate.int_identity__edges where is_present)"
    ),
}
# They end with an error that names the seed's line.
SEED_TESTS = {  # test_seed_lines.py; of audiences, test_campaign.py
    "assert_audiences_is_valid",
    "assert_id_blocklist_is_valid",
    "assert_id_link_overrides_is_valid",
    "assert_id_types_is_valid",
    "assert_suppressions_is_valid",
    "assert_survivorship_is_valid",
    "assert_tags_is_valid",
}


def test_the_audit_names_every_promise_that_was_broken(project: BuiltProject) -> None:
    with duckdb.connect(project.warehouse / "onecdp.duckdb") as private:
        for statement in BROKEN.values():
            private.execute(statement)

    asked = run_cli("audit", "--json", cwd=project.folder)

    assert asked.code == 1
    document = asked.document()
    found = {finding["node"] for finding in document["failures"] + document["warnings"]}
    assert not BROKEN.keys() - found
    assert "`onecdp run --full-refresh` builds them" in asked.stderr
    # Readers keep what they have.
    refused = run_cli("publish", cwd=project.folder)
    assert refused.code == 1
    assert "the last build has failures" in refused.stderr


def test_every_singular_test_is_seen_to_fail() -> None:
    singular = {file.stem for file in (REPOSITORY / "tests" / "dbt" / "singular").glob("*.sql")}
    assert singular == {name for name in BROKEN if name.startswith("assert_")} | SEED_TESTS


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
