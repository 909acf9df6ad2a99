"""Packages: the customers that the rules of seeds/audiences.csv select.

An audience may refer to others, `audience:PKG001`: rules are evaluated in the order that this
needs. What is wrong with a rule fails its package and those that refer to it, not the others.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import pyarrow as pa

from onecdp.audiences.bitmaps import load_bitmaps, to_bytes
from onecdp.audiences.evaluate import Evaluator, Sets
from onecdp.audiences.names import AUDIENCE_PREFIX, Names
from onecdp.audiences.numbers import load_numbers
from onecdp.audiences.rules import Expression, RuleError, parse, shown, tags
from onecdp.errors import OnecdpError

FILE = "seeds/audiences.csv"

SCHEMA = pa.schema(
    [
        ("package_id", pa.string()),
        ("error", pa.string()),
        ("user_bitmap", pa.binary()),
        ("user_count", pa.int64()),
    ]
)

_COLUMNS = ("package_id", "package_name", "segment_rule")
_PROBLEMS_SHOWN = 20


class AudienceError(OnecdpError, ValueError):
    """Audiences can't be told apart; the message is one line with every problem."""


@dataclass(frozen=True)
class Plan:
    """Rules in the order of evaluation, and why the others fail.

    Attributes:
        rules: Expressions by package_id; one that refers to another comes after it.
        errors: Reasons by package_id.
    """

    rules: Mapping[str, Expression]
    errors: Mapping[str, str]


def evaluate_audiences(
    audiences: pa.Table, bitmaps: pa.Table, numbers: pa.Table | None = None
) -> pa.RecordBatchReader:
    """Selects the customers of every package, one at a time.

    Args:
        audiences: Columns package_id, package_name, segment_rule (text), one row per package.
        bitmaps: Columns segment_tag and user_bitmap, one row per tag, from `build_bitmaps`.
        numbers: The result of `build_numbers`.

    Returns:
        Columns package_id, error, user_bitmap and user_count, one row per package. Where the
        rule can't be evaluated, error says why and the bitmap is null.

    Raises:
        AudienceError: A package_id is missing or used twice, or a column is missing.
    """
    columns = (bitmaps.column(name).to_pylist() for name in ("segment_tag", "user_bitmap"))
    sets = Sets(load_bitmaps(zip(*columns, strict=True)))
    if numbers is not None:
        names = ("number_name", "slice", "decimals", "base", "user_bitmap")
        parts = (numbers.column(name).to_pylist() for name in names)
        sets.numbers = load_numbers(zip(*parts, strict=True))
    plan = plan_packages(_rows(audiences), sets)
    return pa.RecordBatchReader.from_batches(SCHEMA, _evaluated(plan, sets))


def plan_packages(rows: list[tuple[str, str, str]], sets: Sets) -> Plan:
    """Parses the rules, checks their names, and orders them.

    Args:
        rows: package_id, package_name and rule.
        sets: The tags and numbers that rules may use.

    Raises:
        AudienceError: A package_id is missing or used twice.
    """
    _check_ids(rows)
    names = Names(sets.tags, sets.numbers, {package_id for package_id, _, _ in rows})
    parsed: dict[str, Expression] = {}
    errors: dict[str, str] = {}
    for package_id, name, rule in rows:
        try:
            expression = parse(rule)
            problems = [str(problem.reason) for problem in names.problems(expression, rule)]
        except RuleError as error:
            problems = [str(error)]
        if not name:
            problems.insert(0, "the package has no package_name")
        if problems:
            errors[package_id] = "; ".join(problems)
        else:
            parsed[package_id] = expression
    order = _in_order({key: _referred(value) for key, value in parsed.items()}, errors)
    return Plan({key: parsed[key] for key in order}, errors)


def _referred(expression: Expression) -> list[str]:
    """Returns the package_ids that an expression refers to."""
    found = tags(expression)
    return [t.removeprefix(AUDIENCE_PREFIX) for t in found if t.startswith(AUDIENCE_PREFIX)]


def _in_order(referred: Mapping[str, list[str]], errors: dict[str, str]) -> list[str]:
    """Returns the packages that can be evaluated, in order; adds why the others can't be."""
    order: list[str] = []
    waiting = dict(referred)
    while waiting:
        ready = [key for key, needs in waiting.items() if not any(n in waiting for n in needs)]
        if not ready:
            break
        for key in ready:
            failed = next((n for n in waiting[key] if n in errors), None)
            if failed is None:
                order.append(key)
            else:
                errors[key] = f"{AUDIENCE_PREFIX}{failed} has failed"
            del waiting[key]
    for key in waiting:
        path = [key]
        while path[-1] not in path[:-1]:
            path.append(next(n for n in waiting[path[-1]] if n in waiting))
        cycle = path[path.index(path[-1]) :]
        says = " → ".join(AUDIENCE_PREFIX + n for n in cycle)
        errors[key] = f"audiences that refer to each other can't be evaluated: {says}"
    return order


def _evaluated(plan: Plan, sets: Sets) -> Iterator[pa.RecordBatch]:
    """Yields a batch per package, so that no more than one result is in memory, twice."""
    for package_id, error in plan.errors.items():
        yield _row(package_id, error, None, 0)
    referred = {name for expression in plan.rules.values() for name in _referred(expression)}
    evaluator = Evaluator(sets, plan.rules.values())
    for package_id, expression in plan.rules.items():
        members = evaluator.evaluate(expression)
        if package_id in referred:
            sets.tags[AUDIENCE_PREFIX + package_id] = members
        yield _row(package_id, None, to_bytes(members), len(members))


def _row(package_id: str, error: str | None, blob: bytes | None, members: int) -> pa.RecordBatch:
    columns = [[package_id], [error], [blob], [members]]
    arrays = [pa.array(column, type_) for column, type_ in zip(columns, SCHEMA.types, strict=True)]
    return pa.RecordBatch.from_arrays(arrays, schema=SCHEMA)


def _rows(audiences: pa.Table) -> list[tuple[str, str, str]]:
    """Returns id, name and rule of each row, trimmed; null becomes empty."""
    if missing := [column for column in _COLUMNS if column not in audiences.schema.names]:
        raise AudienceError(f"{FILE}: column {', '.join(missing)} is missing")
    columns = (audiences.column(column).to_pylist() for column in _COLUMNS)
    return [(_text(a), _text(b), _text(c)) for a, b, c in zip(*columns, strict=True)]


def _text(value: object) -> str:
    return "" if value is None else str(value).strip()


def _check_ids(rows: list[tuple[str, str, str]]) -> None:
    """Raises if packages can't be told apart: then it is not known which one fails."""
    problems = []
    for package_id, name, rule in rows:
        if not package_id:
            label = f"the package named {shown(name)}" if name else f"the rule {shown(rule)}"
            problems.append(f"{label} has no package_id")
    for package_id, times in Counter(package_id for package_id, _, _ in rows).items():
        if package_id and times > 1:
            problems.append(f"package_id {package_id} is used {times} times; each needs its own")
    if len(problems) == 1:
        raise AudienceError(f"{FILE}: {problems[0]}")
    if problems:
        listed = [f"({n}) {text}" for n, text in enumerate(problems[:_PROBLEMS_SHOWN], 1)]
        if more := len(problems) - len(listed):
            listed.append(f"and {more} more")
        raise AudienceError(f"{FILE}: {len(problems)} problems: " + "; ".join(listed))
