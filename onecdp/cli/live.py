"""`onecdp live`."""

from __future__ import annotations

import signal
import threading
from pathlib import Path
from types import FrameType

import click

from onecdp.cli.options import in_project, open_project


@click.command()
@click.option(
    "--data",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    help="The folder that `onecdp collect --data` writes to. "
    "Needed unless [collector.kafka] names a broker.",
)
@in_project
def live(data: Path | None, project_dir: Path | None, warehouse: Path | None) -> None:
    """Keep live features up to date: what people do now, for `onecdp serve`.

    Follows what `onecdp collect` writes, until SIGTERM or Ctrl-C, and can be started again at any
    time. seeds/live_features.csv says what is counted (docs/live.md). The rules of
    seeds/triggers.csv tell webhooks or topics who enters and who leaves (docs/triggers.md).

    \b
    onecdp collect --data exports/ &
    onecdp live --data exports/
    """
    from onecdp import pipeline

    project = open_project(project_dir, warehouse)
    stop = threading.Event()

    def handle(_number: int, _frame: FrameType | None) -> None:
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, handle)
    pipeline.live(pipeline.Context(project), data and data.resolve(), stop, _tell)


def _tell(text: str) -> None:
    click.echo(text, err=True)
