"""Builds one Roaring bitmap per tag from narrow columns, in one scan."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias, cast

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from onecdp.audiences.bit_sets import BitSets, bytes_column, codes_of, one_ints_of

MAX_TAGS = 2**16 - 1

BITMAPS_SCHEMA = pa.schema(
    [
        ("segment_tag", pa.string()),
        ("tag_family", pa.string()),
        ("user_bitmap", pa.binary()),
        ("user_count", pa.int64()),
    ]
)
Batches: TypeAlias = pa.Table | pa.RecordBatchReader | Iterable[pa.RecordBatch]

_LEAST = -(2**62)


@dataclass(frozen=True)
class Tag:
    """A tag's number in the code columns, its name, and what it comes from."""

    number: int
    name: str
    family: str


@dataclass(frozen=True)
class Condition:
    """What a customer must have done to carry a tag; no limit is None.

    Attributes:
        number: The tag's number.
        selection: The number of the selection of events that are counted.
        window: Name of the window of days: the columns count_<window> and sum_<window> of measures.
        min_count: The least count.
        max_count: The most.
        min_sum: The least sum.
        max_sum: The most.
    """

    number: int
    selection: int
    window: str
    min_count: int | None = None
    max_count: int | None = None
    min_sum: int | None = None
    max_sum: int | None = None

    def limits(self) -> tuple[int, int, int, int]:
        """Returns the limits, with the largest integers for none."""
        least = (_LEAST if limit is None else limit for limit in (self.min_count, self.min_sum))
        most = (-_LEAST if limit is None else limit for limit in (self.max_count, self.max_sum))
        (min_count, min_sum), (max_count, max_sum) = least, most
        return min_count, max_count, min_sum, max_sum

    def includes_inactive(self) -> bool:
        """Returns whether customers without any such event carry the tag."""
        min_count, max_count, min_sum, max_sum = self.limits()
        return min_count <= 0 <= max_count and min_sum <= 0 <= max_sum


@dataclass(frozen=True)
class Behaviour:
    """What customers did, and the tags that follow from it.

    Attributes:
        measures: One row per customer and selection of events: integers one_int, selection_number,
            and count_<window> and sum_<window> for each window.
        conditions: The tags.
        all_customers: The number of the tag of all customers, who include those without events.
    """

    measures: Batches
    conditions: Sequence[Condition]
    all_customers: int


def build_bitmaps(
    memberships: Iterable[Batches], tags: Iterable[Tag], behaviour: Behaviour | None = None
) -> pa.Table:
    """Builds one bitmap per tag.

    Args:
        memberships: Tables or readers, read batch by batch. Each has the integer column one_int and
            any number of other integer columns: the number of a tag that the customer has, or null.
            Rows come in any order, and a customer more than once; duplicates count once.
        tags: The tags, which get a bitmap even without customers.
        behaviour: Tags that are given by conditions instead.

    Returns:
        Columns segment_tag, tag_family, user_bitmap (portable Roaring bytes) and user_count, one
        row per tag, sorted by name. The same members give the same bytes.

    Raises:
        ValueError: Two tags have the same number or name, a column is missing or has another type,
            one_int is null or outside 1 to 2^32 - 1, or a number is no tag's; names the value.
    """
    known = sorted(tags, key=lambda tag: tag.name)
    _check_tags(known)
    sets = BitSets(1 + max((tag.number for tag in known), default=0))
    for batch in _batches(memberships):
        one_ints = one_ints_of(batch)
        for name in batch.schema.names:
            if name != "one_int":
                sets.add(one_ints, codes_of(batch, name, sets.count))
    if behaviour:
        _add_behaviour(sets, behaviour)
    written = [sets.written(tag.number) for tag in known]
    columns = [
        [tag.name for tag in known],
        [tag.family for tag in known],
        bytes_column(blob for blob, _ in written),
        [members for _, members in written],
    ]
    return pa.table(columns, schema=BITMAPS_SCHEMA)


def _add_behaviour(sets: BitSets, behaviour: Behaviour) -> None:
    """Adds the customers that meet the conditions.

    If customers without events meet one, those who do not meet it are found first.
    """
    conditions = sorted(behaviour.conditions, key=lambda condition: condition.selection)
    windows = sorted({condition.window for condition in conditions})
    rows = [
        (
            condition.number,
            windows.index(condition.window),
            *condition.limits(),
            condition.includes_inactive(),
        )
        for condition in conditions
    ]
    selections = [condition.selection for condition in conditions]
    firsts = np.searchsorted(selections, np.arange(max(selections, default=-1) + 2))
    compiled = np.array(rows, np.int64).reshape(len(rows), 7)
    for batch in _batches([behaviour.measures]):
        sets.add_matching(
            one_ints_of(batch),
            _numbers(batch, "selection_number"),
            np.column_stack([_numbers(batch, f"count_{window}") for window in windows]),
            np.column_stack([_numbers(batch, f"sum_{window}") for window in windows]),
            compiled,
            firsts.astype(np.int64),
        )
    for condition in conditions:
        if condition.includes_inactive():
            sets.complement(condition.number, behaviour.all_customers)


def _numbers(batch: pa.RecordBatch, name: str) -> npt.NDArray[np.int64]:
    column = batch.column(name).cast(pa.int64()).to_numpy(zero_copy_only=False)
    return cast("npt.NDArray[np.int64]", column)


def _check_tags(tags: Sequence[Tag]) -> None:
    for kind in ("number", "name"):
        seen: dict[object, Tag] = {}
        for tag in tags:
            other = seen.setdefault(getattr(tag, kind), tag)
            if other is not tag:
                raise ValueError(
                    f'tags "{other.name}" ({other.family}) and "{tag.name}" ({tag.family}) have'
                    f" the same {kind}"
                )
    for tag in tags:
        if not 0 <= tag.number < MAX_TAGS:
            raise ValueError(f'tag "{tag.name}" has number {tag.number}; 0 to {MAX_TAGS - 1}')


def _batches(given: Iterable[Batches]) -> Iterator[pa.RecordBatch]:
    for part in given:
        yield from part.to_batches() if isinstance(part, pa.Table) else part
