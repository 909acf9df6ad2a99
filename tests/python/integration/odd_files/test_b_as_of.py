"""A day before the last event: what is later does not count, and the run says how much that is."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest
from support.cli import BuiltProject, run_cli

# Four of the ten app events of the sample are later.
AS_OF = "2024-11-05"
Ask = Callable[[str], list[tuple[object, ...]]]


@pytest.fixture(scope="module")
def earlier(
    built_warehouse: BuiltProject, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Ask, str]:
    """The marts of an earlier day, after those of a later one, and what the run said."""
    project = built_warehouse.copy(tmp_path_factory.mktemp("as_of") / "project")
    done = run_cli("run", "--as-of", AS_OF, cwd=project.folder)
    assert done.code == 0, done.stdout + done.stderr
    return reader(project.warehouse), done.stdout


def reader(warehouse: Path) -> Ask:
    def ask(sql: str) -> list[tuple[object, ...]]:
        with duckdb.connect(warehouse / "marts.duckdb", read_only=True) as marts:
            return marts.execute(sql).fetchall()

    return ask


def test_recency_is_never_negative(earlier: tuple[Ask, str]) -> None:
    ask, _ = earlier
    assert ask("select count(*) from customer_rfm where recency_days < 0") == [(0,)]


def test_totals_count_events_up_to_the_day(earlier: tuple[Ask, str]) -> None:
    ask, _ = earlier
    expected = ask(
        "select one_id, sum(revenue)::double as revenue, count(*) from unified_events"
        f" where event_type = 'purchase' and event_time < date '{AS_OF}' + interval 1 day"
        " group by all having sum(revenue) > 0 order by all"
    )
    found = ask(
        "select one_id, monetary::double, frequency from customer_rfm"
        " where frequency > 0 order by all"
    )
    assert [row[:2] for row in found] == [row[:2] for row in expected]


def test_the_run_says_how_many_events_are_later(earlier: tuple[Ask, str]) -> None:
    _, said = earlier
    assert f"21 events after {AS_OF}" in said


@pytest.mark.soak
def test_the_marts_are_those_of_a_warehouse_that_never_saw_the_later_day(
    built_warehouse: BuiltProject, earlier: tuple[Ask, str], tmp_path: Path
) -> None:
    project = built_warehouse.copy(tmp_path / "project")
    where = ("--warehouse", str(tmp_path / "fresh"))
    done = run_cli("run", "--as-of", AS_OF, *where, cwd=project.folder)
    assert done.code == 0, done.stdout + done.stderr
    fresh, (ask, _) = reader(tmp_path / "fresh"), earlier
    assert ask("select min(recency_days) >= 0 from customer_rfm") == [(True,)]
    for mart in ("customer_rfm", "customer_segments", "audience_packages"):
        query = f"select * exclude (one_int) from {mart} order by all"
        names = [row[0] for row in ask(f"describe {mart}")]
        if "one_int" not in names:
            query = f"from {mart} order by all"
        assert ask(query) == fresh(query), mart
