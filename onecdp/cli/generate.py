"""`onecdp generate`."""

from __future__ import annotations

import shlex
from pathlib import Path

import click

from onecdp.cli.options import json_option


@click.command()
@click.argument("out", type=click.Path(path_type=Path), metavar="OUT")
@click.option("--customers", type=int, required=True, metavar="N", help="How many people.")
@click.option("--seed", type=int, default=1, show_default=True, metavar="S",
              help="The same seed gives the same bytes.")  # fmt: skip
@json_option
def generate(out: Path, customers: int, seed: int, as_json: bool) -> None:
    """Write a made-up shop's files, and who is who in OUT/truth/.

    The truth is never loaded: measure the ID map against it.

    \b
    onecdp generate --customers 2000 --seed 7 shop/
    onecdp run --data shop/ --warehouse shop-warehouse/
    """
    from onecdp.cli.output import print_json
    from onecdp.cli.progress import progress
    from onecdp.generate import generate as write

    with progress() as shown:
        generated = write(out, customers, seed, shown.update)
    if as_json:
        print_json(generated.document())
        return
    for source, tally in generated.sources.items():
        click.echo(f"{source}: {tally.rows:,} rows")
    warehouse = out.with_name(f"{out.name}-warehouse")
    command = shlex.join(["onecdp", "run", "--data", str(out), "--warehouse", str(warehouse)])
    click.echo(f"made a shop in {out}; next:\n  {command}")
