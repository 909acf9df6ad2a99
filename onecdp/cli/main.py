"""The `onecdp` command: its group, and the commands registered in it."""

from __future__ import annotations

from typing import Any

import click

from onecdp import __version__
from onecdp.cli.audience import audience
from onecdp.cli.check import check
from onecdp.cli.collect import collect
from onecdp.cli.deliver import deliver
from onecdp.cli.forget import forget
from onecdp.cli.generate import generate
from onecdp.cli.history import history
from onecdp.cli.identity import explain, identity
from onecdp.cli.live import live
from onecdp.cli.project import deps, docs, init
from onecdp.cli.run import audit, build, ingest, publish, run
from onecdp.cli.serve import serve, serve_key
from onecdp.cli.source import source
from onecdp.cli.sql import sql
from onecdp.errors import OnecdpError, Stopped


class _Group(click.Group):
    """Shows a user's mistake, and Ctrl-C, as one line, never as a traceback."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except OnecdpError as error:
            click.echo(f"onecdp: {error}", err=True)
            ctx.exit(error.exit_code)
        except KeyboardInterrupt:
            # Publishing is atomic, and the last step of every command but `forget`, which reports
            # Ctrl-C itself.
            click.echo("onecdp: stopped; nothing was published", err=True)
            ctx.exit(Stopped.exit_code)


@click.group(cls=_Group, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="onecdp")
def main() -> None:
    """A customer data platform that one person can run.

    \b
    onecdp init my-cdp && cd my-cdp
    onecdp run --data exports/

    \b
    Exit codes: 0 all fine; 1 failed, nothing published; 2 wrong usage;
    3 published, some rows quarantined; 4 published, some files not read;
    130 stopped with Ctrl-C, nothing published.
    `forget` may publish and end with 1 or 130; it then says what to do.
    """


for command in (
    run,
    check,
    ingest,
    build,
    audit,
    publish,
    collect,
    live,
    serve,
    serve_key,
    deliver,
    deps,
    docs,
    init,
    source,
    generate,
    sql,
    explain,
    forget,
    history,
    identity,
    audience,
):
    main.add_command(command)
