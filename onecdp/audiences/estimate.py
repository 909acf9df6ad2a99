"""What a rule selects, before anything is built: its size, make-up and overlap, and its plan."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from decimal import Decimal
from typing import Any

from onecdp.audiences.evaluate import Evaluator
from onecdp.audiences.names import AUDIENCE_PREFIX
from onecdp.audiences.rules import And, Compare, Expression, Not, Or, Tag, to_text
from onecdp.audiences.store import Store

# The number whose sum is the revenue of an audience.
REVENUE = "monetary"


@dataclass(frozen=True)
class Part:
    """The customers of an audience that carry a tag.

    Attributes:
        family: What the tag comes from.
        tag: Its name.
        count: Customers of the audience with the tag.
        share: That, of the audience.
        share_of_all: Customers with the tag, of all customers.
        lift: share / share_of_all: above 1 if over-represented; None if nobody has the tag.
    """

    family: str
    tag: str
    count: int
    share: float
    share_of_all: float
    lift: float | None


@dataclass(frozen=True)
class Overlap:
    """How an audience overlaps with a stored one: customers in both, and both / either."""

    package_id: str
    count: int
    both: int
    jaccard: float


@dataclass(frozen=True)
class Estimate:
    """What a rule selects.

    Attributes:
        rule: The rule, as it was read.
        count: How many customers.
        customers: All customers.
        share: count / customers.
        revenue: Sum of their `monetary`; None if the marts have no such number.
        parts: The make-up, by family and tag.
        overlaps: With the audiences of the marts, most shared customers first.
    """

    rule: str
    count: int
    customers: int
    share: float
    revenue: Decimal | None
    parts: tuple[Part, ...]
    overlaps: tuple[Overlap, ...]

    def document(self) -> dict[str, Any]:
        """Returns the JSON document."""
        return asdict(self)


@dataclass(frozen=True)
class Step:
    """A part of a rule.

    Attributes:
        kind: AND, OR, NOT, tag or number.
        text: The part as a rule.
        count: How many customers it selects.
        steps: Its operands, in the order of evaluation: AND begins with the smallest.
    """

    kind: str
    text: str
    count: int
    steps: tuple[Step, ...]

    def document(self) -> dict[str, Any]:
        """Returns the JSON document."""
        return asdict(self)


def estimate(store: Store, rule: str) -> Estimate:
    """Returns what a rule selects.

    Raises:
        RuleError: The rule is invalid.
    """
    expression = store.parsed(rule)
    has_revenue = REVENUE in store.numbers
    store.load(store.tags, [REVENUE] if has_revenue else [])
    members = Evaluator(store.sets).evaluate(expression)
    size, customers = len(members), len(store.sets.everybody)
    parts, overlaps = [], []
    for tag in store.tags.values():
        if tag.family == "all":
            continue
        both = members.intersection_cardinality(store.sets.tags[tag.name])
        if tag.family == "audience":
            package_id = tag.name.removeprefix(AUDIENCE_PREFIX)
            either = size + tag.count - both
            overlaps.append(Overlap(package_id, tag.count, both, both / either if either else 0.0))
            continue
        share = both / size if size else 0.0
        share_of_all = tag.count / customers if customers else 0.0
        lift = share / share_of_all if share_of_all else None
        parts.append(Part(tag.family, tag.name, both, share, share_of_all, lift))
    return Estimate(
        rule=to_text(expression),
        count=size,
        customers=customers,
        share=size / customers if customers else 0.0,
        revenue=store.sets.numbers[REVENUE].total(members) if has_revenue else None,
        parts=tuple(sorted(parts, key=lambda part: (part.family, -part.count, part.tag))),
        overlaps=tuple(sorted(overlaps, key=lambda other: (-other.both, other.package_id))),
    )


def plan(store: Store, rule: str) -> Step:
    """Returns the parts of a rule with a count for each.

    Raises:
        RuleError: The rule is invalid.
    """
    return _step(Evaluator(store.sets), store.parsed(rule))


def _step(evaluator: Evaluator, expression: Expression) -> Step:
    kind, operands = _divided(expression)
    steps = [_step(evaluator, operand) for operand in operands]
    if kind == "AND":
        steps.sort(key=lambda step: (step.kind == "NOT", step.count))
    return Step(kind, to_text(expression), evaluator.count(expression), tuple(steps))


def _divided(expression: Expression) -> tuple[str, tuple[Expression, ...]]:
    match expression:
        case Tag():
            return "tag", ()
        case Compare():
            return "number", ()
        case Not(operand):
            return "NOT", (operand,)
        case And(operands):
            return "AND", operands
        case Or(operands):
            return "OR", operands
