"""The real year (D. Chen, UCI, CC BY 4.0) in daily pieces and as a workbook: the same marts."""

from __future__ import annotations

import datetime
import random
import shutil
from pathlib import Path

import duckdb
import pandas as pd
import pyarrow as pa
import pytest
import xlsxwriter
from support import pandas_marts
from support.identity import LINKS, MEMBERS, link, member
from support.line import Line, copy_project, differences
from support.retail_year import Row, by_day, read_rows, thirty_days, write_rows, year_file


@pytest.fixture(scope="module")
def sample() -> tuple[Row, list[list[Row]]]:
    return thirty_days()


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return copy_project(tmp_path_factory.mktemp("project"))


def run_in_pieces(line: Line, header: Row, pieces: list[list[Row]]) -> None:
    for number, rows in enumerate(pieces):
        write_rows(line.data / "retail" / f"piece_{number:03}.csv", header, rows)
        line.run(tests=False)


def run_at_once(line: Line, header: Row, days: list[list[Row]]) -> None:
    write_rows(line.data / "retail" / "all.csv.gz", header, [row for day in days for row in day])
    line.run()


@pytest.mark.parametrize("length", [pytest.param(n, marks=pytest.mark.soak) for n in (3, 8)])
def test_runs_of_some_days_equal_one(
    tmp_path: Path, project: Path, sample: tuple[Row, list[list[Row]]], length: int
) -> None:
    header, days = sample
    some_days = [
        [row for day in days[n : n + length] for row in day] for n in range(0, len(days), length)
    ]
    pieces, at_once = Line.at(tmp_path / "pieces", project), Line.at(tmp_path / "once", project)
    run_in_pieces(pieces, header, some_days)
    run_at_once(at_once, header, days)
    assert not differences(pieces.state(), at_once.state())


@pytest.mark.soak
def test_all_daily_runs_equal_one(tmp_path: Path, project: Path) -> None:
    header, rows = read_rows(year_file())
    daily = Line.at(tmp_path / "daily", project)
    at_once = Line.at(tmp_path / "once", project)
    days = [lines for _, lines in by_day(rows)]
    assert len(days) == 305
    run_in_pieces(daily, header, days)
    run_at_once(at_once, header, days)
    assert not differences(daily.state(), at_once.state())


def identity_changes(line: Line, day: str, customers: list[str], draw: random.Random) -> None:
    """Links between a day's customers, members and app users that come or go, and members."""
    known = [f"retail_customer_id:{customer}" for customer in customers[:10]]
    known += [f"{kind}:{kind[0]}{n}" for kind in ("member_id", "union_id") for n in range(20)]
    ends = {(draw.choice(known), draw.choice(known)) for _ in range(6)}
    line.write(
        f"id_graph/{day}.csv",
        LINKS,
        *(
            link(left, right, last=day, is_active=draw.random() < 0.7)
            for left, right in sorted(ends)
            if left < right
        ),
    )
    line.write(
        f"crm/{day}.csv",
        MEMBERS,
        *(
            # Of a phone that is given up, one load of all files knows nothing.
            member(f"m{n}", f"phone{n % 12}", updated=day, is_deleted=draw.random() < 0.2)
            for n in draw.sample(range(20), 2)
        ),
    )


def people(line: Line) -> dict[str, pa.Table]:
    """The people and what is known of them, each named by its first active identifier.

    A one_id says which of the merged ones is the oldest, so it depends on the order of the days. So
    do inactive identifiers: one load of all files has of a deleted member its deletion alone.
    """
    first = (
        "(select one_id, min(id_type || id_value) as person from marts.id_map"
        " where is_active group by 1)"
    )
    tables = {
        "id_map": ("id_type, id_value", "is_active"),
        "customer_profiles": (
            "member_id, total_orders, gross_revenue, last_event_at, country",
            "person is not null",
        ),
        "customer_rfm": ("recency_days, frequency, monetary, net_revenue", "person is not null"),
        "unified_events": ("event_id, event_time, revenue", "true"),
    }
    with duckdb.connect(str(line.project.warehouse.build_file), read_only=True) as private:
        return {
            name: private.execute(
                f"select person, {columns} from marts.{name} left join {first} using (one_id)"
                f" where {condition}"
            ).to_arrow_table()
            for name, (columns, condition) in tables.items()
        }


@pytest.mark.parametrize("count", [pytest.param(n, marks=pytest.mark.soak) for n in (12, 305)])
def test_daily_runs_with_changes_of_identity_equal_one(
    tmp_path: Path, project: Path, count: int
) -> None:
    seed = random.randrange(1_000_000)
    print(f"changes drawn with seed {seed}")
    draw = random.Random(seed)
    header, rows = read_rows(year_file())
    days = list(by_day(rows))[:count]
    daily = Line.at(tmp_path / "daily", project)
    for day, lines in days:
        write_rows(daily.data / "retail" / f"{day}.csv", header, lines)
        identity_changes(daily, day, sorted({row[6] for row in lines if row[6]}), draw)
        daily.run(tests=False)

    ((moved,),) = daily.query("select count(*) from marts.id_map_changes where kind <> 'create'")
    assert int(str(moved)) > count / 2
    rebuilt = daily.copy_warehouse(tmp_path / "rebuilt")
    rebuilt.build("--full-refresh", tests=False)
    assert not differences(daily.marts(), rebuilt.marts())
    at_once = Line.at(tmp_path / "once", project)
    shutil.copytree(daily.data, at_once.data, dirs_exist_ok=True)
    at_once.run()
    assert not differences(people(daily), people(at_once))


@pytest.mark.soak
def test_the_history_of_a_year_by_weeks_is_that_of_pandas(tmp_path: Path, project: Path) -> None:
    header, rows = read_rows(year_file())
    line = Line.at(tmp_path, project)
    days = [(str(day), lines) for day, lines in by_day(rows)]
    weeks = [days[n : n + 6] for n in range(0, len(days), 6)]
    for number, week in enumerate(weeks):
        write_rows(
            line.data / "retail" / f"week_{number:02}.csv",
            header,
            [row for _, lines in week for row in lines],
        )
        line.ingest()
        line.build(tests=False, as_of=week[-1][0])
    with duckdb.connect(str(line.project.warehouse.build_file), read_only=True) as private:
        events = private.execute(
            "select * replace (revenue::double as revenue, event_date::timestamp as event_date)"
            " from marts.unified_events"
        ).df()
        ours = private.execute(
            "select * replace (revenue::double as revenue) from marts.segment_daily"
        ).df()
    theirs = pd.concat(
        pandas_marts.segment_daily(events, pd.Timestamp(week[-1][0])) for week in weeks
    )
    pandas_marts.assert_same(ours, pandas_marts.tidy(theirs))


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
    assert not differences(text.state(), workbook.state())


@pytest.mark.soak
def test_workbook_and_text_give_the_same_marts(
    tmp_path: Path, project: Path, sample: tuple[Row, list[list[Row]]]
) -> None:
    header, days = sample
    assert_both_kinds_of_file_agree(tmp_path, project, header, days[:5], tests=False)


@pytest.mark.soak
def test_the_whole_year_as_workbook_and_text(tmp_path: Path, project: Path) -> None:
    header, rows = read_rows(year_file())
    assert_both_kinds_of_file_agree(tmp_path, project, header, [rows], tests=True)
