"""The scenarios: what is run in which order, and which goals are held to it."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path

from real_year import compare, retail_folder

from onecdp.generate import Rates, generate

from .day import Day, Sizes, write_days
from .links import write_day_of_links, write_links
from .report import Findings
from .running import Finished, Line, apart, measure, rows_loaded

SHARE_OF_A_DAY = 0.003
LAST_DAY = date(2026, 1, 11)
SAMPLE_DAY = date(2026, 6, 6)
FACTORS = (1, 2, 4)
FULL = "full refresh"


@dataclass(frozen=True)
class Bench:
    """What all scenarios share.

    Attributes:
        folder: Where everything is made, and removed from at the end.
        line: The project, run by the code of this tree.
        against: The same run by the code of other commits, by their names.
        repeat: How many runs of each piece of work.
        is_tiny: Whether the first run stands for the full refresh, to spare a run.
        findings: What was measured.
    """

    folder: Path
    line: Line
    repeat: int
    is_tiny: bool = False
    against: Mapping[str, Line] = field(default_factory=dict)
    findings: Findings = field(default_factory=Findings)


def measure_sample(bench: Bench) -> None:
    """The sample's 30 rows: first run and nothing new, as multiples of `dbt --version`."""
    dbt = str(Path(sys.executable).with_name("dbt"))
    starts, firsts, nothings = [], [], []
    bench.line.run(bench.folder / "sample-warm", None, SAMPLE_DAY)
    for number in range(bench.repeat):
        warehouse = bench.folder / f"sample{number}"
        starts.append(measure([dbt, "--version"], bench.line.project))
        firsts.append(bench.line.run(warehouse, None, SAMPLE_DAY))
        nothings.append(_nothing_new(bench.line, warehouse, None, SAMPLE_DAY))
    start = bench.findings.add("sample", "dbt --version", starts, has_stages=False)
    first = bench.findings.add("sample", "first run", firsts)
    nothing = bench.findings.add("sample", "nothing new", nothings)
    bench.findings.compare(first, start, 5, at_least=False)
    bench.findings.compare(nothing, start, 3, at_least=False)


def measure_shop(bench: Bench, customers: int) -> None:
    """A generated shop: first run, nothing new, the next date, a day of new rows, full refresh."""
    shop = bench.folder / "shop"
    apart(_generate, shop, customers, Rates())
    sizes = Sizes.share(shop, SHARE_OF_A_DAY)
    name = f"shop of {customers:,}"
    firsts: list[Finished] = []
    others: dict[str, list[Finished]] = {commit: [] for commit in bench.against}
    warehouse = bench.folder / "shop-warehouse"
    for _ in range(bench.repeat):
        for commit, line in bench.against.items():
            shutil.rmtree(warehouse, ignore_errors=True)
            others[commit].append(line.run(warehouse, shop, LAST_DAY))
        shutil.rmtree(warehouse, ignore_errors=True)
        firsts.append(bench.line.run(warehouse, shop, LAST_DAY))

    today = LAST_DAY
    nothings, next_dates, days, fulls = [], [], [], []
    dates = [LAST_DAY + timedelta(days=2 * number + 2) for number in range(bench.repeat)]
    for day in apart(write_days, shop, bench.folder / "shop-days", dates, sizes):
        nothings.append(_nothing_new(bench.line, warehouse, shop, today))
        if not bench.is_tiny:
            today += timedelta(days=1)
            next_dates.append(_nothing_new(bench.line, warehouse, shop, today))
        today = day.when
        day.arrive(shop)
        days.append(_day_of_changes(bench.line, warehouse, shop, today))
        if not bench.is_tiny:
            fulls.append(bench.line.run(warehouse, shop, today, "--full-refresh"))

    add, hold = bench.findings.add, bench.findings.compare
    first = add(name, "first run", firsts)
    before = [add(name, f"first run at {commit}", runs) for commit, runs in others.items()]
    bases = [first] if bench.is_tiny else [add(name, FULL, fulls), first]
    nothing = add(name, "nothing new", nothings)
    if next_dates:
        next_date = add(name, "nothing new, next date", next_dates)
    day_run = add(name, f"a day of {sizes.total:,} rows", days)
    for base in bases:
        hold(base, nothing, 12)
        hold(base, day_run, 8)
    if next_dates:
        hold(bases[0], next_date)
    for other in before:
        hold(other, first, 2.5)


def measure_history(bench: Bench, customers: int) -> None:
    """The same day's cost where the same customers did 1, 2 and 4 times as much before."""
    dates = [LAST_DAY + timedelta(days=number + 1) for number in range(bench.repeat)]
    runs: dict[int, list[Finished]] = {}
    shops: dict[int, Path] = {}
    days: dict[int, list[Day]] = {}
    sizes: Sizes | None = None
    for factor in FACTORS:
        shop = shops[factor] = bench.folder / f"history{factor}"
        usual = Rates()
        rates = Rates(sessions=usual.sessions * factor, orders=usual.orders * factor)
        apart(_generate, shop, customers, rates)
        sizes = sizes or Sizes.share(shop, SHARE_OF_A_DAY)
        out = bench.folder / f"history{factor}-days"
        days[factor] = apart(write_days, shop, out, dates, sizes)
        runs[factor] = []
        first = bench.line.run(_warehouse(shop), shop, LAST_DAY)
        bench.findings.add("history", f"first run, {factor} times", [first])
    for number in range(bench.repeat):
        for factor, shop in shops.items():
            day = days[factor][number]
            day.arrive(shop)
            runs[factor].append(_day_of_changes(bench.line, _warehouse(shop), shop, day.when))
    found = {
        factor: bench.findings.add("history", f"a day, {factor} times", runs[factor])
        for factor in FACTORS
    }
    for factor in FACTORS[1:]:
        bench.findings.compare(found[factor], found[1], 1.4, at_least=False)


def measure_links(bench: Bench, links: int) -> None:
    """Links alone: first run, nothing new, a day of 10,000 new ones, full refresh."""
    data, warehouse = bench.folder / "links", bench.folder / "links-warehouse"
    apart(write_links, data, links)
    new = min(10_000, links // 20)
    name = f"{links:,} links"
    nothings, days, fulls = [], [], []
    first = bench.line.run(warehouse, data, LAST_DAY)
    today = LAST_DAY
    for number in range(bench.repeat):
        nothings.append(_nothing_new(bench.line, warehouse, data, today))
        today += timedelta(days=1)
        apart(write_day_of_links, data, number, today, new)
        days.append(_day_of_changes(bench.line, warehouse, data, today))
        if not bench.is_tiny:
            fulls.append(bench.line.run(warehouse, data, today, "--full-refresh"))
    first_run = bench.findings.add(name, "first run", [first])
    bases = [first_run] if bench.is_tiny else [bench.findings.add(name, FULL, fulls), first_run]
    nothing = bench.findings.add(name, "nothing new", nothings)
    day = bench.findings.add(name, f"a day of {new:,} links", days)
    for base in bases:
        bench.findings.compare(base, nothing, 15)
        bench.findings.compare(base, day, 8)


def measure_year(bench: Bench, data: Path | None) -> None:
    """The real year's first run beside the same marts by hand in plain SQL."""
    retail = retail_folder(bench.folder / "year", data)
    bench.line.run(bench.folder / "year-warm", None, SAMPLE_DAY)
    ours, hand = compare(bench.line.project, retail, bench.folder, bench.repeat)
    name = "real year" if data else "small year"
    first = bench.findings.add(name, "first run", ours)
    by_hand = bench.findings.add(name, "plain SQL by hand", hand, has_stages=False)
    bench.findings.compare(first, by_hand, 6, at_least=False)


def _generate(shop: Path, customers: int, rates: Rates) -> None:
    generate(shop, customers, 7, lambda _: None, rates)


def _warehouse(shop: Path) -> Path:
    return shop.with_name(f"{shop.name}-warehouse")


def _nothing_new(line: Line, warehouse: Path, data: Path | None, as_of: date) -> Finished:
    run = line.run(warehouse, data, as_of)
    if rows_loaded(run):
        sys.exit(f"{rows_loaded(run)} rows were loaded where nothing is new")
    return run


def _day_of_changes(line: Line, warehouse: Path, data: Path, as_of: date) -> Finished:
    run = line.run(warehouse, data, as_of)
    said = {name: run.document[name] for name in ("merged_one_ids", "split_one_ids")}
    if not (rows_loaded(run) and all(said.values())):
        sys.exit(f"{as_of} should bring rows, merges and splits: {rows_loaded(run)} rows, {said}")
    return run
