"""Hashes e-mail addresses and phone numbers in rows, before anything else sees them.

It works on the chunks of the readers, so that no later step has a plain value: not the quarantine,
the warnings or the messages. Columns that hold none cost a look at their bytes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

import duckdb
import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc

from onecdp.identity.normalise import trim_sql
from onecdp.identity.personal import (
    NO_ADDRESS,
    PLAIN_TYPES,
    SET_REGION,
    address_sql,
    without_addresses,
    without_phones,
)
from onecdp.identity.phones import NO_COUNTRY, Phone, read_phone

from ..declaration import Column, Kind, TableSpec
from .arrivals import FLAW, LINE, WARNED, BrokenRow
from .codes import ADVICE
from .scratch import NFKC

_SIGNS = (b"@", "\uff20".encode(), "\ufe6b".encode())
_HASH_LENGTHS = pa.array([32, 40, 64, 96, 128], pa.int32())
_NO_TEXT = pa.scalar(None, pa.string())
_HINTS = {NO_COUNTRY: f"; {SET_REGION}, then send the file again, changed by an empty line"}
LOST = f"is {ADVICE}"
PLAIN_SCHEMA = pa.schema(
    [
        ("_row", pa.int64()), ("column_name", pa.string()), ("id_type", pa.string()),
        ("id_value", pa.string()), ("plain_value", pa.string()), ("written", pa.string()),
    ]
)  # fmt: skip
"""Plain values of rows, normalised and as they were written, by the column that has the hash."""


@dataclass(frozen=True)
class _Read:
    """What the values of some rows are.

    Attributes:
        plain: The normalised value; null where there is none.
        hashes: Its hash; null where the value stays as it is, or can't be read.
        problems: Why it can't be read, or null.
    """

    plain: pa.Array
    hashes: pa.Array
    problems: pa.Array


@dataclass
class Hasher:
    """Hashes the values of one table's rows.

    Attributes:
        connection: The scratch database.
        spec: The table.
        keeps_all: Whether the plain values of all columns are collected, not only those of
            `spec.plain_columns`.
        plain: The collected values, in tables of PLAIN_SCHEMA.
    """

    connection: duckdb.DuckDBPyConnection
    spec: TableSpec
    keeps_all: bool = False
    plain: list[pa.Table] = field(default_factory=list)

    def hash_rows(self, rows: pa.Table) -> pa.Table:
        """The rows with hashes; values that can't be read are null, and told of in FLAW or WARNED.

        Args:
            rows: Columns of text, with LINE and `_row`.
        """
        for name in rows.column_names:
            if name != LINE and pa.types.is_string(rows.schema.field(name).type):
                rows = self._hash_column(rows, name)
        return rows

    def hash_broken(self, broken: Sequence[BrokenRow]) -> list[BrokenRow]:
        """Rows whose fields nobody knows, with hashes in their text."""
        has_phones = any(self.spec.kind_of(c.name) is Kind.PHONE_HASH for c in self.spec.columns)
        has_phones |= any(identifier.type_column for identifier in self.spec.identifiers)

        def hashed(text: str) -> str:
            text = without_addresses(text, self.spec.personal)
            return without_phones(text, self.spec.personal) if has_phones else text

        return [
            replace(row, reason=hashed(row.reason), payload=hashed(row.payload)) for row in broken
        ]

    def _hash_column(self, rows: pa.Table, name: str) -> pa.Table:
        kind = self.spec.kind_of(name)
        if kind.is_hash:
            return self._hash_values(rows, name, kind, None)
        known = self.spec.id_types
        for identifier in self.spec.identifiers:
            type_column = identifier.type_column
            if identifier.column == name and type_column in rows.column_names:
                types = pc.utf8_lower(pc.utf8_trim_whitespace(rows.column(type_column)))
                for kind in (Kind.EMAIL_HASH, Kind.PHONE_HASH):
                    called = [kind, *(name for name, of in PLAIN_TYPES.items() if of == kind)]
                    called = [name for name in called if name == kind or name not in known]
                    is_kind = pc.is_in(types, pa.array(called))
                    if pc.any(is_kind).as_py():
                        rows = self._hash_values(rows, name, kind, is_kind)
        return self._hash_text(rows, name)

    def _hash_values(
        self, rows: pa.Table, name: str, kind: Kind, where: pa.ChunkedArray | None
    ) -> pa.Table:
        """Hashes a column of addresses or numbers, in the rows `where` it is true."""
        column = rows.column(name)
        if kind is Kind.EMAIL_HASH:
            if not _has_bytes(column, _SIGNS):
                return rows
            is_candidate = _contains(column, ("@", "\uff20", "\ufe6b"))
        else:
            lengths = pc.utf8_length(column)
            is_hash = pc.is_in(lengths, _HASH_LENGTHS)
            is_candidate = pc.and_(pc.greater_equal(lengths, 7), pc.invert(is_hash))
        if where is not None:
            is_candidate = pc.and_(is_candidate, where)
        is_candidate = pc.fill_null(is_candidate, False)
        rows_of = pc.indices_nonzero(is_candidate)
        if not len(rows_of):
            return rows
        # Of equal values one is read.
        values = column.filter(is_candidate).combine_chunks().dictionary_encode()
        read = self._addresses(values) if kind is Kind.EMAIL_HASH else self._numbers(values)
        is_read, has_problem = pc.is_valid(read.hashes), pc.is_valid(read.problems)
        stays = pc.invert(pc.or_(is_read, has_problem))
        hashed = pc.if_else(stays, values.cast(pa.string()), read.hashes)
        texts = pc.replace_with_mask(column.combine_chunks(), is_candidate.combine_chunks(), hashed)
        written = column.filter(is_candidate).combine_chunks()
        rows = rows.set_column(rows.column_names.index(name), name, texts)
        if self.keeps_all or name in self.spec.plain_columns:
            self.plain.append(
                pa.table(
                    [
                        rows.column("_row").take(rows_of.filter(is_read)).combine_chunks(),
                        pa.repeat(name, pc.sum(is_read).as_py()),
                        pa.repeat(str(kind), pc.sum(is_read).as_py()),
                        read.hashes.filter(is_read),
                        read.plain.filter(is_read),
                        written.filter(is_read),
                    ],
                    schema=PLAIN_SCHEMA,
                )
            )
        if pc.any(has_problem).as_py():
            told = zip(
                rows_of.filter(has_problem).to_pylist(),
                read.problems.drop_null().to_pylist(),
                written.filter(has_problem).to_pylist(),
                strict=True,
            )
            rows = self._tell(rows, name, told)
        return rows

    def _addresses(self, values: pa.DictionaryArray) -> _Read:
        self.connection.register("incoming", pa.table({"value": values.dictionary}))
        address = address_sql(trim_sql("value", NFKC), self.spec.personal)
        found = self.connection.execute(
            f"""select address, sha256(address) as hash,
                case when address is null then '{NO_ADDRESS}' end as problem
            from (select {address} as address from incoming)"""
        ).to_arrow_table()
        self.connection.unregister("incoming")
        return _spread(found, values.indices)

    def _numbers(self, values: pa.DictionaryArray) -> _Read:
        self.connection.register("incoming", pa.table({"value": values.dictionary}))
        # A spreadsheet's 13800138000.0 is the number.
        codes = self.connection.execute(
            f"""select exact_code(code), code from (
                select {trim_sql("value", NFKC)} as code from incoming
            )"""
        ).fetchall()
        self.connection.unregister("incoming")
        region = self.spec.personal.default_region
        phones = [
            Phone(problem=LOST if written else "") if code is None else read_phone(code, region)
            for code, written in codes
        ]
        self.connection.register(
            "incoming",
            pa.table(
                {
                    "number": pa.array([phone.number or None for phone in phones], pa.string()),
                    "problem": pa.array([phone.problem or None for phone in phones], pa.string()),
                }
            ),
        )
        found = self.connection.execute(
            "select number, sha256(number) as hash, problem from incoming"
        ).to_arrow_table()
        self.connection.unregister("incoming")
        return _spread(found, values.indices)

    def _hash_text(self, rows: pa.Table, name: str) -> pa.Table:
        """Hashes the addresses that stand anywhere in a column."""
        column = rows.column(name)
        if not _has_bytes(column, (b"@", b"%40")):
            return rows
        is_candidate = pc.fill_null(_contains(column, ("@", "%40")), False)
        values = column.filter(is_candidate).combine_chunks()
        hashed = pa.array(
            [without_addresses(text, self.spec.personal) for text in values.to_pylist()],
            pa.string(),
        )
        texts = pc.replace_with_mask(column.combine_chunks(), is_candidate.combine_chunks(), hashed)
        return rows.set_column(rows.column_names.index(name), name, texts)

    def _tell(self, rows: pa.Table, name: str, told: Iterable[tuple[int, str, str]]) -> pa.Table:
        """Tells of values that can't be read, and takes them out of what their reader told.

        Args:
            rows: All rows.
            name: The column.
            told: The index of each row, what is wrong, and the value.
        """
        flaws, warned = _texts(rows, FLAW), _texts(rows, WARNED)
        column = next((c for c in self.spec.columns if c.name == name), Column(name))
        for row, problem, value in told:
            flaw, others = flaws[row] or "", warned[row] or "[]"
            if f"{name}: " in flaw:
                # Its reader has told, and may quote it.
                flaws[row] = flaw.replace(f"'{value[:100]}'", "'…'")
                continue
            text = f"{name}: '…' {problem}{_HINTS.get(problem, '')}"
            if self.spec.is_needed(column) or (problem == LOST and self.spec.is_decisive(column)):
                flaws[row] = f"{flaw}; {text}" if flaw else text
                continue
            entry = {"column_name": name, "value": None, "reason": text}
            warned[row] = orjson.dumps([*orjson.loads(others), entry]).decode()
        return _with(_with(rows, FLAW, flaws), WARNED, warned)


def _spread(found: pa.Table, indices: pa.Array) -> _Read:
    """What is known of distinct values, by row."""
    return _Read(*(column.combine_chunks().take(indices) for column in found.columns))


def _has_bytes(column: pa.ChunkedArray, signs: Iterable[bytes]) -> bool:
    """Whether one of the signs may stand in the column: a look at its bytes as a whole."""
    return any(sign in text for text in _bytes(column) for sign in signs)


def _bytes(column: pa.ChunkedArray) -> Iterator[bytes]:
    for chunk in column.chunks:
        _, offsets, data = chunk.buffers()
        if data is not None and len(chunk):
            # A chunk may be a part of a much larger one, whose bytes are not looked at.
            places = np.frombuffer(offsets, np.int32)
            first, end = places[chunk.offset], places[chunk.offset + len(chunk)]
            yield memoryview(data)[first:end].tobytes()


def _contains(column: pa.ChunkedArray, signs: Sequence[str]) -> pa.ChunkedArray:
    first, *others = (pc.match_substring(column, sign) for sign in signs)
    for other in others:
        first = pc.or_(first, other)
    return first


def _texts(rows: pa.Table, name: str) -> list[str | None]:
    if name in rows.column_names:
        return list(rows.column(name).to_pylist())
    return [None] * rows.num_rows


def _with(rows: pa.Table, name: str, texts: Sequence[str | None]) -> pa.Table:
    if not any(texts):
        return rows
    column = pa.array(texts, pa.string())
    if name in rows.column_names:
        return rows.set_column(rows.column_names.index(name), name, column)
    return rows.append_column(name, column)
