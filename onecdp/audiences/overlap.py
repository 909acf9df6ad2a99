"""How much tags and audiences overlap."""

from __future__ import annotations

from itertools import combinations

import pyarrow as pa

from onecdp.audiences.bitmaps import ALL_CUSTOMERS, load_bitmaps

SCHEMA = pa.schema(
    [
        ("segment_tag", pa.string()),
        ("other_tag", pa.string()),
        ("user_count", pa.int64()),
        ("other_count", pa.int64()),
        ("both_count", pa.int64()),
        ("either_count", pa.int64()),
        ("jaccard", pa.float64()),
        ("lift", pa.float64()),
    ]
)

# 499,500 pairs.
MAX_SETS = 1_000


def overlaps(bitmaps: pa.Table) -> pa.Table:
    """Compares every two tags or audiences that have customers, but for the tag all_customers.

    Args:
        bitmaps: Columns segment_tag and user_bitmap, one row per tag or audience.

    Returns:
        One row per pair, the smaller name first: how many customers each has, both have and either
        has; jaccard, both / either; lift, how many times more often the two meet than if they were
        independent. Of more than MAX_SETS tags and audiences, the largest.

    Raises:
        ValueError: A tag occurs twice, or its bytes are not a Roaring bitmap.
    """
    columns = (bitmaps.column(name).to_pylist() for name in ("segment_tag", "user_bitmap"))
    loaded = load_bitmaps(zip(*columns, strict=True))
    customers = len(loaded.pop(ALL_CUSTOMERS, ()))
    sizes = {tag: len(members) for tag, members in loaded.items() if members}
    compared = sorted(sorted(sizes, key=lambda tag: (-sizes[tag], tag))[:MAX_SETS])
    rows = []
    for tag, other in combinations(compared, 2):
        both = loaded[tag].intersection_cardinality(loaded[other])
        either = sizes[tag] + sizes[other] - both
        lift = both * customers / (sizes[tag] * sizes[other])
        rows.append((tag, other, sizes[tag], sizes[other], both, either, both / either, lift))
    parts = list(zip(*rows, strict=True)) if rows else [()] * len(SCHEMA)
    return pa.table(list(map(pa.array, map(list, parts), SCHEMA.types)), SCHEMA)
