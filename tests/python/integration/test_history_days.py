"""Days of the history in any order, from versions that a test lays out: what each day shows.

Moments are whole minutes that often coincide, so that whatever begins or ends at the very moment of
a day is among them.
"""

from __future__ import annotations

import random
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import duckdb
import pytest
import yaml
from support.line import Line, Quiet, copy_project

from onecdp.pipeline import Context, trim_history
from onecdp.project.dbt import Dbt

SHOWN_DAYS = 6
TODAY = datetime.now(UTC).date()
FIRST = datetime(2026, 1, 1)
MODELS = ("int_customers__profile_days", "int_customers__profile_changes",
          "customer_profiles_daily")  # fmt: skip
CHANGES = "intermediate.int_customers__profile_changes"


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = copy_project(tmp_path_factory.mktemp("project"))
    settings = folder / "dbt_project.yml"
    text = settings.read_text()
    assert "profile_history_days: 365" in text
    settings.write_text(
        text.replace("profile_history_days: 365", f"profile_history_days: {SHOWN_DAYS}")
    )
    return folder


class History:
    """Versions and days, beside the warehouse that the models read them from."""

    def __init__(self, line: Line) -> None:
        self.line, self.file = line, line.project.warehouse.build_file
        self.versions: list[tuple[str, str, datetime, datetime | None]] = []
        self.noted: dict[date, datetime] = {}
        self.now = FIRST
        self.dbt = Dbt(line.project, Quiet())

    def private(self) -> duckdb.DuckDBPyConnection:
        return duckdb.connect(str(self.file))

    def lay_out(self) -> None:
        """The tables beneath, with the columns that the models read."""
        self.file.parent.mkdir(parents=True)
        with self.private() as private:
            private.execute(
                "create schema snapshots; create schema audit; create schema staging;"
                "create table audit.profile_days (as_of_date date primary key, noted_at timestamp);"
                "create view staging.stg_audit__profile_days as"
                " select as_of_date, noted_at from audit.profile_days;"
                "create table snapshots.customer_profiles_history (one_id varchar,"
                f" {', '.join(self.columns())}, dbt_valid_from timestamp, dbt_valid_to timestamp)"
            )

    def columns(self) -> list[str]:
        """What the history keeps of a profile, with types, as the contract of the mart has them."""
        file = self.line.project.folder / "models/marts/customers/history/_customers__history.yml"
        (daily,) = (
            model
            for model in yaml.safe_load(file.read_text())["models"]
            if model["name"] == "customer_profiles_daily"
        )
        return [
            f"{column['name']} {column['data_type']}"
            for column in daily["columns"]
            if column["name"] not in ("dt", "next_dt", "one_id", "is_customer")
        ]

    def change(self, draw: random.Random) -> None:
        """The snapshot of a build: some begin, change or end, at one moment."""
        self.now += timedelta(minutes=draw.randrange(1, 3))
        for customer in "abcdefgh":
            if draw.random() < 0.6:
                continue
            current = [v for v in self.versions if v[0] == customer and v[3] is None]
            for one_id, level, begun_at, _ in current:
                self.versions.remove((one_id, level, begun_at, None))
                self.versions.append((one_id, level, begun_at, self.now))
            if not current or draw.random() < 0.7:
                self.versions.append((customer, draw.choice(["gold", "lead"]), self.now, None))

    def write(self) -> None:
        with self.private() as private:
            private.execute("delete from snapshots.customer_profiles_history")
            private.executemany(
                "insert into snapshots.customer_profiles_history"
                " (one_id, level, rfm_segment, gross_revenue, dbt_valid_from, dbt_valid_to)"
                " values ($1, $2, $2, 1, $3, $4)",
                [list(version) for version in self.versions] or [["", "", FIRST, FIRST]],
            )
            private.execute("delete from audit.profile_days")
            for day, noted_at in self.noted.items():
                private.execute(
                    "insert into audit.profile_days (as_of_date, noted_at) values (?, ?)",
                    [day, noted_at],
                )

    def build(self, as_of: date, *options: str) -> None:
        answer = self.dbt.invoke(
            "run",
            options=[*options, "--select", *MODELS],
            environment={"ONECDP_AS_OF": as_of.isoformat()},
            manifest=self.dbt.manifest(),
        )
        assert answer.exception is None, answer.exception
        assert answer.success, [
            (result.node.name, result.message)
            for result in answer.result.results
            if str(result.status) == "error"
        ]

    def compares_all(self) -> bool:
        compiled = self.line.project.folder / "target" / "compiled"
        (file,) = compiled.rglob("int_customers__profile_changes.sql")
        return "> timestamp '" not in file.read_text()

    def changed(self) -> list[datetime]:
        """When the versions last changed, as the model's watermark has them."""
        return [ended_at or begun_at for *_, begun_at, ended_at in self.versions] or [FIRST]

    def expected(self, as_of: date) -> list[tuple[object, ...]]:
        """What each shown day shows, computed a day at a time."""
        moments = self.noted | {as_of: datetime(9999, 12, 30)}
        newest = max([day for day in moments if day <= TODAY] or moments)
        shown = sorted(day for day in moments if (newest - day).days < SHOWN_DAYS)
        found: list[list[object]] = []
        for customer in "abcdefgh":
            before: str | None = None
            for day in shown:
                levels = [
                    level
                    for one_id, level, begun_at, ended_at in self.versions
                    if one_id == customer
                    and begun_at <= moments[day] < (ended_at or datetime(9999, 12, 31))
                ]
                assert len(levels) < 2
                level = levels[0] if levels else None
                if level != before:
                    if found and found[-1][2] == customer:
                        found[-1][1] = day
                    found.append([day, None, customer, level is not None, level])
                before = level
        return [tuple(row) for row in found]

    def rows(self) -> list[tuple[object, ...]]:
        with self.private() as private:
            return private.execute(
                "select dt, next_dt, one_id, is_customer, level"
                " from marts.customer_profiles_daily order by one_id, dt"
            ).fetchall()

    def stored(self) -> list[tuple[object, ...]]:
        with self.private() as private:
            return private.execute(
                f"select one_id, dt, next_dt, version_begun_at from {CHANGES} order by all"
            ).fetchall()


@pytest.mark.parametrize("steps", [10, pytest.param(150, marks=pytest.mark.soak)])
def test_each_day_shows_the_versions_of_its_moment(
    tmp_path: Path, project: Path, steps: int
) -> None:
    """Builds for days in any order, of which some fail; days leave the window, and are trimmed."""
    seed = random.randrange(1_000_000)
    print(f"steps drawn with seed {seed}")
    draw = random.Random(seed)
    history = History(Line.at(tmp_path / "line", project))
    history.lay_out()
    # The watermark of the last build; None if the next one has to derive all.
    stamp: datetime | None = None
    for step in range(steps):
        history.change(draw)
        as_of = TODAY + timedelta(days=draw.choice([step - steps, step - steps, *range(-9, 3)]))
        history.write()
        history.build(as_of)
        # Also where nothing is as old as the watermark: then all versions were replaced.
        is_whole = stamp is None or min(history.changed()) > stamp
        assert history.compares_all() == is_whole, step
        stamp = max(history.changed())
        assert history.rows() == history.expected(as_of), step
        if step % 5 == 4:
            incremental = history.stored()
            history.build(as_of, "--full-refresh")
            assert history.stored() == incremental, step
        # The build ends well and notes its day, or fails.
        if draw.random() < 0.8:
            history.now += timedelta(minutes=draw.randrange(2))
            history.noted[as_of] = history.now
        if step % 6 == 5:
            history.write()
            trim_history(Context(history.line.project))
            stamp = None
            with history.private() as private:
                history.noted = dict(
                    private.execute(
                        "select as_of_date, noted_at from audit.profile_days"
                    ).fetchall()
                )
                history.versions = private.execute(
                    "select one_id, level, dbt_valid_from, dbt_valid_to"
                    " from snapshots.customer_profiles_history"
                ).fetchall()
