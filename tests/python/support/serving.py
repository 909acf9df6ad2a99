"""Marts of a few made-up customers, as dbt leaves them, for the online store and its API."""

from __future__ import annotations

import itertools
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import duckdb

from onecdp.audiences.bitmaps import from_members, to_bytes
from onecdp.pipeline.publish import publish_marts
from onecdp.serving.places import FilePlace, Stores
from onecdp.warehouse.files import Warehouse

# Each build ends later than the one before it.
_BUILDS = itertools.count(1)


@dataclass(frozen=True)
class Person:
    """A customer with one row of each mart.

    Attributes:
        number: The one_int; the one_id is made of it.
        level: A column of the profile.
        ids: Active identifiers, as `member_id:M1`.
        former: Inactive ones.
    """

    number: int
    level: str | None = "gold"
    ids: tuple[str, ...] = ()
    former: tuple[str, ...] = ()

    @property
    def one_id(self) -> str:
        return f"ONE{self.number:016x}"


@dataclass(frozen=True)
class World:
    """What the marts hold: people, and audiences by package_id with the numbers of their members.

    `held_out` are numbers of people who are, in each audience that has them; `failed` are audiences
    whose rule could not be evaluated.
    """

    people: Sequence[Person]
    audiences: Mapping[str, Sequence[int]] = field(default_factory=dict)
    failed: Sequence[str] = ()
    held_out: Sequence[int] = ()


def changed(world: World, draw: random.Random) -> World:
    """A world a day later: people come, go, change, merge, split; audiences and links change."""
    people = {each.number: each for each in world.people}
    for _ in range(draw.randint(1, 4)):
        number = draw.choice([*people, max(people) + 1])
        person = people.get(number, Person(number, ids=(f"device_id:{draw.random()}",)))
        other = people[draw.choice(list(people))]
        match draw.choice(["level", "gone", "merge", "split", "inactive"]):
            case "level":
                people[number] = replace(person, level=draw.choice(["gold", "silver", None]))
            case "gone" if len(people) > 2:
                people.pop(number, None)
            case "merge" if other.number != number and len(people) > 2:
                people[other.number] = replace(other, ids=(*other.ids, *person.ids))
                people.pop(number, None)
            case "split" if len(person.ids) > 1:
                people[number] = replace(person, ids=person.ids[1:])
                new = max(people) + 1
                people[new] = Person(new, ids=person.ids[:1])
            case "inactive" if len(person.ids) > 1:
                people[number] = replace(
                    person, ids=person.ids[:-1], former=(*person.former, person.ids[-1])
                )
            case _:
                people.setdefault(number, person)
    audiences = {
        key: sorted(draw.sample(list(people), draw.randint(0, len(people))))
        for key in draw.sample(["P1", "P2", "P3"], draw.randint(1, 3))
    }
    return World(tuple(people.values()), audiences)


def publish_world(folder: Path, world: World, *more: str, has_store: bool = True) -> Warehouse:
    """Builds the marts, with `more` statements at the end, and publishes them."""
    warehouse = Warehouse(folder)
    build_world(warehouse, world, *more)
    place = FilePlace(warehouse)
    publish_marts(warehouse, stores=Stores(place) if has_store else Stores(None, [place]))
    return warehouse


def write_marts(file: Path, world: World) -> None:
    """Writes a published file, and nothing besides."""
    file.unlink(missing_ok=True)
    with duckdb.connect(file) as marts:
        _write_tables(marts, world)


def build_world(warehouse: Warehouse, world: World, *more: str) -> None:
    """Writes the private file."""
    build = next(_BUILDS)
    moment = f"'2026-06-06 09:30:00+00'::timestamptz + interval '{build} seconds'"
    with duckdb.connect(warehouse.build_file) as private:
        private.execute("create schema if not exists marts; create schema if not exists audit")
        private.execute("use marts")
        _write_tables(private, world)
        private.execute("use main")
        for statement in more:
            private.execute(statement)
        private.execute(
            "create or replace table audit.node_status as"
            " select 'model.onecdp.' || table_name as unique_id, 'success' as status,"
            f" '{build}' as invocation_id, {moment} as finished_at, 'marts' as relation_schema,"
            " table_name as relation_name"
            " from information_schema.tables where table_schema = 'marts'"
        )


def _write_tables(marts: duckdb.DuckDBPyConnection, world: World) -> None:
    marts.execute(_TABLES)
    for table, rows in {
        "customer_profiles": [_profile(each) for each in world.people],
        "id_map": [row for each in world.people for row in _identifiers(each)],
        "audience_package_summary": _summaries(world),
        "audience_packages": _members(world),
        "audience_bitmaps": _bitmaps(world),
    }.items():
        if rows:
            # One statement: `executemany` takes one for each row.
            marks = ", ".join(["(" + ", ".join("?" * len(rows[0])) + ")"] * len(rows))
            marts.execute(f"insert into {table} values {marks}", list(itertools.chain(*rows)))


def _profile(person: Person) -> tuple[Any, ...]:
    return (
        person.one_id, person.number, f"Name {person.number}", person.level,
        person.number * 10 + 0.25, "2026-06-01 08:26:00.5", float("nan"), ["a", "b"],
    )  # fmt: skip


def _identifiers(person: Person) -> list[tuple[Any, ...]]:
    active = [(each, True) for each in person.ids] + [(each, False) for each in person.former]
    return [
        (person.one_id, person.number, *text.split(":", 1), 0.9, "2026-05-01 00:00:00", is_active)
        for text, is_active in active
    ]


def _summaries(world: World) -> list[tuple[Any, ...]]:
    rows: list[tuple[Any, ...]] = [
        (key, f"Package {key}", '"gold"', "built", None, len(set(members)), None)
        for key, members in world.audiences.items()
    ]
    rows += [
        (key, f"Package {key}", "no", "failed", "unknown tag no", 0, None) for key in world.failed
    ]
    return rows


def _members(world: World) -> list[tuple[Any, ...]]:
    return [
        (key, Person(number).one_id, "hold_out" if number in world.held_out else "treatment")
        for key, members in world.audiences.items()
        for number in members
    ]


def _bitmaps(world: World) -> list[tuple[Any, ...]]:
    tags = {
        ("all_customers", "all"): [each.number for each in world.people],
        **{
            (str(level), "level"): [p.number for p in world.people if p.level == level]
            for level in {each.level for each in world.people if each.level}
        },
        **{(f"audience:{key}", "audience"): list(m) for key, m in world.audiences.items()},
    }
    return [
        (tag, family, to_bytes(from_members(members)), len(members))
        for (tag, family), members in tags.items()
    ]


_TABLES = """
create or replace table customer_profiles (
    one_id varchar, one_int bigint, real_name varchar, level varchar, gross_revenue decimal(18, 4),
    last_event_at timestamp, score double, tags varchar[]
);
create or replace table id_map (
    one_id varchar, one_int bigint, id_type varchar, id_value varchar, confidence double,
    first_seen timestamp, is_active boolean
);
create or replace table audience_packages (package_id varchar, one_id varchar, arm varchar);
create or replace table audience_package_summary (
    package_id varchar, package_name varchar, segment_rule varchar, status varchar, error varchar,
    customer_count bigint, purpose varchar
);
create or replace table customer_consents (
    one_id varchar, purpose varchar, status varchar, id_type varchar, id_value varchar,
    event_time timestamp, channel varchar, reason varchar
);
create or replace table audience_bitmaps (
    segment_tag varchar, tag_family varchar, user_bitmap blob, user_count bigint
);
create or replace table audience_numbers (
    number_name varchar, slice integer, decimals integer, base bigint, user_bitmap blob,
    user_count bigint
);
"""
