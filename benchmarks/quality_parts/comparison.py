"""Compares an ID map with the truth of a generated shop.

Pairs are counted from the contingency table (person by one_id), never listed.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import duckdb

_PREPARE = """
    create table held as select * from read_csv(getvariable('truth') || '/identifiers.csv',
        all_varchar = true);
    create table junk as select * from read_csv(getvariable('truth') || '/junk.csv',
        all_varchar = true);
    create table people as select * from read_csv(getvariable('truth') || '/people.csv',
        all_varchar = true);
    create table wrong_links as select * from read_csv(getvariable('truth') || '/wrong_links.csv',
        types = {'confidence': 'double', 'is_active': 'boolean'});
    create table mapped as
        select id_type, id_value, one_id from marts.id_map;

    create table holders as
        select id_type, id_value, any_value(kind) as kind, list(distinct person_id) as people
        from held group by all;

    -- One row per identifier of exactly one person.
    create table single as
        select holders.id_type, holders.id_value, kind, people[1] as person_id,
            coalesce(one_id, id_type || ':' || id_value) as cluster
        from holders left join mapped using (id_type, id_value)
        where len(people) = 1;

    create table cells as
        select person_id, cluster, count(*) as n from single group by all;
    create table by_person as
        select person_id, sum(n)::bigint as n, sum(n * (n - 1) // 2)::bigint as together
        from cells group by all;
    create table by_cluster as
        select cluster, sum(n)::bigint as n, sum(n * (n - 1) // 2)::bigint as together,
            count(*) as people
        from cells group by all;
"""

_TOTALS = """
    select
        (select sum(together) from by_person)::bigint,
        (select sum(n * (n - 1) // 2) from by_cluster)::bigint,
        (select sum(n * (n - 1) // 2) from by_person)::bigint,
        (select count(*) from single),
        (select count(distinct person_id) from single),
        (select count(*) from by_cluster),
        (select count(*) from holders anti join mapped using (id_type, id_value)),
        (select count(*) from mapped
            anti join holders using (id_type, id_value)
            anti join junk using (id_type, id_value))
"""

# A person is counted under the first trait that may be the cause.
_MISSES = """
    with traits as (
        select person_id, list(distinct kind) as kinds from held group by all
    ),
    named as (
        select by_person.n * (by_person.n - 1) // 2 - together as pairs,
            coalesce(
                'not in the files: ' || hidden_by,
                case
                    when list_contains(kinds, 'chain_device') then 'chain'
                    when list_contains(kinds, 'handed_mobile') then 'handed mobile'
                    when list_contains(kinds, 'shared_email') then 'shared e-mail'
                    when list_contains(kinds, 'till_device') then 'till visitor'
                    when list_contains(kinds, 'family_device') then 'family'
                    else 'plain'
                end
            ) as kind
        from by_person
        inner join people using (person_id)
        inner join traits using (person_id)
    )
    select kind, count(*) as people, sum(pairs)::bigint as pairs
    from named where pairs > 0 group by kind order by pairs desc, kind
"""

# The values and links in a wrong cluster that may have merged it, combined if there are several.
_FALSE_MERGES = """
    with wrong as (
        select * from by_cluster where people > 1
    ),
    causes as (
        select one_id as cluster, kind
        from holders inner join mapped using (id_type, id_value)
        where len(people) > 1
        union
        select one_id, 'junk_' || id_type from junk inner join mapped using (id_type, id_value)
        union
        select l.one_id, 'wrong_link'
        from wrong_links as w
        inner join mapped as l on w.left_id_type = l.id_type and w.left_id_value = l.id_value
        inner join mapped as r on w.right_id_type = r.id_type and w.right_id_value = r.id_value
        where l.one_id = r.one_id and is_active and confidence >= 0.8
    ),
    joined as (
        select cluster, any_value(n) as n, any_value(together) as together,
            any_value(wrong.people) as people,
            coalesce(string_agg(distinct causes.kind, ' + ' order by causes.kind), 'unknown')
                as kinds
        from wrong left join causes using (cluster) group by cluster
    )
    select kinds, count(*) as clusters, sum(people)::bigint as people,
        sum(n * (n - 1) // 2 - together)::bigint as pairs
    from joined group by kinds order by pairs desc, kinds limit 15
"""

# People of a cluster are counted, not listed: one cluster may have a tenth of all people.
_SHARED = """
    with placed as (
        select kind, id_type, id_value, one_id, len(people) as holders
        from holders inner join mapped using (id_type, id_value)
        where len(people) > 1
    ),
    present as (
        select id_type, id_value, count(distinct person_id) as holders_there
        from placed
        inner join held using (id_type, id_value)
        inner join cells using (person_id)
        where cells.cluster = placed.one_id
        group by all
    ),
    counted as (
        select placed.kind, coalesce(by_cluster.people, 0) as there,
            coalesce(holders_there, 0) as holders_there
        from placed
        left join by_cluster on by_cluster.cluster = placed.one_id
        left join present using (id_type, id_value)
    )
    select kind, count(*) as identifiers,
        count(*) filter (there = 0) as alone,
        count(*) filter (there = 1 and holders_there = 1) as with_a_holder,
        count(*) filter (there > 1 and holders_there = there) as with_several_holders,
        count(*) filter (there > holders_there) as with_strangers
    from counted group by kind order by kind
"""


@dataclass(frozen=True)
class Table:
    """Column names and rows."""

    names: tuple[str, ...]
    rows: list[tuple[object, ...]]


@dataclass(frozen=True)
class Quality:
    """Measures of an ID map.

    Attributes:
        right: Pairs of one person with the same one_id.
        joined: Pairs with the same one_id.
        true: Pairs of one person.
        identifiers: Identifiers of exactly one person.
        people: People with these identifiers.
        clusters: one_ids of these identifiers.
        absent: Identifiers of the truth that are not in the map.
        invented: Identifiers of the map that are neither in the truth nor junk.
        misses: Missed pairs by trait of the person.
        false_merges: Wrong pairs by cause.
        shared: Clusters of identifiers that several people have.
    """

    right: int
    joined: int
    true: int
    identifiers: int
    people: int
    clusters: int
    absent: int
    invented: int
    misses: Table
    false_merges: Table
    shared: Table

    @property
    def precision(self) -> float:
        """Share of right pairs among the joined ones."""
        return self.right / self.joined if self.joined else 1.0

    @property
    def recall(self) -> float:
        """Share of right pairs among the true ones."""
        return self.right / self.true if self.true else 1.0

    @property
    def f1(self) -> float:
        """Harmonic mean of precision and recall."""
        return 2 * self.right / (self.joined + self.true) if self.joined + self.true else 1.0


def compare(truth: Path, marts: Path) -> Quality:
    """Compares the `id_map` of a published file with the truth of a generated shop.

    Args:
        truth: The folder `truth` that `onecdp generate` wrote.
        marts: The file `marts.duckdb` after `onecdp run` on that shop.
    """
    with duckdb.connect() as scratch:
        scratch.execute("set variable truth = $1", [str(truth)])
        scratch.execute(f"attach '{marts}' as marts (read_only)")
        scratch.execute(_PREPARE)
        totals = scratch.execute(_TOTALS).fetchone()
        assert totals is not None
        right, joined, true, identifiers, people, clusters, absent, invented = totals
        return Quality(
            right=right,
            joined=joined,
            true=true,
            identifiers=identifiers,
            people=people,
            clusters=clusters,
            absent=absent,
            invented=invented,
            misses=_table(scratch, _MISSES),
            false_merges=_table(scratch, _FALSE_MERGES),
            shared=_table(scratch, _SHARED),
        )


def _table(scratch: duckdb.DuckDBPyConnection, query: str) -> Table:
    result = scratch.execute(query)
    return Table(tuple(column[0] for column in result.description or []), result.fetchall())
