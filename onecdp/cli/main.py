"""The command line: parse, call, print."""

from __future__ import annotations

import shlex
import sys
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from onecdp import __version__
from onecdp.cli.forget import forget
from onecdp.cli.identity import explain, identity
from onecdp.cli.options import as_of_option, in_project, json_option, open_project
from onecdp.errors import OnecdpError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from onecdp.pipeline.stages import SourceReport
    from onecdp.project.find import Project

# Exit codes that a script can use; 0 is all fine, 1 and 2 are the errors' own.
EXIT_FAILED = 1
EXIT_QUARANTINED = 3
EXIT_REFUSED = 4
# What a shell gives for a program that Ctrl-C ended.
EXIT_STOPPED = 130


class _Group(click.Group):
    """Shows a user's mistake, and Ctrl-C, as one line, never as a traceback."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except OnecdpError as error:
            click.echo(f"onecdp: {error}", err=True)
            ctx.exit(error.exit_code)
        except KeyboardInterrupt:
            # Publishing is the last thing that a command does, and one step.
            click.echo("onecdp: stopped; nothing was published", err=True)
            ctx.exit(EXIT_STOPPED)


_data = click.option(
    "--data",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="A folder with any of crm/ app/ retail/ id_graph/. [default: the sample]",
)
_full_refresh = click.option(
    "--full-refresh", is_flag=True, help="Rebuild the incremental tables from the raw ones."
)


@click.group(cls=_Group, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="onecdp")
def main() -> None:
    """A customer data platform that one person can run.

    \b
    onecdp init my-cdp && cd my-cdp
    onecdp run --data exports/

    \b
    Exit codes: 0 all fine; 1 failed, nothing published; 2 wrong usage;
    3 published, some rows quarantined; 4 published, some files refused.
    """


@main.command()
@_data
@as_of_option
@_full_refresh
@json_option
@in_project
def run(
    data: Path | None, as_of: date | None, full_refresh: bool, as_json: bool,
    project_dir: Path | None, warehouse: Path | None,
) -> None:  # fmt: skip
    """Do the daily job: load, build, test, publish.

    Readers keep the old marts if a test fails.

    \b
    onecdp run --data exports/ --as-of 2026-06-06
    """
    project = open_project(project_dir, warehouse)
    folder = _folder(project, data)
    from onecdp.cli import output as summary
    from onecdp.pipeline import stages
    from onecdp.project.progress import progress
    from onecdp.warehouse.files import exclusive

    with exclusive(project.warehouse, "onecdp run"), progress() as shown:
        report = stages.run(
            project,
            folder,
            as_of=as_of,
            full_refresh=full_refresh,
            progress=shown,
        )
    if as_json:
        summary.print_json(summary.run_document(report))
    else:
        summary.print_run(report)
    sys.exit(_exit_code(report.sources) if report.build.ok else EXIT_FAILED)


@main.command()
@_data
@json_option
@in_project
def ingest(
    data: Path | None, as_json: bool, project_dir: Path | None, warehouse: Path | None
) -> None:
    """Load files into the raw tables; files already loaded are skipped.

    \b
    onecdp ingest --data exports/
    """
    project = open_project(project_dir, warehouse)
    folder = _folder(project, data)
    from onecdp.cli import output as summary
    from onecdp.pipeline import stages
    from onecdp.project.progress import progress
    from onecdp.warehouse.files import exclusive

    with exclusive(project.warehouse, "onecdp ingest"), progress() as shown:
        sources = stages.ingest(project, folder, shown)
    if as_json:
        summary.print_json({"sources": summary.sources_document(sources)})
    else:
        summary.print_sources(sources)
    sys.exit(_exit_code(sources))


@main.command()
@as_of_option
@_full_refresh
@in_project
def build(
    as_of: date | None, full_refresh: bool, project_dir: Path | None, warehouse: Path | None
) -> None:
    """Build and test the tables in the private file; `dbt build` with progress.

    \b
    onecdp build --as-of 2026-06-06
    """
    project = open_project(project_dir, warehouse)
    from onecdp.cli import output as summary
    from onecdp.project import dbt_packages as packages
    from onecdp.project.dbt import Dbt
    from onecdp.project.progress import progress
    from onecdp.warehouse.files import exclusive

    with exclusive(project.warehouse, "onecdp build"), progress() as shown:
        packages.ensure(project, shown)
        report = Dbt(project, shown).build(as_of=as_of, full_refresh=full_refresh)
    summary.print_build(report)
    sys.exit(0 if report.ok else EXIT_FAILED)


@main.command()
@in_project
def publish(project_dir: Path | None, warehouse: Path | None) -> None:
    """Replace the published file by the marts that were built.

    Refuses while the last build isn't clean.

    \b
    onecdp publish
    """
    project = open_project(project_dir, warehouse)
    from onecdp.pipeline.publish import publish as replace
    from onecdp.warehouse.files import exclusive

    with exclusive(project.warehouse, "onecdp publish"):
        published = replace(project.warehouse)
    if published.notice:
        click.echo(published.notice, err=True)
    click.echo(f"published {published.tables} tables: {published.file}")


@main.command()
@in_project
def deps(project_dir: Path | None, warehouse: Path | None) -> None:
    """Install the dbt packages, or a stand-in where the hub can't be reached.

    \b
    onecdp deps
    """
    project = open_project(project_dir, warehouse)
    from onecdp.project.dbt_packages import install
    from onecdp.project.progress import progress

    with progress() as shown:
        install(project, shown)


@main.command()
@click.argument("folder", type=click.Path(path_type=Path), metavar="DIR")
def init(folder: Path) -> None:
    """Make a new project: models, tests and ingestion for you to own.

    \b
    onecdp init my-cdp
    """
    from onecdp.project.find import scaffold

    scaffold(folder)
    click.echo(f"made a project in {folder}; next:\n  cd {shlex.quote(str(folder))}\n  onecdp run")


@main.command()
@click.argument("out", type=click.Path(path_type=Path), metavar="OUT")
@click.option("--customers", type=int, required=True, metavar="N", help="How many people.")
@click.option("--seed", type=int, default=1, show_default=True, metavar="S",
              help="The same seed gives the same bytes.")  # fmt: skip
@json_option
def generate(out: Path, customers: int, seed: int, as_json: bool) -> None:
    """Write a made-up shop's files, and who is who in OUT/truth/.

    The truth is never loaded: measure the ID map against it.

    \b
    onecdp generate --customers 2000 --seed 7 shop/
    onecdp run --data shop/ --warehouse shop-warehouse/
    """
    from onecdp.cli import output as summary
    from onecdp.generate import generate as write
    from onecdp.project.progress import progress

    with progress() as shown:
        generated = write(out, customers, seed, shown.update)
    if as_json:
        summary.print_json(generated.document())
        return
    for source, tally in generated.sources.items():
        click.echo(f"{source}: {tally.rows:,} rows")
    warehouse = out.with_name(f"{out.name}-warehouse")
    command = shlex.join(["onecdp", "run", "--data", str(out), "--warehouse", str(warehouse)])
    click.echo(f"made a shop in {out}; next:\n  {command}")


@main.command()
@click.argument("query")
@click.option("--private", is_flag=True, help="Ask the private build file, not the published one.")
@json_option
@in_project
def sql(
    query: str, private: bool, as_json: bool, project_dir: Path | None, warehouse: Path | None
) -> None:
    """Ask the published marts one question; no other file is read or written.

    \b
    onecdp sql "select rfm_segment, count(*) from customer_segments group by all"
    """
    project = open_project(project_dir, warehouse)
    from onecdp.cli import output as summary
    from onecdp.warehouse import query as queries

    file = project.warehouse.build_file if private else project.warehouse.marts_file
    columns, rows = queries.ask(file, query)
    if as_json:
        summary.print_json([dict(zip(columns, row, strict=True)) for row in rows])
        return
    summary.print_rows(columns, rows[: summary.SHOWN_ROWS])
    if len(rows) > summary.SHOWN_ROWS:
        click.echo(f"the first {summary.SHOWN_ROWS:,} of {len(rows):,} rows; --json gives all",
                   err=True)  # fmt: skip


main.add_command(explain)
main.add_command(forget)
main.add_command(identity)


def _folder(project: Project, data: Path | None) -> Path:
    from onecdp.pipeline.stages import check_data

    return check_data(project, data if data is not None else project.sample_data)


def _exit_code(sources: Sequence[SourceReport]) -> int:
    if any(source.refused for source in sources):
        return EXIT_REFUSED
    return EXIT_QUARANTINED if any(source.rows_quarantined for source in sources) else 0
