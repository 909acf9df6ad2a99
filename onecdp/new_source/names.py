"""Names that a source and its columns can have."""

from __future__ import annotations

import keyword
import re
from collections.abc import Sequence

from onecdp.errors import UsageProblem

_NAME = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")
# Plain values of these types are hashed while landing: docs/personal-data.md.
HASHED = {"email_hash": "EMAIL_HASH", "mobile_hash": "PHONE_HASH"}
PLAIN = re.compile(r"[a-z_][a-z0-9_]*")


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# The words that DuckDB keeps for itself.
RESERVED = _words(
    """
    all analyse analyze and any array as asc asymmetric both case cast check collate column
    constraint create default deferrable desc describe distinct do else end except false
    fetch for foreign from group having in initially intersect into lambda lateral leading
    limit not null offset on only or order pivot pivot_longer pivot_wider placing primary
    qualify references returning select show some summarize symmetric table then to trailing
    true union unique unpivot using variadic when where window with
    """
)
# What models call what they read: a source is called as its part of a query.
_TAKEN = _words(
    """
    added audit blocked_identifiers blocked_values checked columns declared erasure events final
    graph id_graph identity links map natural new overrides personal probabilistic_links quality
    quarantine recounted records seen set source summed superseded typed unified unioned
    values warnings
    """
)
# What models add to the rows of a source.
ADDED = _words(
    """
    first_seen id_column is_active last_seen loaded_at seen_at source_channel source_file
    source_line
    """
)


def check_name(name: str, taken: Sequence[str]) -> None:
    """Checks the name of a new source.

    Raises:
        UsageProblem: It can't be one, or a source has it.
    """
    if not _NAME.fullmatch(name) or len(name) > 40:
        raise UsageProblem(
            f"{name!r} can't be the name of a source: expected lower-case letters, digits and "
            "single underscores, such as call_center"
        )
    if name in taken:
        raise UsageProblem(f"there is a source {name} already; choose another name")
    if name in _TAKEN | RESERVED or keyword.iskeyword(name):
        raise UsageProblem(f"{name} means something in SQL or in the models; choose another name")
