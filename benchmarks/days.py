"""What a day costs: first runs, runs with nothing new, days of new rows, held to their goals.

    python benchmarks/days.py --data ../shared/data/online_retail_ii/year_2010_2011.csv.gz
    python benchmarks/days.py --only shop --customers 20000 --repeat 1 --against 4dac0b3

Every run is the whole `onecdp run` in a process of its own, from the first import to the published
file, in a project as `onecdp init` makes it. Seconds are medians of `--repeat` runs. Memory is the
highest peak of the largest process. `start` among the stages is what no stage counts.

    sample   30 rows: first run and nothing new, as multiples of `dbt --version`
    shop     a generated shop: first run, nothing new, nothing new on the next date, a day of 0.3 %
             new rows in every source with merges, splits and late events, full refresh
    links    links of an ID graph: first run, nothing new, a day of 10,000 new links, full refresh
    year     the real year of retail: first run, beside the same marts by hand in plain SQL
    history  the shop's day where the same customers did 1, 2 and 4 times as much before it

A goal of "times cheaper" is held to `onecdp run --full-refresh`, which loads nothing again, and to
the first run, which loads everything. All of it takes hours; `--only` chooses.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from pathlib import Path

from days_parts.running import Line, worktrees
from days_parts.scenarios import (
    Bench,
    measure_history,
    measure_links,
    measure_sample,
    measure_shop,
    measure_year,
)
from rich.console import Console

SCENARIOS = ("sample", "shop", "links", "year", "history")
YEAR = "online_retail_ii/year_2010_2011.csv.gz"
# What CI has time for; the others run by `--tiny --only`.
TINY = ("shop",)
TINY_CUSTOMERS, TINY_LINKS = 500, 2_000


def main() -> None:
    """Reads the arguments, measures, prints."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", default="", metavar="A,B",
                        help=f"some of {','.join(SCENARIOS)}; all by default")  # fmt: skip
    parser.add_argument("--customers", type=int, default=200_000, help="of the shop")
    parser.add_argument("--history-customers", type=int, default=50_000,
                        help="of the shop whose history grows")  # fmt: skip
    parser.add_argument("--links", type=int, default=10_000_000)
    parser.add_argument("--data", type=Path, metavar="FILE",
                        help="the real year; by default that of ONECDP_TEST_DATA")  # fmt: skip
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--against", action="append", default=[], metavar="COMMIT",
                        help="the shop's first run with the code of this commit, too")  # fmt: skip
    parser.add_argument("--tiny", action="store_true", help="a minute's work, for CI")
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    options = parser.parse_args()
    chosen = tuple(options.only.split(",")) if options.only else TINY if options.tiny else SCENARIOS
    if unknown := set(chosen) - set(SCENARIOS):
        parser.error(f"no scenario {', '.join(sorted(unknown))}; there are {', '.join(SCENARIOS)}")
    if options.repeat < 1:
        parser.error("at least one run is needed")
    if options.tiny:
        options.customers = options.history_customers = TINY_CUSTOMERS
        options.links, options.repeat, options.data = TINY_LINKS, 1, None
    elif "year" in chosen:
        options.data = options.data or _year_of_the_tests(parser)

    with tempfile.TemporaryDirectory(prefix="days-") as scratch:
        folder = Path(scratch)
        with worktrees(options.against, folder) as trees:
            bench = Bench(
                folder=folder,
                line=Line.made(folder / "project"),
                repeat=options.repeat,
                is_tiny=options.tiny,
                against={
                    commit: Line.made(folder / f"project-{n}", tree)
                    for n, (commit, tree) in enumerate(trees.items())
                },
            )
            work = {
                "sample": lambda: measure_sample(bench),
                "shop": lambda: measure_shop(bench, options.customers),
                "links": lambda: measure_links(bench, options.links),
                "year": lambda: measure_year(bench, options.data),
                "history": lambda: measure_history(bench, options.history_customers),
            }
            for name in chosen:
                print(f"measuring: {name}", file=sys.stderr, flush=True)
                work[name]()
    if options.json:
        print(json.dumps(bench.findings.document()))
        return
    bench.findings.print(Console(width=120))


def _year_of_the_tests(parser: argparse.ArgumentParser) -> Path:
    folder = os.environ.get("ONECDP_TEST_DATA")
    file = Path(folder) / YEAR if folder else None
    if file is None or not file.is_file():
        parser.error(f"the year needs --data FILE, or ONECDP_TEST_DATA with {YEAR}")
    return file


if __name__ == "__main__":
    main()
