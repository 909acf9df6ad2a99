"""The triggers that a project declares, `seeds/triggers.csv`.

trigger,rule,purpose,hold_out_share,cool_down,destination
browsing,live.page_views_30m >= 5 AND NOT live.purchased_24h,email_marketing,0.1,24h,shop
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from onecdp.audiences.names import LIVE_PREFIX, nearest
from onecdp.audiences.rules import Compare, Expression, RuleError, Tag, leaves, parse, shown
from onecdp.errors import UsageProblem
from onecdp.live.features import MICROSECONDS, Feature
from onecdp.live.seed_file import read_rows

SEED = "seeds/triggers.csv"
HEADER = ("trigger", "rule", "purpose", "hold_out_share", "cool_down", "destination")
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,62}")
_DURATION = re.compile(r"([1-9][0-9]{0,3})([mhd])")
_MINUTES = {"m": 1, "h": 60, "d": 24 * 60}
_SHARE = re.compile(r"0?\.[0-9]{1,6}|0")
_MOST = 0.99
_NONE = ("there are no live features", "seeds/live_features.csv lists all")


@dataclass(frozen=True)
class Trigger:
    """A trigger.

    Attributes:
        name: Its name, which events have.
        rule: Its text.
        expression: The rule, parsed; names of live features begin with `live.`.
        purpose: What for customers must have consented to be in it, in lower case; empty: nothing.
        hold_out_share: The share of customers who are in it and are not told of.
        cool_down: How long a customer who entered can't enter again, microseconds.
        destination: Where events go, a name of the settings.
        line: Its line in the seed.
    """

    name: str
    rule: str
    expression: Expression
    purpose: str
    hold_out_share: float
    cool_down: int
    destination: str
    line: int

    @property
    def where(self) -> str:
        """Where it is declared, for messages."""
        return f"{SEED}, line {self.line}"


def live_name(leaf: Tag | Compare) -> str | None:
    """The name of the live feature that a part of a rule names; None for tags and numbers."""
    name = leaf.name if isinstance(leaf, Tag) else leaf.number
    return name.removeprefix(LIVE_PREFIX) if name.startswith(LIVE_PREFIX) else None


def read_triggers(project: Path, features: Iterable[Feature]) -> tuple[Trigger, ...]:
    """Returns the triggers of a project; none if it has no such file.

    Args:
        project: Its folder.
        features: Its live features.

    Raises:
        UsageProblem: A row can't be used; the message names it, and the character of a rule.
    """
    known = {feature.name: feature for feature in features}
    found: dict[str, Trigger] = {}
    for line, row in read_rows(project, SEED, HEADER):
        trigger = _trigger(row, line, known)
        if trigger.name in found:
            raise UsageProblem(f"{trigger.where}: {trigger.name} is there twice")
        found[trigger.name] = trigger
    return tuple(found.values())


def _trigger(row: list[str], line: int, features: Mapping[str, Feature]) -> Trigger:
    where = f"{SEED}, line {line}"
    name, rule, purpose, share, cool_down, destination = row
    if not _NAME.fullmatch(name):
        raise UsageProblem(f"{where}: {name!r} is no name; use letters, digits, _ and -")
    if share and not (_SHARE.fullmatch(share) and float(share) <= _MOST):
        raise UsageProblem(
            f"{where}: hold_out_share {share!r} must be from 0 to {_MOST}, such as 0.1 for a tenth"
        )
    if purpose == "*":
        raise UsageProblem(
            f"{where}: purpose * is that of seeds/suppressions.csv; write one, or none"
        )
    if not destination:
        raise UsageProblem(f"{where}: {name} has no destination; name one of the settings")
    return Trigger(
        name=name,
        rule=rule,
        expression=_expression(rule, f"{where}: trigger {name}", features),
        purpose=purpose.lower(),
        hold_out_share=float(share or 0),
        cool_down=_cool_down(cool_down, where),
        destination=destination,
        line=line,
    )


def _cool_down(text: str, where: str) -> int:
    if text == "":
        return 0
    if not (found := _DURATION.fullmatch(text)):
        raise UsageProblem(f"{where}: cool_down {text!r} is none of 30m, 24h, 7d; empty: none")
    return int(found[1]) * _MINUTES[found[2]] * 60 * MICROSECONDS


def _expression(rule: str, where: str, features: Mapping[str, Feature]) -> Expression:
    try:
        expression = parse(rule)
        live = [
            (leaf, name) for leaf in leaves(expression) if (name := live_name(leaf)) is not None
        ]
        for leaf, name in live:
            if problem := _problem(leaf, name, features):
                raise RuleError(problem, rule, leaf.position)
    except RuleError as error:
        raise UsageProblem(f"{where}: {error}") from None
    if not live:
        raise UsageProblem(
            f"{where}: its rule names no live feature, such as live.page_views_30m; without one"
            " it is an audience, seeds/audiences.csv"
        )
    return expression


def _problem(leaf: Tag | Compare, name: str, features: Mapping[str, Feature]) -> str | None:
    """What is wrong with a live feature in a rule."""
    at = f"at character {leaf.position}"
    if name not in features:
        return f"unknown live feature {shown(name)} {at}; {nearest(name, features, _NONE)}"
    measure = features[name].measure
    if measure in ("first_time", "last_type"):
        return f"{LIVE_PREFIX}{name} {at} is a text ({measure}), which rules can't ask"
    if measure == "any" and isinstance(leaf, Compare):
        return f"{LIVE_PREFIX}{name} {at} is true or false: write it alone"
    if measure == "seconds_since_last" and isinstance(leaf, Tag):
        return f"{LIVE_PREFIX}{name} {at} is a time: compare it, as in {LIVE_PREFIX}{name} >= 600"
    return None
