"""`onecdp sql`."""

from __future__ import annotations

from pathlib import Path

import click

from onecdp.cli.options import in_project, json_option, open_project


@click.command()
@click.argument("query")
@click.option(
    "--private", is_flag=True, help="Query the private build file, not the published one."
)
@json_option
@in_project
def sql(
    query: str, private: bool, as_json: bool, project_dir: Path | None, warehouse: Path | None
) -> None:
    """Run one read-only SQL query on the published marts.

    No other file is read or written.

    \b
    onecdp sql "select rfm_segment, count(*) from customer_segments group by all"
    """
    project = open_project(project_dir, warehouse)
    from onecdp.audiences import sql_functions as bitmaps
    from onecdp.cli.output import SHOWN_ROWS, print_json, print_rows
    from onecdp.identity.graph_service import sql_functions as id_graph
    from onecdp.warehouse.query import run_query

    file = project.warehouse.build_file if private else project.warehouse.marts_file
    columns, rows = run_query(file, query, (*bitmaps.functions(), *id_graph.functions()))
    if as_json:
        print_json([dict(zip(columns, row, strict=True)) for row in rows])
        return
    print_rows(columns, rows[:SHOWN_ROWS])
    if len(rows) > SHOWN_ROWS:
        click.echo(f"the first {SHOWN_ROWS:,} of {len(rows):,} rows; --json gives all", err=True)
