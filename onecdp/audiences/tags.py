"""Builds the bitmaps of a project's tags and numbers from its relations."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Any

import duckdb
import pyarrow as pa

from onecdp.audiences.bitmaps import ALL_CUSTOMERS
from onecdp.audiences.build import Behaviour, Condition, Tag, build_bitmaps
from onecdp.audiences.build_numbers import build_numbers

# Rows that are held at once.
_BATCH = 1_000_000
_EVER = "ever"
# Revenue of int_audiences__measures is in ten-thousandths.
_SCALE = 10_000


def build_tags(
    tags: duckdb.DuckDBPyRelation,
    behaviour_tags: duckdb.DuckDBPyRelation,
    memberships: Sequence[duckdb.DuckDBPyRelation],
    measures: duckdb.DuckDBPyRelation,
) -> pa.Table:
    """Builds one bitmap per tag.

    Args:
        tags: int_audiences__tags: tag_number, segment_tag, tag_family.
        behaviour_tags: int_audiences__behaviour_tags: the rows of seeds/tags.csv.
        memberships: Relations with one_int and columns of tag numbers.
        measures: int_audiences__measures: what customers did.

    Returns:
        As `build_bitmaps`.
    """
    known = [Tag(*row) for row in tags.select("tag_number, segment_tag, tag_family").fetchall()]
    numbers = {(tag.name, tag.family): tag.number for tag in known}
    columns = (
        "segment_tag, selection_number, window_days, min_count, max_count, min_revenue, max_revenue"
    )
    conditions = [
        Condition(
            number=numbers[name, "behaviour"],
            selection=selection,
            window=_EVER if days is None else str(days),
            min_count=min_count,
            max_count=max_count,
            min_sum=_scaled(min_revenue),
            max_sum=_scaled(max_revenue),
        )
        for name, selection, days, min_count, max_count, min_revenue, max_revenue in (
            behaviour_tags.select(columns).fetchall()
        )
    ]
    return build_bitmaps(
        # One after the other: a connection has one open result.
        (relation.to_arrow_reader(_BATCH) for relation in memberships),
        known,
        Behaviour(_batches(measures), conditions, numbers[ALL_CUSTOMERS, "all"]),
    )


def build_number_slices(customer_numbers: duckdb.DuckDBPyRelation) -> pa.Table:
    """Builds the slices of each column of a relation but one_int, one column at a time.

    Returns:
        As `build_numbers`.
    """

    def tables() -> Iterator[pa.Table]:
        for name in sorted(set(customer_numbers.columns) - {"one_int"}):
            yield customer_numbers.select("one_int", name).to_arrow_table()

    return build_numbers(tables())


def _batches(relation: duckdb.DuckDBPyRelation) -> Iterator[pa.RecordBatch]:
    """Opens a reader when it is asked for its first batch."""
    yield from relation.to_arrow_reader(_BATCH)


def _scaled(limit: Decimal | None) -> Any:
    return None if limit is None else int(limit * _SCALE)
