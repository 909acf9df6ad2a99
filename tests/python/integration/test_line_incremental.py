"""A few days in the life of a shop: each incremental build equals a rebuild, row for row."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest
from support.line import Line, copy_project, differences
from support.line_days import (
    assert_profiles,
    first_day,
    fourth_day,
    second_day,
    third_day,
    write_link,
)


def compared_whole(project: Path) -> set[str]:
    """The models with watermarks whose last build didn't rely on them."""
    compiled = {
        file.stem: file.read_text()
        for file in (project / "target" / "compiled").rglob("*.sql")
        if file.parent.suffix != ".yml"
    }
    models = [
        file.stem
        for file in (project / "models").rglob("*.sql")
        if "keyed_increment(" in file.read_text()
    ]
    assert len(models) >= 20
    return {name for name in models if "> timestamp '" not in compiled[name]}


def one_id_of(line: Line, id_type: str, id_value: str) -> object:
    ((one_id,),) = line.query(
        f"select one_id from marts.id_map where id_type = '{id_type}' and id_value = '{id_value}'"
    )
    return one_id


def people(line: Line) -> set[frozenset[object]]:
    """Who is one person, whatever the person is called."""
    rows = line.query("select list((id_type, id_value)) from marts.id_map group by one_id")
    return {frozenset(identifiers) for (identifiers,) in rows}  # type: ignore[call-overload]


# Customer, orders, gross and returned revenue, page views; then whether the ticket is solved.
SHOP = [
    ["C1 1 30 0 1", "C2 0 0 0 0", "C3 1 7 0 0", "solved 0"],
    ["C1 0 0 30 1", "C2 1 20 0 1", "C3 1 7 0 0", "solved 1"],
    ["C1 0 0 30 1", "C2 1 20 0 1", "solved 0"],
    ["C1 1 8 30 1", "C2 1 20 0 1", "C3 1 9 0 0", "solved 0"],
]


def shop(line: Line) -> list[str]:
    """What the shop, the web site and the help desk come to."""
    rows = line.query(
        "select customer_id, count(*) filter (event_type = 'purchase'),"
        " coalesce(sum(revenue) filter (event_type = 'purchase'), 0)::int,"
        " coalesce(-sum(revenue) filter (event_type = 'return'), 0)::int,"
        " count(*) filter (event_type = 'page_view') from marts.customer_profiles"
        " left join (from marts.unified_events where channel in ('shop', 'web')) using (one_id)"
        " where customer_id is not null group by 1 order by 1"
    )
    solved = line.query(
        "select count(*) from marts.unified_events where event_type = 'ticket_solved'"
    )
    return [" ".join(map(str, row)) for row in rows] + [f"solved {solved[0][0]}"]


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return copy_project(tmp_path_factory.mktemp("project"))


def test_every_day_equals_a_rebuild(tmp_path: Path, project: Path) -> None:
    line = Line.at(tmp_path / "daily", project)
    first_one_ids: dict[str, object] = {}
    for number, day in enumerate([first_day, second_day, third_day, fourth_day], start=1):
        day(line)
        line.run(tests=number == 4)
        assert not line.outdated_versions()

        # Random days compare each with a rebuild; these four end with one.
        if number == 4:
            marts = line.marts()
            line.run(tests=False)
            assert not differences(marts, line.marts()), "a run with nothing new changed a mart"
            assert not compared_whole(project), "a run with nothing new compared everything"
            assert not line.query(
                "select table_name from duckdb_tables() where contains(table_name, 'dbt_tmp')"
            ), "dbt's temporary tables were kept"

            assert_equals_rebuild(line, tmp_path)

        assert shop(line) == SHOP[number - 1]
        assert_profiles(line, number)
        if number < 3:
            assert line.query(
                "select count(*), max(pages) from marts.sessions where channel = 'site'"
            ) == [(2, 1) if number == 1 else (1, 3)]
        if number == 1:
            first_one_ids = {
                "M1": one_id_of(line, "member_id", "M1"),
                "U1": one_id_of(line, "union_id", "U1"),
            }
            assert first_one_ids["M1"] != first_one_ids["U1"]
        elif number == 2:
            # Minted in the same run: the one that was seen first (2024) is the older.
            assert one_id_of(line, "union_id", "U1") == first_one_ids["M1"]
            assert one_id_of(line, "device_id", "D3") == one_id_of(line, "union_id", "U3")
            assert one_id_of(line, "union_id", "U2") != one_id_of(line, "member_id", "M2")
        elif number == 3:
            assert one_id_of(line, "member_id", "M1") == first_one_ids["M1"]
            assert one_id_of(line, "union_id", "U1") == first_one_ids["U1"]
            assert one_id_of(line, "retail_customer_id", "200") == one_id_of(
                line, "member_id", "M2"
            )
            assert one_id_of(line, "device_id", "D9") == one_id_of(line, "union_id", "U9")

    fresh = Line(Line.at(tmp_path / "fresh", project).project, line.data)
    fresh.ingest()
    fresh.build("--select", "+id_map", tests=False)
    assert people(line) == people(fresh)

    # Day 3 gave member M2 the shop number; day 4 took its invoices away.
    ((orders, segment),) = line.query(
        "select total_orders, rfm_segment from marts.customer_profiles where member_id = 'M2'"
    )
    assert (orders, segment) == (0, "Never purchased")

    line.build(tests=False, as_of="2026-05-01")
    assert not compared_whole(project), "another as-of date compared everything"


@pytest.mark.soak
def test_identifiers_keep_their_integers_through_a_full_refresh(
    tmp_path: Path, project: Path
) -> None:
    line = Line.at(tmp_path / "line", project)
    first_day(line)
    line.run(tests=False)
    before = line.query("select * from intermediate.int_identity__one_ids order by one_int")
    second_day(line)
    line.run("--full-refresh", tests=False)
    after = line.query("select * from intermediate.int_identity__one_ids order by one_int")
    assert after[: len(before)] == before
    assert [row[1] for row in after] == list(range(1, len(after) + 1))


@pytest.mark.soak
def test_a_rebuild_in_an_empty_warehouse_mints_the_same_ids(tmp_path: Path, project: Path) -> None:
    line = Line.at(tmp_path / "line", project)
    first_day(line)
    second_day(line)
    line.run(tests=False)
    again = Line(Line.at(tmp_path / "again", project).project, line.data)
    again.run(tests=False)
    assert not differences(line.state(), again.state())


def test_a_build_that_stopped_halfway_forgets_no_customer_of_a_split(
    tmp_path: Path, project: Path
) -> None:
    """U1's event leaves M1, a build stops before the customers, then the event goes to M2."""
    line = Line.at(tmp_path / "line", project)
    first_day(line)
    write_link(line, "M1", "U1")
    line.run(tests=False)

    write_link(line, "M1", "U1", is_active=False)
    line.ingest()
    line.build_part("+int_events__resolved")
    write_link(line, "M2", "U1")
    line.run(tests=False)
    assert_equals_rebuild(line, tmp_path)


@pytest.mark.soak
def test_a_build_that_stopped_halfway_forgets_no_customer_of_a_merge(
    tmp_path: Path, project: Path
) -> None:
    """U1's event goes to M2, a build stops before the customers, then M2 merges into M1."""
    line = Line.at(tmp_path / "line", project)
    first_day(line)
    line.run(tests=False)

    write_link(line, "M2", "U1")
    line.ingest()
    line.build_part("+int_events__resolved")
    write_link(line, "M1", "M2")
    line.run()
    assert_equals_rebuild(line, tmp_path)


def assert_equals_rebuild(line: Line, folder: Path) -> None:
    rebuilt = line.copy_warehouse(folder / "rebuilt")
    rebuilt.build("--full-refresh", tests=False)
    assert not differences(line.marts(), rebuilt.marts())


def test_changed_models_count_for_rows_of_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No row is new: what an event is worth, how sums are made, and which events there are."""
    project = copy_project(tmp_path / "project")
    line = Line.at(tmp_path / "line", project)
    first_day(line)
    line.run(tests=False)
    for model, old, new in (
        (
            "events/int_events__app",
            "then coalesce(item_price, 0)",
            "then 2 * coalesce(item_price, 0)",
        ),
        ("events/int_events__web", "    from typed\n", "    from typed where event_id != 'W1'\n"),
        (
            "customers/int_customers__activity",
            "coalesce(-sum(",
            "coalesce({{ env_var('FEE', '7') }} - sum(",
        ),
        ("../../macros/compat/value_at_max", "arg_{{ end }}(", "arg_min("),
    ):
        file = project / "models" / "intermediate" / f"{model}.sql"
        assert file.read_text().count(old) == 1
        file.write_text(file.read_text().replace(old, new))
    line.build(tests=False)
    assert line.query(
        "select sum(revenue) from marts.unified_events where event_id in ('e1', 'e2')"
    ) == [(300,)]
    monkeypatch.setenv("FEE", "9")
    line.build(tests=False)
    assert_equals_rebuild(line, tmp_path)


@pytest.mark.soak
def test_a_clock_that_went_back_hides_no_change(tmp_path: Path, project: Path) -> None:
    line = Line.at(tmp_path / "line", project)
    first_day(line)
    line.run(tests=False)
    with duckdb.connect(str(line.project.warehouse.build_file)) as private:
        for table in ("int_events__resolved", "int_customers__activity"):
            private.execute(f"update intermediate.{table} set changed_at = '2099-01-01'")
        private.execute(
            "update snapshots.customer_profiles_history set dbt_valid_from = '2099-01-01'"
        )
        # As in a warehouse of before moments were kept.
        private.execute("drop table audit.run_moment")
        for table, column in (
            ("profile_days", "noted_at"),
            ("profile_days_read", "noted_at"),
        ):
            private.execute(f"update audit.{table} set {column} = '2099-01-01'")
        private.execute(
            "update audit.watermarks set stamp = '2099-01-01'"
            " where upstream = 'customer_profiles_history'"
        )

    # One line leaves and one comes: only the stamp tells that the customer's events are others.
    path = line.data / "retail" / "day1.csv"
    path.write_text(
        path.read_text().replace(
            "500,K,k,1,2026-05-01 08:00:00,5", "500,K,k,1,2026-05-01 08:00:00,6"
        )
    )
    line.run()

    for relation in ("customer_profiles", "customer_profiles_as_of"):
        assert line.query(
            f"select gross_revenue from marts.{relation} where retail_customer_id = '100'"
        ) == [(46,)]
