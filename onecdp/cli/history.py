"""The commands on the history of profiles: history trim."""

from __future__ import annotations

from pathlib import Path

import click

from onecdp.cli.options import in_project, json_option, open_project, wait_option


@click.group()
def history() -> None:
    """Look after the history of profiles.

    \b
    onecdp history trim --dry-run
    """


@history.command()
@click.option("--dry-run", is_flag=True, help="Show what would be deleted; delete nothing.")
@wait_option
@json_option
@in_project
def trim(
    dry_run: bool, wait: int, as_json: bool, project_dir: Path | None, warehouse: Path | None
) -> None:
    """Delete the history that is older than profile_history_days (dbt_project.yml).

    Each build leaves it out of customer_profiles_daily and what is made of it; this deletes the
    rows beneath, from the private file. Published tables stay as they are.

    \b
    onecdp history trim --dry-run
    onecdp history trim
    """
    project = open_project(project_dir, warehouse)
    from onecdp.cli import output
    from onecdp.cli.progress import progress
    from onecdp.pipeline import Context
    from onecdp.pipeline.history import trim_history

    with progress() as shown:
        done = trim_history(Context(project, shown, wait), dry_run=dry_run)
    if as_json:
        first_day = done.first_day and done.first_day.isoformat()
        output.print_json({**vars(done), "first_day": first_day, "is_dry_run": dry_run})
        return
    click.echo(
        f"{'would delete' if dry_run else 'deleted'} {done.days:,} days and {done.versions:,}"
        f" versions of profiles; the history begins on {done.first_day}"
    )
