"""Replaying `id_map_changes` from the first day gives the customers of each day."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import pytest
from support.identity import (
    LINKS,
    MEMBERS,
    People,
    build_identity,
    link,
    member,
    override,
    write_overrides,
)
from support.line import Line, copy_project

WORLDS = 12
TYPES = ("open_id", "device_id", "email_hash")
Told = Counter[tuple[str, str | None, str | None]]
# What tells who had which identifier: the changes of single identifiers, oldest first.
MOVES = """
    select named.id_type || ':' || upper(named.id_value), moves.to_one_id
    from intermediate.int_identity__moves as moves
    inner join (select distinct node_id, id_type, id_value from snapshots.id_map_history) as named
        on moves.node_id = named.node_id
    order by moves.changed_at
"""


def optional(one_id: object) -> str | None:
    return None if one_id is None else str(one_id)


def active_ids(people: People) -> dict[str, str]:
    return {identifier: people.one_id(identifier) for identifier in people.active}


def changes_between(
    before: Mapping[str, str], after: Mapping[str, str], ages: Mapping[str, int]
) -> Told:
    """kind, from, to with the number of identifiers, out of two maps of active identifiers.

    A one_id is merged if it is gone and an older one that stood before has all of its identifiers;
    it is split if it stands and its identifiers are at a new one; any other way from one to another
    is a move. Identifiers that become active create a one_id or join it; those that cease to be
    leave it or, with it, retire.
    """
    sizes, new_sizes = Counter(before.values()), Counter(after.values())
    moves = Counter(
        (before.get(identifier), after.get(identifier))
        for identifier in before.keys() | after.keys()
        if before.get(identifier) != after.get(identifier)
    )
    takers = {new for old, new in moves if old is not None}
    givers = {old for old, new in moves if new is not None}
    told: Told = Counter()
    for (old, new), count in moves.items():
        if old is None:
            kind = "join" if new in sizes or new in takers else "create"
        elif new is None:
            kind = "leave" if old in new_sizes or old in givers else "retire"
        elif old in new_sizes:
            kind = "move" if new in sizes else "split"
        else:
            is_whole = count == sizes[old] and new in sizes and ages[new] < ages[old]
            kind = "merge" if is_whole else "move"
        told[kind, old, new] = count
    return told


class Days:
    """New links, members and overrides in each of some worlds, and some of before withdrawn."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        self.links: dict[tuple[str, str], str] = {}
        self.overrides: dict[tuple[str, str], str] = {}

    def value(self, world: int, kind: str) -> str:
        return f"{kind}:W{world}X{kind[0]}{self.chance.randrange(4)}"

    def link_rows(self, day: int) -> list[str]:
        rows: dict[tuple[str, str], str] = {}
        seen = f"2026-05-{day + 1:02}"
        for world in range(WORLDS):
            for _ in range(self.chance.randrange(1, 4)):
                kinds = self.chance.sample(TYPES, 2)
                left, right = (self.value(world, kind) for kind in kinds)
                first = f"20{self.chance.randrange(19, 26)}-01-01"
                rows[left, right] = link(left, right, first=first, last=seen)
                self.links[left, right] = first
            own = [e for e in sorted(self.links) if f":W{world}X" in e[0] and e not in rows]
            if own and self.chance.random() < 0.6:
                ends = self.chance.choice(own)
                rows[ends] = link(*ends, first=self.links[ends], last=seen, is_active=False)
        return list(rows.values())

    def member_rows(self, day: int) -> list[str]:
        rows: dict[str, str] = {}
        for world in range(WORLDS):
            name = f"W{world}XM{self.chance.randrange(3)}"
            is_deleted = self.chance.random() < 0.4
            mail = self.value(world, "email_hash").partition(":")[2]
            # Some deletions show the mailbox, others the number alone.
            shown = mail if not is_deleted or self.chance.random() < 0.5 else ""
            updated = f"2026-05-{day + 1:02}"
            rows[name] = member(name, "", shown, updated=updated, is_deleted=is_deleted)
        return list(rows.values())

    def override_rows(self) -> list[str]:
        for ends in sorted(self.overrides):
            if self.chance.random() < 0.4:
                del self.overrides[ends]
        for _ in range(4):
            world = self.chance.randrange(WORLDS)
            left, right = (self.value(world, kind) for kind in self.chance.sample(TYPES, 2))
            kind = self.chance.choice(("must_link", "cannot_link"))
            self.overrides[min(left, right), max(left, right)] = override(kind, left, right)
        return [self.overrides[ends] for ends in sorted(self.overrides)]


@pytest.mark.parametrize(("seed", "days"), [(1, 4), pytest.param(2, 12, marks=pytest.mark.soak)])
def test_changes_of_random_days_replay_to_their_maps(tmp_path: Path, seed: int, days: int) -> None:
    made = Days(seed)
    project = copy_project(tmp_path / "project")
    line = Line.at(tmp_path / "line", project)
    ages: dict[str, int] = {}
    owners: dict[str, str] = {}
    before: dict[str, str] = {}
    kinds: Counter[str] = Counter()
    rows_told = 0
    for day in range(days):
        line.write(f"id_graph/day{day:02}.csv", LINKS, *made.link_rows(day))
        line.write(f"crm/day{day:02}.csv", MEMBERS, *made.member_rows(day))
        write_overrides(project, *made.override_rows())
        people = build_identity(line)
        after = active_ids(people)
        ages |= dict(people.ids.values())
        told: Told = Counter()
        for _, kind, old, new, count, _ in people.changes[rows_told:]:
            told[str(kind), optional(old), optional(new)] = int(str(count))
            kinds[str(kind)] += 1
        assert told == changes_between(before, after, ages), f"day {day}"

        # From the first day on, not only since yesterday.
        sizes: Counter[str] = Counter()
        for _, _, old, new, count, _ in people.changes:
            sizes.update({str(new): int(str(count))} if new else {})
            sizes.subtract({str(old): int(str(count))} if old else {})
        assert +sizes == Counter(after.values()), f"day {day}"
        assert min(sizes.values()) >= 0

        replayed: dict[str, object] = {}
        for identifier, one_id in line.query(MOVES):
            replayed[str(identifier)] = one_id
        assert {key: one_id for key, one_id in replayed.items() if one_id} == after, f"day {day}"

        # Nobody's identifiers stay where they were.
        owners |= after
        assert owners == {key: one_id for key, (one_id, _) in people.ids.items()}, f"day {day}"
        rows_told, before = len(people.changes), after
    assert set(kinds) >= {"create", "join", "split", "move", "leave", "retire"}, kinds
