"""Normalised attributes of members, and how often they agree by chance."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import duckdb
import pyarrow as pa

CROWD = 20
"""A mobile, an e-mail, or a birthday with initials that more members share proposes no pairs: it is
a placeholder (a shop's own number, 1 January), and the number of pairs grows with its square."""

# Members whose pairs (half a million) are counted for similar names and birthdays.
_SAMPLE = 1_000
_PRIOR_PAIRS, _PRIOR_MEMBERS = 10_000, 100

# How often two strangers agree, as long as there are too few members to count it: assumes birthdays
# over 55 years with some frequent days, the names of a big town, and hashes of a million people.
_PRIOR_SAME = {
    "name_key": 1 / 2_000,
    "birthday": 1 / 15_000,
    "mobile_hash": 1e-6,
    "email_hash": 1e-6,
}
_PRIOR_NEAR = {"name": 1 / 1_000, "birthday": 1 / 300}
_PRIOR_GENDER, _PRIOR_CHANNEL = 0.5, 0.4

NEAR_NAME = "near_name(name_parts_l, name_parts_r)"
NEAR_BIRTHDAY = "near_birthday(birthday_l, birthday_r)"

# Only the parts that differ are compared, because siblings share a family name. Similar means one
# typo in short parts, two in long ones (8 letters or more), an initial or a short form (Alex,
# Alexander), or a missing part.
_MACROS = """
    create macro others(a, b) as
        array_to_string(list_filter(a, lambda part: not list_contains(b, part)), ' ');
    create macro is_similar_name(x, y) as case
        when x = '' or y = '' then true
        when starts_with(x, y) or starts_with(y, x) then true
        when least(length(x), length(y)) < 3 then false
        else damerau_levenshtein(x, y)
            <= case when least(length(x), length(y)) < 8 then 1 else 2 end
    end;
    create macro near_name(a, b) as
        least(len(a), len(b)) > 1 and is_similar_name(others(a, b), others(b, a));
    -- YYYYMMDD: one digit, two adjacent digits swapped, or day and month swapped.
    create macro near_birthday(a, b) as
        damerau_levenshtein(a, b) <= 1 or a = left(b, 4) || right(b, 2) || substr(b, 5, 2);
"""

# Sorting the parts makes "Wang Alice" and "alice wang" the same name. Unknown gender codes and
# birthdays before 1901 become null.
_MEMBERS = f"""
    create table members as
    with named as (
        -- Placeholders become null: two of them would be the same name.
        select * replace (case when lower(trim(real_name)) not in (from junk_names)
            then real_name end as real_name)
        from member_rows
    ),
    joined as (
        select member_id, mobile_hash, email_hash, register_channel,
            list_sort(list_distinct(list_filter(
                regexp_split_to_array(
                    regexp_replace(strip_accents(lower(real_name)), '[''\u2019`\u00b4]', '', 'g'),
                    '[^\\p{{L}}\\p{{M}}\\p{{N}}]+'),
                lambda part: part <> ''))) as name_parts,
            case when year(birthday) > 1900 then strftime(birthday, '%Y%m%d') end as birthday,
            case left(lower(gender), 1)
                when 'f' then 'f' when '女' then 'f' when 'w' then 'f'
                when 'm' then 'm' when '男' then 'm'
            end as gender
        from named inner join identifier_rows using (member_id)
    ),
    keyed as (
        select *,
            nullif(array_to_string(name_parts, ' '), '') as name_key,
            birthday || list_aggregate(
                list_transform(name_parts, lambda part: left(part, 1)), 'string_agg', ''
            ) as birthday_initials
        from joined
    )
    select member_id, name_key, name_parts, birthday, gender, register_channel,
        case when count(*) over (partition by mobile_hash) <= {CROWD} then mobile_hash end
            as mobile_hash,
        case when count(*) over (partition by email_hash) <= {CROWD} then email_hash end
            as email_hash,
        case when count(*) over (partition by birthday_initials) <= {CROWD}
            then birthday_initials end as birthday_initials
    from keyed order by member_id
"""


@dataclass(frozen=True)
class Facts:
    """Statistics of the table `members`.

    Attributes:
        members: Number of members.
        same: Probability that two random members agree in the column.
        near: Probability that two random members have a similar, but not the same, value.
        sure_pairs: Pairs with the same mobile (`mobile_hash`) or e-mail (`email_hash`), name and
            birthday; `any` counts a pair with both once.
    """

    members: int
    same: dict[str, float]
    near: dict[str, float]
    sure_pairs: dict[str, int]


def load(
    connection: duckdb.DuckDBPyConnection,
    members: pa.Table,
    identifiers: pa.Table,
    junk_names: Sequence[str],
) -> Facts:
    """Writes the table `members`, sorted and one row per account, and returns its statistics.

    Tables `tf_name_key` and `tf_birthday` have each value's share of the members, smoothed towards
    the prior while there are few members.

    Args:
        connection: An empty database.
        members: See `links.probabilistic_links`.
        identifiers: The same.
        junk_names: The same.
    """
    # With several threads, sums of floats would differ in the last digit between runs.
    connection.execute("set threads = 1")
    connection.execute("set enable_progress_bar = false")
    connection.register("member_rows", members)
    connection.register("identifier_rows", identifiers)
    names = pa.array([name.lower() for name in junk_names], pa.string())
    connection.register("junk_names", pa.table({"name": names}))
    connection.execute(_MACROS)
    connection.execute(_MEMBERS)
    for column in ("name_key", "birthday"):
        prior = _PRIOR_MEMBERS * _PRIOR_SAME[column]
        connection.execute(
            f"create table tf_{column} as select {column}, (count(*) + {prior})"
            f" / (sum(count(*)) over () + {_PRIOR_MEMBERS}) as tf_{column}"
            f" from members where {column} is not null group by {column} order by {column}"
        )
    priors = {**_PRIOR_SAME, "gender": _PRIOR_GENDER, "register_channel": _PRIOR_CHANNEL}
    return Facts(
        members=_number(connection, "select count(*) from members"),
        same={column: _same(connection, column, prior) for column, prior in priors.items()},
        near=_near(connection),
        sure_pairs=_sure_pairs(connection),
    )


def _same(connection: duckdb.DuckDBPyConnection, column: str, prior: float) -> float:
    """Counts agreeing pairs from the frequencies of the values, without building pairs."""
    agreeing, pairs = _row(
        connection,
        "select coalesce(sum(n * (n - 1) / 2), 0), coalesce(sum(n) * (sum(n) - 1) / 2, 0)"
        f" from (select count(*) as n from members where {column} is not null group by {column})",
    )
    return (agreeing + _PRIOR_PAIRS * prior) / (pairs + _PRIOR_PAIRS)


def _near(connection: duckdb.DuckDBPyConnection) -> dict[str, float]:
    """Counts similar pairs in a deterministic sample, chosen by the hash of the member id."""
    near_name, names, near_birthday, birthdays = _row(
        connection,
        f"""
        with sample as (
            select name_key, name_parts, birthday from members
            order by md5(member_id), member_id limit {_SAMPLE}
        ),
        numbered as (select *, row_number() over () as place from sample)
        select
            count(*) filter (
                name_key_l <> name_key_r and {NEAR_NAME}),
            count(*) filter (name_key_l is not null and name_key_r is not null),
            count(*) filter (birthday_l <> birthday_r and {NEAR_BIRTHDAY}),
            count(*) filter (birthday_l is not null and birthday_r is not null)
        from (select name_key as name_key_l, name_parts as name_parts_l, birthday as birthday_l,
            place as place_l from numbered) as l
        inner join (select name_key as name_key_r, name_parts as name_parts_r,
            birthday as birthday_r, place as place_r from numbered) as r on place_l < place_r
        """,
    )
    return {
        "name": (near_name + _PRIOR_PAIRS * _PRIOR_NEAR["name"]) / (names + _PRIOR_PAIRS),
        "birthday": (near_birthday + _PRIOR_PAIRS * _PRIOR_NEAR["birthday"])
        / (birthdays + _PRIOR_PAIRS),
    }


def _sure_pairs(connection: duckdb.DuckDBPyConnection) -> dict[str, int]:
    join = (
        "select l.member_id, r.member_id as other from members as l inner join members as r on"
        " l.{0} = r.{0} and l.name_key = r.name_key and l.birthday = r.birthday"
        " and l.member_id < r.member_id"
    )
    mobile, email = join.format("mobile_hash"), join.format("email_hash")
    return {
        "mobile_hash": _number(connection, f"select count(*) from ({mobile})"),
        "email_hash": _number(connection, f"select count(*) from ({email})"),
        "any": _number(connection, f"select count(*) from ({mobile} union {email})"),
    }


def _row(connection: duckdb.DuckDBPyConnection, query: str) -> tuple[float, ...]:
    row = connection.execute(query).fetchone()
    assert row is not None  # every caller aggregates
    return tuple(float(value) for value in row)


def _number(connection: duckdb.DuckDBPyConnection, query: str) -> int:
    return int(_row(connection, query)[0])
