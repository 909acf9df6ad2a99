"""Links between member accounts that nobody wrote down: by likeness of what the CRM knows of them.

Splink (the optional extra `probabilistic`) finds and scores the pairs; see docs/probabilistic.md.
This module is what the dbt model calls: it imports Splink only when there is something to link.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import pyarrow as pa
import pyarrow.compute as pc

from onecdp.errors import OnecdpError
from onecdp.identity.likeness import members as probabilistic_members
from onecdp.identity.likeness import model as probabilistic_model
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
    """The table that is given where nothing is to be linked: no rows, the columns of `LINKS`."""
    return LINKS.empty_table()


def probabilistic_links(
    members: pa.Table,
    identifiers: pa.Table,
    *,
    junk_names: Sequence[str] = (),
    review: float,
    merge: float,
) -> pa.Table:
    """Finds the pairs of member accounts that are likely one person's.

    Same input, same output, whatever the order of the rows: nothing is drawn at random.

    Args:
        members: One row per account: member_id, real_name, gender, register_channel (strings),
            birthday (date).
        identifiers: member_id, mobile_hash, email_hash (strings), at most one row per account.
            An account without a row is left out. Junk values are null already.
        junk_names: What stands in the place of a name where there is none, in any case.
        review: The least probability of a pair that is given.
        merge: The least one of a pair that will be joined; only checked here.

    Returns:
        One row per pair in the columns of `LINKS`, sorted, left_id_value < right_id_value.
        `match_weight` is log2 of the odds that `probability` stands for; `evidence` says which
        attributes are the same, similar and different.

    Raises:
        OnecdpError: Splink is not installed, or the two limits are no probabilities in order.
    """
    if not 0.5 <= review <= merge <= 1:
        raise OnecdpError(
            "dbt_project.yml: 0.5 <= identity_probabilistic_review <= identity_probabilistic_merge"
            f" <= 1 is needed; they are {review} and {merge}"
        )
    try:
        import splink  # noqa: F401
    except ImportError as error:
        why = "not installed" if error.name == "splink" else f"not usable ({error})"
        raise OnecdpError(
            f"identity_probabilistic is true and Splink is {why};"
            ' run `pip install "onecdp[probabilistic]"` or set it to false'
        ) from error
    # In memory and for the time of this call: none of Splink's tables gets into the private file.
    with scratch() as connection, _quiet():
        facts = probabilistic_members.load(connection, members, identifiers, junk_names)
        if facts.members < 2:
            return no_links()
        pairs = probabilistic_model.score(connection, facts, least=review)
    kept = pairs.filter(pc.greater_equal(pairs["probability"], review))
    return kept.select(LINKS.names).cast(LINKS)


@contextmanager
def _quiet() -> Iterator[None]:
    """Keeps Splink's advice on models and charts off the terminal; errors are raised as ever."""
    logger = logging.getLogger("splink")
    before = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        logger.setLevel(before)
