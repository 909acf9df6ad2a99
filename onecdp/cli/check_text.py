"""Prints what a load would do."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rich.console import Console
from rich.text import Text

from onecdp.cli.output import (
    SHOWN_FINDINGS,
    make_console,
    make_table,
    print_source_counts,
    print_unread,
    sources_document,
)
from onecdp.pipeline.preview import Example, Layout, PreviewReport, RowGroup

_SHOWN_VALUES = 8
# What is said of rows, and what is counted.
_WORDS = {
    "loaded": ("loaded", "row"),
    "quarantined": ("quarantined", "row"),
    "null": ("empty, since it can't be read", "value"),
    "duplicate": ("duplicate", "row"),
    "superseded": ("superseded", "row"),
}


def print_preview(report: PreviewReport) -> None:
    """Prints columns, rows and likely fixes to stdout."""
    console, found = make_console(), report.preview
    source, shown = found.report.source, found.shown
    because = f" ({found.because})" if found.because else ""
    compared = found.compared_with or "no warehouse: there is none yet"
    _line(console, f"{report.target} as source {source}{because}")
    _line(console, f"compared with {compared}; nothing is written")
    for layout in shown.layouts[:SHOWN_FINDINGS]:
        _print_layout(layout, console)
    if (more := len(shown.layouts) - SHOWN_FINDINGS) > 0:
        _line(console, f"and {more:,} more headers; --json lists all")
    print_source_counts([found.report], console)
    if skipped := found.report.files_skipped:
        _line(console, f"{skipped:,} {'file is' if skipped == 1 else 'files are'} loaded already")
    print_unread(report.ingest, console)
    for outcome in _WORDS:
        _print_groups(outcome, [g for g in shown.groups if g.outcome == outcome], console)
    for fix in shown.fixes[:SHOWN_FINDINGS]:
        _line(console, f"likely fix: {source}/{fix.file}: {fix.problem}; {fix.fix}")
    if (more := len(shown.fixes) - SHOWN_FINDINGS) > 0:
        _line(console, f"and {more:,} more likely fixes; --json lists all")


def _print_layout(layout: Layout, console: Console) -> None:
    first, *others = layout.files
    more = f" and {len(others):,} more with the same header" if others else ""
    _line(console, f"{layout.table}: {first}{more}")
    table = make_table(("in the file", "column", "read as"), ("unreadable",))
    for column in layout.columns:
        name = column.column or ""
        kind = column.kind if column.is_known or column.column is None else "text, not known"
        count = "-" if column.unreadable is None else f"{column.unreadable:,}"
        table.add_row(Text(column.header), Text(name), kind, count)
    console.print(table)
    if layout.absent:
        _line(console, f"columns that are not there: {', '.join(layout.absent)}")


def _print_groups(outcome: str, groups: Sequence[RowGroup], console: Console) -> None:
    words, noun = _WORDS[outcome]
    for group in groups[:SHOWN_FINDINGS]:
        nouns = noun if group.rows == 1 else f"{noun}s"
        reason = f": {group.reason}" if group.reason else ""
        _line(console, f"{words}, {group.rows:,} {nouns}{reason}")
        for example in group.examples:
            _line(console, f"  {_place(example)}: {_values(example)}")
    if (more := len(groups) - SHOWN_FINDINGS) > 0:
        _line(console, f"and {more:,} more reasons; --json lists all")


def _place(example: Example) -> str:
    return example.file if example.line is None else f"{example.file} line {example.line:,}"


def _values(example: Example) -> str:
    values = [f"{name} {value!r}" for name, value in example.values.items()]
    more = ", …" if len(values) > _SHOWN_VALUES else ""
    return ", ".join(values[:_SHOWN_VALUES]) + more


def _line(console: Console, text: str) -> None:
    console.print(Text(text), soft_wrap=True)


def preview_document(report: PreviewReport) -> dict[str, Any]:
    """The JSON of what a load would do."""
    found = report.preview
    (counts,) = sources_document([found.report])
    return {
        "target": str(report.target),
        "source_because": found.because,
        "compared_with": str(found.compared_with) if found.compared_with else None,
        **counts,
        "headers": [
            {
                "table": layout.table,
                "files": list(layout.files),
                "columns": [vars(column) for column in layout.columns],
                "absent": list(layout.absent),
            }
            for layout in found.shown.layouts
        ],
        "rows": [
            {
                "outcome": group.outcome,
                "reason": group.reason,
                "rows": group.rows,
                "examples": [vars(example) for example in group.examples],
            }
            for group in found.shown.groups
        ],
        "likely_fixes": [vars(fix) for fix in found.shown.fixes],
    }
