"""Compares the sound rows of a load with each other and with what is stored, by the table's rule.

Every rule makes a relation of row outcomes with one row per sound row: `_row`, `outcome`, `note`,
`by_file` and `by_line`. The outcome is `loaded`, `duplicate`, `superseded` (by what is at
`by_file:by_line`) or `conflict` (the note is the reason for the quarantine).
"""

from __future__ import annotations

from dataclasses import dataclass

import duckdb

from ..declaration import OnRepeatedKey, TableSpec
from ..raw_tables import undeclared_columns
from .checking import Checked
from .choosing import Merge
from .invoice_lines import Lines, number_lines
from .merging import merge_rows
from .staging import Staged
from .stored import fetch


@dataclass(frozen=True)
class Outcomes:
    """What becomes of the sound rows.

    Attributes:
        rows: The relation of row outcomes.
        written: The relation of what is written: the raw table's columns without `_loaded_at`, and
            `_row`. With COUNTED_LINES, `write_lines` makes it, after others were withdrawn too.
        stored: The stored rows with a key, or of a group, of this load.
        lines: For COUNTED_LINES, the relations that tell more.
    """

    rows: str
    written: str
    stored: str
    lines: Lines | None = None


def deduplicate(
    connection: duckdb.DuckDBPyConnection,
    spec: TableSpec,
    staged: Staged,
    checked: Checked,
    stored: str,
    places: str,
    into: str,
) -> Outcomes:
    """Decides by the rule of the table.

    Args:
        connection: Where the relations are.
        spec: The table.
        staged: The rows as read.
        checked: The rows by soundness.
        stored: The raw table.
        places: `_place_no` and `name` of the places of this load.
        into: What the names of new relations begin with.
    """
    # The only look at the raw table, which may be large.
    held = f"{into}_held"
    fetch(connection, stored, (spec.group,) if spec.group else spec.key, checked.sound, held)
    if spec.rule is OnRepeatedKey.COUNTED_LINES:
        lines = number_lines(connection, spec, checked, staged.headers, held, places, into)
        return Outcomes(lines.outcomes, f"{into}_written", held, lines)
    merge = Merge(
        connection,
        spec,
        checked.sound,
        staged.headers,
        held,
        places,
        staged.extras,
        undeclared_columns(connection, spec, held),
        into,
    )
    merged = merge_rows(merge)
    return Outcomes(merged.outcomes, merged.written, held)
