"""Counts of one_ids and their changes."""

from __future__ import annotations

from dataclasses import dataclass

import duckdb

from onecdp.warehouse.files import Warehouse, connect


@dataclass(frozen=True)
class IdCounts:
    """Counts of the ID map in the private file.

    Attributes:
        customers: one_ids with an active identifier.
        refused_links: links refused because of a constraint.
        minted: one_ids ever minted.
        merged: merges of a one_id into another.
        split: splits of identifiers from a one_id into a new or a restored one.
    """

    customers: int = 0
    refused_links: int = 0
    minted: int = 0
    merged: int = 0
    split: int = 0


_COUNTS = {
    "customers": "select count(distinct one_id) from marts.id_map where is_active",
    "refused_links": "select count(*) from marts.id_link_rejections",
    "minted": "select count(*) from intermediate.int_identity__one_ids",
    # One merge has a row per one_id that took over identifiers.
    "merged": (
        "select count(distinct (changed_at, from_one_id)) from marts.id_map_changes"
        " where kind = 'merge'"
    ),
    "split": "select count(*) from marts.id_map_changes where kind = 'split'",
}


def count_ids(warehouse: Warehouse) -> IdCounts:
    """Counts one_ids and their changes; zeros before the first build."""
    if not warehouse.build_file.is_file():
        return IdCounts()
    with connect(warehouse.build_file, read_only=True) as private:
        return IdCounts(**{name: _count(private, query) for name, query in _COUNTS.items()})


def _count(private: duckdb.DuckDBPyConnection, query: str) -> int:
    try:
        row = private.execute(query).fetchone()
    except duckdb.CatalogException:
        return 0
    return int(row[0]) if row else 0
