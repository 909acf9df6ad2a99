"""Probabilistic links between member accounts with similar attributes.

Splink (the optional extra `probabilistic`) finds and scores the pairs; see docs/probabilistic.md.
The dbt model calls this module, which imports Splink only when needed.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import pyarrow as pa
import pyarrow.compute as pc

from onecdp.errors import OnecdpError
from onecdp.identity.likeness.members import load
from onecdp.identity.likeness.model import score
from onecdp.warehouse.files import scratch

LINKS = pa.schema(
    [
        ("left_id_type", pa.string()),
        ("left_id_value", pa.string()),
        ("right_id_type", pa.string()),
        ("right_id_value", pa.string()),
        ("probability", pa.float64()),
        ("match_weight", pa.float64()),
        ("evidence", pa.string()),
    ]
)


def no_links() -> pa.Table:
    """Returns a table without rows, in the columns of `LINKS`."""
    return LINKS.empty_table()


def probabilistic_links(
    members: pa.Table,
    identifiers: pa.Table,
    *,
    junk_names: Sequence[str] = (),
    review: float,
    merge: float,
) -> pa.Table:
    """Finds pairs of member accounts that likely belong to one person.

    Deterministic, and independent of the order of the rows.

    Args:
        members: One row per account: member_id, real_name, gender, register_channel (strings),
            birthday (date).
        identifiers: member_id, mobile_hash, email_hash (strings), at most one row per account.
            Accounts without a row are left out. Blocklisted values are null.
        junk_names: Placeholders for a missing name; case-insensitive.
        review: Minimum probability of a returned pair.
        merge: Minimum probability of a pair that will merge; only validated here.

    Returns:
        One row per pair in the columns of `LINKS`, sorted, left_id_value < right_id_value.
        `match_weight` is log2 of the odds; `evidence` lists the attributes that are the same,
        similar and different.

    Raises:
        OnecdpError: Splink is not installed, or 0.5 <= review <= merge <= 1 does not hold.
    """
    if not 0.5 <= review <= merge <= 1:
        raise OnecdpError(
            "dbt_project.yml: 0.5 <= identity_probabilistic_review <= identity_probabilistic_merge"
            f" <= 1 is required; got {review} and {merge}"
        )
    try:
        import splink  # noqa: F401
    except ImportError as error:
        why = "not installed" if error.name == "splink" else f"not usable ({error})"
        raise OnecdpError(
            f"identity_probabilistic is true and Splink is {why};"
            ' run `pip install "onecdp[probabilistic]"` or set it to false'
        ) from error
    # A scratch database keeps Splink's tables out of the private file.
    with scratch() as connection, _quiet():
        facts = load(connection, members, identifiers, junk_names)
        if facts.members < 2:
            return no_links()
        pairs = score(connection, facts, least=review)
    kept = pairs.filter(pc.greater_equal(pairs["probability"], review))
    return kept.select(LINKS.names).cast(LINKS)


@contextmanager
def _quiet() -> Iterator[None]:
    """Silences Splink's log messages; errors are still raised."""
    logger = logging.getLogger("splink")
    before = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        logger.setLevel(before)
