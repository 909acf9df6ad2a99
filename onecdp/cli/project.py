"""The commands on the project itself: deps, init."""

from __future__ import annotations

import shlex
from pathlib import Path

import click

from onecdp.cli.options import in_project, open_project


@click.command()
@in_project
def deps(project_dir: Path | None, warehouse: Path | None) -> None:
    """Install the dbt packages, or a stand-in where the hub can't be reached.

    \b
    onecdp deps
    """
    project = open_project(project_dir, warehouse)
    from onecdp.cli.progress import progress
    from onecdp.project.dbt_packages import install

    with progress() as shown:
        install(project, shown)


@click.command()
@click.argument("folder", type=click.Path(path_type=Path), metavar="DIR")
def init(folder: Path) -> None:
    """Make a new project: models, tests and ingestion for you to own.

    \b
    onecdp init my-cdp
    """
    from onecdp.project.scaffold import scaffold

    scaffold(folder)
    click.echo(f"made a project in {folder}; next:\n  cd {shlex.quote(str(folder))}\n  onecdp run")
