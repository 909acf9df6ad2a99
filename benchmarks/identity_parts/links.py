"""Generates the links of the identity benchmark, deterministically."""

from __future__ import annotations

from pathlib import Path

import duckdb

# A person has a member id linked to 1 to 5 identifiers, some of which are linked to each other; one
# in fifty belongs to another person, too. 1.06 identifiers per link, in random order.
_GENERATE = """
    create table drawn as
    select person, slot, hash(person, slot) as draw,
        case when draw % 50 = 0 then (draw // 50) % $people else person end as owner
    from range($people) as people (person), range(5) as slots (slot)
    where slot <= hash(person) % 5;

    create table identified as
    select person, slot, draw, owner,
        case (owner + slot) % 3 when 0 then 'phone' when 1 then 'email' else 'device' end
            as id_type,
        case (owner + slot) % 3
            when 2 then uuid_text(md5(concat_ws(':', owner, slot)))
            else sha256(concat_ws(':', owner, slot))
        end as id_value
    from drawn;

    create table links as
    select distinct *
    from (
        select 'member' as left_id_type, 'M' || (100000000 + person) as left_id_value,
            id_type as right_id_type, id_value as right_id_value
        from identified
        union all
        select one.id_type, one.id_value, two.id_type, two.id_value
        from identified as one
        inner join identified as two on one.person = two.person and one.slot + 1 = two.slot
        where one.draw % 100 < 46 and (one.id_type, one.id_value) <> (two.id_type, two.id_value)
    )
    order by hash(left_id_value, right_id_value)
    limit $links
"""
_UUID = """
    create macro uuid_text(digits) as concat_ws('-', digits[1:8], digits[9:12], digits[13:16],
        digits[17:20], digits[21:32])
"""


def generate(path: Path, links: int) -> None:
    """Writes the links."""
    with duckdb.connect(path) as connection:
        connection.execute("set threads = 2; set enable_progress_bar = false")
        connection.execute(_UUID)
        for statement in _GENERATE.split(";"):
            text = statement.replace("$people", str(links * 10 // 36))
            connection.execute(text.replace("$links", str(links)))
        connection.execute("drop table identified; drop table drawn")
