"""Debezium's envelopes: a change of a row, with the row before and after."""

from __future__ import annotations

import datetime as dt
import json
from functools import lru_cache
from typing import Any, NoReturn

import orjson

from ...declaration import Kind, TableSpec

# Units of a second, by the first number that can't be of a finer one (the year 1973 in it).
_UNITS = ((10**17, 10**9), (10**14, 10**6), (10**11, 10**3))
_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)


class NotAnEnvelope(ValueError):
    """A message that is no change of a row; the text is the reason."""


def unwrap(value: bytes, spec: TableSpec) -> bytes:
    """Returns the row that an envelope states, as a JSON line.

    A delete is the row before it, marked as deleted. Times that are numbers, as Debezium has them,
    become ISO 8601: of timestamps in milli-, micro- or nanoseconds, of dates in days.

    Raises:
        NotAnEnvelope: It is none, or a delete in a table whose rows are not deleted.
    """
    try:
        # Numbers with a fraction stay as they are written.
        document = json.loads(
            value.decode(), parse_float=orjson.Fragment, parse_int=_whole, parse_constant=_refuse
        )
    except (ValueError, RecursionError):
        raise NotAnEnvelope("message is not valid JSON") from None
    envelope = document.get("payload", document) if isinstance(document, dict) else None
    if not isinstance(envelope, dict) or "op" not in envelope:
        raise NotAnEnvelope("message is no envelope of Debezium: it has no op")
    is_delete = envelope["op"] == "d"
    row = envelope.get("before" if is_delete else "after")
    if not isinstance(row, dict):
        raise NotAnEnvelope(f"envelope of op {envelope['op']!r} has no row")
    if is_delete and spec.deleted is None:
        raise NotAnEnvelope(f"message is a delete, but rows of {spec.table} are not deleted")
    known = _known(spec, tuple(row))
    if spec.deleted is not None:
        stated = [name for name, column in known.items() if column == spec.deleted]
        if is_delete:
            row = {name: found for name, found in row.items() if name not in stated}
        # Also of a row that is there: it may have been deleted and inserted again.
        if is_delete or not stated:
            row[spec.deleted] = is_delete
    for name, found in row.items():
        if isinstance(found, int) and not isinstance(found, bool):
            row[name] = _time(found, spec.kind_of(known.get(name) or name))
    try:
        return orjson.dumps(row)
    except TypeError:
        # Nested too deeply, or half a character, which has no UTF-8.
        raise NotAnEnvelope("message is not valid JSON") from None


@lru_cache(64)
def _known(spec: TableSpec, names: tuple[str, ...]) -> dict[str, str | None]:
    """The known column that each name means."""
    return {name: spec.known(name) for name in names}


def _whole(digits: str) -> int | orjson.Fragment:
    number = int(digits)
    return number if abs(number) < 1 << 63 else orjson.Fragment(digits)


def _refuse(constant: str) -> NoReturn:
    raise ValueError(constant)


def _time(value: int, kind: Kind) -> Any:
    try:
        if kind is Kind.DATE:
            return (_EPOCH + dt.timedelta(days=value)).date().isoformat()
        if kind is Kind.TIMESTAMP:
            unit = next((unit for least, unit in _UNITS if abs(value) >= least), 1)
            micros = value * 10**6 // unit
            return (_EPOCH + dt.timedelta(microseconds=micros)).isoformat()
    except OverflowError:
        pass
    return value
