"""Write-back to a real MariaDB and a real PostgreSQL: the target is the mart."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path

import pytest
from support.crm import Crm

from onecdp.destinations.databases import mysql
from onecdp.errors import OnecdpError, UsageProblem


def test_only_what_changed_is_sent_and_the_target_is_the_mart(crm: Crm) -> None:
    crm.marts.publish(40)
    assert crm.deliver() == (40, 0, 0, 0)
    crm.assert_equal()
    # The server's own row stays: only keys that were delivered are ever removed.
    crm.server.execute("insert into crm.profiles (one_id) values ('theirs')")
    crm.marts.publish(
        42,
        "delete from customer_profiles where one_int = 7",
        "update customer_profiles set real_name = null, gross_revenue = -0.0001 where one_int < 4",
    )
    assert crm.deliver() == (2, 3, 1, 36)
    assert crm.deliver() == (0, 0, 0, 41)
    assert crm.rows()[-1][0] == "theirs"
    assert crm.deliver(is_whole=True) == (0, 41, 0, 0)
    crm.assert_equal()


def test_the_table_has_types_a_key_and_an_index(crm: Crm) -> None:
    crm.marts.publish(20)
    crm.deliver("PKG001")
    crm.deliver()
    types = dict(
        crm.server.execute(
            "select column_name, data_type from information_schema.columns"
            " where table_schema = 'crm' and table_name = 'profiles'"
        )
    )
    time = "datetime" if crm.server.is_mysql else "timestamp with time zone"
    number = "decimal" if crm.server.is_mysql else "numeric"
    assert (types["last_event_at"], types["birthday"]) == (time, "date")
    assert (types["gross_revenue"], types["one_int"]) == (number, "bigint")
    listed = (
        "select index_name, column_name from information_schema.statistics"
        " where table_schema = 'crm' and table_name = 'members' order by 1, seq_in_index"
        if crm.server.is_mysql
        else "select indexdef from pg_indexes where schemaname = 'crm' and tablename = 'members'"
    )
    found = str(crm.server.execute(listed)).lower()
    assert "members_one_id" in found
    assert "primary" in found or "(package_id, one_id)" in found


def test_packages_share_a_table_and_do_not_touch_each_other(crm: Crm) -> None:
    more = (
        "insert into audience_packages select 'it''s \\ 2', 'x', 'y', one_id, rfm_segment,"
        " created_at, arm from audience_packages limit 3",
        "insert into audience_package_summary"
        " values ('it''s \\ 2', 'x', 'y', '2026-06-06', null, 'built', null)",
    )
    crm.marts.publish(20, *more)
    assert crm.deliver("PKG001") == (10, 0, 0, 0)
    assert crm.deliver("it's \\ 2") == (3, 0, 0, 0)
    assert crm.deliver("PKG001", is_whole=True) == (0, 10, 0, 0)
    crm.marts.publish(20, "delete from audience_packages where one_id > format('ONE{:016x}', 9)",
                      more[1])  # fmt: skip
    assert crm.deliver("PKG001") == (0, 0, 6, 4)
    assert len(crm.rows("members")) == 7
    assert crm.deliver("it's \\ 2") == (0, 0, 3, 0)
    assert {row[0] for row in crm.rows("members", "package_id")} == {"PKG001"}


def test_who_withdrew_consent_is_removed_from_the_table(crm: Crm) -> None:
    """And so is who came into the hold-out; who was held out never was there."""
    asks = "update audience_package_summary set purpose = 'sms' where package_id = 'PKG001'"
    granted = "insert into customer_consents (one_id, purpose, status) select one_id, 'sms',"
    held = "update audience_packages set arm = 'hold_out' where one_id"
    crm.marts.publish(
        20,
        asks,
        f"{granted} 'granted' from customer_profiles",
        f"{held} = 'ONE' || lpad('2', 16, '0')",
    )
    assert crm.deliver("PKG001") == (9, 0, 0, 0)
    crm.marts.publish(
        20,
        asks,
        f"{granted} case when one_int = 4 then 'withdrawn' else 'granted' end"
        " from customer_profiles where one_int <> 6",
        "insert into customer_consents (one_id, purpose, status)"
        " select one_id, '*', 'suppressed' from customer_profiles where one_int = 8",
        f"{held} in ('ONE' || lpad('2', 16, '0'), 'ONE' || lpad('a', 16, '0'))",
    )
    assert crm.deliver("PKG001") == (0, 0, 4, 5)
    left = {int(str(row[0])[3:], 16) for row in crm.rows("members", "one_id")}
    assert left == {12, 14, 16, 18, 20}
    assert crm.deliver("PKG001", is_whole=True) == (0, 5, 0, 0)


def test_a_row_with_the_users_own_columns_keeps_them(crm: Crm) -> None:
    crm.marts.publish(10)
    kind = "varchar(40)" if crm.server.is_mysql else "text"
    crm.server.execute(
        f"create table crm.profiles (customer {kind} not null unique, spent decimal(18, 4),"
        " note varchar(20) default 'own')"
    )
    if not crm.server.is_mysql:
        crm.server.execute("alter table crm.profiles owner to writer")
    crm.environment["DESTINATIONS__CRM__PROFILES__COLUMNS"] = (
        '{"customer": "one_id", "spent": "gross_revenue", "points": "total_points"}'
    )
    crm.deliver()
    crm.server.execute("update crm.profiles set note = 'mine'")
    crm.marts.publish(10, "update customer_profiles set gross_revenue = 1 where one_int = 3")
    assert crm.deliver() == (0, 1, 0, 9)
    found = crm.server.execute("select spent, points, note from crm.profiles order by customer")
    assert found[2] == (Decimal("1.0000"), 3, "mine")


@pytest.mark.parametrize(
    ("column", "kind"),
    [
        ("member_id", "varchar(5)"),
        ("gross_revenue", "decimal(18,1)"),
        ("gross_revenue", "bigint"),
        ("gross_revenue", "float(24)"),
        ("gross_revenue", "double(14,2)"),
        ("gross_revenue", "float(14,2)"),
        ("total_points", "float(24)"),
        ("last_event_at", "date"),
        ("member_id", "bigint"),
    ],
)
@pytest.mark.parametrize("by_file", [True, False])
def test_a_narrower_column_changes_nothing(
    crm: Crm, column: str, kind: str, by_file: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By either way of MySQL's: its inserts round without a warning."""
    if ",2)" in kind and not crm.server.is_mysql:
        pytest.skip("PostgreSQL's have no scale")
    if not by_file:
        if not crm.server.is_mysql:
            pytest.skip("PostgreSQL has one way")
        monkeypatch.setattr(mysql, "_FILES", Path("/nowhere"))
    crm.marts.publish(10)
    crm.deliver()
    crm.server.execute("delete from crm.profiles where one_int > 3")
    verb = "modify" if crm.server.is_mysql else "alter column"
    kind = kind if crm.server.is_mysql else f"type {kind} using {column}::{kind}"
    crm.server.execute(
        "update crm.profiles set gross_revenue = 1, last_event_at = '2024-02-29 00:00:00',"
        " member_id = '1'",
        f"alter table crm.profiles {verb} {column} {kind}",
    )
    left = crm.rows()
    crm.marts.publish(
        10,
        "update customer_profiles set member_id = 'MBR123456789', gross_revenue = 123456789.5555,"
        " total_points = 123456789",
    )
    with pytest.raises(OnecdpError) as told:
        crm.deliver()
    text = str(told.value)
    assert column in text
    assert "nothing was changed there" in text
    assert "\n" not in text
    assert "MBR" not in text
    assert "1234" not in text
    assert crm.rows() == left


def test_values_are_not_told_in_the_servers_language(crm: Crm) -> None:
    if not crm.server.is_mysql:
        pytest.skip("PostgreSQL's are told by the name of the condition")
    crm.marts.publish(10)
    crm.deliver()
    crm.server.execute(
        "update crm.profiles set member_id = '1'",
        "alter table crm.profiles modify member_id bigint",
        "set global lc_messages = 'de_DE'",
    )
    crm.marts.publish(10, "update customer_profiles set member_id = 'MBR123456789'")
    try:
        with pytest.raises(OnecdpError) as told:
            crm.deliver()
    finally:
        crm.server.execute("set global lc_messages = 'en_US'")
    assert "member_id" in str(told.value)
    assert "MBR" not in str(told.value)


def test_a_column_that_holds_the_values_may_be_a_float(crm: Crm) -> None:
    scaled = "(14,4)" if crm.server.is_mysql else ""
    double = f"double{scaled}" if crm.server.is_mysql else "double precision"
    crm.server.execute(
        "create table crm.profiles (one_id varchar(40) not null primary key,"
        f" gross_revenue {double}, total_points float(24))"
    )
    if not crm.server.is_mysql:
        crm.server.execute("alter table crm.profiles owner to writer")
    crm.marts.publish(10, "update customer_profiles set total_points = 16777216 where one_int = 1")
    assert crm.deliver() == (10, 0, 0, 0)
    # MySQL shows six digits of a FLOAT.
    found = crm.rows(columns="one_id, gross_revenue, total_points * 1e0")
    wanted = "select one_id, gross_revenue::double, total_points::double from customer_profiles"
    assert found == crm.marts.read(f"{wanted} order by one_id")


def test_either_name_of_the_dialect_makes_the_same_table(crm: Crm) -> None:
    if not crm.server.is_mysql:
        pytest.skip("PostgreSQL has one name")
    crm.marts.publish(5)
    crm.server.execute("alter database crm character set latin1")
    made = []
    for name in ("mysql", "mariadb"):
        url = crm.url(crm.server.port).replace("mysql+pymysql", name)
        crm.environment["DESTINATIONS__CRM__CREDENTIALS"] = url
        assert crm.deliver() == (5, 0, 0, 0)
        made += crm.server.execute("show create table crm.profiles")
        crm.server.execute("drop table crm.profiles")
    crm.server.execute("alter database crm character set utf8mb4")
    assert made[0] == made[1]
    assert "ENGINE=InnoDB DEFAULT CHARSET=utf8mb4" in made[0][1]


def test_names_of_columns_may_have_any_sign(crm: Crm) -> None:
    """Also one that a driver reads as the place of a value, by each way of writing."""
    names = {"100 %s": "one_int", "a%b": "real_name", 'say "`x`"': "total_points"}
    crm.environment["DESTINATIONS__CRM__PROFILES__COLUMNS"] = json.dumps(
        {"one_id": "one_id", "100 %s": "one_int"}
    )
    crm.marts.publish(8)
    assert crm.deliver() == (8, 0, 0, 0)
    crm.environment["DESTINATIONS__CRM__PROFILES__COLUMNS"] = json.dumps(
        {"one_id": "one_id", **names}
    )
    assert crm.deliver() == (0, 8, 0, 0)
    wanted = crm.marts.read(
        "select one_id, one_int, real_name, total_points from customer_profiles order by one_id"
    )
    assert crm.rows() == wanted


def test_what_the_user_may_not_do_is_one_line(crm: Crm) -> None:
    crm.marts.publish(10)
    crm.deliver()
    before = crm.rows()
    if crm.server.is_mysql:
        crm.server.execute(
            "create user if not exists poor@'%' identified by 'pass:w/rd'",
            "grant select, insert, create temporary tables on crm.* to poor@'%'",
        )
    else:
        crm.server.execute(
            "drop role if exists poor",
            "create user poor password 'pass:w/rd'",
            "grant usage on schema crm to poor",
            "grant select, insert on crm.profiles to poor",
        )
    crm.environment["DESTINATIONS__CRM__CREDENTIALS"] = crm.url(crm.server.port, "poor")
    crm.marts.publish(12, "update customer_profiles set real_name = 'x'")
    with pytest.raises(OnecdpError, match=r"crm: crm.profiles: .*(denied|permission)") as told:
        crm.deliver()
    assert "\n" not in str(told.value)
    crm.environment["DESTINATIONS__CRM__CREDENTIALS"] = crm.url(crm.server.port, "nobody")
    with pytest.raises(OnecdpError, match=r"(denied|does not exist|authentication)") as told:
        crm.deliver()
    assert "pass" not in str(told.value).replace("password", "")
    assert crm.rows() == before
    if not crm.server.is_mysql:
        crm.server.execute("drop owned by poor", "drop role poor")


def test_a_table_without_a_unique_key_is_refused(crm: Crm) -> None:
    crm.marts.publish(5)
    crm.server.execute("create table crm.profiles (one_id varchar(40), one_int bigint)")
    if not crm.server.is_mysql:
        crm.server.execute("alter table crm.profiles owner to writer")
    with pytest.raises(OnecdpError, match="add unique"):
        crm.deliver()


def test_a_table_without_transactions_is_refused(crm: Crm) -> None:
    """A kill, or a value that does not fit, would leave half a delivery there."""
    if not crm.server.is_mysql:
        pytest.skip("PostgreSQL has no such tables")
    crm.marts.publish(5)
    crm.server.execute("create table crm.profiles (one_id varchar(40) primary key) engine=MyISAM")
    with pytest.raises(OnecdpError, match=r"alter table `crm`\.`profiles` engine=InnoDB") as told:
        crm.deliver()
    assert "MyISAM" in str(told.value)
    assert crm.rows() == []
    assert len(crm.server.execute("describe crm.profiles")) == 1
    crm.server.execute("alter table crm.profiles engine=InnoDB")
    assert crm.deliver() == (5, 0, 0, 0)


def test_settings_that_cannot_work_are_named(crm: Crm) -> None:
    crm.marts.publish(1)
    crm.environment["DESTINATIONS__CRM__CREDENTIALS"] = "secret-text"
    with pytest.raises(UsageProblem, match=r"destinations.crm.credentials must be like") as told:
        crm.deliver()
    assert "secret-text" not in str(told.value)
