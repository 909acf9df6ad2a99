"""The commands on the ID map: explain, identity report."""

from __future__ import annotations

import os
from pathlib import Path

import click

from onecdp.cli.options import in_project, json_option, open_project


@click.command()
@click.argument("left", metavar="A")
@click.argument("right", metavar="[B]", required=False)
@json_option
@in_project
def explain(
    left: str, right: str | None, as_json: bool, project_dir: Path | None, warehouse: Path | None
) -> None:
    """Show the identifiers and links of A's person, or why A and B are (not) the same person.

    A and B are ID_TYPE:VALUE in any spelling, or a one_id; an e-mail address or a phone number may
    be plain, as email:bob@example.com or phone:+8613800138000. Reads the private build file.

    \b
    onecdp explain member_id:MBR001
    onecdp explain member_id:MBR001 open_id:open_001
    """
    project = open_project(project_dir, warehouse)
    from onecdp.identity.explain import explain as ask
    from onecdp.project.personal_data import read_personal_data

    personal = read_personal_data(project.folder, os.environ)
    answer = ask(project.warehouse.build_file, left, right, personal=personal)
    if as_json:
        from onecdp.cli.output import print_json

        print_json(answer.document())
        return
    from onecdp.identity.explain import lines

    for line in lines(answer):
        click.echo(line)


@click.group()
def identity() -> None:
    """Look at the ID map as a whole.

    \b
    onecdp identity report
    """


@identity.command()
@json_option
@in_project
def report(as_json: bool, project_dir: Path | None, warehouse: Path | None) -> None:
    """Print sizes, shared values, refused links and bridges.

    A bridge is a link whose loss would split a person.

    Reads the private build file.

    \b
    onecdp identity report
    onecdp identity report --json
    """
    project = open_project(project_dir, warehouse)
    from onecdp.identity.report import report as read

    answer = read(project.warehouse.build_file)
    if as_json:
        from onecdp.cli.output import print_json

        print_json(answer.document())
        return
    from onecdp.identity.report import lines

    for line in lines(answer):
        click.echo(line)
