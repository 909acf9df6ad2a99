"""What is likely wrong with a file as a whole, and what to do."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from onecdp.warehouse.sql_text import literal

from ..column_names import setting, targets
from ..declaration import Kind, TableSpec, letters
from ..landing.date_order import setting as date_order_setting
from ..landing.landed import Landed
from ..readers.discover import SourceFile
from .headers import SEPARATORS, Header, best_header, read_headers
from .layouts import TOLD, unreadable_values
from .report import Fix

_SAVE = 'save it as comma-separated UTF-8 (in a spreadsheet "CSV UTF-8 (comma delimited)")'
# The reason of a row that has not as many fields as the header.
_FIELDS = r"^row has (\d+) fields, the header has (\d+)"
_NUMBERS = (Kind.MONEY, Kind.INTEGER, Kind.SCORE)
_TIMES = (Kind.TIMESTAMP, Kind.DATE)


@dataclass(frozen=True)
class _Sign:
    """What values that can't be read look like where one thing is wrong with all of them."""

    kind: str
    kinds: tuple[Kind, ...]
    pattern: str
    problem: str
    fix: str


# The first one that fits a value counts.
_SIGNS = (
    _Sign(
        "thousands",
        _NUMBERS,
        r"^\s*[+-]?\d{1,3}((,\d{3})+\.\d+|(,\d{3}){2,})\s*$",
        "a separator of thousands",
        "export them without one: 1234.50",
    ),
    _Sign(
        "decimal_comma",
        _NUMBERS,
        r"^\s*[+-]?[1-9]\d{0,2},\d{3}\s*$",
        "a decimal comma or a separator of thousands",
        "export them with a decimal point and no separator of thousands: 1.234 or 1234",
    ),
    _Sign(
        "decimal_comma",
        _NUMBERS,
        r"^\s*[+-]?\d+([. ]\d{3})*,\d+\s*$",
        "a decimal comma",
        "export them with a decimal point: 12.50",
    ),
    _Sign(
        "seconds",
        _TIMES,
        r"^\s*\d{9,10}(\.\d*)?\s*$",
        "Unix times in seconds",
        "export them as 2024-10-01 08:26:00",
    ),
    _Sign(
        "milliseconds",
        _TIMES,
        r"^\s*\d{12,13}\s*$",
        "Unix times in milliseconds",
        "export them as 2024-10-01 08:26:00",
    ),
    _Sign(
        "date",
        _TIMES,
        r"^\s*\d{1,2}[.-]\d{1,2}[.-]\d{2,4}\b",
        "dates that are no ISO 8601",
        "export them as 2024-10-01",
    ),
    _Sign(
        "date",
        _TIMES,
        r"^\s*\d{5}(\.\d+)?\s*$",
        "day numbers of a spreadsheet",
        "format the column as a date before saving",
    ),
    _Sign(
        "scientific",
        (Kind.CODE, Kind.EMAIL_HASH, Kind.PHONE_HASH),
        r"^\s*[+-]?\d+(\.\d+)?[eE]\+?\d+\s*$",
        "scientific notation, which has lost digits",
        "format the column as text before saving, from the original export",
    ),
)


def fixes(
    landed: Landed, specs: Mapping[str, TableSpec], files: Mapping[str, SourceFile]
) -> list[Fix]:
    """What is likely to help.

    Args:
        landed: What the landing brought.
        specs: The table of each new place, by the place's name.
        files: The files among them, by their names.
    """
    found: list[Fix] = []
    for name, reason in landed.refused:
        if name in files and name in specs:
            found += _of_refused(name, reason, files[name], specs[name])
    found += _of_encoding(landed, files, specs)
    found += _of_commas(landed)
    for spec, _ in landed.tables:
        found += _of_values(landed, spec)
    for name, notice in landed.notices:
        if "slash dates are ambiguous" in notice:
            found.append(
                _day_first(name, landed.source, "dates with slashes can be read both ways")
            )
    return found


def _of_refused(name: str, reason: str, file: SourceFile, spec: TableSpec) -> Iterator[Fix]:
    header = best_header(read_headers(file), spec) or Header(())
    is_text = file.format in ("csv", "jsonl")
    if is_text and header.separator != ",":
        separator = SEPARATORS[header.separator]
        yield Fix(name, "separator", f"its fields are separated by a {separator}", _SAVE)
    if is_text and header.encoding != "utf-8":
        yield Fix(name, "encoding", f"its text is {header.encoding}", _SAVE)
    if "date_order" in reason:
        yield _day_first(name, spec.source, "a date with slashes shows another order")
    known = {column for name in header.names if (column := spec.known(name))}
    missing = [c for c in spec.required_in(known) if c not in known]
    if header.names and missing:
        section = setting(spec)
        lines = ", ".join(f'{_likely(column, header, spec)} = "{column}"' for column in missing)
        yield Fix(
            name,
            "columns",
            f"no column of it is known as {', '.join(missing)}",
            f"say which it is under [{section}] in .dlt/config.toml: {lines}",
        )


def _likely(column: str, header: Header, spec: TableSpec) -> str:
    """The name in a header that is likely a column, in quotes."""
    free = {letters(name): name for name in header.names if name and not spec.known(name)}
    near = difflib.get_close_matches(letters(column), free, n=1, cutoff=0.6)
    return f'"{free[near[0]]}"' if near else '"your name of it"'


def _of_encoding(
    landed: Landed, files: Mapping[str, SourceFile], specs: Mapping[str, TableSpec]
) -> Iterator[Fix]:
    found = landed.connection.execute(
        f"select file, count(*) from {landed.quarantine} "
        "where reason like 'row is not valid UTF-8%' group by file order by file"
    )
    for name, count in found.fetchall():
        yield Fix(
            name,
            "encoding",
            f"{_some(count, 'row')} not UTF-8, likely Latin-1 (Windows-1252)",
            _SAVE,
        )


def _of_commas(landed: Landed) -> Iterator[Fix]:
    found = landed.connection.execute(
        f"""with rows as (
            select * from {landed.quarantine} where regexp_matches(reason, $2)
        )
        select file, count(*) from rows
        where regexp_extract(reason, $2, 1)::int > regexp_extract(reason, $2, 2)::int
            and regexp_matches(payload, $1)
        group by file order by file""",
        [r"(^|,)[+-]?\d+,\d{1,2}(,|$)", _FIELDS],
    )
    for name, count in found.fetchall():
        yield Fix(
            name,
            "decimal_comma",
            f"{_some(count, 'row')} too long, perhaps by a decimal comma",
            "export numbers with a decimal point, or quote them",
        )


def _of_values(landed: Landed, spec: TableSpec) -> Iterator[Fix]:
    """What the values of columns that can't be read have in common."""
    kinds = {name: spec.kind_of(name) for name in targets(spec)}
    cases = " ".join(
        f"when regexp_matches(value, {literal(sign.pattern)}) "
        f"and list_contains({_names(kinds, sign)}, column_name) then {no}"
        for no, sign in enumerate(_SIGNS)
    )
    found = landed.connection.execute(
        f"""select file, column_name, case {cases} end as sign, count(*), min(value)
        from ({unreadable_values(landed)}) where sign is not null group by all order by all""",
        [TOLD],
    ).fetchall()
    times = {
        (f, c): {_SIGNS[s].kind for g, d, s, *_ in found if (f, c) == (g, d)} for f, c, *_ in found
    }
    for name, column, number, count, value in found:
        sign = _SIGNS[number]
        is_mixed = {"seconds", "milliseconds"} <= times[name, column]
        kind = "epoch" if sign.kind in ("seconds", "milliseconds") else sign.kind
        also = ", others in another unit" if is_mixed and kind == "epoch" else ""
        noun = "value" if count == 1 else "values"
        problem = f"{count:,} {noun} of {column}, such as {value!r}: {sign.problem}{also}"
        yield Fix(name, kind, problem, sign.fix)


def _names(kinds: Mapping[str, Kind], sign: _Sign) -> str:
    names = ", ".join(literal(name) for name, kind in kinds.items() if kind in sign.kinds)
    return f"[{names}]::varchar[]"


def _day_first(name: str, source: str, problem: str) -> Fix:
    fix = f"set {date_order_setting(source, 'day_first')} (or month_first), or export YYYY-MM-DD"
    return Fix(name, "day_first", problem, fix)


def _some(count: int, noun: str) -> str:
    return f"1 {noun} is" if count == 1 else f"{count:,} {noun}s are"
