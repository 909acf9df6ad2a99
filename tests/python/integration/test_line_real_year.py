"""The real year of Online Retail II (D. Chen, UCI, CC BY 4.0) through the whole line."""

from __future__ import annotations

import random
import shutil
import signal
import subprocess
import sys
import time
from decimal import Decimal
from pathlib import Path

import duckdb
import pandas as pd
import pyarrow as pa
import pytest
from support import pandas_marts
from support.cli import REPOSITORY, BuiltProject, clean_environment, make_project, run_cli
from support.line import differences, read_tables
from support.retail_year import Row, thirty_days, write_rows, year_file

from benchmarks.real_year_parts.page import real_year_page
from onecdp.audiences.evaluate import evaluate
from onecdp.audiences.store import Store

AS_OF = ("--as-of", "2011-12-10")


def make_project_with_scores(target: Path) -> Path:
    """As docs/real-year.md is made: with customer_value."""
    folder = make_project(target)
    settings = folder / "dbt_project.yml"
    off, on = "customer_value: false", "customer_value: true"
    assert settings.read_text().count(off) == 1
    settings.write_text(settings.read_text().replace(off, on))
    return folder


@pytest.fixture(scope="module")
def year(tmp_path_factory: pytest.TempPathFactory) -> BuiltProject:
    """A project whose `data/` is the year, loaded, built, tested and published once."""
    source = year_file()
    folder = make_project_with_scores(tmp_path_factory.mktemp("year") / "project")
    (folder / "data" / "retail").mkdir(parents=True)
    (folder / "data" / "retail" / source.name).symlink_to(source)
    finished = run_cli("run", "--data", "data", *AS_OF, cwd=folder)
    assert finished.code == 0, finished.stderr + finished.stdout
    return BuiltProject(folder, folder / "warehouse", finished)


@pytest.fixture(scope="module")
def sample() -> tuple[Row, list[list[Row]]]:
    return thirty_days()


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


@pytest.fixture(scope="module")
def frames(year: BuiltProject) -> dict[str, pd.DataFrame]:
    """Published marts in pandas, numbers that may be null, and money, as floats."""
    names = (
        "unified_events", "sessions", "orders", "customer_cohorts", "channel_performance",
        "segment_daily",
    )  # fmt: skip
    with duckdb.connect(year.warehouse / "marts.duckdb", read_only=True) as marts:
        found = {name: marts.execute(f"from {name}").df() for name in names}
    for frame in found.values():
        numbers = [
            name for name in ("revenue", "average_order_value", "order_number") if name in frame
        ]
        frame[numbers] = frame[numbers].astype("float64")
    return found


def test_sessions_are_those_of_pandas(frames: dict[str, pd.DataFrame]) -> None:
    ours = frames["sessions"]
    assert not ours["is_given"].any()
    assert (ours["session_id"] == ours["channel"] + " " + ours["started_at"].astype(str)).all()
    theirs = pandas_marts.sessions(frames["unified_events"])
    pandas_marts.assert_same(ours[theirs.columns], theirs)


def test_orders_cohorts_and_channels_are_those_of_pandas(frames: dict[str, pd.DataFrame]) -> None:
    events = frames["unified_events"]
    placed = pandas_marts.tidy(pandas_marts.orders(events).drop(columns="month"))
    pandas_marts.assert_same(frames["orders"][placed.columns], placed)
    cohorts = pandas_marts.cohorts(events)
    ours = frames["customer_cohorts"]
    pandas_marts.assert_same(ours.loc[ours["customers"] > 0, cohorts.columns], cohorts)
    empty = ours[ours["customers"] == 0]
    assert not empty[["orders", "revenue", "retention"]].any(axis=None)
    months = ours["cohort_month"].nunique()
    assert len(ours) == months * (months + 1) / 2
    channels = pandas_marts.channel_performance(events)
    pandas_marts.assert_same(frames["channel_performance"][channels.columns], channels)


def test_segments_of_the_day_are_those_of_pandas(frames: dict[str, pd.DataFrame]) -> None:
    theirs = pandas_marts.segment_daily(frames["unified_events"], pd.Timestamp("2011-12-10"))
    pandas_marts.assert_same(frames["segment_daily"][theirs.columns], theirs)


def test_the_page_of_the_year_is_what_the_command_prints(year: BuiltProject) -> None:
    page = real_year_page(year.warehouse / "marts.duckdb")
    assert (REPOSITORY / "docs" / "real-year.md").read_text() == page


def test_auc_and_brier_are_those_of_all_pairs(year: BuiltProject) -> None:
    columns = {
        "logistic": "purchase_probability",
        "bg_nbd": "bg_nbd_probability",
        "recency alone": "recency_probability",
        "last period repeats": "repeat_probability",
    }
    with duckdb.connect(year.warehouse / "onecdp.duckdb", read_only=True) as private:
        scores = private.execute(
            "from intermediate.int_customers__value_scores where seen_on = '2011-09-11'"
        ).df()
        quality = private.execute(
            "select distinct model, auc, brier from marts.customer_value_calibration"
        ).fetchall()
    bought = scores["next_purchase_days"].to_numpy() > 0
    for model, auc, brier in quality:
        probability = scores[columns[model]].to_numpy()
        pairs = probability[bought][:, None] - probability[~bought]
        assert auc == pytest.approx((pairs > 0).mean() + (pairs == 0).mean() / 2, abs=1e-6)
        assert brier == pytest.approx(((probability - bought) ** 2).mean(), abs=1e-6)
    assert len(quality) == len(columns)


def test_the_scores_beat_both_baselines_on_the_last_three_months(year: BuiltProject) -> None:
    with duckdb.connect(year.warehouse / "marts.duckdb", read_only=True) as marts:
        quality = {
            model: (auc, brier)
            for model, auc, brier in marts.execute(
                "select distinct model, auc, brier from customer_value_calibration"
            ).fetchall()
        }
        spread = marts.execute(
            "select min(actual_share), max(actual_share), max(abs(predicted_share - actual_share))"
            " from customer_value_calibration where model = 'logistic'"
        ).fetchone()
    for model in ("logistic", "bg_nbd"):
        for baseline in ("recency alone", "last period repeats"):
            assert quality[model][0] > quality[baseline][0] + 0.03
            assert quality[model][1] < quality[baseline][1] - 0.01
    assert spread is not None
    lowest, highest, error = spread
    assert lowest < 0.4
    assert highest > 0.9
    assert error < 0.2


# The guide's campaigns and others, and the same by hand from the events.
RULES = {
    "(recency_at_risk OR recency_lapsed) AND monetary >= 1000": (
        "recency between 31 and 180 and spent >= 1000"
    ),
    "frequency_medium AND monetary BETWEEN 200 AND 999 AND recency_active": (
        "orders between 3 and 9 and spent between 200 and 999 and recency <= 30"
    ),
    "repeat_buyer AND NOT has_returned AND country_france": (
        "orders >= 2 and returns = 0 and country = 'France'"
    ),
    "bought_last_30_days AND orders IN (2, 3) OR recency > 300": (
        "recent_orders >= 1 and orders in (2, 3) or recency > 300"
    ),
    'NOT ("High Value" OR monetary < 19.95) -- spent little, but something': (
        "not (spent >= 300 or spent < 19.95)"
    ),
    "never_bought OR NOT country_united_kingdom AND monetary != 0": (
        "orders = 0 or country is distinct from 'United Kingdom' and spent != 0"
    ),
}


@pytest.mark.parametrize("rule", RULES)
def test_rules_select_what_hand_written_sql_selects(year: BuiltProject, rule: str) -> None:
    store = Store(year.warehouse / "marts.duckdb")
    with duckdb.connect(store.file, read_only=True) as marts:
        rows = marts.execute(
            """
            with facts as (
                select
                    one_id,
                    count(distinct order_id) filter (event_type = 'purchase') as orders,
                    count(distinct order_id) filter (
                        event_type = 'purchase' and event_date > date '2011-12-10' - 30
                    ) as recent_orders,
                    count(*) filter (event_type = 'return') as returns,
                    coalesce(sum(revenue) filter (event_type = 'purchase'), 0) as spent,
                    date '2011-12-10' - max(event_date) filter (event_type = 'purchase') as recency
                from unified_events where one_id is not null group by one_id
            )
            select one_int from facts inner join customer_profiles using (one_id)
            where """
            + RULES[rule]
        ).fetchall()
    members = evaluate(store.parsed(rule), store.sets)
    assert set(members) == {one_int for (one_int,) in rows}
    assert 0 < len(members) < 4_372


def test_a_second_run_changes_no_mart_row(year: BuiltProject) -> None:
    before = read_tables(year.warehouse / "marts.duckdb", "main")
    finished = run_cli("run", "--data", "data", *AS_OF, "--json", cwd=year.folder)
    assert finished.code == 0, finished.stderr
    assert not differences(before, read_tables(year.warehouse / "marts.duckdb", "main"))


def read_without_stamps(file: Path) -> dict[str, pa.Table]:
    """The marts, but not in which run, and when, the ID map and packages became what they are."""
    marts = read_tables(file, "main")
    marts["id_map_changes"] = marts["id_map_changes"].drop_columns(["run_id", "changed_at"])
    changes = marts["audience_membership_changes"]
    marts["audience_membership_changes"] = changes.drop_columns(["changed_at"])
    return marts


def kill_a_run(folder: Path, data: Path, seconds: float) -> None:
    """Starts a run and kills it after `seconds`; one that ended by then starts over, with less."""
    command = [sys.executable, "-m", "onecdp", "run", "--data", str(data), *AS_OF]
    while True:
        process = subprocess.Popen(
            command,
            cwd=folder,
            env=clean_environment(),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            process.kill()
            assert process.wait() == -signal.SIGKILL
            return
        assert process.returncode == 0
        shutil.rmtree(folder / "warehouse")
        seconds *= 0.7


def assert_kills_change_nothing(
    folder: Path, data: Path, moments: list[float], expected: Path
) -> None:
    """Kills a run at each moment, in seconds after its start, then lets one end."""
    for moment in moments:
        kill_a_run(folder, data, moment)
    finished = run_cli("run", "--data", str(data), *AS_OF, cwd=folder)
    assert finished.code == 0, finished.stderr + finished.stdout
    marts = read_without_stamps(folder / "warehouse" / "marts.duckdb")
    assert not differences(read_without_stamps(expected), marts)


@pytest.mark.parametrize("shares", [pytest.param((0.25, 0.55, 0.85), marks=pytest.mark.soak)])
def test_killed_runs_leave_no_trace(
    tmp_path: Path, sample: tuple[Row, list[list[Row]]], shares: tuple[float, ...]
) -> None:
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
    moments = [seconds * share for share in shares]
    assert_kills_change_nothing(disturbed, data, moments, expected)


@pytest.mark.soak
def test_ten_kills_on_the_real_year(tmp_path: Path, year: BuiltProject) -> None:
    started = time.monotonic()
    again = make_project_with_scores(tmp_path / "timed")
    assert run_cli("run", "--data", str(year.folder / "data"), *AS_OF, cwd=again).code == 0
    seconds = time.monotonic() - started

    seed = random.randrange(1_000_000)
    print(f"kills drawn with seed {seed}")
    draw = random.Random(seed)
    expected = year.warehouse / "marts.duckdb"
    for number in range(10):
        folder = make_project_with_scores(tmp_path / f"kill{number}")
        moment = seconds * draw.uniform(0.02, 0.98)
        assert_kills_change_nothing(folder, year.folder / "data", [moment], expected)
