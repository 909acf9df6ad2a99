"""`onecdp live` and `onecdp live flink-sql`."""

from __future__ import annotations

import signal
import threading
from pathlib import Path
from types import FrameType

import click

from onecdp.cli.options import in_project, open_project

_FOLDER = click.Path(path_type=Path, file_okay=False)


@click.group(invoke_without_command=True)
@click.option(
    "--data",
    type=_FOLDER,
    metavar="DIR",
    help="The folder that `onecdp collect --data` writes to. "
    "Needed unless [collector.kafka] names a broker.",
)
@in_project
@click.pass_context
def live(
    ctx: click.Context, data: Path | None, project_dir: Path | None, warehouse: Path | None
) -> None:
    """Keep live features up to date: what people do now, for `onecdp serve`.

    Follows what `onecdp collect` writes, until SIGTERM or Ctrl-C, and can be started again at any
    time. seeds/live_features.csv says what is counted (docs/live.md). The rules of
    seeds/triggers.csv tell webhooks or topics who enters and who leaves (docs/triggers.md).

    \b
    onecdp collect --data exports/ &
    onecdp live --data exports/
    """
    if ctx.invoked_subcommand:
        if data or project_dir or warehouse:
            raise click.UsageError(f"put the options behind {ctx.invoked_subcommand}")
        return
    from onecdp import pipeline

    project = open_project(project_dir, warehouse)
    stop = threading.Event()

    def handle(_number: int, _frame: FrameType | None) -> None:
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, handle)
    pipeline.live(pipeline.Context(project), data and data.resolve(), stop, _tell)


@live.command("flink-sql")
@click.option("--feature", "features", multiple=True, metavar="NAME",
              help="Compute this one; can be repeated. [default: all that Flink can]")  # fmt: skip
@click.option("--to", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE",
              help="Write the statements there instead of printing them.")  # fmt: skip
@click.option("--data", type=_FOLDER, metavar="DIR",
              help="Read the closed files of this data folder once, instead of Kafka.")  # fmt: skip
@click.option("--out", type=_FOLDER, metavar="DIR",
              help="With --data: write the values into this folder.")  # fmt: skip
@in_project
def flink(
    features: tuple[str, ...], to: Path | None, data: Path | None, out: Path | None,
    project_dir: Path | None, warehouse: Path | None,
) -> None:  # fmt: skip
    """Print Flink SQL of seeds/live_features.csv, for more events than one machine reads.

    It reads the topic that [collector.kafka] names, and writes the topic live_features
    (docs/live.md). Passwords of the broker are not in it.

    \b
    onecdp live flink-sql --to live.sql
    onecdp live flink-sql --feature page_views_30m
    """
    if bool(data) != bool(out):
        raise click.UsageError("--data and --out go together")
    from onecdp import pipeline

    files = (data.resolve(), out.resolve()) if data and out else None
    context = pipeline.Context(open_project(project_dir, warehouse))
    script = pipeline.flink_script(context, features, files)
    for name, why in script.left_out.items():
        _tell(f"left out {name}: {why}")
    if to is None:
        click.echo(script.sql, nl=False)
        return
    try:
        to.write_text(script.sql, encoding="utf-8")
    except OSError as error:
        raise click.UsageError(f"{to} can't be written: {error.strerror}") from None
    _tell(f"wrote {to}")


def _tell(text: str) -> None:
    click.echo(text, err=True)
