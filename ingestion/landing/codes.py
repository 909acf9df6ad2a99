"""Identifiers that were numbers on their way: which of them are still whole.

Spreadsheets and programs write long numbers in scientific notation, and many round them to the
digits that they show: `4.47911E+11` is any of a million members. Of such a text nobody can tell
whom it names, so its row is quarantined. It is the integer that it stands for, an *exact* one, if

- all of the integer's digits are given (`4.47911000001E+11`), or
- it has six digits or fewer and its exponent is not padded (`1.5E+3`): whatever rounds shows six
  digits and more, but for cells of a spreadsheet's scientific format, which pads (`1.23E+05`).

A decimal without a fraction (`17850.0`) was a double on its way. From 2^53 on doubles skip
integers, so that it names its neighbours as well; below, it is the integer.

Codes and parts of hashes look like numbers, too: `1234e56`, `5E12`, `3E-4`. So an exponent counts
as one only with a plus before it, or after one digit and a fraction, as programs write it.
JSON numbers and doubles are told by their readers.
"""

from __future__ import annotations

from onecdp.identity.normalise import SQL_WHOLE
from onecdp.warehouse.sql_text import literal

EXACT_BELOW = 2**53
SHOWN_DIGITS = 6
ADVICE = "a number that may have lost digits, export the column as text"

_SCIENTIFIC = r"^[+-]?([0-9]\.[0-9]+[eE][+-]?[0-9]{1,3}|[0-9]+(\.[0-9]+)?[eE]\+[0-9]{1,3})\z"
_PARTS = r"^([+-]?)([0-9]+)\.?([0-9]*)[eE]\+?(-?)([0-9]+)\z"
_LONG_DOUBLE = r"^-?[0-9]{16,}\.0+\z"

MACROS = (
    f"""create temp macro scientific(code) as regexp_extract(
        code, {literal(_PARTS)}, ['sign', 'whole', 'fraction', 'minus', 'exponent']
    )""",
    # The digits without the zeros around them, and how many zeros follow.
    """create temp macro scientific_digits(n) as
        ltrim(n['whole'] || rtrim(n['fraction'], '0'), '0')""",
    """create temp macro scientific_zeros(n) as
        (n['minus'] || n['exponent'])::bigint - length(rtrim(n['fraction'], '0'))""",
    f"""create temp macro exact_integer(n) as
        case
            when scientific_zeros(n) >= 0 and (
                length(scientific_digits(n)) + scientific_zeros(n)
                    <= length(n['whole'] || n['fraction'])
                or length(scientific_digits(n)) + scientific_zeros(n) <= {SHOWN_DIGITS}
                    and n['exponent'] not like '0_%'
            )
            then replace(n['sign'], '+', '')
                || coalesce(nullif(scientific_digits(n), ''), '0')
                || case
                    when scientific_digits(n) = '' then '' else repeat('0', scientific_zeros(n))
                end
        end""",
    f"""create temp macro exact_code(code) as
        case
            -- Most codes: scientific notation has a point or a plus, and so has a decimal.
            when code is null or not contains(code, '.') and not contains(code, '+')
            then nullif(code, '')
            when regexp_matches(code, {literal(_SCIENTIFIC)})
            then exact_integer(scientific(code))
            when regexp_matches(code, {literal(_LONG_DOUBLE)})
                and coalesce(
                    abs(try_cast(split_part(code, '.', 1) as hugeint)) >= {EXACT_BELOW}, true
                )
            then null
            else nullif(regexp_replace(code, {literal(SQL_WHOLE)}, '\\1'), '')
        end""",
)
"""Functions of the scratch database.

`exact_code` gives a code, without what stands around it, as what it is: the integer that it stands
for, null where nobody can tell, else the text.
"""
