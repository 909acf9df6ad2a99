"""The volume rule on loads made by hand, and on the real year loaded one day at a time."""

from __future__ import annotations

import re
from collections.abc import Sequence

import duckdb
import jinja2
import pytest
from support.line import REPOSITORY
from support.retail_year import year_file


def verdict(at_least: float, **options: int) -> str:
    """The rule's SQL over a table `loads`, rendered without dbt."""
    rule = (REPOSITORY / "macros/quality/quality_rule.sql").read_text()
    test = (REPOSITORY / "tests/dbt/generic/rows_of_average.sql").read_text()
    signature = re.sub(r"{% test (\w+)\(", r"{% macro \1(", test)
    text = rule + signature.replace("endtest", "endmacro")
    macro = jinja2.Environment().from_string(text, {"quality_config": dict, "config": _nothing})
    render = vars(macro.module)["rows_of_average"]
    return str(render("loads", at_least=at_least, **options))


def _nothing(**_config: object) -> str:
    return ""


def measured(sizes: Sequence[int], at_least: float = 0.8, **options: int) -> tuple[object, ...]:
    """Value and broken of the newest of loads of these sizes."""
    with duckdb.connect() as connection:
        connection.execute(
            "create table loads as select rows as rows_read, 0 as rows_withdrawn,"
            " load::varchar as _dlt_load_id, timestamp '2026-01-01' + interval (load) day"
            " as loaded_at from (select unnest($1::int[]) as rows, unnest(range(len($1))) as load)",
            [list(sizes)],
        )
        value, _, _, broken = connection.execute(verdict(at_least, **options)).fetchall()[0]
        return value, broken


def test_the_newest_load_is_compared_with_those_before() -> None:
    assert measured([10, 10, 10, 8]) == (0.8, 0)
    assert measured([10, 10, 10, 7]) == (0.7, 1)
    # Too few loads to compare with, or more than the average takes.
    assert measured([10, 10, 1]) == (None, 0)
    assert measured([10, 1], min_loads=1) == (0.1, 1)
    assert measured([900, 10, 10, 10, 9], loads=3) == (0.9, 0)


@pytest.mark.soak
def test_the_days_of_the_year_are_those_in_the_docs() -> None:
    days = duckdb.sql(
        "select InvoiceDate[:10] as day, count(*)"
        f" from read_csv('{year_file()}', all_varchar = true) group by day order by day"
    ).fetchall()
    sizes = [rows for _, rows in days]

    def days_below(bound: float) -> list[str]:
        return [
            day
            for n, (day, _) in enumerate(days)
            if measured(sizes[max(0, n - 7) : n + 1], bound)[1]
        ]

    named = ["2010-12-19", "2010-12-22", "2011-02-06", "2011-05-01", "2011-08-07"]
    assert (len(days), days_below(0.4), len(days_below(0.8))) == (305, named, 79)
    text = " ".join((REPOSITORY / "docs/quality.md").read_text().split())
    assert "19 and 22 December 2010, 6 February, 1 May and 7 August 2011" in text
    assert "With 0.8, it would be 79 days" in text
