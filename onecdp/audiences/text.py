"""Formats answers on audiences as lines for a terminal."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby

from onecdp.audiences.estimate import Estimate, Part, Step
from onecdp.audiences.store import Consent
from onecdp.audiences.why import Leaf, Why

# Tags per family, and overlaps.
SHOWN = 10


def estimate_lines(answer: Estimate) -> Iterator[str]:
    """Yields the lines of an estimate."""
    yield f"{answer.rule}"
    yield f"{answer.count:,} of {answer.customers:,} customers, {answer.share:.1%}"
    if answer.revenue is not None:
        each = f", {answer.revenue / answer.count:,.2f} each" if answer.count else ""
        yield f"revenue {answer.revenue:,.2f}{each}"
    for family, parts in groupby(answer.parts, key=lambda part: part.family):
        present = [part for part in parts if part.count]
        if present:
            yield ""
            yield f"{family:<32} {'customers':>12} {'share':>7} {'of all':>7} {'lift':>6}"
            yield from map(_part, present[:SHOWN])
            yield from _more(len(present))
    shared = [other for other in answer.overlaps if other.both]
    if shared:
        yield ""
        yield f"{'shared with audience':<32} {'both':>12} {'jaccard':>7}"
        for other in shared[:SHOWN]:
            yield f"  {other.package_id:<30} {other.both:>12,} {other.jaccard:>7.2f}"
        yield from _more(len(shared))


def plan_lines(step: Step, depth: int = 0) -> Iterator[str]:
    """Yields the lines of a plan: a count and a part of the rule, its operands below it."""
    text = step.text if not step.steps else step.kind
    yield f"{step.count:>12,}  {'  ' * depth}{text}"
    for inner in step.steps:
        yield from plan_lines(inner, depth + 1)


def why_lines(answer: Why) -> Iterator[str]:
    """Yields the lines of why a customer is selected or not."""
    name = f"{answer.customer.given} ({answer.customer.one_id})"
    if answer.package_id is None:
        yield f"the rule {'selects' if answer.is_selected else 'does not select'} {name}"
    else:
        held = ", in the hold-out: it is never delivered" if answer.arm == "hold_out" else ""
        yield f"{name} is {'' if answer.is_member else 'not '}in {answer.package_id}{held}"
        if answer.consent:
            yield f"  {_consent(answer.consent)}"
        if answer.is_selected and not answer.is_member:
            yield "  the rule selects the customer; the package excludes them"
    yield f"  {answer.rule}"
    for leaf in answer.leaves:
        yield from _leaf(leaf, 1)


def _consent(consent: Consent) -> str:
    when = f" at {consent.event_time:%Y-%m-%d %H:%M}" if consent.event_time else ""
    where = f" ({consent.channel})" if consent.channel else ""
    match consent.status:
        case "suppressed":
            reason = f": {consent.reason}" if consent.reason else ""
            return f"suppressed by {consent.identifier} in seeds/suppressions.csv{reason}"
        case "missing":
            return f"no consent to {consent.purpose}: no active identifier has granted it"
    return f"{consent.status} {consent.purpose} by {consent.identifier}{when}{where}"


def _leaf(leaf: Leaf, depth: int) -> Iterator[str]:
    indent = "  " * depth
    note = ""
    if leaf.family != "audience" and not isinstance(leaf.value, str):
        note = "   it has no value" if leaf.value is None else f"   it is {leaf.value:f}"
    yield f"{indent}{'true ' if leaf.is_true else 'false'}  {leaf.text}{note}"
    for row in leaf.rows:
        place = f"{row['source_file']}:{row['source_line']}" if row["source_file"] else "no file"
        time = f"{row['event_time']:%Y-%m-%d %H:%M}" if row["event_time"] else "without a time"
        yield f"{indent}         {row['event_type']}, {time}, {place}"
    if (more := leaf.row_count - len(leaf.rows)) > 0:
        yield f"{indent}         and {more:,} more"
    for inner in leaf.leaves:
        yield from _leaf(inner, depth + 2)


def _part(part: Part) -> str:
    lift = "" if part.lift is None else f"{part.lift:.2f}"
    return (
        f"  {part.tag:<30} {part.count:>12,} {part.share:>7.1%} {part.share_of_all:>7.1%} {lift:>6}"
    )


def _more(count: int) -> Iterator[str]:
    if count > SHOWN:
        yield f"  and {count - SHOWN:,} more; --json has all"
