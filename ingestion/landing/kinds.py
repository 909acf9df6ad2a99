"""The SQL that types a text column and says what is wrong with a value."""

from __future__ import annotations

from collections.abc import Collection

from onecdp.identity.normalise import trim_sql
from onecdp.warehouse.sql_text import literal, quoted

from ..declaration import Column, DateOrder, Kind
from .codes import ADVICE
from .date_order import slash_formats
from .scratch import NFKC

DECIMAL = r"'^[+-]?([0-9]{1,40}\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]{1,3})?$'"
WHOLE = r"'^[+-]?[0-9]{1,40}(\.0*)?$'"
EXPONENT = r"'^[+-]?[0-9]{1,40}(\.[0-9]*)?[eE][+-]?[0-9]{1,3}$'"
ISO_TIME = (
    r"'^[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}"
    r"([ T][0-9]{1,2}:[0-9]{1,2}(:[0-9]{1,2}(\.[0-9]*)?)?"
    r"( ?(Z|UTC|[+-](0[0-9]|1[0-5])(:?[0-5][0-9])?))?)?$'"
)
MINUTES_AND_ZONE = r"'([ T][0-9]{1,2}:[0-9]{1,2})( ?[ZU+-].*)$'"
SPACE_AND_ZONE = r"' ?(Z|UTC|[+-][0-9:]+)$'"
SLASH_TIME = r"'^[0-9]{1,2}/[0-9]{1,2}/[0-9]{4}( [0-9]{1,2}:[0-9]{2}(:[0-9]{2})?)?$'"
SLASH_TIMES = (" %H:%M", " %H:%M:%S", "")
MIDNIGHT = r"'[ T]0{1,2}:00(:00(\.0*)?)?$'"
ISO_DAY = r"'^[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}$'"

# As most values are written. The other ways cost several times as much, and read these alike.
PLAIN_WHOLE = "'-?[0-9]{1,18}'"
PLAIN_DAY = "'[0-9]{4}-[0-9]{2}-[0-9]{2}'"
PLAIN_TIME = r"'[0-9]{4}-[0-9]{2}-[0-9]{2}[ T][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,6})?Z?'"

# Larger amounts are mistakes. The sum of a hundred smaller ones fits the models' decimals.
TOO_MUCH = 10**12
# What a program writes for no date is earlier: 0001-01-01, the year 24 of 2024, 1899-12-30.
EARLIEST = "1900-01-01"
EXPECTED = {
    Kind.INTEGER: "a whole number",
    Kind.MONEY: "a number",
    Kind.TIMESTAMP: "a timestamp",
    Kind.DATE: "a date",
    Kind.BOOLEAN: "true or false",
    Kind.SCORE: "a number from 0 to 1",
}


def typed(name: str, kind: Kind, date_order: DateOrder | None = None) -> str:
    """SQL for the value of a text column as its type; null where empty or not of that kind.

    Dates with slashes are read month first unless `date_order` says otherwise. A code must have
    been freed of what stands around it (`normalise.trim_sql`).
    """
    text = f"nullif({quoted(name)}, '')"
    trimmed = f"nullif(trim({quoted(name)}), '')"
    match kind:
        case Kind.TEXT:
            return text
        case Kind.CODE | Kind.EMAIL_HASH | Kind.PHONE_HASH:
            return f"exact_code({quoted(name)})"
        case Kind.INTEGER:
            # A cast alone would round 6.5 to 7 and read 0x10 as 16.
            whole = f"regexp_extract({trimmed}, '^[^.]*')"
            return (
                f"case when regexp_full_match({quoted(name)}, {PLAIN_WHOLE}) "
                f"then try_cast({quoted(name)} as bigint) "
                f"when regexp_matches({trimmed}, {WHOLE}) then try_cast({whole} as bigint) "
                f"when regexp_matches({trimmed}, {EXPONENT}) "
                f"then try_cast(exact_integer(scientific({trimmed})) as bigint) end"
            )
        case Kind.MONEY:
            return (
                f"case when regexp_matches({trimmed}, {DECIMAL}) "
                f"then try_cast({trimmed} as decimal(18,4)) end"
            )
        case Kind.TIMESTAMP:
            # A cast to timestamp would drop the zone; the session's zone is UTC. The cast knows
            # no zone after minutes nor after a space, so such text is tried again in full.
            full = f"regexp_replace({trimmed}, {MINUTES_AND_ZONE}, '\\1:00\\2')"
            full = f"replace(regexp_replace({full}, {SPACE_AND_ZONE}, '\\1'), 'UTC', 'Z')"
            return (
                f"case when regexp_full_match({quoted(name)}, {PLAIN_TIME}) "
                f"then try_cast({quoted(name)} as timestamp) "
                f"when regexp_matches({trimmed}, {ISO_TIME}) then make_timestamp(epoch_us("
                f"coalesce(try_cast({trimmed} as timestamptz), try_cast({full} as timestamptz)))) "
                f"when regexp_matches({trimmed}, {SLASH_TIME}) "
                f"then try_strptime({trimmed}, {slash_formats(date_order, SLASH_TIMES)}) end"
            )
        case Kind.DATE:
            day = f"regexp_replace({trimmed}, {MIDNIGHT}, '')"
            return (
                f"case when regexp_full_match({quoted(name)}, {PLAIN_DAY}) "
                f"then try_cast({quoted(name)} as date) "
                f"when regexp_matches({day}, {ISO_DAY}) then try_cast({day} as date) "
                f"when regexp_matches({day}, {SLASH_TIME}) "
                f"then try_strptime({day}, {slash_formats(date_order, [''])})::date end"
            )
        case Kind.BOOLEAN:
            return (
                f"case when lower({trimmed}) in ('true', 't', '1', 'yes', 'y') then true "
                f"when lower({trimmed}) in ('false', 'f', '0', 'no', 'n') then false end"
            )
        case Kind.SCORE:
            number = f"try_cast({trimmed} as double)"
            return (
                f"case when regexp_matches({trimmed}, {DECIMAL}) "
                f"and {number} between 0 and 1 then {number} end"
            )


def complaint(column: Column, load_time: str, deleted: str | None = None) -> str | None:
    """SQL for what is wrong with a row's value, null where nothing is; None if nothing can be.

    It reads the text as `raw.<column>` and the typed value as `t.<column>`; `load_time` is a
    relation with the time of the load, `loaded_at`. Rows in which the column `deleted` is true may
    lack the value.
    """
    name = quoted(column.name)
    stands = f"t.{quoted(deleted)} is distinct from true" if deleted else "true"
    if column.kind.is_code:
        written = f"raw.{name} <> '' and {trim_sql(f'raw.{name}', NFKC)} <> ''"
        lost = f"'{column.name}: ''' || left(raw.{name}, 100) || ''' is {ADVICE}'"
        missing = f" when {stands} then '{column.name} is missing'" if column.required else ""
        told = f"case when {written} then {lost}{missing} end"
        return f"case when t.{name} is null then {told} end"
    parts = []
    if column.required:
        # Most values need not be trimmed to tell.
        is_missing = f"t.{name} is null and coalesce(trim(raw.{name}), '') = ''"
        if column.kind is Kind.TEXT:
            is_blank = f"raw.{name} not between '!' and '~' and trim(raw.{name}) = ''"
            is_missing = f"(t.{name} is null or {is_blank})"
        parts.append(f"when {is_missing} and {stands} then '{column.name} is missing'")
    if column.kind in EXPECTED:
        value = f"left(raw.{name}, 100)"
        parts.append(
            f"when t.{name} is null and trim(raw.{name}) <> '' "
            f"then '{column.name}: ''' || {value} || ''' is not {EXPECTED[column.kind]}'"
        )
    if column.kind in (Kind.TIMESTAMP, Kind.DATE):
        parts.append(
            f"when t.{name} < date '{EARLIEST}' "
            f"then '{column.name}: ''' || {value} || ''' is before {EARLIEST[:4]}'"
        )
    if column.is_past:
        # A clock may be ahead, and a time may have lost its zone, by less than a day.
        latest = f"(select loaded_at::timestamp + interval 1 day from {load_time})"
        parts.append(
            f"when t.{name} > {latest} "
            f"then '{column.name}: ''' || {value} || ''' is later than a day after the load'"
        )
    if column.kind is Kind.MONEY:
        parts.append(
            f"when abs(t.{name}) >= {TOO_MUCH} "
            f"then '{column.name}: ''' || {value} || ''' is not below {TOO_MUCH:,}'"
        )
    return f"case {' '.join(parts)} end" if parts else None


def unknown_type(name: str, id_types: Collection[str]) -> str:
    """SQL for what is wrong with a type of identifiers that is none of `id_types`."""
    known = ", ".join(map(literal, sorted(id_types)))
    return (
        f"case when lower(t.{quoted(name)}) not in ({known}) "
        f"then '{name}: ''' || left(raw.{quoted(name)}, 100) || ''' is no type of "
        "seeds/id_types.csv' end"
    )


def amount_complaint(factors: tuple[str, str]) -> str:
    """SQL for a product of two columns that is too much, as `complaint` has it for one."""
    product = " * ".join(f"t.{quoted(name)}::double" for name in factors)
    texts = " || ' * ' || ".join(f"left(raw.{quoted(name)}, 100)" for name in factors)
    return (
        f"case when abs({product}) >= {TOO_MUCH} "
        f"then '{' * '.join(factors)}: ' || {texts} || ' is not below {TOO_MUCH:,}' end"
    )
