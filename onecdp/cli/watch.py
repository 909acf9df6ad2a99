"""`onecdp run --watch`: signals, and a line for each run that found something to do."""

from __future__ import annotations

import signal
import threading
from datetime import date, datetime
from types import FrameType

import click

from onecdp import pipeline
from onecdp.cli import output
from onecdp.cli.progress import LineProgress
from onecdp.errors import OnecdpError
from onecdp.pipeline.run import RunReport
from onecdp.project.data import Data
from onecdp.project.find import Project
from onecdp.project.progress import Silent


def watch_runs(
    project: Project, data: Data | None, as_of: date | None, seconds: float, wait: int,
    *, as_json: bool,
) -> bool:  # fmt: skip
    """Runs until SIGTERM or Ctrl-C, and returns whether the last run ended well."""
    stop = threading.Event()
    _stop_on_signals(stop)
    notes = LineProgress()
    notes.note(f"watching {data or project.sample_data}, every {seconds:g} s; Ctrl-C ends it")
    shown = _Shown(notes, as_json)
    # What a single run tells of its steps would fill a log here.
    context = pipeline.Context(project, Silent(), wait)
    return pipeline.watch(context, data, seconds=seconds, stop=stop, show=shown.show, as_of=as_of)


def _stop_on_signals(stop: threading.Event) -> None:
    def handle(number: int, _frame: FrameType | None) -> None:
        if stop.is_set() and number == signal.SIGINT:
            raise KeyboardInterrupt
        stop.set()

    signal.signal(signal.SIGTERM, handle)
    signal.signal(signal.SIGINT, handle)


class _Shown:
    """Shows what each run did, and tells what stays wrong only once."""

    def __init__(self, notes: LineProgress, as_json: bool) -> None:
        self._notes = notes
        self._as_json = as_json
        self._complaints: list[str] = []

    def show(self, done: RunReport | OnecdpError) -> None:
        complaints = [str(done)] if isinstance(done, OnecdpError) else _complaints(done)
        for complaint in complaints:
            if complaint not in self._complaints:
                self._notes.note(f"{datetime.now():%H:%M:%S}  {complaint}")
        self._complaints = complaints
        if isinstance(done, RunReport) and _did_something(done):
            if self._as_json:
                output.print_json(output.run_document(done))
            else:
                click.echo(f"{datetime.now():%H:%M:%S}  {_line(done)}")


def _did_something(report: RunReport) -> bool:
    return report.plan.nodes is not None or any(s.rows_read for s in report.ingest.sources)


def _complaints(report: RunReport) -> list[str]:
    """What the user should know, one line each."""
    build = report.build
    said = [
        f"{verb}: {name}: {reason}"
        for verb, named in output.remarks(report.ingest).items()
        for name, reason in named
    ]
    return said + [str(finding) for finding in (*build.failures, *build.warnings)]


def _line(report: RunReport) -> str:
    sources = report.ingest.sources
    loaded = sum(s.rows_loaded for s in sources)
    parts = [f"{loaded:,} {'row' if loaded == 1 else 'rows'} loaded"]
    counts = {
        "quarantined": sum(s.rows_quarantined for s in sources),
        "new one_ids": report.new_one_ids,
        "merged": report.merged_one_ids,
        "split": report.split_one_ids,
    }
    parts += [f"{count:,} {what}" for what, count in counts.items() if count]
    if not report.published:
        parts.append("failed, nothing was published")
    else:
        parts.append("published" if report.published.changed else "no mart changed")
    return f"{', '.join(parts)}, {sum(report.seconds.values()):.1f} s"
