"""Formats an explanation as lines for a terminal."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from itertools import groupby

from onecdp.identity.explain.answer import Apart, Identifier, Person, Together
from onecdp.warehouse.query import Row, Rows

SHOWN_ROWS = 20


def lines(answer: Person | Together | Apart) -> Iterator[str]:
    """Yields the lines of an answer: identifiers and their sources, never other attributes."""
    if isinstance(answer, Person):
        return _person(answer)
    return _together(answer) if isinstance(answer, Together) else _apart(answer)


def _person(person: Person) -> Iterator[str]:
    yield f"{person.given} belongs to {person.given.one_id}"
    yield ""
    identifiers = _count(len(person.identifiers), "identifier")
    yield f"its {identifiers}, with the confidence of the path to the root"
    width = max((len(_name(row, "id_")) for row in person.identifiers), default=0)
    for row in person.identifiers[:SHOWN_ROWS]:
        notes = [
            note
            for note, holds in (
                ("root", row["is_root"]),
                ("given", row["is_given"]),
                ("withdrawn", not row["is_active"]),
            )
            if holds
        ]
        yield (
            f"  {_name(row, 'id_'):<{width}}  {_number(row['confidence']):<6}"
            f"  {row['source_channel']}, {_period(row)}"
            f"{'  (' + ', '.join(notes) + ')' if notes else ''}"
        )
    yield from _more(person.identifiers)
    yield ""
    if person.path:
        yield f"from the root to {person.given}"
        yield from _path(person.path)
    elif person.given.is_active:
        yield f"{person.given} is the root"
    else:
        yield _inactive(person.given)
    yield ""
    if person.relations:
        yield f"{_count(len(person.relations), 'link')} that did not merge"
        yield from _unmerged(person.relations)
    else:
        yield "all its links merged"
    if person.changes:
        yield ""
        yield "changes of the one_id"
        for row in person.changes[:SHOWN_ROWS]:
            yield f"  {_change(row)}"
        yield from _more(person.changes)


def _together(pair: Together) -> Iterator[str]:
    if pair.left == pair.right:
        yield f"{pair.left} is one identifier, of {pair.left.one_id}"
        return
    yield f"{pair.left} and {pair.right} are one person: {pair.left.one_id}"
    yield ""
    sources = {step: list(rows) for step, rows in groupby(pair.sources, key=lambda r: r["step"])}
    if pair.path:
        yield f"{_count(len(pair.path), 'link')} from one to the other"
        yield from _path(pair.path, sources)
        return
    yield from (_inactive(end) for end in (pair.left, pair.right) if not end.is_active)
    for rows in sources.values():
        yield "rows that show or showed both"
        yield from _places(rows)


def _apart(pair: Apart) -> Iterator[str]:
    yield f"{pair.left} and {pair.right} are two people: {pair.left.one_id} and {pair.right.one_id}"
    yield ""
    if not pair.reasons:
        yield "no links connect them"
        return
    steps = {row["step"] for row in pair.reasons if row["step"]}
    if len(steps) > 1:
        yield f"connected by {len(steps)} links through other people; these did not merge"
    else:
        yield "links that did not merge"
    yield from _unmerged(pair.reasons)


def _path(path: Rows, sources: dict[int, list[Row]] | None = None) -> Iterator[str]:
    for row in path:
        more = f" (and {row['link_count'] - 1} more links)" if row["link_count"] > 1 else ""
        yield f"  {row['step']}. {_link(row)}  {_evidence(row)}{more}"
        yield from _places((sources or {}).get(row["step"], []))
    weakest = [row for row in path if row["is_weakest"]]
    if weakest:
        others = len(weakest) - 1
        yield (
            f"  weakest: {_link(weakest[0])}, {_number(weakest[0]['confidence'])}"
            + (f" ({_count(others, 'other')} as weak)" if others else "")
        )


def _places(rows: list[Row]) -> Iterator[str]:
    for _, of_source in groupby(rows, key=lambda row: row["source"]):
        found = list(of_source)
        places = ", ".join(_place(row) for row in found)
        rest = found[0]["row_count"] - len(found)
        yield f"       {found[0]['source']}: {places}{f' and {rest:,} more' if rest else ''}"


def _inactive(identifier: Identifier) -> str:
    return f"{identifier} is inactive and keeps the one_id it had last"


def _unmerged(rows: Rows) -> Iterator[str]:
    for row in rows[:SHOWN_ROWS]:
        why = row["constraint_name"] or row["link_status"]
        status = f"refused, {why}" if row["link_status"] == "refused" else why
        yield f"  {_link(row)} ({row['from_one_id']} - {row['to_one_id']})"
        yield f"       {status}: {row['reason'] or 'unknown reason'}"
        if row["source_channel"]:
            yield f"       {_evidence(row)}"
    yield from _more(rows)


def _change(row: Row) -> str:
    end = " - ".join(
        f"{row[f'{side}_id_type']}:{row[f'{side}_id_value']}"
        for side in ("left", "right")
        if row.get(f"{side}_id_type")
    )
    ids = " -> ".join(row[name] for name in ("from_one_id", "to_one_id") if row[name])
    return (
        f"{_moment(row['changed_at'])}  {row['kind']}  {ids},"
        f" {_count(row['identifier_count'], 'identifier')}{', by ' + end if end else ''}"
    )


def _more(rows: Rows) -> Iterator[str]:
    if (more := len(rows) - SHOWN_ROWS) > 0:
        yield f"  and {more:,} more; --json gives all"


def _link(row: Row) -> str:
    return f"{_name(row, 'from_id_')} - {_name(row, 'to_id_')}"


def _name(row: Row, prefix: str) -> str:
    return f"{row[prefix + 'type']}:{row[prefix + 'value']}"


def _place(row: Row) -> str:
    line = f" line {row['source_line']}" if row["source_line"] is not None else ""
    return f"{row['source_file']}{line}"


def _evidence(row: Row) -> str:
    return (
        f"{row['source_channel']}, {row['method']}, {_number(row['confidence'])}, {_period(row)},"
        f" seen {_count(row['times_seen'], 'time')}"
    )


def _period(row: Row) -> str:
    first, last = _moment(row["first_seen"]), _moment(row["last_seen"])
    return first if first == last else f"{first} to {last}"


def _moment(moment: datetime | str | None) -> str:
    # Python has no dates before Christ; DuckDB gives them as text.
    if isinstance(moment, str):
        return moment
    return moment.strftime("%Y-%m-%d %H:%M") if moment else "no date"


def _number(number: float) -> str:
    return f"{number:.4g}"


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
