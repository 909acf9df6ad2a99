"""Packages: the customers that a rule of seeds/audiences.csv selects."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from difflib import get_close_matches

import pyarrow as pa

from onecdp.audiences.bitmaps import ALL_CUSTOMERS, evaluate, load_bitmaps, to_numpy
from onecdp.audiences.rules import (
    Expression,
    RuleError,
    needs_universe,
    parse,
    shown,
    tags,
)
from onecdp.errors import OnecdpError

FILE = "seeds/audiences.csv"

SCHEMA = pa.schema([("package_id", pa.string()), ("one_int", pa.int64())])

_COLUMNS = ("package_id", "package_name", "segment_rule")
_NEAREST = 3
_PROBLEMS_SHOWN = 20


class AudienceError(OnecdpError, ValueError):
    """Audiences are invalid; the message is one line with every problem."""


def evaluate_audiences(
    audiences: pa.Table | pa.RecordBatchReader, bitmaps: pa.Table | pa.RecordBatchReader
) -> pa.Table:
    """Selects the customers of every package.

    Args:
        audiences: Columns package_id, package_name, segment_rule (text), one row per package.
        bitmaps: Columns segment_tag and user_bitmap, one row per tag, from `build_bitmaps`.

    Returns:
        Columns package_id and one_int, one row per package and customer; packages in the order of
        `audiences`, customers ascending. Empty packages have no rows.

    Raises:
        AudienceError: An id or a name is missing, an id is duplicated, a rule is empty or invalid,
            or it names an unknown tag.
    """
    loaded = load_bitmaps(bitmaps)
    rules = _read_rules(_rows(audiences), loaded)
    parts = []
    for package_id, rule in rules.items():
        customers = to_numpy(evaluate(rule, loaded))
        columns = [pa.repeat(package_id, len(customers)), pa.array(customers).cast(pa.int64())]
        parts.append(pa.Table.from_arrays(columns, schema=SCHEMA))
    return pa.concat_tables(parts) if parts else SCHEMA.empty_table()


def _rows(audiences: pa.Table | pa.RecordBatchReader) -> list[tuple[str, str, str]]:
    """Returns id, name and rule of each row, trimmed; null becomes empty."""
    table = audiences if isinstance(audiences, pa.Table) else audiences.read_all()
    if missing := [column for column in _COLUMNS if column not in table.schema.names]:
        raise AudienceError(f"{FILE}: column {', '.join(missing)} is missing")
    columns = (table.column(column).to_pylist() for column in _COLUMNS)
    # dbt loads a seed column of digits as numbers.
    return [
        (_text(package_id), _text(name), _text(rule))
        for package_id, name, rule in zip(*columns, strict=True)
    ]


def _text(value: object) -> str:
    return "" if value is None else str(value).strip()


def _read_rules(
    rows: Iterable[tuple[str, str, str]], known_tags: Collection[str]
) -> dict[str, Expression]:
    """Returns the rule of each package, or raises one error with every problem."""
    rows = list(rows)
    rules: dict[str, Expression] = {}
    problems: list[str] = []
    for package_id, name, rule in rows:
        label = f"package {package_id}"
        if not package_id:
            label = f"the package named {shown(name)}" if name else f"the rule {shown(rule)}"
            problems.append(f"{label} has no package_id")
        if not name:
            problems.append(f"{label} has no package_name")
        try:
            expression = parse(rule)
        except RuleError as error:
            problems.append(f"{label}: {error}")
            continue
        problems += [f"{label}: {problem}" for problem in _tag_problems(expression, known_tags)]
        rules[package_id] = expression
    for package_id, times in Counter(package_id for package_id, _, _ in rows).items():
        if package_id and times > 1:
            problems.append(f"package_id {package_id} is used {times} times; each needs its own")
    if problems:
        raise AudienceError(f"{FILE}: {_one_line(problems)}")
    return rules


def _one_line(problems: list[str]) -> str:
    if len(problems) == 1:
        return problems[0]
    listed = [f"({number}) {text}" for number, text in enumerate(problems[:_PROBLEMS_SHOWN], 1)]
    if more := len(problems) - len(listed):
        listed.append(f"and {more} more")
    return f"{len(problems)} problems: " + "; ".join(listed)


def _tag_problems(expression: Expression, known_tags: Collection[str]) -> Iterator[str]:
    for tag in tags(expression):
        if tag not in known_tags:
            yield f"unknown tag {shown(tag)}; {_nearest(tag, known_tags)}"
    if needs_universe(expression) and ALL_CUSTOMERS not in known_tags:
        yield f"NOT without a tag to subtract from needs the tag {ALL_CUSTOMERS}, which is missing"


def _nearest(tag: str, known_tags: Collection[str]) -> str:
    if not known_tags:
        return "no tags are known: audience_bitmaps is empty"
    by_folded: dict[str, list[str]] = {}
    for known in sorted(known_tags):
        by_folded.setdefault(known.casefold(), []).append(known)
    close = get_close_matches(tag.casefold(), by_folded, n=_NEAREST)
    near = [known for folded in close for known in by_folded[folded]]
    if not near:
        return "none is similar; the column segment_tag of audience_bitmaps lists all"
    return "nearest: " + ", ".join(map(shown, near[:_NEAREST]))
