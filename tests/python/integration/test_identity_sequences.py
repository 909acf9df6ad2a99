"""Random days: after each, what was built batch by batch equals what a rebuild makes."""

from __future__ import annotations

import random
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from support.identity import (
    EVENTS,
    IDENTITY,
    LINKS,
    MEMBERS,
    build_identity,
    compared,
    link,
    member,
    override,
    partition,
    set_type,
    set_variable,
    write_overrides,
)
from support.line import Line, copy_project, differences

# Small worlds that share nothing, in one warehouse: each build is a step of all of them.
WORLDS = 12
DATES = ("2023-01-01", "2023-06-01", "2024-03-01", "2025-01-01", "2026-05-01")


@dataclass
class World:
    """A few identifiers of each type, and whatever is said of them."""

    name: str
    chance: random.Random
    links: dict[tuple[str, str], str] = field(default_factory=dict)
    overrides: dict[tuple[str, str], str] = field(default_factory=dict)

    def value(self, id_type: str) -> str:
        return f"{self.name}{id_type[0]}{self.chance.randrange(6)}"

    def identifier(self) -> str:
        id_type = self.chance.choice(
            ("member_id", "union_id", "mobile_hash", "email_hash", "open_id", "device_id")
        )
        return f"{id_type}:{self.value(id_type)}"

    def ends(self) -> tuple[str, str]:
        left, right = self.identifier(), self.identifier()
        return (left, right) if left != right else self.ends()

    def member_rows(self) -> list[str]:
        return [
            member(
                self.value("member_id"),
                self.chance.choice(("", self.value("mobile_hash"))),
                self.chance.choice(("", self.value("email_hash"))),
                registered=self.chance.choice(DATES),
                # Also older than what stands: such a row changes nothing.
                updated=f"2026-05-{self.chance.randrange(1, 28):02}",
                is_deleted=self.chance.random() < 0.25,
            )
            for _ in range(self.chance.randrange(3))
        ]

    def event_rows(self, batch: int) -> list[str]:
        return [
            f"{self.name}e{batch}_{number},"
            f"{self.chance.choice(('', self.value('union_id')))},"
            f"{self.chance.choice(('', self.value('open_id')))},{self.value('device_id')},"
            f"page_view,,{self.chance.choice(DATES)}"
            for number in range(self.chance.randrange(3))
        ]

    def link_rows(self) -> list[str]:
        rows = []
        for _ in range(self.chance.randrange(5)):
            first, last = sorted(self.chance.choices(DATES, k=2))
            known = sorted(self.links)
            is_old = bool(known) and self.chance.random() < 0.4
            ends = self.chance.choice(known) if is_old else self.ends()
            confidence = self.chance.choice((0.5, 0.8, 0.9, 0.95, 1.0))
            is_active = not (is_old and self.chance.random() < 0.7)
            self.links[ends] = link(*ends, confidence, first, last, is_active)
            rows.append(self.links[ends])
        # The same words in other order, as if the file came again.
        if self.links and self.chance.random() < 0.3:
            rows.append(self.links[self.chance.choice(sorted(self.links))])
        return rows

    def override_rows(self) -> list[str]:
        for ends in sorted(self.overrides):
            if self.chance.random() < 0.3:
                del self.overrides[ends]
        for _ in range(self.chance.randrange(3)):
            left, right = sorted(self.ends())
            kind = self.chance.choice(("must_link", "cannot_link"))
            self.overrides[left, right] = override(kind, left, right)
        return [self.overrides[ends] for ends in sorted(self.overrides)]


def write_batch(line: Line, worlds: list[World], batch: int, chance: random.Random) -> None:
    files = {
        "crm": (MEMBERS, [row for world in worlds for row in world.member_rows()]),
        "app": (EVENTS, [row for world in worlds for row in world.event_rows(batch)]),
        "id_graph": (LINKS, once(row for world in worlds for row in world.link_rows())),
    }
    for source, (header, rows) in files.items():
        chance.shuffle(rows)
        line.write(f"{source}/batch{batch:02}.csv", header, *rows)


def change_overrides(line: Line, worlds: list[World]) -> None:
    write_overrides(
        line.project.folder, *[row for world in worlds for row in world.override_rows()]
    )


def once(rows: Iterable[str]) -> list[str]:
    """The last word on each pair: within a file it must not matter which line comes first."""
    latest: dict[str, str] = {}
    for row in rows:
        latest[",".join(row.split(",")[:4])] = row
    return list(latest.values())


def change_a_rule(project: Path, chance: random.Random) -> None:
    match chance.randrange(6):
        case 0:
            set_type(project, "mobile_hash", chance.randrange(1, 4), chance.choice(("", 90, 365)))
        case 1:
            set_type(project, "device_id", chance.choice(("", 2, 20)))
        case 2:
            set_variable(project, "identity_min_confidence", chance.choice((0.5, 0.8, 0.92)))
        case 3:
            set_variable(project, "identity_shared_value_hubs", chance.choice((1, 2, 5)))
        case 4:
            set_variable(project, "identity_max_cluster_size", chance.choice((4, 8, 1000)))
        case 5:
            kind = chance.choice(("union_id", "device_id", "mobile_hash"))
            with (project / "seeds" / "id_blocklist.csv").open("a") as seed:
                seed.write(f"{kind},exact,W{chance.randrange(WORLDS)}X{kind[0]}1,a test\n")


def assert_equals_rebuild(line: Line, folder: Path) -> None:
    rebuilt = line.copy_warehouse(folder)
    rebuilt.build(*IDENTITY, "--full-refresh", tests=False)
    assert not differences(compared(line), compared(rebuilt))


@pytest.mark.soak
@pytest.mark.parametrize(("seed", "batches"), [(3, 5), (4, 12)])
def test_batches_in_any_order_equal_a_rebuild(tmp_path: Path, seed: int, batches: int) -> None:
    chance = random.Random(seed)
    project = copy_project(tmp_path / "project")
    line = Line.at(tmp_path / "line", project)
    worlds = [World(f"W{number}X", random.Random(f"{seed} {number}")) for number in range(WORLDS)]
    stopped_after = [
        "int_identity__sightings",
        "int_identity__nodes",
        "int_identity__star_links",
        "int_identity__candidate_links",
        "int_identity__shared_values",
        "int_identity__edges",
        "int_identity__clusters",
        "int_identity__node_clusters",
        "int_identity__one_ids",
        "int_identity__cluster_one_ids",
        "int_identity__confidences",
    ]
    for batch in range(batches):
        write_batch(line, worlds, batch, chance)
        # In between, only rows change: then a build reads what the batch brought, nothing else.
        if batch % 2 == 0:
            change_overrides(line, worlds)
        if batch and batch % 2 == 0:
            change_a_rule(project, chance)
        if batch % 3 == 2:
            # This build stops between two models, and the next batch comes with the one after.
            line.ingest()
            stop = chance.choice(stopped_after)
            # A rebuild of a part doesn't tell the rest what it removed.
            rebuilt = ("--full-refresh",) if batch % 2 == 0 else ()
            line.build("--select", f"+{stop}", *rebuilt, tests=False)
            continue
        build_identity(line)
        assert_equals_rebuild(line, tmp_path / f"rebuilt{batch}")
    people = build_identity(line)
    assert people.refused, "nothing was ever refused: the worlds are too quiet"
    before = {
        name: line.query(f"select * from intermediate.int_identity__{name}")
        for name in ("edges", "clusters", "confidences", "map")
    }
    build_identity(line)
    for name, rows in before.items():
        assert line.query(f"select * from intermediate.int_identity__{name}") == rows, name

    # In an empty warehouse, from the same files at once, other people got other names. It lacks the
    # identifiers that were active only before.
    fresh = Line.at(tmp_path / "fresh", project)
    fresh_people = build_identity(Line(fresh.project, line.data))
    assert people.active == fresh_people.active
    assert people.ids.keys() > fresh_people.ids.keys()
    assert partition(people.active, people) == partition(people.active, fresh_people)
    assert people.refused == fresh_people.refused
