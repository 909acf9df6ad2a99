"""Finds every identifier and every one_id of a person."""

from __future__ import annotations

import csv
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb

from onecdp.erasure.rules import TableRules
from onecdp.errors import OnecdpError, UsageProblem
from onecdp.warehouse.identifiers import read_id_types, split_identifier

Pair = tuple[str, str]
"""An identifier: type and normalised value."""

NOTHING_BUILT = "nothing was built yet; run `onecdp run` first"
_HOLDERS = "select distinct id_type from marts.id_map where id_value = $1 order by id_type"


@dataclass(frozen=True)
class Person:
    """The person to erase.

    Attributes:
        identifiers: Current identifiers; former ones that nobody has now; and those in the rows of
            a member that the CRM deleted, unless somebody else has them.
        one_ints: Numbers of the person's one_id and of those merged into it.
        one_ids: The same one_ids as text.
    """

    identifiers: tuple[Pair, ...]
    one_ints: tuple[int, ...]
    one_ids: tuple[str, ...]


def _read_types(private: duckdb.DuckDBPyConnection) -> tuple[str, ...]:
    try:
        types = read_id_types(private)
        private.execute("select 1 from marts.id_map limit 0")
    except duckdb.CatalogException as error:
        raise OnecdpError(NOTHING_BUILT) from error
    return types


def read_identifier(private: duckdb.DuckDBPyConnection, text: str) -> Pair:
    """Splits ID_TYPE:VALUE and checks its type.

    Raises:
        OnecdpError: Nothing was built yet.
        UsageProblem: The type is missing or unknown, or the value is empty.
    """
    types = _read_types(private)
    id_type, value = split_identifier(text)
    value = value.strip()
    if id_type in types:
        if not value:
            raise UsageProblem(f"{text!r} has no value; write ID_TYPE:VALUE")
        return id_type, value
    held = [str(found) for (found,) in private.execute(_HOLDERS, [text.strip()]).fetchall()]
    if held:
        which = " or ".join(f"{found}:{text.strip()}" for found in held)
        raise UsageProblem(f"{text!r} has no identifier type; write {which}")
    raise UsageProblem(
        f"{text!r} has no identifier type; write ID_TYPE:VALUE with one of {', '.join(types)}"
    )


def find(private: duckdb.DuckDBPyConnection, identifier: Pair) -> Person | None:
    """Finds the person with an identifier; None if there is none.

    An identifier that was never active is in no map: its person has no one_id.
    """
    one_ids = {
        str(one_id)
        for (one_id,) in private.execute(
            "select one_id from marts.id_map where id_type = $1 and id_value = $2",
            list(identifier),
        ).fetchall()
    }
    identifiers: set[Pair] = set()
    if not one_ids:
        identifiers = _never_active(private, identifier)
        if not identifiers:
            return None
    # Former identifiers lead to merged one_ids, which lead to more former identifiers.
    while True:
        found = identifiers | _current(private, one_ids) | _former(private, one_ids)
        found |= _held_when_deleted(private, found)
        owned = one_ids | _rooted(private, found)
        if (found, owned) == (identifiers, one_ids):
            break
        identifiers, one_ids = found, owned
    numbers = private.execute(
        "select one_id, one_int from intermediate.int_identity__one_ids"
        " where list_contains($1::varchar[], one_id) order by one_int",
        [sorted(one_ids)],
    ).fetchall()
    return Person(
        identifiers=tuple(sorted(identifiers)),
        one_ints=tuple(int(one_int) for _, one_int in numbers),
        one_ids=tuple(str(one_id) for one_id, _ in numbers),
    )


def _current(private: duckdb.DuckDBPyConnection, one_ids: set[str]) -> set[Pair]:
    return _pairs(
        private,
        "select id_type, id_value from marts.id_map where list_contains($1::varchar[], one_id)",
        one_ids,
    )


def _former(private: duckdb.DuckDBPyConnection, one_ids: set[str]) -> set[Pair]:
    """Returns identifiers that only the history has, such as an old e-mail, by their last owner.

    An identifier may have belonged to somebody else before.
    """
    return _pairs(
        private,
        """select id_type, id_value from snapshots.id_map_history
        anti join marts.id_map using (id_type, id_value)
        group by id_type, id_value
        having list_contains(
            $1::varchar[], first(one_id order by is_active desc, dbt_valid_from desc)
        )""",
        one_ids,
    )


def _never_active(private: duckdb.DuckDBPyConnection, identifier: Pair) -> set[Pair]:
    """Returns the identifier if only deleted or withdrawn rows have it."""
    return {
        identifier
        for _ in private.execute(
            "select 1 from intermediate.int_identity__nodes where id_type = $1 and id_value = $2",
            list(identifier),
        ).fetchall()
    }


def _held_when_deleted(private: duckdb.DuckDBPyConnection, identifiers: set[Pair]) -> set[Pair]:
    """Returns the identifiers in rows of members that the CRM deleted, unless somebody has them.

    The links of such a row are inactive: its identifiers may have belonged to different people, or
    never to anybody.
    """
    return _pairs(
        private,
        """select distinct held.id_type, held.id_value
        from intermediate.int_identity__candidate_links as links
        inner join intermediate.int_identity__nodes as member on links.left_node_id = member.node_id
        inner join intermediate.int_identity__nodes as held on links.right_node_id = held.node_id
        left join intermediate.int_identity__map as map on links.right_node_id = map.node_id
        where
            not links.is_active
            and links.source_channel = 'crm'
            and list_contains($1::varchar[], member.id_value)
            and member.id_type = 'member_id'
            and held.id_type <> 'member_id'
            and (
                map.one_id is null
                or map.one_id not in
                    (select one_id from intermediate.int_identity__map where is_active)
            )""",
        {value for id_type, value in identifiers if id_type == "member_id"},
    )


def _rooted(private: duckdb.DuckDBPyConnection, identifiers: set[Pair]) -> set[str]:
    """Returns the one_ids that were minted from any of the identifiers."""
    rows = private.execute(
        "select one_id, root_id_type, root_id_value from intermediate.int_identity__one_ids"
        " where list_contains($1::varchar[], root_id_value)",
        [sorted({value for _, value in identifiers})],
    ).fetchall()
    return {str(one_id) for one_id, *root in rows if tuple(root) in identifiers}


def _pairs(private: duckdb.DuckDBPyConnection, query: str, values: set[str]) -> set[Pair]:
    rows = private.execute(query, [sorted(values)]).fetchall()
    return {(str(id_type), str(id_value)) for id_type, id_value in rows}


def seeds_naming(
    project: Path,
    person: Person,
    normalise: Callable[[str, str], str],
    rules: Sequence[TableRules],
) -> tuple[str, ...]:
    """Returns the seed rows with an identifier of the person, as `seeds/file.csv, line 3`.

    Only seeds that declare `refuse` are read.
    """
    erased = set(person.identifiers)
    found = []
    for rule in rules:
        pairs = [(cell.type_column, cell.column) for cell in rule.refuse if cell.type_column]
        for file in sorted((project / "seeds").rglob(f"{rule.name}.csv")) if pairs else ():
            with file.open(encoding="utf-8-sig", newline="") as stream:
                reader = csv.DictReader(stream)
                for row in reader:
                    named = {
                        (id_type, normalise(id_type, row[value_column] or ""))
                        for type_column, value_column in pairs
                        for id_type in [(row[type_column] or "").strip().lower()]
                    }
                    if named & erased:
                        found.append(f"{file.relative_to(project)}, line {reader.line_num}")
    return tuple(found)
