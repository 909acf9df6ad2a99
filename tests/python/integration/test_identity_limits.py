"""Limits of identity under load, by window and by size, and the guard against equal numbers."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from support.cli import run_cli
from support.identity import (
    EVENTS,
    LINKS,
    build_identity,
    lift_limits,
    link,
    set_type,
    set_variable,
)
from support.line import Line, copy_project

CHAIN = 2_000
MANY = 100_000


def chain(name: str, length: int) -> list[str]:
    """Links of open ids, each to the next."""
    return [link(f"open_id:{name}{n}", f"open_id:{name}{n + 1}") for n in range(length - 1)]


@pytest.mark.soak
def test_a_number_counts_while_it_is_held(tmp_path: Path) -> None:
    project = copy_project(tmp_path / "project")
    set_type(project, "mobile_hash", 1, 90)
    line = Line.at(tmp_path / "line", project)
    line.write(
        "id_graph/links.csv",
        LINKS,
        # Two owners, each with a number of their own all the time; the phone goes from A to B.
        link("device_id:A", "mobile_hash:A_H", first="2023-01-01", last="2026-01-01"),
        link("device_id:B", "mobile_hash:B_H", first="2023-01-02", last="2026-01-01"),
        link("open_id:HANDED", "device_id:A", first="2023-02-01", last="2024-01-01"),
        link("open_id:HANDED", "device_id:B", first="2024-06-01", last="2025-01-01"),
        # One owner whose number changed, longer ago than the window; another within it.
        link("device_id:C", "mobile_hash:C_OLD", first="2023-01-01", last="2023-06-01"),
        link("device_id:C", "mobile_hash:C_NEW", first="2023-08-31", last="2026-01-01"),
        link("device_id:D", "mobile_hash:D_OLD", first="2023-01-01", last="2023-06-01"),
        link("device_id:D", "mobile_hash:D_NEW", first="2023-08-30", last="2026-01-01"),
        # Never dated: held for ever.
        link("device_id:E", "mobile_hash:E_OLD", first="", last=""),
        link("device_id:E", "mobile_hash:E_NEW", first="2026-01-01", last="2026-01-01"),
    )
    people = build_identity(line)
    assert people.together("device_id:A", "mobile_hash:A_H", "open_id:HANDED")
    assert people.together("device_id:B", "mobile_hash:B_H")
    assert not people.together("device_id:A", "device_id:B")
    assert people.together("device_id:C", "mobile_hash:C_OLD", "mobile_hash:C_NEW")
    assert people.together("device_id:D", "mobile_hash:D_OLD")
    assert not people.together("device_id:D", "mobile_hash:D_NEW")
    number = ("max_values", "mobile_hash", "deterministic", 0.95)
    assert people.refused == {
        ("open_id:HANDED", "device_id:B"): number,
        ("mobile_hash:D_NEW", "device_id:D"): number,
        # The one without a date comes last.
        ("mobile_hash:E_OLD", "device_id:E"): number,
    }
    assert people.reasons["mobile_hash:D_NEW", "device_id:D"] == (
        "together they hold 2 mobile_hash, a person at most 1 in 90 days"
    )

    # Newer links move a date: C's old number was seen a day later, D's new one a day later.
    line.write(
        "id_graph/seen.csv",
        LINKS,
        link("device_id:C", "mobile_hash:C_OLD", first="2023-01-01", last="2023-06-02"),
        link("device_id:D", "mobile_hash:D_NEW", first="2023-08-31", last="2026-01-02"),
    )
    people = build_identity(line)
    assert people.together("device_id:C", "mobile_hash:C_OLD")
    assert not people.together("device_id:C", "mobile_hash:C_NEW")
    assert people.together("device_id:D", "mobile_hash:D_OLD", "mobile_hash:D_NEW")


@pytest.mark.soak
def test_a_long_chain_is_cut_by_limits_by_the_cap_or_by_nothing(tmp_path: Path) -> None:
    project = copy_project(tmp_path / "project")
    line = Line.at(tmp_path / "line", project)
    line.write("id_graph/links.csv", LINKS, *chain("C", CHAIN))
    people = build_identity(line)
    sizes = Counter(one_id for one_id, _ in people.ids.values())
    assert sum(sizes.values()) == CHAIN
    assert max(sizes.values()) <= 20
    # Each refused link is one cut, and each cut is told.
    assert len(people.refused) == len(sizes) - 1
    assert {why[:2] for why in people.refused.values()} == {("max_values", "open_id")}

    lift_limits(project)
    people = build_identity(line)
    sizes = Counter(one_id for one_id, _ in people.ids.values())
    assert max(sizes.values()) <= 1_000
    assert len(people.refused) == len(sizes) - 1 > 0
    assert {why[:2] for why in people.refused.values()} == {("cluster_size", None)}

    set_variable(project, "identity_max_cluster_size", CHAIN)
    people = build_identity(line)
    assert {one_int for _, one_int in people.ids.values()} == {1}
    assert not people.refused
    assert {people.confidences[identifier] for identifier in people.ids} == {0.95, 1.0}


@pytest.mark.soak
def test_a_value_of_a_hundred_thousand_links(tmp_path: Path) -> None:
    """A mailbox of as many union ids is shared; a member of as many devices is limited."""
    line = Line.at(tmp_path / "line", copy_project(tmp_path / "project"))
    line.write(
        "id_graph/many.csv",
        LINKS,
        *(link("email_hash:ALL", f"union_id:U{n}") for n in range(MANY)),
        *(link("member_id:ALL", f"device_id:D{n}") for n in range(MANY)),
    )
    people = build_identity(line)
    unions = {people.one_id(f"union_id:U{n}") for n in range(MANY)}
    assert len(unions) == MANY
    assert people.one_id("email_hash:ALL") not in unions
    own = [n for n in range(MANY) if people.together("member_id:ALL", f"device_id:D{n}")]
    assert len(own) == 20
    assert len(people.refused) == MANY - 20
    assert {left for left, _ in people.refused} == {"member_id:ALL"}
    assert {why[:2] for why in people.refused.values()} == {("max_values", "device_id")}

    # One link more costs no second resolution of all.
    line.write("id_graph/more.csv", LINKS, link("member_id:MORE", "union_id:U7"))
    assert build_identity(line).together("member_id:MORE", "union_id:U7")


@pytest.mark.soak
@pytest.mark.parametrize(
    ("macro", "hashed", "told"),
    [
        (
            "identity/node_id.sql",
            """{{ hash_63_bits(id_type ~ " || ':' || " ~ id_value) }}""",
            "the identifier union_id:U",
        ),
        (
            "identity/set_number.sql",
            """{{ hash_63_bits(parts | join(" || ',' || ")) }}""",
            "two sets of identifiers have one number",
        ),
    ],
)
def test_two_of_one_number_stop_the_build(
    tmp_path: Path, macro: str, hashed: str, told: str
) -> None:
    project = copy_project(tmp_path / "project")
    file = project / "macros" / macro
    text = file.read_text()
    assert text.count(hashed) == 1
    file.write_text(text.replace(hashed, f"({hashed} & 7)"))
    data = tmp_path / "data" / "app"
    data.mkdir(parents=True)
    rows = [f"e{n},U{n},,,page_view,,2026-05-01" for n in range(20)]
    (data / "events.csv").write_text("\n".join((EVENTS, *rows)) + "\n")
    where = ("--project-dir", str(project), "--warehouse", str(tmp_path / "warehouse"))
    done = run_cli("run", "--data", str(data.parent), *where, cwd=tmp_path)
    assert done.code == 1
    (line,) = (line for line in done.stdout.splitlines() if line.startswith("error: "))
    assert told in line
    assert f"change the text that macros/{macro} hashes" in line
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "warehouse" / "marts.duckdb").exists()
