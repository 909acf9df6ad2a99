"""The daily job on a year of retail, beside the same marts by hand in plain DuckDB SQL.

    python benchmarks/real_year.py --data ../shared/data/online_retail_ii/year_2010_2011.csv.gz

The year is Online Retail II (D. Chen, UCI Machine Learning Repository, CC BY 4.0). By hand means:
no checks of the input, no quarantine, no tests, no history, no second run, one script; it is
there for scale. Both start in a process of their own; times are medians of `--repeat` runs, memory
is the peak of the process.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

BY_HAND = """
    create table lines as
    select *, row_number() over (partition by "Invoice" order by n) as line_number
    from (
        select *, row_number() over () as n
        from read_csv(getvariable('file'), all_varchar = true)
    );

    create table unified_events as
    select
        'retail:' || "Invoice" || ':' || line_number as event_id,
        regexp_replace("Customer ID", '[.]0$', '') as customer_id,
        case
            when "Invoice" like 'A%'
                or upper("StockCode") in ('POST', 'DOT', 'M', 'C2', 'D', 'S', 'BANK CHARGES',
                    'AMAZONFEE', 'CRUK', 'B') then 'adjustment'
            when "Invoice" like 'C%' or "Quantity"::bigint < 0 then 'return'
            else 'purchase'
        end as event_type,
        "StockCode" as item_id,
        "Quantity"::bigint as quantity,
        "Price"::decimal(18, 4) as item_price,
        "Quantity"::bigint * "Price"::decimal(18, 4) as revenue,
        "InvoiceDate"::timestamp as event_time,
        "Invoice" as order_id,
        "Country" as country
    from lines;

    create table id_map as
    select
        'ONE' || left(sha256('retail_customer_id:' || customer_id), 16) as one_id,
        row_number() over (order by min(event_time), customer_id) as one_int,
        customer_id,
        min(event_time) as first_seen,
        max(event_time) as last_seen
    from unified_events where customer_id is not null group by customer_id;

    create table customer_rfm as
    select
        one_id,
        date '2011-12-10' - max(event_time)::date as recency_days,
        count(distinct order_id) as frequency,
        sum(revenue) as monetary
    from unified_events inner join id_map using (customer_id)
    where event_type = 'purchase' group by one_id;

    create table customer_segments as
    select
        one_id,
        ntile(5) over (order by recency_days desc) as r_score,
        ntile(5) over (order by frequency) as f_score,
        case
            when recency_days <= 200 and frequency >= 2 and monetary >= 300 then 'Champions'
            when recency_days <= 600 and frequency >= 2 then 'Loyal Customers'
            when recency_days <= 600 then 'At Risk'
            when recency_days <= 2000 then 'Hibernating'
            else 'Lost'
        end as rfm_segment
    from customer_rfm;

    create table customer_profiles as
    select id_map.*, customer_rfm.* exclude (one_id), customer_segments.* exclude (one_id),
        arg_max(country, event_time) as country
    from id_map
    left join unified_events using (customer_id)
    left join customer_rfm using (one_id)
    left join customer_segments using (one_id)
    group by all;

    create table audience_lists as
    select rfm_segment as segment_tag, list(one_int order by one_int) as members
    from customer_profiles group by rfm_segment;
"""

CHILD = """
import sys, duckdb
database, file, script = sys.argv[1:]
with duckdb.connect(database) as connection:
    connection.execute("set variable file = $1", [file])
    connection.execute(script)
"""


def measure(command: list[str], folder: Path) -> tuple[float, float, str]:
    """Runs a command and returns its wall seconds, its peak memory in GiB, and what it printed."""
    started = time.perf_counter()
    process = subprocess.Popen(
        command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    assert process.stdout is not None
    printed = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        sys.exit(f"{' '.join(command)} ended with {process.returncode}\n{printed}")
    return time.perf_counter() - started, usage.ru_maxrss / 2**20, printed


def write_small_file(file: Path) -> None:
    """A shop of the same shape: 2,000 lines, 200 customers."""
    draw = random.Random(7)
    lines = ["Invoice,StockCode,Description,Quantity,InvoiceDate,Price,Customer ID,Country"]
    for number in range(2_000):
        invoice = 500_000 + number // 8
        when = f"2011-{invoice % 12 + 1:02}-{invoice % 28 + 1:02} 10:00:00"
        price = draw.randrange(10, 2_000) / 100
        customer = 12_000 + invoice % 200
        lines.append(
            f"{invoice},{20_000 + draw.randrange(900)},thing,{draw.randrange(1, 12)},"
            f"{when},{price},{customer}.0,France"
        )
    file.write_text("\n".join(lines) + "\n")


def main() -> None:
    """Prints a line a design, and the daily job's seconds per stage."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--data", type=Path, help="a retail file; a small one is made by default")
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--tiny", action="store_true", help="a small file, once")
    options = parser.parse_args()
    repeat = 1 if options.tiny else options.repeat

    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        onecdp = [sys.executable, "-m", "onecdp"]
        measure([*onecdp, "init", "project"], folder)
        project = folder / "project"
        # Installed and warm: packages are there, and dbt has parsed the project once.
        measure([*onecdp, "run", "--warehouse", str(folder / "first")], project)
        retail = project / "data" / "retail"
        retail.mkdir(parents=True)
        if options.data is None or options.tiny:
            write_small_file(retail / "small.csv")
        else:
            (retail / options.data.name).symlink_to(options.data.resolve())
        (file,) = retail.iterdir()

        ours, hand = [], []
        for number in range(repeat):
            warehouse = str(folder / f"warehouse{number}")
            run = ["run", "--data", "data", "--as-of", "2011-12-10", "--warehouse", warehouse]
            ours.append(measure([*onecdp, *run, "--json"], project))
            database = str(folder / f"hand{number}.duckdb")
            hand.append(
                measure([sys.executable, "-c", CHILD, database, str(file), BY_HAND], folder)
            )

        reports = [json.loads(printed) for _, _, printed in ours]
        stages = {
            stage: statistics.median(report["seconds"][stage] for report in reports)
            for stage in reports[0]["seconds"]
        }
        rows = sum(source["rows_loaded"] for source in reports[0]["sources"])
        print(f"{file.name}: {rows:,} lines loaded, median of {repeat}")
        print(f"{'':28} {'seconds':>8} {'peak GiB':>9}")
        for name, runs in (("onecdp run", ours), ("plain SQL by hand", hand)):
            seconds = statistics.median(run[0] for run in runs)
            memory = statistics.median(run[1] for run in runs)
            print(f"{name:28} {seconds:8.1f} {memory:9.2f}")
        print("onecdp run by stage: " + ", ".join(f"{k} {v:.1f} s" for k, v in stages.items()))


if __name__ == "__main__":
    main()
