"""The daily job and its steps: run, ingest, build, publish."""

from __future__ import annotations

import sys
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import click

from onecdp.cli.options import (
    DATA,
    as_of_option,
    in_project,
    json_option,
    open_project,
    wait_option,
)
from onecdp.project.data import Data

if TYPE_CHECKING:
    from onecdp.pipeline.ingest import IngestReport

# 0 is all fine; errors bring 1 or 2 themselves (onecdp.errors).
EXIT_FAILED = 1
EXIT_QUARANTINED = 3
EXIT_REFUSED = 4

data_option = click.option(
    "--data",
    type=DATA,
    metavar="DIR|URL",
    help="A folder with a folder per source, named after it, here or in object storage. "
    "[default: the sample]",
)
withdraw_missing_option = click.option(
    "--withdraw-missing",
    is_flag=True,
    help="Withdraw invoices that the files in DIR brought, but none of them names any more.",
)
full_refresh_option = click.option(
    "--full-refresh", is_flag=True, help="Rebuild the incremental tables from the raw ones."
)
audit_option = click.option(
    "--audit",
    is_flag=True,
    help="Build everything, ask all tests and compare the incremental tables with all rows"
    " upstream, as a run does once a week.",
)


watch_option = click.option(
    "--watch",
    type=click.FloatRange(min=0, min_open=True),
    is_flag=False,
    flag_value=15.0,
    metavar="[SECONDS]",
    help="Run again every SECONDS (15 if none are given) until stopped.",
)


@click.command()
@data_option
@as_of_option
@full_refresh_option
@audit_option
@withdraw_missing_option
@watch_option
@wait_option
@json_option
@in_project
def run(
    data: Data | None, as_of: date | None, full_refresh: bool, audit: bool,
    withdraw_missing: bool, watch: float | None, wait: int, as_json: bool,
    project_dir: Path | None, warehouse: Path | None,
) -> None:  # fmt: skip
    """Do the daily job: load, build, test, publish.

    Builds what has changed: all after a change of code or seeds, what depends on new rows, what
    depends on the date, or nothing. Readers keep the old marts if a test fails.

    With --watch it prints a line for each run that found something to do. SIGTERM and Ctrl-C end it
    after the running one; a second Ctrl-C ends that, too.

    \b
    onecdp run --data exports/ --as-of 2026-06-06
    onecdp run --data exports/ --watch 30
    """
    project = open_project(project_dir, warehouse)
    from onecdp import pipeline
    from onecdp.cli import output
    from onecdp.cli.progress import progress

    if watch is not None:
        from onecdp.cli.watch import watch_runs

        if full_refresh or audit or withdraw_missing:
            raise click.UsageError(
                "--watch goes with neither --full-refresh, --audit nor --withdraw-missing: run once"
                " with them, then watch"
            )
        is_well = watch_runs(project, data, as_of, watch, wait, as_json=as_json)
        sys.exit(0 if is_well else EXIT_FAILED)

    with progress() as shown:
        context = pipeline.Context(project, shown, wait)
        report = pipeline.run(
            context,
            data,
            as_of=as_of,
            full_refresh=full_refresh,
            audit=audit,
            withdraw_missing=withdraw_missing,
        )
    if as_json:
        output.print_json(output.run_document(report))
    else:
        output.print_run(report)
    sys.exit(exit_code(report.ingest) if report.build.ok else EXIT_FAILED)


@click.command()
@data_option
@click.option("--source", multiple=True, metavar="NAME",
              help="Load only this source; can be repeated. [default: all]")  # fmt: skip
@withdraw_missing_option
@wait_option
@json_option
@in_project
def ingest(
    data: Data | None, source: tuple[str, ...], withdraw_missing: bool, wait: int,
    as_json: bool, project_dir: Path | None, warehouse: Path | None,
) -> None:  # fmt: skip
    """Load files into the raw tables; files already loaded are skipped.

    \b
    onecdp ingest --data exports/
    onecdp ingest --data exports/ --source crm --source app
    onecdp ingest --data exports/ --withdraw-missing
    onecdp ingest --data s3://bucket/exports
    """
    project = open_project(project_dir, warehouse)
    from onecdp import pipeline
    from onecdp.cli import output
    from onecdp.cli.progress import progress

    with progress() as shown:
        context = pipeline.Context(project, shown, wait)
        report = pipeline.ingest(
            context, data, sources=source or None, withdraw_missing=withdraw_missing
        )
    if as_json:
        output.print_json(output.ingest_document(report))
    else:
        output.print_ingest(report)
    sys.exit(exit_code(report))


@click.command()
@as_of_option
@full_refresh_option
@wait_option
@in_project
def build(
    as_of: date | None, full_refresh: bool, wait: int,
    project_dir: Path | None, warehouse: Path | None,
) -> None:  # fmt: skip
    """Build and test the tables in the private file; `dbt build` with progress.

    \b
    onecdp build --as-of 2026-06-06
    """
    project = open_project(project_dir, warehouse)
    from onecdp import pipeline
    from onecdp.cli import output
    from onecdp.cli.progress import progress

    with progress() as shown:
        context = pipeline.Context(project, shown, wait)
        report = pipeline.build(context, as_of=as_of, full_refresh=full_refresh)
    output.print_build(report)
    sys.exit(0 if report.ok else EXIT_FAILED)


@click.command()
@wait_option
@json_option
@in_project
def audit(wait: int, as_json: bool, project_dir: Path | None, warehouse: Path | None) -> None:
    """Ask all data tests of the private file, also those that `run` asks once a week.

    Each incremental table is compared with what its model makes of all rows, too. Nothing is
    built. After a failure nothing is published until all tests pass again: mend the data or the
    model, then `onecdp run --full-refresh`.

    \b
    onecdp audit
    """
    project = open_project(project_dir, warehouse)
    from onecdp import pipeline
    from onecdp.cli import output
    from onecdp.cli.progress import progress

    with progress() as shown:
        report = pipeline.audit(pipeline.Context(project, shown, wait))
    if as_json:
        output.print_json(output.audit_document(report))
    else:
        output.print_audit(report)
    if not report.ok:
        click.echo(
            "onecdp: the tables are not what their tests promise, and nothing is published until"
            " they are; `onecdp run --full-refresh` builds them from the raw tables",
            err=True,
        )
    sys.exit(0 if report.ok else EXIT_FAILED)


@click.command()
@wait_option
@in_project
def publish(wait: int, project_dir: Path | None, warehouse: Path | None) -> None:
    """Replace the published file by the marts that were built.

    Refuses while the last build has failures.

    \b
    onecdp publish
    """
    project = open_project(project_dir, warehouse)
    from onecdp import pipeline
    from onecdp.cli.progress import LineProgress

    published = pipeline.publish(pipeline.Context(project, LineProgress(), wait))
    if published.notice:
        click.echo(published.notice, err=True)
    verb = "published" if published.changed else "still published:"
    click.echo(f"{verb} {published.tables} tables: {published.file}")


def exit_code(report: IngestReport) -> int:
    """The exit code of a command that reads files."""
    if not report.is_complete:
        return EXIT_REFUSED
    return EXIT_QUARANTINED if any(s.rows_quarantined for s in report.sources) else 0
