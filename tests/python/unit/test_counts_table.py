"""The counts of a load fit a log of 80 characters with all of their columns."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from ingestion.pipelines import SourceReport
from onecdp.cli.output import print_sources

HEADINGS = (
    "source", "read", "loaded", "quarantined", "duplicate", "superseded", "withdrawn", "erased",
    "refused",
)  # fmt: skip


def report(source: str, count: int) -> SourceReport:
    given = {
        field.name: count if field.name.startswith(("rows_", "files_")) else ()
        for field in dataclasses.fields(SourceReport)
    }
    return SourceReport(**{**given, "source": source, "seconds": 1.0})  # type: ignore[arg-type]


@pytest.mark.parametrize("count", [5, 1_067_371])
def test_no_column_is_lost(capsys: pytest.CaptureFixture[str], count: int) -> None:
    reports: list[Any] = [report(source, count) for source in ("crm", "id_graph", "consents")]
    print_sources(reports)

    lines = capsys.readouterr().out.splitlines()
    table = " ".join(line for line in lines if "already loaded" not in line)
    assert max(map(len, lines)) <= 80
    for heading in HEADINGS:
        assert heading in table
    assert table.count(f"{count:,}") == 3 * 7
    assert "…" not in table
