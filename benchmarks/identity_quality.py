"""Measures the quality of the ID map: precision and recall on a generated shop with known truth.

    python benchmarks/identity_quality.py --customers 200000

A pair of identifiers is right if both belong to one person and have the same one_id. Precision is
the share of right pairs among the pairs with the same one_id, recall among the pairs of one person.
An identifier that is not in the map counts as a cluster of its own.

Only identifiers of exactly one person are counted. Those of several people (tills, family tablets,
reassigned numbers, shared mailboxes) have a table of their own.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from quality_parts.comparison import Quality, compare

# Exit code 3: some rows were quarantined, as the generator intends.
_PUBLISHED = (0, 3)


def report(quality: Quality) -> None:
    """Prints the measures."""
    print(
        f"{quality.identifiers:,} identifiers of {quality.people:,} people "
        f"have {quality.clusters:,} one_ids"
    )
    print(f"precision {quality.precision:.6f}  ({quality.right:,} of {quality.joined:,} pairs)")
    print(f"recall    {quality.recall:.6f}  ({quality.right:,} of {quality.true:,} pairs)")
    print(f"f1        {quality.f1:.6f}")
    if quality.absent or quality.invented:
        print(f"not in the map: {quality.absent:,}; not in the truth: {quality.invented:,}")
    for title, table in (
        ("missed pairs by trait of the person", quality.misses),
        ("wrong pairs by cause", quality.false_merges),
        ("identifiers of several people by cluster", quality.shared),
    ):
        print(f"\n{title}:")
        if not table.rows:
            print("  none")
            continue
        cells = [table.names, *(tuple(_cell(v) for v in row) for row in table.rows)]
        widths = [max(len(row[place]) for row in cells) for place in range(len(table.names))]
        for row in cells:
            numbers = [cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True)]
            print("  " + "  ".join([row[0].ljust(widths[0]), *numbers]))


def _cell(value: object) -> str:
    return f"{value:,}" if isinstance(value, int) else str(value)


def onecdp(folder: Path, *arguments: str) -> tuple[str, float, float]:
    """Runs a command; returns its output, seconds, and peak memory in GiB."""
    started = time.perf_counter()
    command = [sys.executable, "-m", "onecdp", *arguments]
    with subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        printed = process.stdout.read()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode not in _PUBLISHED:
        sys.exit(f"onecdp {arguments[0]} ended with {process.returncode}\n{printed}")
    return printed, time.perf_counter() - started, usage.ru_maxrss / 2**20


def main() -> None:
    """Generates a shop, runs the pipeline, compares the map with the truth, prints the measures."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--customers", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--tiny", action="store_true", help="300 customers")
    options = parser.parse_args()
    customers = 300 if options.tiny else options.customers

    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        onecdp(folder, "init", "project")
        named = ("--customers", str(customers), "--seed", str(options.seed))
        _, seconds, memory = onecdp(folder, "generate", *named, "shop")
        print(f"generate: {customers:,} customers, {seconds:.1f} s, {memory:.2f} GiB")
        run = ("run", "--data", "../shop", "--as-of", "2026-01-12", "--json")
        printed, seconds, memory = onecdp(folder / "project", *run)
        stages = json.loads(printed)["seconds"]
        parts = ", ".join(f"{stage} {spent:.1f}" for stage, spent in stages.items())
        print(f"run: {seconds:.1f} s ({parts}), {memory:.2f} GiB")
        report(compare(folder / "shop" / "truth", folder / "project/warehouse/marts.duckdb"))


if __name__ == "__main__":
    main()
