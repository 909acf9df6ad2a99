"""The real year of Online Retail II (D. Chen, UCI, CC BY 4.0) through the whole line."""

from __future__ import annotations

import datetime
import random
import signal
import subprocess
import sys
import time
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest
import xlsxwriter
from cli_support import BuiltProject, make_project, run_cli
from line import Line, copy_project, differences, read_tables
from retail_year import Row, by_day, read_rows, write_rows, year_file

AS_OF = ("--as-of", "2011-12-10")


@pytest.fixture(scope="module")
def year(tmp_path_factory: pytest.TempPathFactory) -> BuiltProject:
    """A project whose `data/` is the year, loaded, built, tested and published once."""
    source = year_file()
    folder = make_project(tmp_path_factory.mktemp("year") / "project")
    (folder / "data" / "retail").mkdir(parents=True)
    (folder / "data" / "retail" / source.name).symlink_to(source)
    finished = run_cli("run", "--data", "data", *AS_OF, cwd=folder)
    assert finished.code == 0, finished.stderr + finished.stdout
    return BuiltProject(folder, folder / "warehouse", finished)


@pytest.fixture(scope="module")
def sample() -> tuple[Row, list[list[Row]]]:
    """The header, and the lines of the first thirty days with at most 300 lines of each."""
    header, rows = read_rows(year_file())
    days = [lines[:300] for _, lines in by_day(rows)]
    return header, days[:30]


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return copy_project(tmp_path_factory.mktemp("project"))


def test_the_counted_facts(year: BuiltProject) -> None:
    with duckdb.connect(year.warehouse / "onecdp.duckdb", read_only=True) as private:
        raw = private.execute(
            "select count(*), sum(quantity * price) from raw_retail.transactions"
        ).fetchone()
    assert raw == (541_909, Decimal("9747747.9340"))

    with duckdb.connect(year.warehouse / "marts.duckdb", read_only=True) as marts:

        def one(sql: str) -> object:
            return marts.execute(sql).fetchone()

        assert one("select count(*), sum(revenue) from unified_events") == raw
        assert one("select count(*), count(distinct one_id) from id_map") == (4_372, 4_372)
        # The filter that papers on the data set use: a customer, something sold, no credit note.
        assert one(
            "select count(*), count(distinct order_id), count(distinct one_id), sum(revenue)"
            " from unified_events where one_id is not null"
            " and quantity > 0 and item_price > 0 and order_id not like 'C%'"
        ) == (397_884, 18_532, 4_338, Decimal("8911407.9040"))
        assert one("select count(*) from unified_events where one_id is null") == (135_080,)
        ten_segments = marts.execute(
            "select grid_segment, count(*) from customer_segments"
            " where grid_segment != 'Never purchased' group by grid_segment"
        ).fetchall()
        buyers = one(
            "select count(distinct one_id) from unified_events where event_type = 'purchase'"
        )
        assert len(ten_segments) == 10
        assert (sum(count for _, count in ten_segments),) == buyers


def test_a_second_run_changes_no_mart_row(year: BuiltProject) -> None:
    before = read_tables(year.warehouse / "marts.duckdb", "main")
    finished = run_cli("run", "--data", "data", *AS_OF, "--json", cwd=year.folder)
    assert finished.code == 0, finished.stderr
    assert not differences(before, read_tables(year.warehouse / "marts.duckdb", "main"))


def run_daily(line: Line, header: Row, days: list[list[Row]]) -> None:
    for number, rows in enumerate(days):
        write_rows(line.data / "retail" / f"day_{number:03}.csv", header, rows)
        line.run(tests=False)


def run_at_once(line: Line, header: Row, days: list[list[Row]]) -> None:
    write_rows(line.data / "retail" / "all.csv.gz", header, [row for day in days for row in day])
    line.run()


def test_thirty_daily_runs_equal_one(
    tmp_path: Path, project: Path, sample: tuple[Row, list[list[Row]]]
) -> None:
    daily, at_once = Line.at(tmp_path / "daily", project), Line.at(tmp_path / "once", project)
    run_daily(daily, *sample)
    run_at_once(at_once, *sample)
    assert not differences(daily.marts(), at_once.marts())


@pytest.mark.soak
def test_all_daily_runs_equal_one(tmp_path: Path, project: Path, year: BuiltProject) -> None:
    header, rows = read_rows(year_file())
    daily = Line.at(tmp_path / "daily", project)
    at_once = Line.at(tmp_path / "once", project)
    days = [lines for _, lines in by_day(rows)]
    assert len(days) == 305
    run_daily(daily, header, days)
    run_at_once(at_once, header, days)
    assert not differences(daily.marts(), at_once.marts())


def write_workbook(file: Path, header: Row, sheets: dict[str, list[Row]]) -> None:
    """Writes numbers as numbers and dates as dates, as the published workbook has them."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with xlsxwriter.Workbook(file, {"constant_memory": True}) as workbook:
        date_format = workbook.add_format({"num_format": "yyyy-mm-dd hh:mm"})
        for name, rows in sheets.items():
            sheet = workbook.add_worksheet(name)
            sheet.write_row(0, 0, header)
            for number, row in enumerate(rows, start=1):
                for column, value in enumerate(row):
                    if not value:
                        continue
                    if column == 4:
                        moment = datetime.datetime.fromisoformat(value)
                        sheet.write_datetime(number, column, moment, date_format)
                    elif column in (3, 5, 6) or (column in (0, 1) and value.isdigit()):
                        sheet.write_number(number, column, float(value))
                    else:
                        sheet.write_string(number, column, value)


def assert_both_kinds_of_file_agree(
    tmp_path: Path, project: Path, header: Row, days: list[list[Row]], tests: bool
) -> None:
    text, workbook = Line.at(tmp_path / "text", project), Line.at(tmp_path / "xlsx", project)
    rows = [row for day in days for row in day]
    write_rows(text.data / "retail" / "all.csv.gz", header, rows)
    # The two sheets of the published workbook share days, too.
    overlap = {"first": rows[: len(rows) * 2 // 3], "second": rows[len(rows) // 3 :]}
    write_workbook(workbook.data / "retail" / "all.xlsx", header, overlap)
    text.run(tests=tests)
    workbook.run(tests=tests)
    assert not differences(text.marts(), workbook.marts())


def test_workbook_and_text_give_the_same_marts(
    tmp_path: Path, project: Path, sample: tuple[Row, list[list[Row]]]
) -> None:
    header, days = sample
    assert_both_kinds_of_file_agree(tmp_path, project, header, days[:5], tests=False)


@pytest.mark.soak
def test_the_whole_year_as_workbook_and_text(tmp_path: Path, project: Path) -> None:
    header, rows = read_rows(year_file())
    assert_both_kinds_of_file_agree(tmp_path, project, header, [rows], tests=True)


def assert_kills_change_nothing(
    folder: Path, data: Path, seconds: float, moments: list[float], expected: Path
) -> None:
    """Starts a run, kills it at each moment (a share of `seconds`), then lets one end."""
    command = [sys.executable, "-m", "onecdp", "run", "--data", str(data), *AS_OF]
    killed = 0
    for moment in moments:
        process = subprocess.Popen(
            command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        time.sleep(seconds * moment)
        process.send_signal(signal.SIGKILL)
        killed += process.wait() == -signal.SIGKILL
    assert killed, "every run ended before it was killed"
    finished = run_cli("run", "--data", str(data), *AS_OF, cwd=folder)
    assert finished.code == 0, finished.stderr + finished.stdout
    marts = read_tables(folder / "warehouse" / "marts.duckdb", "main")
    assert not differences(read_tables(expected, "main"), marts)


def test_killed_runs_leave_no_trace(tmp_path: Path, sample: tuple[Row, list[list[Row]]]) -> None:
    header, days = sample
    undisturbed = make_project(tmp_path / "undisturbed")
    data = undisturbed / "data"
    write_rows(data / "retail" / "a.csv", header, [row for day in days[:10] for row in day])
    write_rows(data / "retail" / "b.csv.gz", header, [row for day in days[10:] for row in day])
    started = time.monotonic()
    assert run_cli("run", "--data", str(data), *AS_OF, cwd=undisturbed).code == 0
    seconds = time.monotonic() - started

    disturbed = make_project(tmp_path / "disturbed")
    expected = undisturbed / "warehouse" / "marts.duckdb"
    assert_kills_change_nothing(disturbed, data, seconds, [0.25, 0.55, 0.85], expected)


@pytest.mark.soak
def test_ten_kills_on_the_real_year(tmp_path: Path, year: BuiltProject) -> None:
    started = time.monotonic()
    again = make_project(tmp_path / "timed")
    assert run_cli("run", "--data", str(year.folder / "data"), *AS_OF, cwd=again).code == 0
    seconds = time.monotonic() - started

    seed = random.randrange(1_000_000)
    print(f"kills drawn with seed {seed}")
    draw = random.Random(seed)
    expected = year.warehouse / "marts.duckdb"
    for number in range(10):
        folder = make_project(tmp_path / f"kill{number}")
        moments = [draw.uniform(0.02, 0.98)]
        assert_kills_change_nothing(folder, year.folder / "data", seconds, moments, expected)
