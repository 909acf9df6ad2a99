"""How many people there are, and how often they changed."""

from __future__ import annotations

from dataclasses import dataclass

import duckdb

from onecdp.warehouse.files import Warehouse, connect


@dataclass(frozen=True)
class IdCounts:
    """What stands in the private file.

    Attributes:
        customers: one_ids with an active identifier.
        refused_links: links that a constraint stops.
        minted: one_ids ever made.
        merged: how often a one_id was taken in by another one.
        split: how often identifiers left a one_id for a new or a returning one.
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
    # Its identifiers may have gone to several.
    "merged": (
        "select count(distinct (changed_at, from_one_id)) from marts.id_map_changes"
        " where kind = 'merge'"
    ),
    "split": "select count(*) from marts.id_map_changes where kind = 'split'",
}


def count_ids(warehouse: Warehouse) -> IdCounts:
    """Counts what stands in the private file; zeros before the first build."""
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
