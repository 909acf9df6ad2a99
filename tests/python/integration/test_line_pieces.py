"""The real year (D. Chen, UCI, CC BY 4.0) in daily pieces and as a workbook: the same marts."""

from __future__ import annotations

import datetime
from pathlib import Path

import duckdb
import pandas as pd
import pytest
import xlsxwriter
from support import pandas_marts
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
