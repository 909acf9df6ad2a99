"""`onecdp serve` and `onecdp serve-key`."""

from __future__ import annotations

import os
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

import click

from onecdp.cli.options import in_project, open_project
from onecdp.errors import OnecdpError

if TYPE_CHECKING:
    from starlette.applications import Starlette


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, metavar="ADDRESS",
              help="Listen on this address; 0.0.0.0 is all of this machine.")  # fmt: skip
@click.option("--port", type=click.IntRange(0, 65535), default=8001, show_default=True,
              metavar="PORT", help="Listen on this port; 0 takes a free one.")  # fmt: skip
@click.option("--collect", is_flag=True,
              help="Also take events, as `onecdp collect` does, in this process.")  # fmt: skip
@click.option("--data", type=click.Path(path_type=Path, file_okay=False), metavar="DIR",
              help="With --collect: where events are written. Needed unless [collector.kafka] "
              "names a broker.")  # fmt: skip
@in_project
def serve(
    host: str, port: int, collect: bool, data: Path | None, project_dir: Path | None,
    warehouse: Path | None,
) -> None:  # fmt: skip
    """Answer over HTTP who a customer is, what is known, and in which audiences.

    Runs until SIGTERM or Ctrl-C, and changes to a new publication by itself. It reads the online
    store, which `onecdp publish` keeps with online_store = true below [serving] in
    .dlt/config.toml, and needs a key: `onecdp serve-key`. /docs describes the API.

    \b
    onecdp serve
    onecdp serve --host 0.0.0.0 --port 8080
    onecdp serve --collect --data exports/
    """
    if data and not collect:
        raise click.UsageError("--data is where --collect writes events; it goes with it")
    project = open_project(project_dir, warehouse)
    try:
        from onecdp.serving.server import serve as run
    except ModuleNotFoundError as error:
        if (error.name or "").split(".")[0] not in ("starlette", "uvicorn"):
            raise
        raise OnecdpError(
            "`onecdp serve` needs more packages: pip install 'onecdp[server]'"
        ) from None
    from onecdp.serving.settings import read_settings

    settings = read_settings(project.folder, project.warehouse, os.environ)
    with _collector(project.folder, data) if collect else nullcontext() as collector:
        run(settings, host, port, lambda text: click.echo(text, err=True), collector)


def _collector(project: Path, data: Path | None) -> AbstractContextManager[Starlette]:
    from onecdp.collector.server import collecting
    from onecdp.collector.settings import read_settings
    from onecdp.collector.tracking_plan import read_plan

    plan = read_plan(project / "seeds" / "tracking_plan.csv")
    return collecting(data and data.resolve(), read_settings(project, os.environ), plan)


@click.command("serve-key")
@click.argument("name")
@click.option("--scope", "scopes", multiple=True, required=True, metavar="SCOPE",
              help="What the key may ask; can be repeated.")  # fmt: skip
@click.option("--field", "fields", multiple=True, metavar="FIELD",
              help="A column of profiles that it may see, or audiences; can be repeated. "
              "[default: all]")  # fmt: skip
@click.option("--rate", type=click.FloatRange(min=0, min_open=True), metavar="N",
              help="Requests per second. [default: 200]")  # fmt: skip
@click.option("--tenant", metavar="TENANT", help="Of another warehouse in [serving.tenants].")
@click.option("--project-dir", type=click.Path(path_type=Path), metavar="DIR",
              help="The project. [default: the one that the current folder is in]")  # fmt: skip
def serve_key(
    name: str, scopes: tuple[str, ...], fields: tuple[str, ...], rate: float | None,
    tenant: str | None, project_dir: Path | None,
) -> None:  # fmt: skip
    """Make a key for the API: print it, and add its hash to .dlt/secrets.toml.

    The key is printed once and stored nowhere. `onecdp serve` takes it from its next start.

    \b
    onecdp serve-key website --scope profiles:read --scope audiences:read --field level
    """
    project = open_project(project_dir, None)
    from onecdp.serving.key_file import add_key

    added = add_key(project.folder, os.environ, name, scopes, fields or None, rate, tenant)
    click.echo(f"added [{added.section}] to {added.file}; the key is shown only now", err=True)
    click.echo(added.key)
