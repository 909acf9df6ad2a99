"""The profile query of the warehouse guide beside customer_profiles, column by column."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import duckdb

QUERY = Path(__file__).with_name("guide_profiles.sql").read_text()
COLUMNS = (
    "customer_id", "email", "first_name", "last_name", "country", "signup_date", "total_orders",
    "total_revenue", "avg_order_value", "first_purchase_date", "last_purchase_date",
    "days_since_last_purchase", "recency_segment", "frequency_segment", "monetary_segment",
    "total_page_views", "last_session_date", "engagement_segment",
)  # fmt: skip


def differing_columns(build_file: Path, as_of: date) -> dict[str, list[tuple[object, ...]]]:
    """The columns that differ, with up to three customers: one_id, ours, the guide's."""
    with duckdb.connect() as scratch:
        scratch.execute(f"attach '{build_file}' as onecdp (read_only); use onecdp")
        guide = QUERY.replace("$as_of", f"date '{as_of}'")
        scratch.execute(f"create table memory.guide as {guide}")
        found = {}
        for column in COLUMNS:
            rows = scratch.execute(
                f"select one_id, ours.{column}, guide.{column}"
                " from marts.customer_profiles as ours"
                " full join memory.guide as guide using (one_id)"
                f" where ours.{column} is distinct from guide.{column}"
                " or ours.one_id is null or guide.one_id is null"
                " order by all limit 3"
            ).fetchall()
            if rows:
                found[column] = rows
    return found
