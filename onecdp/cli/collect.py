"""`onecdp collect`."""

from __future__ import annotations

import os
from pathlib import Path

import click

from onecdp.cli.options import open_project
from onecdp.errors import OnecdpError


@click.command()
@click.option(
    "--data",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    help="Where events are written: the folder that `onecdp ingest --data` reads. "
    "Needed unless [collector.kafka] names a broker.",
)
@click.option("--host", default="127.0.0.1", show_default=True, metavar="ADDRESS",
              help="Listen on this address; 0.0.0.0 is all of this machine.")  # fmt: skip
@click.option("--port", type=click.IntRange(0, 65535), default=8000, show_default=True,
              metavar="PORT", help="Listen on this port; 0 takes a free one.")  # fmt: skip
@click.option("--project-dir", type=click.Path(path_type=Path), metavar="DIR",
              help="The project. [default: the one that the current folder is in]")  # fmt: skip
def collect(data: Path | None, host: str, port: int, project_dir: Path | None) -> None:
    """Take events over HTTP, from Segment's and RudderStack's SDKs and from signed webhooks.

    Runs until SIGTERM or Ctrl-C. An event is acknowledged when it is durable, and `onecdp ingest`
    loads it when its file is closed, after a minute by default. [collector.kafka] sends them to
    topics instead. Write keys are in .dlt/secrets.toml (docs/collector.md).

    \b
    onecdp collect --data exports/
    onecdp collect --data exports/ --host 0.0.0.0 --port 8080
    """
    project = open_project(project_dir, None)
    try:
        from onecdp.collector.server import serve
    except ModuleNotFoundError as error:
        if (error.name or "").split(".")[0] not in ("starlette", "uvicorn"):
            raise
        raise OnecdpError(
            "`onecdp collect` needs more packages: pip install 'onecdp[server]'"
        ) from None
    from onecdp.collector.settings import read_settings
    from onecdp.collector.tracking_plan import read_plan

    settings = read_settings(project.folder, os.environ)
    plan = read_plan(project.folder / "seeds" / "tracking_plan.csv")
    serve(
        data and data.resolve(), settings, plan, host, port, lambda text: click.echo(text, err=True)
    )
