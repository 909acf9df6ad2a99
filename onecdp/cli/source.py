"""`onecdp source add`."""

from __future__ import annotations

from pathlib import Path

import click

from onecdp.cli.options import open_project
from onecdp.errors import UsageProblem


@click.group()
def source() -> None:
    """Sources of the project: add one of your own.

    \b
    onecdp source add calls --from exports/calls.csv
    """


@source.command()
@click.argument("name")
@click.option("--from", "start", required=True, metavar="FILE|URL",
              help="CSV, JSON lines, Parquet or XLSX to learn from.")  # fmt: skip
@click.option("--key", metavar="COLUMN[,COLUMN]",
              help="What is different in each row. [default: the first such column that looks "
              "like an id]")  # fmt: skip
@click.option("--time", metavar="COLUMN",
              help="When an event happened. [default: found by name]")  # fmt: skip
@click.option("--identifier", multiple=True, metavar="COLUMN=ID_TYPE",
              help="A column that names people, and its type in seeds/id_types.csv; can be "
              "repeated. [default: columns that are called like one]")  # fmt: skip
@click.option("--events/--no-events", default=None,
              help="Whether a row is something that happened. [default: if it has a time and names "
              "people]")  # fmt: skip
@click.option("--project-dir", type=click.Path(path_type=Path), metavar="DIR",
              help="The project. [default: the one that the current folder is in]")  # fmt: skip
def add(
    name: str, start: str, key: str | None, time: str | None, identifier: tuple[str, ...],
    events: bool | None, project_dir: Path | None,
) -> None:  # fmt: skip
    """Write a new source NAME into the project, which builds and passes at once.

    Writes its declaration, a made-up sample, its staging model with tests and, for events, their
    way into unified_events. They are yours: read and change them. Columns are named as `onecdp
    check` shows them. No file is overwritten, and nothing of the rows gets into the project.

    \b
    onecdp source add calls --from exports/calls.csv
    onecdp source add calls --from calls.csv --key call_id --identifier caller=device_id
    onecdp source add stores --from https://example.com/stores.parquet --no-events
    """
    project = open_project(project_dir, None)
    from onecdp import pipeline
    from onecdp.cli.progress import LineProgress
    from onecdp.new_source.plan import Asked

    pairs = [tuple(part.strip() for part in said.partition("=")[::2]) for said in identifier]
    if wrong := [said for said, pair in zip(identifier, pairs, strict=True) if not all(pair)]:
        raise UsageProblem(f"--identifier {wrong[0]}: expected COLUMN=ID_TYPE")
    asked = Asked(
        name,
        tuple(part.strip() for part in key.split(",") if part.strip()) if key else (),
        time or "",
        tuple((column, id_type) for column, id_type in pairs),
        events,
    )
    added = pipeline.add_source(pipeline.Context(project, LineProgress()), asked, start)
    plan, written = added.plan, added.written
    version = f", newer by {plan.version}" if plan.version else ""
    click.echo(f"{name}: {plan.table}, one row per {', '.join(plan.key)}{version}")
    for column in plan.identifiers:
        guessed = ", by its name" if column.name in plan.guessed else ""
        click.echo(f"{column.name} names people, as {column.id_type}{guessed}")
    for column in plan.columns:
        if column.is_hashed:
            click.echo(
                f"{column.name} is stored as {column.kind}; if it is of the person of the row, say "
                f"--identifier {column.name}={column.kind}"
            )
    if plan.has_events:
        click.echo(f"{plan.time} is the time of an event")
    elif not plan.identifiers:
        click.echo("no column names people: nothing of it gets into the identity graph")
    for column_name in plan.left_out:
        click.echo(f"{column_name} is stored, but is no name of a column in SQL: not in the models")
    for verb, files in (("wrote", written.new), ("added to", written.changed)):
        for file in files:
            click.echo(f"{verb} {file}")
    for file, what in written.by_hand.items():
        click.echo(f"{file} has a shape of its own; {what}", err=True)
    click.echo(f"put files into DIR/{name}/; next:\n  onecdp run")
