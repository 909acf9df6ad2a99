"""Checks that the tags, numbers and audiences of a rule exist."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from difflib import get_close_matches

from onecdp.audiences.bitmaps import ALL_CUSTOMERS
from onecdp.audiences.rules import (
    Compare,
    Expression,
    RuleError,
    Tag,
    leaves,
    needs_universe,
    shown,
)

AUDIENCE_PREFIX = "audience:"
LIVE_PREFIX = "live."
"""Of live features, which only rules of triggers may use."""

_NEAREST = 3


@dataclass(frozen=True)
class Names:
    """The names that rules may use.

    Attributes:
        tags: All tags, without audiences.
        numbers: All numbers.
        audiences: The package_ids of all audiences.
    """

    tags: Collection[str]
    numbers: Collection[str] = ()
    audiences: Collection[str] = ()

    def problems(self, expression: Expression, rule: str) -> Iterator[RuleError]:
        """Yields an error per unknown name, which points at it and suggests the nearest."""
        for leaf in leaves(expression):
            reason = self._compared(leaf) if isinstance(leaf, Compare) else self._tagged(leaf)
            if reason:
                yield RuleError(reason, rule, leaf.position)
        if needs_universe(expression) and ALL_CUSTOMERS not in self.tags:
            reason = f"NOT without a tag to subtract from needs the tag {ALL_CUSTOMERS}"
            yield RuleError(f"{reason}, which is missing", rule, 1)

    def _compared(self, leaf: Compare) -> str | None:
        if leaf.number in self.numbers:
            return None
        if leaf.number in self.tags:
            return f"{shown(leaf.number)} is a tag, not a number: it can't be compared"
        if leaf.number.startswith(LIVE_PREFIX):
            return f"{shown(leaf.number)} {_IS_LIVE}"
        similar = nearest(leaf.number, self.numbers, _NO_NUMBERS)
        return f"unknown number {shown(leaf.number)}; {similar}"

    def _tagged(self, leaf: Tag) -> str | None:
        name = leaf.name
        if name.startswith(AUDIENCE_PREFIX):
            package_id = name.removeprefix(AUDIENCE_PREFIX)
            if package_id in self.audiences:
                return None
            similar = nearest(package_id, self.audiences, _NO_AUDIENCES)
            return f"unknown audience {shown(package_id)}; {similar}"
        if name in self.tags:
            return None
        if name in self.numbers:
            return f"{shown(name)} is a number: compare it, as in {name} >= 10"
        if name.startswith(LIVE_PREFIX):
            return f"{shown(name)} {_IS_LIVE}"
        return f"unknown tag {shown(name)}; {nearest(name, self.tags, _NO_TAGS)}"


_IS_LIVE = "is a live feature: only rules of seeds/triggers.csv may use one"
_NO_TAGS = (
    "no tags are known: audience_bitmaps is empty",
    "the column segment_tag of audience_bitmaps lists all",
)
_NO_NUMBERS = (
    "no numbers are known: audience_numbers is empty",
    "the column number_name of audience_numbers lists all",
)
_NO_AUDIENCES = ("there are no audiences", "seeds/audiences.csv lists all")


def nearest(name: str, known_names: Collection[str], otherwise: tuple[str, str]) -> str:
    """Returns which known names are similar, or what to say if there are none, or none similar."""
    if not known_names:
        return otherwise[0]
    by_folded: dict[str, list[str]] = {}
    for known in sorted(known_names):
        by_folded.setdefault(known.casefold(), []).append(known)
    close = get_close_matches(name.casefold(), by_folded, n=_NEAREST)
    near = [known for folded in close for known in by_folded[folded]]
    if not near:
        return f"none is similar; {otherwise[1]}"
    return "nearest: " + ", ".join(map(shown, near[:_NEAREST]))
