"""Formats a report on the ID map as lines for a terminal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from onecdp.identity.report.summary import SMALLEST_BRIDGED, Report
from onecdp.warehouse.query import Rows


def lines(report: Report) -> Iterator[str]:
    """Yields the lines of a report; an empty section is one line."""
    yield f"{report.people:,} people with {report.identifiers:,} identifiers"
    yield ""
    yield from _table(report.sizes, "size", "people", "identifiers")
    yield ""
    yield "the largest"
    yield from _table(report.largest, "one_id", "size", "types")
    yield ""
    yield f"{report.shared_values:,} shared values, whose links never merge"
    named = [{**row, "value": f"{row['id_type']}:{row['id_value']}"} for row in report.most_shared]
    yield from _table(named, "value", "hub_count")
    yield ""
    yield f"{sum(row['links'] for row in report.rejections):,} refused links"
    refused = [
        {**row, "constraint": row["constraint_name"], "type": row["constrained_id_type"] or ""}
        for row in report.rejections
    ]
    yield from _table(refused, "constraint", "type", "links")
    yield ""
    yield f"{len(report.at_cap):,} people cut by the size cap"
    yield from _table(report.at_cap[:10], "one_id", "size", "pieces", "cap")
    yield ""
    yield from _bridges(report)
    yield ""
    yield from _candidates(report)
    yield ""
    yield f"{report.reviews:,} probabilistic links to review in id_link_reviews"


def _bridges(report: Report) -> Iterator[str]:
    found = report.bridges
    yield (
        f"{found.bridges:,} of {found.links:,} links are bridges: losing one splits a person with"
        f" {SMALLEST_BRIDGED} or more identifiers"
    )
    yield f"{found.cutting:,} of them have two or more identifiers on each side"
    if not found.weakest:
        return
    yield "the weakest"
    rows = [
        {
            "confidence": f"{row['confidence']:.4g}",
            "cuts": f"{row['left_size']:,} | {row['right_size']:,}",
            "link": f"{row['left_id_type']}:{row['left_id_value']}"
            f" - {row['right_id_type']}:{row['right_id_value']}",
            "one_id": row["one_id"],
        }
        for row in found.weakest
    ]
    yield from _table(rows, "confidence", "cuts", "one_id", "link")


def _candidates(report: Report) -> Iterator[str]:
    yield (
        f"{len(report.blocklist_candidates):,} candidates for seeds/id_blocklist.csv: linked to"
        " unusually many identifiers"
    )
    if not report.blocklist_candidates:
        return
    yield "their person of so many identifiers would become so many people if they were blocked"
    named = [
        {**row, "value": f"{row['id_type']}:{row['id_value']}", "usual": f"{row['usual']:g}"}
        for row in report.blocklist_candidates
    ]
    yield from _table(named, "value", "linked", "usual", "identifiers", "people")


def _table(rows: Rows, *columns: str) -> Iterator[str]:
    if not rows:
        return
    cells = [list(columns), *([_cell(row[column]) for column in columns] for row in rows)]
    widths = [max(len(line[n]) for line in cells) for n in range(len(columns))]
    is_number = [all(isinstance(row[column], int) for row in rows) for column in columns]
    for line in cells:
        yield "  " + "  ".join(_padded(line, widths, is_number)).rstrip()


def _padded(line: Sequence[str], widths: Sequence[int], is_number: Sequence[bool]) -> Iterator[str]:
    for text, width, right in zip(line, widths, is_number, strict=True):
        yield text.rjust(width) if right else text.ljust(width)


def _cell(value: Any) -> str:
    return f"{value:,}" if isinstance(value, int) else str(value)
