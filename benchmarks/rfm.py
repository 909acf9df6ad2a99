"""RFM of a day of new rows: all customers again, the touched ones, or what the day adds.

    python benchmarks/rfm.py --events 50000000 --customers 4000000

In SQL the events are purchases and returns of integer customers, each an order of its own: that is
the cheapest full aggregate there is, so the ratios are no better than they are. Ways are timed in a
process of their own until committed, and once more with the checkpoint; the day's rows stand in the
stored events by then. All ways must give the same table after the last day.

    full        group all events by customer
    touched     group the events of the day's customers, out of all events in order of time
    clustered   the same out of events in order of customer, the days appended
    additive    add the day's own aggregate to the stored one

Through dbt the project's own models are run, from `int_customers__activity` to `customer_rfm`, on a
table that is put where `int_events__resolved` stands: events of all types with the product's text
ids. dbt's wall time is what a user waits for; the model's own time is beside it. What the days gave
must be what a full refresh gives.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path

from days_parts.report import Findings
from rfm_parts.in_sql import measure_sql, take_in
from rfm_parts.through_dbt import measure_dbt
from rich.console import Console

TINY = (200_000, 20_000, 500)
PARTS = ("sql", "dbt")


def main() -> None:
    """Reads the arguments, measures, prints."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--events", type=int, default=50_000_000)
    parser.add_argument("--customers", type=int, default=4_000_000)
    parser.add_argument("--rows", type=int, default=50_000, help="of a day")
    parser.add_argument("--repeat", type=int, default=3, help="how many days; at most 20")
    parser.add_argument("--only", choices=PARTS, help="one part; both by default")
    parser.add_argument("--tiny", action="store_true", help="some seconds' work, for CI")
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    parser.add_argument("--child", nargs=3, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        file, way, number = options.child
        print(json.dumps(take_in(Path(file), way, int(number))))
        return
    sizes: tuple[int, int, int] = (options.events, options.customers, options.rows)
    if options.tiny:
        sizes, options.repeat = TINY, 1
    repeat = options.repeat
    if min(sizes) < 100 or not 1 <= repeat <= 20:
        parser.error("at least 100 events, customers and rows, and 1 to 20 runs are needed")
    findings = Findings()
    work = {"sql": measure_sql, "dbt": measure_dbt}
    with tempfile.TemporaryDirectory(prefix="rfm-") as scratch:
        for part in [options.only] if options.only else PARTS:
            folder = Path(scratch) / part
            folder.mkdir()
            work[part](findings, folder, *sizes, repeat)
    if options.json:
        print(json.dumps(findings.document()))
        return
    events, customers, rows = sizes
    print(f"{events:,} events, {customers:,} customers, days of {rows:,} rows, median of {repeat}")
    findings.print(Console(width=120))


if __name__ == "__main__":
    main()
