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
