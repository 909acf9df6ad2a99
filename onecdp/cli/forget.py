"""`onecdp forget`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from onecdp.cli.options import as_of_option, in_project, json_option, open_project, wait_option
from onecdp.errors import Stopped, UsageProblem

if TYPE_CHECKING:
    from datetime import date

    from onecdp.pipeline.forget import Forgotten, Plan


@click.command()
@click.argument("identifier", metavar="ID_TYPE:VALUE")
@click.option("--yes", is_flag=True, help="Erase without confirmation.")
@click.option("--dry-run", is_flag=True, help="Show what would be erased; erase nothing.")
@as_of_option
@wait_option
@json_option
@in_project
def forget(
    identifier: str, yes: bool, dry_run: bool, as_of: date | None, wait: int, as_json: bool,
    project_dir: Path | None, warehouse: Path | None,
) -> None:  # fmt: skip
    """Permanently erase a person, given any of their current identifiers.

    Removes every identifier of the person from all tables and files of the warehouse, and from
    later loads. Sales are kept without a customer. After an interruption, run the same command
    again to finish.

    An e-mail address or a phone number may be plain, as email:bob@example.com or
    phone:+8613800138000.

    Exit code 1 means that the command failed, or that the person is erased and published and some
    columns, which it lists, still hold values of the person.

    \b
    onecdp forget member_id:MBR001 --dry-run
    """
    project = open_project(project_dir, warehouse)
    from onecdp.cli import output
    from onecdp.cli.progress import progress
    from onecdp.pipeline import Context
    from onecdp.pipeline.forget import document
    from onecdp.pipeline.forget import forget as erase

    planned: list[Plan] = []

    def confirm(plan: Plan) -> bool:
        planned.append(plan)
        if dry_run:
            return False
        if yes:
            return True
        _show(plan)
        try:
            return click.confirm("erase this person for good?", err=True)
        except click.Abort:
            raise UsageProblem(
                "nothing was erased: no confirmation; use --yes to skip the question"
            ) from None

    try:
        with progress(is_live=dry_run or yes) as shown:
            done = erase(Context(project, shown, wait), identifier, confirm=confirm, as_of=as_of)
    except KeyboardInterrupt:
        if dry_run:
            raise Stopped("stopped; nothing was erased") from None
        raise Stopped("stopped; run the same command again to finish the erasure") from None
    if done.status == "planned":
        done = type(done)("planned", planned[0])
    if as_json:
        output.print_json(document(done))
    else:
        _print(done, dry_run)
    sys.exit(1 if done.leftovers else 0)


def _show(plan: Plan) -> None:
    for id_type, value in plan.identifiers:
        click.echo(f"{id_type:<20}{value}", err=True)
    for removal in plan.removals:
        click.echo(f"{removal.table:<48}{removal.rows:>8,}  {removal.what}", err=True)


def _print(done: Forgotten, dry_run: bool) -> None:
    if done.status == "planned":
        if dry_run:
            _show(done.plan)
        click.echo("nothing was erased")
        return
    if done.status == "already":
        click.echo("was erased before; nothing to do")
        return
    if done.plan.identifiers:
        rows = sum(removal.rows for removal in done.plan.removals)
        click.echo(f"erased {len(done.plan.identifiers):,} identifiers, {rows:,} rows touched")
    else:
        click.echo("finished the erasure that was interrupted")
    if done.plan.data_files:
        click.echo(
            f"your own files still hold the person: {', '.join(done.plan.data_files)};"
            " loading them again does not restore the person"
        )
    for column in done.leftovers:
        click.echo(f"still holds the person: {column}; empty it, then run this again", err=True)
    if done.published:
        click.echo(f"published {done.published.tables} tables: {done.published.file}")
