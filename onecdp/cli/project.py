"""The commands on the project itself: deps, docs, init."""

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
@in_project
def docs(project_dir: Path | None, warehouse: Path | None) -> None:
    """Print a page on every mart: its question, its grain and its columns.

    \b
    onecdp docs > docs/marts.md
    """
    project = open_project(project_dir, warehouse)
    from onecdp.cli.progress import progress
    from onecdp.project import dbt_packages
    from onecdp.project.dbt import Dbt
    from onecdp.project.marts_page import marts_page

    with progress() as shown:
        dbt_packages.ensure(project, shown)
        manifest = Dbt(project, shown).manifest()
    click.echo(marts_page(manifest), nl=False)


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
