"""What triggers ask of the published warehouse: people, tags, numbers, audiences, consents."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from onecdp.audiences.bitmaps import BitMap, from_members
from onecdp.audiences.evaluate import evaluate
from onecdp.audiences.names import AUDIENCE_PREFIX, Names
from onecdp.audiences.rules import Compare, RuleError, Tag, leaves
from onecdp.audiences.store import Store
from onecdp.live.measure import Watermark
from onecdp.live.person import Directory
from onecdp.live.triggers.conditions import Leaf
from onecdp.live.triggers.declared import Trigger, live_name
from onecdp.warehouse.sql_text import literal


class People(Directory, Protocol):
    """The customers of a publication."""

    def one_id_of(self, person: int) -> str:
        """The one_id of a customer."""


@dataclass(frozen=True)
class Publication:
    """What is published, as triggers see it.

    Attributes:
        name: Another name is another publication.
        people: Its customers.
        watermark: Up to where its build counts events.
        sets: The customers for whom a tag or comparison of a rule holds.
        consented: Those who consented, by purpose.
        suppressed: Those who are in no trigger.
        failed: Triggers that can't be evaluated, by name, and why.
    """

    name: str
    people: People
    watermark: Watermark
    sets: Mapping[Leaf, BitMap] = field(default_factory=dict)
    consented: Mapping[str, BitMap] = field(default_factory=dict)
    suppressed: BitMap = field(default_factory=BitMap)
    failed: Mapping[str, str] = field(default_factory=dict)

    def may_reach(self, trigger: Trigger, person: int) -> bool:
        """Whether a customer consented to the purpose of a trigger, and is not suppressed."""
        if person in self.suppressed:
            return False
        return not trigger.purpose or person in self.consented[trigger.purpose]


Publications = Callable[[], Publication | None]
"""Returns what is published now, at each call; None if nothing is."""


@dataclass(frozen=True)
class MartsSets:
    """What the marts say for some triggers; the attributes are those of `Publication`."""

    sets: Mapping[Leaf, BitMap]
    consented: Mapping[str, BitMap]
    suppressed: BitMap
    failed: Mapping[str, str]


def read_marts(file: Path, triggers: Iterable[Trigger]) -> MartsSets:
    """Reads what triggers need from the published marts into memory.

    Raises:
        OnecdpError: The file can't be read, or is of another version.
    """
    triggers = [*triggers]
    store = Store(file)
    failed = {
        each.name: problem for each in triggers if (problem := _problem(each, store)) is not None
    }
    wanted = {
        leaf
        for each in triggers
        if each.name not in failed
        for leaf in leaves(each.expression)
        if live_name(leaf) is None
    }
    store.load(
        [leaf.name for leaf in wanted if isinstance(leaf, Tag)],
        [leaf.number for leaf in wanted if isinstance(leaf, Compare)],
    )
    return MartsSets(
        {leaf: evaluate(leaf, store.sets) for leaf in wanted},
        {purpose: _consented(store, purpose) for each in triggers if (purpose := each.purpose)},
        _chose(store, "status = 'suppressed'"),
        failed,
    )


def _consented(store: Store, purpose: str) -> BitMap:
    return _chose(store, f"status = 'granted' and lower(trim(purpose)) = {literal(purpose)}")


def _chose(store: Store, condition: str) -> BitMap:
    with store.connected() as marts:
        rows = marts.execute(
            "select profiles.one_int from customer_consents as consents"
            " inner join customer_profiles as profiles on consents.one_id = profiles.one_id"
            f" where consents.{condition}"
        ).fetchall()
    return from_members(number for (number,) in rows)


def _problem(trigger: Trigger, store: Store) -> str | None:
    """Why a rule can't be evaluated: a tag, number or audience that isn't there, or has failed."""
    named = leaves(trigger.expression)
    live = [leaf for leaf in named if live_name(leaf) is not None]
    names = Names(
        [*store.tags, *(leaf.name for leaf in live if isinstance(leaf, Tag))],
        [*store.numbers, *(leaf.number for leaf in live if isinstance(leaf, Compare))],
        store.rules,
    )
    try:
        for problem in names.problems(trigger.expression, trigger.rule):
            raise problem
    except RuleError as error:
        return f"{trigger.where}: trigger {trigger.name}: {error}"
    for package_id, why in store.errors.items():
        if Tag(AUDIENCE_PREFIX + package_id) in named:
            return f"{trigger.where}: trigger {trigger.name}: package {package_id} failed: {why}"
    return None
