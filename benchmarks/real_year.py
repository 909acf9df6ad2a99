"""The daily job on a year of retail, beside the same marts by hand in plain DuckDB SQL.

    python benchmarks/real_year.py --data ../shared/data/online_retail_ii/year_2010_2011.csv.gz
    python benchmarks/real_year.py --data year_2010_2011.csv.gz --page > docs/real-year.md

The year is Online Retail II (D. Chen, UCI Machine Learning Repository, CC BY 4.0). By hand means:
no checks of the input, no quarantine, no tests, no history, no second run, one script; it is
there for scale. Both start in a process of their own; times are medians of `--repeat` runs, memory
is the peak of the process.
"""

from __future__ import annotations

import argparse
import random
import statistics
import sys
import tempfile
from pathlib import Path

from days_parts.running import Finished, measure, median, rows_loaded
from real_year_parts.page import real_year_page

AS_OF = "2011-12-10"
ONECDP = [sys.executable, "-m", "onecdp"]

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


def retail_folder(folder: Path, data: Path | None) -> Path:
    """Makes a folder of data with one retail file: `data`, or else a small one."""
    retail = folder / "retail"
    retail.mkdir(parents=True)
    if data is None:
        write_small_file(retail / "small.csv")
    else:
        (retail / data.name).symlink_to(data.resolve())
    return folder


def compare(
    project: Path, data: Path, folder: Path, repeat: int
) -> tuple[list[Finished], list[Finished]]:
    """Measures the first run and the same by hand, alternately.

    Args:
        project: A project that has its packages and was run before.
        data: As `retail_folder` makes it.
        folder: Where both write.
        repeat: How often.
    """
    (file,) = (data / "retail").iterdir()
    ours, hand = [], []
    for number in range(repeat):
        warehouse = str(folder / f"warehouse{number}")
        run = ["run", "--data", str(data), "--as-of", AS_OF, "--warehouse", warehouse]
        ours.append(measure([*ONECDP, *run, "--json"], project))
        database = str(folder / f"hand{number}.duckdb")
        hand.append(measure([sys.executable, "-c", CHILD, database, str(file), BY_HAND], folder))
    return ours, hand


def print_page(project: Path, data: Path, folder: Path) -> None:
    """Prints docs/real-year.md, of one run with the var customer_value."""
    settings = project / "dbt_project.yml"
    off, on = "customer_value: false", "customer_value: true"
    settings.write_text(settings.read_text().replace(off, on))
    where = ["--data", str(data), "--warehouse", str(folder / "page")]
    measure([*ONECDP, "run", *where, "--as-of", AS_OF, "--json"], project)
    print(real_year_page(folder / "page" / "marts.duckdb"), end="")


def main() -> None:
    """Prints a line a design, and the daily job's seconds per stage."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--data", type=Path, help="a retail file; a small one is made by default")
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--page", action="store_true", help="print docs/real-year.md instead")
    parser.add_argument("--tiny", action="store_true", help="a small file, once")
    options = parser.parse_args()
    repeat = 1 if options.tiny else options.repeat

    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        measure([*ONECDP, "init", "project"], folder)
        project = folder / "project"
        if not options.tiny:
            # Installed and warm: packages are there, and dbt has parsed the project once.
            measure([*ONECDP, "run", "--warehouse", str(folder / "first")], project)
        data = retail_folder(folder / "data", None if options.tiny else options.data)
        if options.page:
            print_page(project, data, folder)
            return
        ours, hand = compare(project, data, folder, repeat)

        (file,) = (data / "retail").iterdir()
        print(f"{file.name}: {rows_loaded(ours[0]):,} lines loaded, median of {repeat}")
        print(f"{'':28} {'seconds':>8} {'peak GiB':>9}")
        for name, runs in (("onecdp run", ours), ("plain SQL by hand", hand)):
            memory = statistics.median(run.peak for run in runs)
            print(f"{name:28} {median(runs):8.1f} {memory:9.2f}")
        stages = {
            stage: statistics.median(run.stages[stage] for run in ours) for stage in ours[0].stages
        }
        print("onecdp run by stage: " + ", ".join(f"{k} {v:.1f} s" for k, v in stages.items()))


if __name__ == "__main__":
    main()
