"""Keeps erased people out while rows are loaded."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Sequence

import duckdb
import pyarrow as pa

from onecdp.identity.normalise import normalise
from onecdp.warehouse.sql_text import quoted

from ..declaration import Identifier, TableSpec
from .matching import find_matches, former_values, pair, set_null
from .tombstones import Tombstones

HIDDEN = "names somebody who was erased"
"""The reason of a quarantined row where the real one holds an erased identifier."""

IsErased = Callable[[str], bool]
"""Whether a value is that of an erased identifier of any type."""


def filter_erased(
    connection: duckdb.DuckDBPyConnection,
    spec: TableSpec,
    read: tuple[str, str],
    rows: str,
    erased: str,
    extras: Sequence[str],
    tombstones: Tombstones | None,
) -> None:
    """Moves rows of erased people to another relation, and nulls what others' rows say of them.

    Args:
        connection: Where the relations are.
        spec: The table.
        read: The relations of the rows as they were read, and of the plain values (_row,
            id_type, id_value, plain_value, written) that were hashed in them.
        rows: The relation of typed rows; loses those of erased people.
        erased: The relation to make of the rows that were moved (_row, _place_no).
        extras: The columns of `rows` that are not declared.
        tombstones: What rows are compared with; None where nobody was erased.
    """
    connection.execute(f"create table {erased} (_row bigint, _place_no integer)")
    spec = spec.limited_to([*(column.name for column in spec.columns), *extras])
    if tombstones is None or not spec.identifiers:
        return
    text, plain = read
    values = [_seen(i, text, rows) for i in spec.identifiers]
    # Under its plain value somebody was erased before such values were hashed.
    values.append(
        "select id_type, id_value, [plain_value, trim(written), lower(trim(written))] "
        f"from {plain} semi join {rows} using (_row)"
    )
    seen = connection.execute(" union ".join(values))
    found = [
        {"id_type": id_type, "id_value": id_value}
        for batch in seen.to_arrow_reader(100_000)
        for id_type, id_value, former in zip(*(c.to_pylist() for c in batch.columns), strict=True)
        if tombstones.holds(id_type, id_value)
        or any(tombstones.holds(id_type, text) for text in former if text not in (None, id_value))
    ]
    if not found:
        return
    schema = pa.schema([("id_type", pa.string()), ("id_value", pa.string())])
    connection.register("erased_here", pa.Table.from_pylist(found, schema=schema))
    matches = find_matches(connection, spec, rows, "_row", "erased_here")
    connection.execute(
        f"insert into {erased} "
        f"select _row, _place_no from {rows} semi join {matches.deleted} using (_row)"
    )
    connection.execute(f"delete from {rows} where _row in (select _row from {matches.deleted})")
    set_null(connection, spec, rows, "_row", sorted(extras), matches)
    connection.unregister("erased_here")


def _seen(identifier: Identifier, text: str, rows: str) -> str:
    """SQL for the distinct identifiers of a column, with their former spellings."""
    id_type, id_value = pair(identifier)
    return f"""select {id_type} as id_type, {id_value} as id_value,
            {former_values(identifier, "written")} as former
        from {rows}
        inner join (select _row, {quoted(identifier.column)} as written from {text}) using (_row)
        where {quoted(identifier.column)} is not null"""


def hide_quarantined(
    connection: duckdb.DuckDBPyConnection, table: str, is_erased: IsErased, payload: str = "payload"
) -> int:
    """Sets to null the payload of quarantined rows that name the erased, and hides their reasons.

    A reason may quote a value of the row, such as a birthday, so it goes with the payload.

    Args:
        connection: Where the table is.
        table: A table with the columns of the quarantine, as SQL; or with those of the warnings.
        is_erased: Tells the values of erased identifiers.
        payload: The column with the text as it was read.

    Returns:
        How many rows there were.
    """
    rows = connection.execute(f"select rowid, {payload}, reason from {table}").fetchall()
    payloads = [row for row, text, _ in rows if names_erased(text, is_erased)]
    reasons = [
        row
        for row, text, reason in rows
        if names_erased(reason, is_erased) or names_erased(text, is_erased)
    ]
    if payloads:
        connection.execute(
            f"update {table} set {payload} = null where list_contains($1::bigint[], rowid)",
            [payloads],
        )
    if reasons:
        connection.execute(
            f"update {table} set reason = $2 where list_contains($1::bigint[], rowid)",
            [reasons, HIDDEN],
        )
    return len({*payloads, *reasons})


def names_erased(text: str | None, is_erased: IsErased) -> bool:
    """Whether a text of any kind holds the value of an erased identifier, of whatever type."""
    if not text:
        return False
    return any(map(is_erased, {form for word in _words(text) for form in _spellings(word)}))


def _words(text: str) -> Iterable[str]:
    """What may be an identifier: the values of JSON, fields between separators, single words."""
    yield from re.split(r"[,;\t|\"'{}\[\]]", text)
    yield from re.split(r"[\s,;:=|\"'{}\[\]()]+", text)
    try:
        waiting = [json.loads(text)]
    except ValueError:
        return
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict):
            waiting += value.values()
        elif isinstance(value, list):
            waiting += value
        elif value is not None:
            yield str(value)


def _spellings(word: str) -> set[str]:
    """The word normalised as an identifier of any type; as tombstones had it before, too."""
    former = word.strip(" ")
    normal = {normalise(kind, word) for kind in ("", "email_hash")}
    return (normal | {former, former.lower()}) - {""}
