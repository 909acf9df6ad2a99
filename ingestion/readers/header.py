"""Headers: which columns of a table the columns of a file are."""

from __future__ import annotations

from collections.abc import Iterable

from onecdp.identity.personal import hide_plain

from ..declaration import TableSpec
from ..landing.arrivals import Refused
from ..landing.header_names import column_of

CHUNK_ROWS = 20_000
"""Rows that a reader hands over at once, about."""


def resolve_header(header: Iterable[object], spec: TableSpec) -> list[str]:
    """Column names for a header: known names resolved, others in snake_case.

    Letters of all scripts are kept, in Unicode NFKC and lower case: `姓名`, `größe`. A name that
    the warehouse keeps for itself or that begins with an underscore or a digit gets `x_` before
    it: `_id` is loaded as `x_id`. A first column without a name, as pandas writes its index,
    becomes INDEX; any other one is loaded as `column_<n>`, counted from 1.

    Raises:
        Refused: two columns have one name.
    """
    found: dict[str, str] = {}
    names: list[str] = []
    for position, raw in enumerate(header, start=1):
        text = "" if raw is None else str(raw).strip()
        name = column_of(text, position, spec)
        # Names that differ in case alone, as ß and ss do, are one to dlt.
        other = found.setdefault(name.casefold(), text)
        if len(found) == len(names):
            raise Refused(f"columns {other!r} and {text!r} both mean {name!r}; keep one of them")
        names.append(name)
    return names


def require_columns(
    names: Iterable[str], spec: TableSpec, header: Iterable[object] | None = None
) -> None:
    """Refuses a file without a required column, naming those missing and those found.

    Args:
        names: The columns found, as `resolve_header` has them.
        spec: The table.
        header: The same as they are written in the file.
    """
    present = set(names)
    missing = [name for name in spec.required_in(present) if name not in present]
    if missing:
        listed = ", ".join(map(str, names if header is None else header)) or "none"
        # A file without a header shows its first row here.
        listed = hide_plain(listed, spec.personal)
        if len(listed) > 300:
            listed = listed[:300] + "…"
        raise Refused(f"has no column {', '.join(missing)}; columns found: {listed}")
