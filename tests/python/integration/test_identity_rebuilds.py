"""What changes without a new row counts for the rows of before, as a rebuild counts it."""

from __future__ import annotations

from pathlib import Path

from support.identity import (
    EVENTS,
    IDENTITY,
    LINKS,
    build_identity,
    compared,
    link,
    override,
    partition,
    write_overrides,
)
from support.line import Line, copy_project, differences


def assert_equals_rebuild(line: Line, folder: Path) -> None:
    rebuilt = line.copy_warehouse(folder)
    rebuilt.build(*IDENTITY, "--full-refresh", tests=False)
    assert not differences(compared(line), compared(rebuilt))


def test_a_blocked_identifier_joins_nobody_any_more(tmp_path: Path) -> None:
    """An end of links, and the anchor of sets: their rows keep their keys and lose an end."""
    project = copy_project(tmp_path / "project")
    line = Line.at(tmp_path / "line", project)
    line.write(
        "app/day1.csv",
        EVENTS,
        "e1,U9,O1,D1,page_view,,2026-05-01",
        "e2,U9,O2,D2,page_view,,2026-05-01",
        # Without a row that stays as it is, everything would be compared.
        "e3,U4,O4,D4,page_view,,2026-05-01",
    )
    line.write(
        "id_graph/day1.csv",
        LINKS,
        link("member_id:M1", "device_id:D77"),
        link("union_id:U3", "device_id:D77"),
        link("union_id:U3", "open_id:O3"),
        link("member_id:M2", "device_id:D78"),
    )
    before = build_identity(line)
    assert before.together("member_id:M1", "union_id:U3", "open_id:O3")
    assert before.together("open_id:O1", "open_id:O2")

    with (project / "seeds" / "id_blocklist.csv").open("a") as seed:
        seed.write("device_id,exact,D77,a test\nunion_id,exact,U9,a test\n")
    people = build_identity(line)

    assert partition(people.active, people) == {
        frozenset({"member_id:M1"}),
        frozenset({"union_id:U3", "open_id:O3"}),
        frozenset({"open_id:O1", "device_id:D1"}),
        frozenset({"open_id:O2", "device_id:D2"}),
        frozenset({"member_id:M2", "device_id:D78"}),
        frozenset({"union_id:U4", "open_id:O4", "device_id:D4"}),
    }
    assert_equals_rebuild(line, tmp_path / "rebuilt")


def test_ends_that_are_gone_can_be_linked_by_hand_and_edges_rebuilt_alone(tmp_path: Path) -> None:
    project = copy_project(tmp_path / "project")
    line = Line.at(tmp_path / "line", project)
    line.write(
        "app/day1.csv",
        EVENTS,
        "e1,U6,,,page_view,,2026-05-01",
        "e2,,,D66,page_view,,2026-05-01",
    )
    line.write(
        "id_graph/day1.csv",
        LINKS,
        link("member_id:M5", "device_id:D5", is_active=False),
        link("union_id:U6", "device_id:D66"),
    )
    write_overrides(project, override("must_link", "member_id:M5", "device_id:D5"))
    assert build_identity(line).together("union_id:U6", "device_id:D66")

    # The edge leaves no row behind: its component is not among those with a changed edge.
    line.write("id_graph/day2.csv", LINKS, link("union_id:U6", "device_id:D66", is_active=False))
    line.ingest()
    line.build("--select", "+int_identity__shared_values", tests=False)
    line.build("--full-refresh", "--select", "int_identity__edges", tests=False)
    assert not build_identity(line).together("union_id:U6", "device_id:D66")
    assert_equals_rebuild(line, tmp_path / "rebuilt")

    # Links by hand count as soon as one of their ends is there.
    line.write("id_graph/day3.csv", LINKS, link("member_id:M5", "open_id:O5"))
    assert build_identity(line).together("member_id:M5", "device_id:D5", "open_id:O5")
    assert_equals_rebuild(line, tmp_path / "again")


def test_a_table_that_was_left_out_of_a_build_is_caught_up(tmp_path: Path) -> None:
    """Where a model looks up rows in it, which are not there yet or of before."""
    project = copy_project(tmp_path / "project")
    with (project / "seeds" / "id_blocklist.csv").open("a") as seed:
        seed.write("device_id,exact,D77,a test\nunion_id,exact,U9,a test\n")
    whole = ("--select", "+int_events__resolved", "+id_link_rejections")
    line = Line.at(tmp_path / "line", project)
    line.write("app/day1.csv", EVENTS, "e1,U1,O1,D1,page_view,,2026-05-01")
    line.write("id_graph/day1.csv", LINKS, link("member_id:M1", "device_id:D2"))
    line.ingest()
    line.build(*whole, tests=False)

    days = {
        # Without the sightings, of which some are blocked.
        "int_identity__graph_links int_events__resolved": (
            "e2,U9,O9,D9,page_view,,2026-05-01",
            link("member_id:M3", "device_id:D77"),
        ),
        # Without the nodes: a value that is new, and shared at once.
        "int_identity__sightings int_identity__graph_links int_identity__star_links"
        " int_identity__candidate_links int_identity__shared_values": (
            "e3,U3,,,page_view,,2026-05-01",
            *(link("email_hash:E4", f"open_id:S{n}") for n in range(6)),
        ),
        # Without the one_ids: of a new customer.
        "+int_identity__node_clusters int_identity__cluster_one_ids": (
            "e4,,,D44,page_view,,2026-05-01",
            link("member_id:M5", "device_id:D5"),
        ),
        # Without the confidences: a customer's identifier is on a weaker link.
        "+int_identity__cluster_one_ids int_identity__map": (
            "e5,U5,,,page_view,,2026-05-01",
            link("union_id:U1", "member_id:M1", 0.85),
        ),
    }
    for number, (part, (event, *links)) in enumerate(days.items(), start=2):
        line.write(f"app/day{number}.csv", EVENTS, event)
        line.write(f"id_graph/day{number}.csv", LINKS, *links)
        line.ingest()
        line.build_part(part)
        line.build(*whole, tests=False)

    rebuilt = line.copy_warehouse(tmp_path / "rebuilt")
    rebuilt.build(*whole, "--full-refresh", tests=False)
    assert not differences(compared(line), compared(rebuilt))
    events = "select event_id, one_id from intermediate.int_events__resolved order by all"
    assert line.query(events) == rebuilt.query(events)
    assert len(line.query("from intermediate.int_identity__shared_values")) == 1
