"""Prints reports: tables for people, one JSON document for machines."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

from onecdp.pipeline.ingest import IngestReport, SourceReport
from onecdp.pipeline.last_build import LastBuild
from onecdp.pipeline.run import RunReport
from onecdp.project.dbt_report import BuildReport, Counts, Finding
from onecdp.project.nodes import name_of

SHOWN_ROWS = 1000
SHOWN_FINDINGS = 10
_LOG_WIDTH = 80
_SOURCE_COLUMNS = ("read", "loaded", "quarantined", "duplicate", "superseded", "withdrawn")


def print_run(report: RunReport) -> None:
    """Prints what a run did to stdout, at most as wide as the terminal (80 columns in a log)."""
    console = make_console()
    print_ingest(report.ingest, console)
    if report.unchanged_since:
        console.print(_unchanged_line(report.unchanged_since))
    else:
        print_build(report.build, console)
    if report.build.ok:
        console.print(
            f"customers {report.customers:,}"
            f" · new one_ids {report.new_one_ids:,} · merged {report.merged_one_ids:,}"
            f" · split {report.split_one_ids:,} · refused links {report.refused_links:,}"
        )
    if report.later_events:
        events = "event" if report.later_events == 1 else "events"
        console.print(
            f"{report.later_events:,} {events} after {report.as_of}, the as-of date: not counted"
        )
    if report.audiences:
        table = make_table(("audience", "rule"), ("customers",))
        for audience in report.audiences:
            name = f"{audience.package_id} {audience.package_name}"
            size = "failed" if audience.error else f"{audience.customers:,}"
            table.add_row(Text(name), Text(audience.segment_rule), size)
        console.print(table)
        for audience in report.audiences:
            if audience.error:
                text = f"seeds/audiences.csv: package {audience.package_id}: {audience.error}"
                console.print(Text(text), soft_wrap=True)
    stages = ", ".join(f"{stage} {seconds:.1f}" for stage, seconds in report.seconds.items())
    console.print(f"seconds: {stages}, total {sum(report.seconds.values()):.1f}", soft_wrap=True)
    if report.published:
        verb = "published" if report.published.changed else "still published:"
        console.print(
            f"{verb} {report.published.tables} tables: {report.published.file}", soft_wrap=True
        )
    else:
        console.print("nothing was published: readers keep what was there")


def _unchanged_line(last: LastBuild) -> str:
    warned = f"; {last.warnings:,} of its tests warned" if last.warnings else ""
    return (
        f"nothing new since the build of {last.built_at:%Y-%m-%d %H:%M}{warned}:"
        " nothing was built (`onecdp build` always builds)"
    )


def print_ingest(report: IngestReport, console: Console | None = None) -> None:
    """Prints what was loaded, and what was not read, with the reasons."""
    console = console or make_console()
    sources = report.sources
    print_sources(sources, console)
    print_unread(report, console)


def print_unread(report: IngestReport, console: Console) -> None:
    """Prints what was not read, with the reasons, and what else there is to know of files."""
    sources = report.sources
    for verb, named in remarks(report).items():
        for name, reason in named[:SHOWN_FINDINGS]:
            console.print(Text(f"{verb}: {name}: {reason}"), soft_wrap=True)
        if (more := len(named) - SHOWN_FINDINGS) > 0:
            console.print(f"and {more:,} more {verb}; --json lists all")
    if not any(s.files_loaded or s.files_skipped or s.refused for s in sources):
        folders = " or ".join(f"{source.source}/" for source in sources)
        console.print(f"nothing could be read: no file to load below {folders}")


def remarks(report: IngestReport) -> dict[str, list[tuple[str, str]]]:
    """What there is to tell of places: (name, reason) pairs by what became of them."""
    sources = report.sources
    return {
        "refused": [(f"{s.source}/{name}", reason) for s in sources for name, reason in s.refused],
        "left out": [
            *report.left_out,
            *((f"{s.source}/{name}", reason) for s in sources for name, reason in s.left_out),
        ],
        "note": [(f"{s.source}/{name}", text) for s in sources for name, text in s.notices],
    }


def print_sources(sources: Sequence[SourceReport], console: Console | None = None) -> None:
    """Prints what was loaded, a row per source."""
    console = console or make_console()
    print_source_counts(sources, console)
    for source in sources:
        if source.warnings:
            values = "value" if source.warnings == 1 else "values"
            console.print(
                f"{source.source}: {source.warnings:,} {values} could not be read and "
                f"{'is' if source.warnings == 1 else 'are'} empty: raw_{source.source}.warnings"
            )
    if known := sum(source.files_skipped for source in sources):
        console.print(f"{known:,} {'file' if known == 1 else 'files'} already loaded: skipped")


def print_source_counts(sources: Sequence[SourceReport], console: Console) -> None:
    """Prints what became of the rows, a row per source."""
    # Only in warehouses where somebody was erased.
    is_shown = any(source.rows_erased for source in sources)
    columns = (*_SOURCE_COLUMNS, "erased") if is_shown else _SOURCE_COLUMNS
    counts = {
        column: [getattr(source, f"rows_{column}") for source in sources] for column in columns
    }
    counts["refused"] = [len(source.refused) for source in sources]
    _print_counts([source.source for source in sources], counts, console)


def _print_counts(
    sources: Sequence[str], counts: Mapping[str, Sequence[int]], console: Console
) -> None:
    """Prints a row per source and all columns, in several tables where one would be too wide."""

    def table_of(columns: Sequence[str]) -> Table:
        table = make_table(("source",), columns)
        for number, source in enumerate(sources):
            table.add_row(source, *(f"{counts[column][number]:,}" for column in columns))
        return table

    unlimited = console.options.update(max_width=10_000)
    shown: list[str] = []
    for column in counts:
        wider = Measurement.get(console, unlimited, table_of([*shown, column])).maximum
        if shown and wider > console.width:
            console.print(table_of(shown))
            shown = []
        shown.append(column)
    console.print(table_of(shown))


def print_build(build: BuildReport, console: Console | None = None) -> None:
    """Prints how many models and tests went how, and one line per failure and warning."""
    console = console or make_console()
    _print_counted("models", build.models, console)
    print_audit(build, console)


def print_audit(build: BuildReport, console: Console | None = None) -> None:
    """Prints how many tests went how, and one line per failure and warning."""
    console = console or make_console()
    _print_counted("tests", build.tests, console)
    for findings, kind in ((build.failures, "failures"), (build.warnings, "warnings")):
        for finding in findings[:SHOWN_FINDINGS]:
            console.print(Text(str(finding)), soft_wrap=True)
        if (more := len(findings) - SHOWN_FINDINGS) > 0:
            console.print(f"and {more:,} more {kind}; see logs/dbt.log")


def _print_counted(kind: str, counts: Counts, console: Console) -> None:
    parts = [f"{counts.passed:,} passed", f"{counts.failed:,} failed"]
    parts += [f"{counts.warned:,} warned"] if counts.warned else []
    parts += [f"{counts.skipped:,} skipped"] if counts.skipped else []
    console.print(f"{kind:<7}{', '.join(parts)}")


def print_rows(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Prints a query's rows as a table; off a terminal no line is wrapped."""
    wide = None if sys.stdout.isatty() else 100_000
    table = make_table(tuple(columns), ())
    for row in rows:
        table.add_row(*(Text(_cell(value)) for value in row))
    Console(width=wide, highlight=False).print(table)


def run_document(report: RunReport) -> dict[str, Any]:
    """The JSON document of a run."""
    return {
        "is_unchanged": report.unchanged_since is not None,
        "built": name_of(report.plan.nodes) if report.plan.nodes else "nothing",
        "built_because": report.plan.reason,
        "published": str(report.published.file) if report.published else None,
        "tables_changed": list(report.published.changed) if report.published else [],
        "customers": report.customers,
        "new_one_ids": report.new_one_ids,
        "merged_one_ids": report.merged_one_ids,
        "split_one_ids": report.split_one_ids,
        "refused_links": report.refused_links,
        "as_of": report.as_of.isoformat() if report.as_of else None,
        "events_after_as_of": report.later_events,
        **ingest_document(report.ingest),
        "models": vars(report.build.models),
        **audit_document(report.build),
        "audiences": [
            {
                "package_id": audience.package_id,
                "package_name": audience.package_name,
                "segment_rule": audience.segment_rule,
                "members": audience.customers,
                "error": audience.error,
            }
            for audience in report.audiences
        ],
        "seconds": report.seconds,
    }


def audit_document(report: BuildReport) -> dict[str, Any]:
    """The JSON of what data tests found."""
    return {
        "tests": vars(report.tests),
        "failures": [_finding(failure) for failure in report.failures],
        "warnings": [_finding(warning) for warning in report.warnings],
        "quality": [vars(result) for result in report.quality],
    }


def _finding(finding: Finding) -> dict[str, Any]:
    return {
        "node": finding.node,
        "status": finding.status,
        "reason": finding.reason,
        "rows": finding.rows,
    }


def ingest_document(report: IngestReport) -> dict[str, Any]:
    """The JSON of what was loaded."""
    return {
        "sources": sources_document(report.sources),
        "left_out": [{"file": name, "reason": reason} for name, reason in report.left_out],
    }


def sources_document(sources: Sequence[SourceReport]) -> list[dict[str, Any]]:
    """The JSON of what was loaded, per source."""
    return [
        {
            "source": source.source,
            "files_loaded": source.files_loaded,
            "files_skipped": source.files_skipped,
            "refused": [{"file": file, "reason": reason} for file, reason in source.refused],
            "left_out": [{"file": name, "reason": reason} for name, reason in source.left_out],
            "notices": [{"file": name, "notice": text} for name, text in source.notices],
            **{f"rows_{column}": getattr(source, f"rows_{column}") for column in _SOURCE_COLUMNS},
            "rows_erased": source.rows_erased,
            "warnings": source.warnings,
            "seconds": round(source.seconds, 2),
        }
        for source in sources
    ]


def print_json(document: Any) -> None:
    """Prints one JSON document to stdout."""
    print(json.dumps(document, default=_json_value, ensure_ascii=False))


def _json_value(value: Any) -> Any:
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    if isinstance(value, (date, datetime)):
        return value.isoformat()
    return value.hex() if isinstance(value, bytes) else str(value)


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bytes):
        return f"{len(value):,} bytes"
    return str(value)


def make_console() -> Console:
    """A console on stdout, as wide as the terminal (80 columns in a log)."""
    # rich takes the terminal's own width when it is given none.
    return Console(width=None if sys.stdout.isatty() else _LOG_WIDTH, highlight=False, markup=False)


def make_table(words: Sequence[str], numbers: Sequence[str]) -> Table:
    """A table with columns of words, then columns of numbers."""
    table = Table(box=SIMPLE_HEAD, show_edge=False, padding=(0, 0, 0, 1), header_style="bold")
    for word in words:
        table.add_column(word, overflow="fold", min_width=len(word))
    for number in numbers:
        table.add_column(number, justify="right", no_wrap=True)
    return table
