"""`onecdp history trim` on days and versions that a test lays out."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import duckdb
import pytest
from support.cli import REPOSITORY

from onecdp.errors import OnecdpError
from onecdp.pipeline import Context, trim_history
from onecdp.pipeline.history import Trimmed
from onecdp.project.find import open_project

# As-of dates by when they were built: the second is of a late build, the fourth is shown first.
DAYS = {
    "2026-01-01": "2026-01-01 08:00",
    "2026-01-02": "2026-02-02 08:00",
    "2026-02-01": "2026-02-01 08:00",
    "2026-02-03": "2026-02-03 08:00",
}
# Whose version it is, from and to; named by the days that show it.
VERSIONS = [
    ("first day only", "2026-01-01 07:59", "2026-02-01 07:59"),
    ("first and third", "2026-01-01 07:59", "2026-02-02 07:59"),
    ("late day only", "2026-02-02 07:59", "2026-02-03 07:59"),
    ("never", "2026-02-01 09:00", "2026-02-01 10:00"),
    # Not shown itself, but what the first shown day shows began with it, and says the same.
    ("holds", "2025-12-31 07:59", "2026-01-02 07:59"),
    ("holds no more", "2025-12-31 07:59", "2026-01-02 07:59"),
    ("now", "2026-02-03 07:59", None),
    ("now, unnoted", "2026-02-03 09:59", None),
]
CHANGES = [
    ("holds", "2026-01-01", "2026-02-03", "2025-12-31 07:59"),
    ("holds no more", "2026-01-01", "2026-02-01", "2025-12-31 07:59"),
]


@pytest.fixture
def context(tmp_path: Path) -> Context:
    """A warehouse whose last build shows the days from 2026-02-01 on."""
    found = Context(open_project(REPOSITORY, tmp_path, {}))
    with duckdb.connect(str(found.warehouse.build_file)) as private:
        private.execute(
            "create schema audit; create schema snapshots; create schema intermediate;"
            "create table audit.profile_days (as_of_date date, noted_at timestamp);"
            "create table snapshots.customer_profiles_history"
            " (one_id varchar, dbt_valid_from timestamp, dbt_valid_to timestamp);"
            "create view intermediate.int_customers__profile_days as"
            " select as_of_date as dt, as_of_date >= '2026-02-01' as is_shown"
            " from audit.profile_days;"
            "create table intermediate.int_customers__profile_changes"
            " (one_id varchar, dt date, next_dt date, version_begun_at timestamp);"
            "create table audit.watermarks (model varchar);"
            "insert into audit.watermarks"
            " values ('int_customers__profile_changes'), ('int_customers__orders')"
        )
        private.executemany(
            "insert into intermediate.int_customers__profile_changes values (?, ?, ?, ?)", CHANGES
        )
        private.executemany("insert into audit.profile_days values (?, ?)", list(DAYS.items()))
        private.executemany(
            "insert into snapshots.customer_profiles_history values (?, ?, ?)", VERSIONS
        )
    return found


def kept(context: Context) -> tuple[list[str], list[str]]:
    with duckdb.connect(str(context.warehouse.build_file), read_only=True) as private:
        days = private.execute("select as_of_date::varchar from audit.profile_days order by 1")
        names = [day for (day,) in days.fetchall()]
        versions = private.execute("select one_id from snapshots.customer_profiles_history")
        return names, [name for (name,) in versions.fetchall()]


def test_what_no_shown_day_shows_is_deleted(context: Context) -> None:
    expected = Trimmed(days=2, versions=4, first_day=date(2026, 2, 1))
    before = kept(context)
    assert trim_history(context, dry_run=True) == expected
    assert kept(context) == before
    assert trim_history(context) == expected
    assert kept(context) == (
        ["2026-02-01", "2026-02-03"],
        ["first and third", "holds", "now", "now, unnoted"],
    )
    with duckdb.connect(str(context.warehouse.build_file), read_only=True) as private:
        # The next build derives the changes anew.
        assert private.execute("from audit.watermarks").fetchall() == [("int_customers__orders",)]
    assert trim_history(context) == Trimmed(days=0, versions=0, first_day=date(2026, 2, 1))


def test_a_kill_between_the_two_deletes_nothing(
    context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = kept(context)
    monkeypatch.setattr("onecdp.pipeline.history._OLD_DAYS", "from a.table that is not there")
    with pytest.raises(duckdb.Error):
        trim_history(context)
    assert kept(context) == before


def test_without_a_build_it_is_one_line(tmp_path: Path) -> None:
    context = Context(open_project(REPOSITORY, tmp_path, {}))
    with pytest.raises(OnecdpError, match="run `onecdp run` first"):
        trim_history(context)
    duckdb.connect(str(context.warehouse.build_file)).close()
    with pytest.raises(OnecdpError, match="has no history of profiles; run `onecdp run` first"):
        trim_history(context)
