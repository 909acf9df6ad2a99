"""Calibrates probabilistic links: precision and recall by threshold, on generated shops.

    python benchmarks/probabilistic.py --customers 300000

Each shop has second accounts with typos, twins and namesakes at other rates. A pair of member
accounts is right if both are of one person. Recall is the share of the second accounts found at all
(docs/probabilistic.md). Needs the extra `probabilistic`.
"""

from __future__ import annotations

import argparse
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

import duckdb
import pyarrow as pa

from onecdp.generate.rates import Rates
from onecdp.generate.shop import generate
from onecdp.identity.likeness import probabilistic_links

THRESHOLDS = (0.5, 0.6, 0.7, 0.8, 0.85, 0.9, 0.92, 0.95, 0.97, 0.98, 0.99)
# Only the CRM is compared: few events and orders make the files quickly.
_RATES = Rates(sessions=0.02, orders=0.02, member=1.0, second_account=0.03)
SHOPS = {
    "typos": replace(_RATES, typo=0.30, twin=0.002, twin_alike=0.03),
    "twins": replace(_RATES, typo=0.10, twin=0.01, twin_alike=0.03),
    "namesakes": replace(_RATES, typo=0.10, namesake=0.002),
}
# The last version of each member, with contacts as the ID map has them.
_MEMBERS = """
    with rows as (
        select member_id, lower(trim(mobile_hash)) as mobile, lower(trim(email_hash)) as email,
            real_name, gender, birthday::date as birthday, channel as register_channel
        from (from read_csv('{shop}/crm/*.csv*', all_varchar = true, union_by_name = true)
            union all by name
            from read_json('{shop}/crm/*.jsonl*', columns = {columns}))
        qualify row_number() over (partition by member_id order by updated_at::timestamp desc) = 1
    )
    select * exclude (mobile, email),
        case when mobile not in (from junk) then mobile end as mobile_hash,
        case when email not in (from junk) then email end as email_hash
    from rows
"""
_COLUMNS = (
    "member_id", "mobile_hash", "email_hash", "real_name", "gender", "birthday", "channel",
    "updated_at",
)  # fmt: skip


@dataclass(frozen=True)
class Measure:
    """Links of one shop from a threshold on."""

    links: int
    wrong: int
    found: float

    @property
    def precision(self) -> float:
        """The share of right links."""
        return 1 - self.wrong / self.links if self.links else 1.0


def measure(rates: Rates, customers: int, seed: int) -> dict[float, Measure]:
    """Generates a shop and compares its probabilistic links with the truth."""
    with tempfile.TemporaryDirectory() as folder, duckdb.connect() as connection:
        shop = Path(folder) / "shop"
        generate(shop, customers, seed, lambda _: None, rates)
        connection.execute(
            "create table junk as select lower(id_value) from read_csv($1, all_varchar = true)",
            [str(shop / "truth/junk.csv")],
        )
        columns = "{" + ", ".join(f"{name}: 'varchar'" for name in _COLUMNS) + "}"
        members = connection.execute(_MEMBERS.format(shop=shop, columns=columns)).to_arrow_table()
        contacts = members.select(["member_id", "mobile_hash", "email_hash"])
        members = members.drop_columns(["mobile_hash", "email_hash"])
        links = probabilistic_links(members, contacts, review=0.5, merge=1.0)
        connection.register("links", links)
        return _compare(connection, shop, links)


def _compare(
    connection: duckdb.DuckDBPyConnection, shop: Path, links: pa.Table
) -> dict[float, Measure]:
    connection.execute(
        "create table owner as select id_value, person_id from read_csv($1, all_varchar = true)"
        " where id_type = 'member_id'",
        [str(shop / "truth/identifiers.csv")],
    )
    ((pairs,),) = connection.execute(
        "select count(*) from owner as a inner join owner as b using (person_id)"
        " where a.id_value < b.id_value"
    ).fetchall()
    judged = connection.execute(
        "select probability, a.person_id = b.person_id as is_right from links"
        " inner join owner as a on left_id_value = a.id_value"
        " inner join owner as b on right_id_value = b.id_value"
    ).fetchnumpy()
    assert len(judged["probability"]) == len(links)
    measures = {}
    for threshold in THRESHOLDS:
        right = judged["is_right"][judged["probability"] >= threshold]
        wrong = int((~right).sum())
        measures[threshold] = Measure(len(right), wrong, int(right.sum()) / pairs)
    return measures


def main() -> None:
    """Prints a table per shop."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--customers", type=int, default=300_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--tiny", action="store_true", help="2,000 customers")
    options = parser.parse_args()
    customers = 2_000 if options.tiny else options.customers
    for name, rates in SHOPS.items():
        print(f"{name}: {customers:,} customers")
        print("| from | links | wrong | precision | second accounts found |")
        print("|---|---|---|---|---|")
        for threshold, found in measure(rates, customers, options.seed).items():
            print(
                f"| {threshold} | {found.links:,} | {found.wrong:,} | {found.precision:.5f}"
                f" | {found.found:.1%} |",
                flush=True,
            )
        print()


if __name__ == "__main__":
    main()
