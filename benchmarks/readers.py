"""What live readers cost: rows into a raw table, beside the plain clients that only read.

    python benchmarks/readers.py
    python benchmarks/readers.py --reader postgresql --rows 1000000

Servers run on loopback, with data folders of their own, where the machine has them. Each load is a
process of its own; seconds are without its start. A ratio of seconds is the inverse of that of rows
a second.

    mariadb      `sql`: a table by a cursor, and a day of 1,000 changes; `binlog`: a snapshot, and
                 changes of a tenth of the rows
    postgresql   `sql`, likewise
    kafka        a topic of one partition, beside confluent-kafka alone and a file of the same lines
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path

from days_parts.report import Findings
from readers_parts.bench import Bench, Reader
from readers_parts.databases import measure_mariadb, measure_postgresql
from readers_parts.kafka import measure_kafka
from rich.console import Console
from support.sql_servers import NotInstalled

READERS: dict[str, Reader] = {
    "mariadb": measure_mariadb,
    "postgresql": measure_postgresql,
    "kafka": measure_kafka,
}


def main() -> None:
    """Reads the arguments, measures, prints."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--reader", action="append", choices=sorted(READERS), help="all by default")
    parser.add_argument("--rows", type=int, default=400_000, help="of the largest table")
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--tiny", action="store_true", help="some seconds' work, for CI")
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    options = parser.parse_args()
    if options.tiny:
        options.rows, options.repeat = 1_000, 1
    if options.rows < 100 or options.repeat < 1:
        parser.error("at least 100 rows and one run are needed")
    findings = Findings()
    with tempfile.TemporaryDirectory(prefix="readers-") as scratch:
        for name in options.reader or READERS:
            folder = Path(scratch) / name
            folder.mkdir()
            bench = Bench(folder, options.rows, options.repeat, options.tiny, findings)
            try:
                READERS[name](bench)
            except NotInstalled as missing:
                print(f"{name} is left out: {missing}", file=sys.stderr)
    if options.json:
        print(json.dumps(findings.document(), indent=2))
    else:
        findings.print(Console(width=120))


if __name__ == "__main__":
    main()
