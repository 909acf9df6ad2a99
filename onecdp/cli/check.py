"""`onecdp check`."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from onecdp.cli.options import DATA, in_project, json_option, open_project
from onecdp.cli.run import exit_code
from onecdp.project.data import Data


@click.command()
@click.argument("target", metavar="FILE|URL|SOURCE")
@click.option(
    "--data",
    type=DATA,
    metavar="DIR|URL",
    help="For a SOURCE: a folder with a folder per source, here or in object storage. "
    "[default: the sample]",
)
@click.option(
    "--source",
    metavar="NAME",
    help="For a FILE: the source that it is meant for. [default: its folder tells it, "
    "else its columns]",
)
@json_option
@in_project
def check(
    target: str, data: Data | None, source: str | None, as_json: bool,
    project_dir: Path | None, warehouse: Path | None,
) -> None:  # fmt: skip
    """Show what a load would do, before anything is loaded.

    Shows which columns are known and how they are read, how many rows would be loaded,
    quarantined or left out as duplicates, with examples, and what is likely to help. Rows are
    compared with the warehouse, if there is one; it is only read. The output quotes the files,
    personal data included.

    \b
    onecdp check exports/crm/members.csv
    onecdp check export.csv --source retail
    onecdp check crm --data exports/
    onecdp check s3://bucket/exports/crm/members.csv

    \b
    Exit codes: 0 all rows can be loaded; 1 a load would fail; 2 wrong usage;
    3 some rows would be quarantined; 4 some files would not be read.
    """
    project = open_project(project_dir, warehouse)
    from onecdp import pipeline
    from onecdp.cli import check_text, output
    from onecdp.cli.progress import progress

    with progress() as shown:
        report = pipeline.preview(pipeline.Context(project, shown), target, data, source=source)
    if as_json:
        output.print_json(check_text.preview_document(report))
    else:
        check_text.print_preview(report)
    sys.exit(exit_code(report.ingest))
