"""`onecdp deliver`."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from onecdp.cli.options import in_project, json_option, open_project
from onecdp.errors import OnecdpError, Stopped, UsageProblem

if TYPE_CHECKING:
    from collections.abc import Sequence

_FORMATS = click.Choice(["csv", "parquet", "jsonl"])
_PLATFORMS = click.Choice(["meta", "google", "tiktok"])


@click.command()
@click.argument("packages", nargs=-1, metavar="[PACKAGE]...")
@click.option("--profiles", is_flag=True, help="Deliver all customers, as customer_profiles.")
@click.option("--to", metavar="DESTINATION", help="A name of the settings, a folder or an address.")
@click.option("--format", "file_format", type=_FORMATS, help="Of files. [default: csv]")
@click.option("--for", "platform", type=_PLATFORMS, help="A file for this advertising platform.")
@click.option("--diff", is_flag=True, help="Files of what changed since the last delivery only.")
@click.option("--full", is_flag=True, help="Send everything; the target gets equal to the mart.")
@click.option("--dry-run", is_flag=True, help="Count what would be sent; send nothing.")
@click.option("--history", is_flag=True, help="Show what was delivered.")
@json_option
@in_project
def deliver(
    packages: tuple[str, ...], profiles: bool, to: str | None, file_format: str | None,
    platform: str | None, diff: bool, full: bool, dry_run: bool, history: bool, as_json: bool,
    project_dir: Path | None, warehouse: Path | None,
) -> None:  # fmt: skip
    """Send packages, or all profiles, to a database, files or a webhook.

    It sends what the published marts have. Databases and webhooks get the rows that changed since
    the last delivery there, and the keys of those that are gone. After an interruption, run the
    same command again.

    A package whose rule failed in the last build is left there as it was: the others are delivered,
    and the exit code is 1.

    Exit code 3 means that the destination refused some rows: they are in dead-letters/ of the
    warehouse, and are sent again with the next delivery.

    \b
    onecdp deliver PKG001 PKG002 --to ./exports --format parquet
    onecdp deliver --profiles --to shop_db
    onecdp deliver PKG001 --for meta --diff --to s3://bucket/audiences
    onecdp deliver --history
    """
    project = open_project(project_dir, warehouse)
    if history:
        from onecdp.destinations.receipts import read_receipts

        _print(read_receipts(project.warehouse), as_json, with_details=False)
        return
    if profiles == bool(packages):
        raise UsageProblem("name packages, or --profiles; `onecdp deliver --help` has examples")
    if to is None:
        raise UsageProblem("--to is missing: a name of the settings, a folder or an address")
    from onecdp.cli.progress import progress
    from onecdp.destinations.deliver import FailedPackages, Order
    from onecdp.destinations.deliver import deliver as send
    from onecdp.destinations.kinds import find_target
    from onecdp.destinations.selection import PROFILES
    from onecdp.project.settings import read_section

    match = read_section(project.folder, "customer_match", os.environ) if platform else {}
    if PROFILES in packages:
        raise UsageProblem(f"no package can be called {PROFILES}; for all customers use --profiles")
    order = Order(
        packages or (PROFILES,), platform, _phone_hash(match), is_whole=full, is_dry=dry_run
    )
    target = find_target(
        project,
        os.environ,
        to,
        file_format=file_format,
        is_diff=diff,
        is_for_platform=bool(platform),
    )
    try:
        with progress() as shown:
            receipts = send(project.warehouse, order, target, shown)
    except KeyboardInterrupt:
        raise Stopped("stopped; run the same command again") from None
    except FailedPackages as error:
        if error.receipts or as_json:
            _print(error.receipts, as_json, with_details=True)
        raise
    _print(receipts, as_json, with_details=True)
    sys.exit(3 if any(receipt["rows_refused"] for receipt in receipts) else 0)


def _phone_hash(match: dict[str, Any]) -> str:
    from onecdp.destinations.customer_match import PHONE_HASHES

    said = match.get("phone_hash", PHONE_HASHES[0])
    if said not in PHONE_HASHES:
        takes = " or ".join(PHONE_HASHES)
        raise UsageProblem(f"customer_match.phone_hash is {said!r}; it takes {takes}")
    return str(said)


def _print(receipts: Sequence[dict[str, Any]], as_json: bool, *, with_details: bool) -> None:
    from onecdp.cli import output

    if as_json:
        output.print_json(receipts)
        return
    if not receipts:
        raise OnecdpError("nothing was delivered yet")
    names = ["inserted", "updated", "deleted", "unchanged"]
    if any(receipt["rows_refused"] for receipt in receipts):
        names.append("refused")
    console = output.make_console()
    table = output.make_table(("delivered (UTC)", "what", "to"), names)
    for receipt in receipts:
        at, platform = receipt["delivered_at"], receipt["platform"]
        table.add_row(
            f"{at:%Y-%m-%d %H:%M}" if at else "not sent",
            f"{receipt['what']} for {platform}" if platform else receipt["what"],
            receipt["destination"],
            *(f"{receipt[f'rows_{name}']:,}" for name in names),
        )
    console.print(table)
    for receipt in receipts if with_details else ():
        for file in receipt["details"].pop("files", ()):
            console.print(f"{file['file']}: {file['rows']:,} rows", soft_wrap=True)
        for name, count in receipt["details"].items():
            what = name.replace("_", " ")
            console.print(f"{receipt['what']}: {what}, no SHA-256: {count:,}", soft_wrap=True)
