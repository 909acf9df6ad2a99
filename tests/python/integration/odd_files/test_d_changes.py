"""Replaying `id_map_changes` from the first day gives the map of each day."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import pytest
from support.identity import LINKS, People, build_identity, link
from support.line import Line, copy_project
from support.odd_files import item

WORLDS = 12
TYPES = ("open_id", "device_id", "email_hash")
Told = Counter[tuple[str, str | None, str | None]]


def optional(one_id: object) -> str | None:
    return None if one_id is None else str(one_id)


def active_ids(people: People) -> dict[str, str]:
    return {identifier: people.one_id(identifier) for identifier in people.active}


def changes_between(before: Mapping[str, str], after: Mapping[str, str]) -> Told:
    """kind, from, to with the number of identifiers, out of two maps of active identifiers.

    A one_id is merged if it is gone and one that stood before has all of its identifiers; it is
    split if it stands and its identifiers are at a new one; any other way of theirs is a move.
    """
    sizes, new_sizes = Counter(before.values()), Counter(after.values())
    moves = Counter(
        (old, after[identifier])
        for identifier, old in before.items()
        if identifier in after and after[identifier] != old
    )
    told: Told = Counter()
    for (old, new), count in moves.items():
        if old not in new_sizes and new in sizes and count == sizes[old]:
            kind = "merge"
        elif old in new_sizes and new not in sizes:
            kind = "split"
        else:
            kind = "move"
        told[kind, old, new] = count
    takers, givers = {new for _, new in moves}, {old for old, _ in moves}
    for one_id in new_sizes.keys() - sizes.keys() - takers:
        told["create", None, one_id] = new_sizes[one_id]
    for one_id in sizes.keys() - new_sizes.keys() - givers:
        told["retire", one_id, None] = sizes[one_id]
    return told


def day_rows(chance: random.Random, known: dict[tuple[str, str], str], day: int) -> list[str]:
    """New links, and some of before withdrawn, in each of the worlds."""
    rows: dict[tuple[str, str], str] = {}
    seen = f"2026-05-{day + 1:02}"
    for world in range(WORLDS):
        for _ in range(chance.randrange(1, 4)):
            left, right = (
                f"{kind}:W{world}X{kind[0]}{chance.randrange(4)}"
                for kind in chance.sample(TYPES, 2)
            )
            first = f"20{chance.randrange(19, 26)}-01-01"
            rows[left, right] = link(left, right, first=first, last=seen)
            known[left, right] = first
        own = [ends for ends in sorted(known) if f":W{world}X" in ends[0] and ends not in rows]
        if own and chance.random() < 0.6:
            ends = chance.choice(own)
            rows[ends] = link(*ends, first=known[ends], last=seen, is_active=False)
    return list(rows.values())


@item(20)
@pytest.mark.parametrize(("seed", "days"), [(1, 4), pytest.param(2, 12, marks=pytest.mark.soak)])
def test_changes_of_random_days_are_those_between_their_maps(
    tmp_path: Path, seed: int, days: int
) -> None:
    chance = random.Random(seed)
    project = copy_project(tmp_path / "project")
    line = Line.at(tmp_path / "line", project)
    known: dict[tuple[str, str], str] = {}
    before: dict[str, str] = {}
    rows_told = 0
    for day in range(days):
        line.write(f"id_graph/day{day}.csv", LINKS, *day_rows(chance, known, day))
        people = build_identity(line)
        after = active_ids(people)
        told: Told = Counter()
        for _, kind, old, new, count, _ in people.changes[rows_told:]:
            told[str(kind), optional(old), optional(new)] = int(str(count))
        rows_told = len(people.changes)
        assert told == changes_between(before, after), f"day {day}"
        before = after
