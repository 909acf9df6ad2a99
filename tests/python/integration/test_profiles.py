"""The profile query of the warehouse guide equals customer_profiles, column by column."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import duckdb
import pytest
from support.cli import BuiltProject, make_project, run_cli
from support.guide import COLUMNS, differing_columns
from support.retail_year import year_file


def test_the_sample(built_warehouse: BuiltProject) -> None:
    file = built_warehouse.warehouse / "onecdp.duckdb"
    assert differing_columns(file, date(2026, 6, 6)) == {}
    # The comparison sees what is counted to another date.
    assert {"total_orders", "last_session_date"} <= differing_columns(
        file, date(2024, 11, 2)
    ).keys()
    with duckdb.connect(str(file), read_only=True) as private:
        never = private.execute(
            "select total_orders, total_revenue, avg_order_value, days_since_last_purchase,"
            " recency_segment, frequency_segment, monetary_segment"
            " from marts.customer_profiles where member_id = 'MBR003'"
        ).fetchone()
    assert never == (0, 0, 0, None, *["Never purchased"] * 3)
    assert len(COLUMNS) == 18


@pytest.mark.soak
def test_a_generated_shop(tmp_path: Path) -> None:
    folder = make_project(tmp_path / "project")
    made = run_cli("generate", "data", "--customers", "200000", "--seed", "7", cwd=folder)
    assert made.code == 0, made.stderr
    _add_shop(folder / "data")
    finished = run_cli("run", "--data", "data", "--as-of", "2026-01-12", cwd=folder)
    assert finished.code in (0, 3), finished.stderr + finished.stdout
    file = folder / "warehouse" / "onecdp.duckdb"
    assert differing_columns(file, date(2026, 1, 12)) == {}
    with duckdb.connect(str(file), read_only=True) as private:
        # Members who are customers of the shop, and some of both with different values.
        (both, conflicts) = private.execute(
            "select count(*) filter (member_id is not null and customer_id is not null),"
            " count(*) filter (signup_date != register_date) from marts.customer_profiles"
        ).fetchone() or (0, 0)
    assert both > 1000
    assert conflicts > 1000


@pytest.mark.soak
def test_the_real_year(tmp_path: Path) -> None:
    source = year_file()
    folder = make_project(tmp_path / "project")
    (folder / "data" / "retail").mkdir(parents=True)
    (folder / "data" / "retail" / source.name).symlink_to(source)
    finished = run_cli("run", "--data", "data", "--as-of", "2011-12-10", cwd=folder)
    assert finished.code == 0, finished.stderr + finished.stdout
    assert differing_columns(folder / "warehouse" / "onecdp.duckdb", date(2011, 12, 10)) == {}


def _add_shop(data: Path) -> None:
    """Customers, sales, page views, mails and tickets of a fifth of the members."""
    with duckdb.connect() as scratch:
        scratch.execute(
            f"create table members as select distinct on (member_id) member_id,"
            " nullif(trim(email_hash), '') as email, row_number() over (order by member_id) as n"
            f" from read_csv('{data}/crm/**/*.csv*', union_by_name = true, all_varchar = true)"
            " where member_id is not null"
        )
        scratch.execute("create table chosen as from members where n % 5 = 0 and email is not null")
        for name, query in {
            "shop/customers": "select 'S' || n as customer_id, email, 'F' || n % 7 as first_name,"
            " case when n % 3 > 0 then 'L' || n % 11 end as last_name,"
            " case when n % 4 > 0 then 'C' || n % 5 end as country,"
            " date '2020-01-01' + n::int % 900 as signup_date,"
            " date '2025-01-01' + n::int % 300 as updated_at from chosen",
            "shop/transactions": "select 'T' || n || '-' || i as transaction_id,"
            " 'S' || n as customer_id, n % 9 * 10 + i - 3 as amount,"
            " date '2025-01-01' + ((n * 31 + i * 97) % 370)::int as transaction_date,"
            " case n % 4 when 0 then 'pending' when 1 then 'refunded' else 'completed' end"
            " as status"
            " from chosen, range(n % 13) as r (i)",
            "web": "select 'W' || n || '-' || i as event_id, 'S' || n as customer_id,"
            " case when i % 2 = 0 then 'pageview' else 'login' end as event_type,"
            " date '2025-01-01' + ((n * 7 + i * 3) % 374)::int as event_time"
            " from chosen, range(n % 50) as r (i)",
            "email": "select 'E' || n || '-' || i as event_id, email,"
            " case i % 3 when 0 then 'sent' when 1 then 'open' else 'click' end as event_type,"
            " date '2025-06-01' + ((n + i) % 200)::int as event_time"
            " from chosen, range(n % 4) as r (i)",
            "support": "select 'K' || n as ticket_id, email, 'open' as status,"
            " date '2025-12-01' + (n % 50)::int as created_at from chosen where n % 10 = 0",
        }.items():
            (data / name).mkdir(parents=True)
            scratch.execute(f"copy ({query}) to '{data}/{name}/made.csv' (header)")
