"""Data quality rules: a bad day is not published, and each result is kept and printed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import duckdb
import pytest
from support.cli import BuiltProject, Finished, clean_environment, run_cli

from onecdp.pipeline import Context, ingest
from onecdp.project.find import open_project

MEMBERS = "member_id,mobile_hash,email_hash,updated_at\n"


OWN_MODEL = """
{{ config(materialized='table', contract={'enforced': false}, tags=['data_quality']) }}
select * from (
    values
        ('a', 1.0, cast('2026-06-01' as timestamp)),
        ('a', 9.0, cast('2026-06-02' as timestamp)),
        ('it''s', null, cast('2026-06-03' as timestamp)),
        (null, 2.0, null)
) as own (kind, price, seen_at)
"""
OWN_RULES = """
sources:
  - name: own_raw
    schema: raw_crm
    tables:
      - name: members
        data_tests:
          - one_row_per: {arguments: {columns: [member_id], of: ref('other')}}
models:
  - name: own
    data_tests:
      - one_row_per: {arguments: {columns: [kind]}}
      - one_row_per: {arguments: {columns: [kind], of: ref('other')}}
    columns:
      - name: kind
        data_tests:
          - null_share: {arguments: {at_most: 0.2}}
          - null_share: {name: nulls_elsewhere, arguments: {at_most: 0}, config: {where: price > 1}}
          - category_share: {arguments: {category: a, at_least: 0.5}}
          - category_share: {arguments: {category: "it's", at_most: 0.2}}
      - name: price
        data_tests:
          - share_in_range: {arguments: {min_value: 0, max_value: 5, at_least: 0.6}}
          - share_in_range: {arguments: {min_value: 1.5}}
      - name: seen_at
        data_tests:
          - newest_age: {arguments: {at_most: 1}}
"""


@pytest.fixture
def strict(project: BuiltProject) -> BuiltProject:
    """The worked example with three more loads of its members, and rules that stop a run."""
    for file in ("_crm__sources.yml", "_crm__models.yml"):
        path = project.folder / "models" / "staging" / "crm" / file
        path.write_text(path.read_text().replace("severity: warn", "severity: error"))
    for day in (1, 2, 3):
        members(project, day, [f"mail_{n}" for n in range(1, 6)])
        ingest(Context(open_project(project.folder, project.warehouse, {})))
    return project


def members(project: BuiltProject, day: int, mails: list[str]) -> None:
    """Writes a day's file of the members MBR001 and on, one per e-mail hash."""
    rows = "".join(
        f"MBR00{n},hash_mobile_00{n},{mail},2024-12-0{day} 10:00:00\n"
        for n, mail in enumerate(mails, start=1)
    )
    folder = project.folder / "ingestion" / "sample" / "crm"
    (folder / f"day_{day}.csv").write_text(MEMBERS + rows)


def run(project: BuiltProject) -> Finished:
    return run_cli("run", "--as-of", "2026-06-06", cwd=project.folder)


def verdicts(file: Path, rule: str) -> list[tuple[object, ...]]:
    """What the mart says of a rule, in the order of the runs."""
    with duckdb.connect(file, read_only=True) as connection:
        schema = "marts." if file.name == "onecdp.duckdb" else ""
        return connection.execute(
            "select column_name, round(value, 3), at_least, at_most, verdict"
            f" from {schema}data_quality where rule = $1 and table_name ilike '%crm%'"
            " and verdict <> 'skipped' order by checked_at, column_name",
            [rule],
        ).fetchall()


def test_a_bad_day_keeps_the_last_publication(strict: BuiltProject) -> None:
    marts = strict.warehouse / "marts.duckdb"
    private = strict.warehouse / "onecdp.duckdb"
    published = marts.read_bytes()

    # Fewer than 80 % of the rows of the loads before: 2 of 5; one of them without an e-mail hash.
    members(strict, 4, ["mail_1", ""])
    bad = run(strict)
    assert bad.code == 1
    assert "rows_of_average of raw_crm.loads is 0.4; at least 0.8 is allowed" in bad.stdout
    assert (
        "null_share of staging.stg_crm__members.email_hash is 0.2; at most 0.05 is allowed"
        in bad.stdout
    )
    assert "nothing was published" in bad.stdout
    assert marts.read_bytes() == published
    assert verdicts(private, "rows_of_average")[-1] == (None, 0.4, 0.8, 5.0, "fail")

    members(strict, 6, [f"mail_{n}" for n in range(1, 6)])
    good = run(strict)
    assert good.code == 0, good.stdout
    assert verdicts(marts, "null_share")[-4:] == [
        ("email_hash", 0.2, None, 0.05, "fail"),
        ("mobile_hash", 0.0, None, 0.05, "pass"),
        ("email_hash", 0.0, None, 0.05, "pass"),
        ("mobile_hash", 0.0, None, 0.05, "pass"),
    ]


def test_a_doubled_customer_stops_publishing(project: BuiltProject) -> None:
    model = project.folder / "models" / "marts" / "customers" / "customer_profiles.sql"
    doubled = "select * from final\nunion all\n(select * from final order by one_id limit 1)\n"
    text = model.read_text()
    assert text.rstrip().endswith("select * from final")
    model.write_text(text.rstrip().removesuffix("select * from final") + doubled)
    published = (project.warehouse / "marts.duckdb").read_bytes()

    done = run(project)
    assert done.code == 1
    assert "one_row_per of marts.customer_profiles is 1; at most 0 is allowed" in done.stdout
    assert (project.warehouse / "marts.duckdb").read_bytes() == published


def test_each_rule_measures_what_it_says(project: BuiltProject) -> None:
    folder = project.folder / "models" / "marts"
    (folder / "own.sql").write_text(OWN_MODEL)
    (folder / "other.sql").write_text(
        "{{ config(contract={'enforced': false}) }}\n"
        "select 'a' as kind, 'M' as member_id union all select 'b', 'M'"
    )
    (project.folder / "tests" / "dbt" / "singular" / "own_promise.sql").write_text(
        "{{ config(tags=['data_quality']) }}\nselect 1 from {{ ref('own') }} where price > 99"
    )
    (folder / "own.yml").write_text(OWN_RULES)
    subprocess.run(
        [sys.executable, "-m", "dbt.cli.main", "--quiet", "build", "--select", "own", "other"],
        cwd=project.folder, env=clean_environment(), capture_output=True, check=False,
    )  # fmt: skip

    with duckdb.connect(project.warehouse / "onecdp.duckdb", read_only=True) as private:
        rows = private.execute(
            "select rule, round(value, 2), at_least, at_most, verdict from marts.data_quality"
            " where table_name = 'marts.own' and rule <> 'newest_age' order by all"
        ).fetchall()
        of_source = private.execute(
            "select value, verdict from marts.data_quality where table_name = 'raw_crm.members'"
        ).fetchall()
        ages = private.execute(
            "select value > 100, verdict from marts.data_quality where rule = 'newest_age'"
        ).fetchall()
    assert rows == [
        ("category_share", 0.25, None, 0.2, "fail"),
        ("category_share", 0.5, 0.5, None, "pass"),
        ("null_share", 0.25, None, 0.2, "fail"),
        ("null_share", 0.5, None, 0.0, "fail"),
        ("one_row_per", 1.0, None, 0.0, "fail"),
        ("one_row_per", 2.0, None, 0.0, "fail"),
        ("share_in_range", 0.67, 0.6, None, "pass"),
        ("share_in_range", 0.67, 1.0, None, "fail"),
    ]
    assert ages == [(True, "fail")]
    assert of_source == [(1, "fail")]
