"""Second accounts, twins and namesakes: drawn on demand, to calibrate probabilistic links."""

from __future__ import annotations

from pathlib import Path

import duckdb

from onecdp.generate import Rates, generate

PAIRS = """
    select count(*), count(*) filter (a.real_name = b.real_name)
    from held as x
    inner join held as y using (person_id)
    inner join account as a on x.id_value = a.member_id
    inner join account as b on y.id_value = b.member_id
    where x.id_type = 'member_id' and y.id_type = 'member_id' and x.id_value < y.id_value
"""
MAILBOXES = """
    select count(*) from held as x inner join held as y using (id_type, id_value)
    where id_type = 'email_hash' and x.kind = 'shared_email' and x.person_id < y.person_id
"""
CUSTOMERS = 1_000


def one(files: duckdb.DuckDBPyConnection, query: str) -> int:
    ((count,),) = files.execute(query).fetchall()
    return int(count)


def test_second_accounts_and_twins_are_in_the_files_and_in_the_truth(tmp_path: Path) -> None:
    rates = Rates(second_account=0.1, typo=1.0, twin=0.1, twin_alike=0.5, namesake=0.05)
    generate(tmp_path / "shop", CUSTOMERS, 7, lambda _: None, rates)
    with duckdb.connect() as files:
        files.execute(
            f"create table held as from read_csv('{tmp_path}/shop/truth/identifiers.csv')"
        )
        files.execute(
            "create table account as select distinct on (member_id) member_id, real_name from ("
            f"from read_csv('{tmp_path}/shop/crm/*.csv*', union_by_name = true, all_varchar = true)"
            f" union all by name from read_json('{tmp_path}/shop/crm/*.jsonl*'))"
        )
        members = one(files, "select count(distinct person_id) from held where kind = 'own'"
                             " and id_type = 'member_id'")  # fmt: skip
        ((pairs, same_name),) = files.execute(PAIRS).fetchall()
        assert 0.05 * members < pairs < 0.12 * members
        # A doubled or swapped letter may give the same name; most typos do not.
        assert same_name < pairs / 10
        assert one(files, MAILBOXES) > 0.02 * members
        assert one(files, "select count(*) from held where kind = 'twins_mobile'") > 0
        assert one(files, "select count(*) from account") == members + pairs
