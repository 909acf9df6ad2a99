"""Random files in random formats: the raw tables are what a plain reference of the rules says."""

from __future__ import annotations

import random
from datetime import UTC, datetime

import pytest
from support.ingestion import Warehouse
from support.landing_worlds import WORLDS, World
from support.odd_files import TABLES

LOADS = 4


def play(warehouse: Warehouse, seed: int, worlds: int, is_damaged: bool) -> list[str]:
    """Lets worlds send files for some days; what is not as it should be, a line each."""
    made = [
        kind(f"s{seed}w{number}", random.Random(f"{seed} {number}"), is_damaged)
        for number in range(worlds)
        for kind in WORLDS
    ]
    wrong: list[str] = []
    for number in range(LOADS):
        now = datetime.now(UTC).replace(tzinfo=None)
        for world in made:
            for file in world.step(number, now):
                warehouse.write_bytes(file.path, file.body)
        reports = warehouse.load()
        for report in reports.values():
            warehouse.counts(report)
        wrong += [text for world in made for text in compare(warehouse, world, number)]
    return wrong


def compare(warehouse: Warehouse, world: World, number: int) -> list[str]:
    columns = list(world.expected.table()[0]) if world.expected.table() else []
    if not columns:
        return []
    key = columns[0] if world.source != "id_graph" else "left_id_value"
    standing = "and not is_withdrawn" if world.source == "retail" else ""
    rows = warehouse.query(
        f"select {', '.join(columns)} from {TABLES[world.source]} "
        f"where contains({key}, '{world.name}{world.letter}') {standing}"
    )
    found = sorted(world.as_line(dict(zip(columns, row, strict=True))) for row in rows)
    expected = world.expected_rows()
    where = f"{world.source} {world.name} load {number}"
    wrong = []
    if found != expected:
        extra = [row for row in found if row not in expected][:2]
        lost = [row for row in expected if row not in found][:2]
        wrong.append(f"{where}: {len(found)} rows for {len(expected)}, extra {extra}, lost {lost}")
    loads = warehouse.query(
        "select sum(rows_read)::bigint, sum(rows_quarantined)::bigint, "
        "sum(rows_superseded)::bigint from "
        f"raw_{world.source}.loads where file like '{world.name}/%'"
    )
    *told, superseded = (int(str(count or 0)) for count in loads[0])
    named = warehouse.query(
        f"select count(by_file) from raw_{world.source}.superseded "
        f"where file like '{world.name}/%' and by_file like '{world.name}/%'"
    )
    if named != [(superseded,)]:
        wrong.append(f"{where}: {superseded} rows superseded, {named[0][0]} of them by a known row")
    read = sum(outcome.read for outcome in world.outcomes)
    bad = sum(outcome.quarantined for outcome in world.outcomes)
    if told != [read, bad]:
        wrong.append(f"{where}: read and quarantined {told} for {(read, bad)}")
    return wrong


def test_sound_files_end_as_the_reference_says(warehouse: Warehouse) -> None:
    wrong = play(warehouse, 1, worlds=3, is_damaged=False)
    assert wrong == []


@pytest.mark.parametrize("seed", [0, pytest.param(1, marks=pytest.mark.soak)])
def test_damaged_files_end_as_the_reference_says(warehouse: Warehouse, seed: int) -> None:
    wrong = play(warehouse, seed, worlds=3, is_damaged=True)
    assert wrong == []


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(100, 120))
def test_many_damaged_files_end_as_the_reference_says(warehouse: Warehouse, seed: int) -> None:
    wrong = play(warehouse, seed, worlds=12, is_damaged=True)
    assert wrong == []
