"""The command line on the worked example: what it prints, how it ends, what readers get."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import duckdb
import pytest
from support.cli import REPOSITORY, BuiltProject, run_cli
from support.published import digest

FIXTURES = REPOSITORY / "tests" / "python" / "fixtures"


def test_a_run_ends_with_one_tidy_table_in_80_columns(built_warehouse: BuiltProject) -> None:
    lines = built_warehouse.finished.stdout.splitlines()

    rows = {line.split()[0]: line.split()[1:] for line in lines if line.split()}
    assert rows["source"] == [
        "read", "loaded", "quarantined", "duplicate", "superseded", "withdrawn", "refused"
    ]  # fmt: skip
    assert rows["crm"] == ["5", "5", "0", "0", "0", "0", "0"]
    assert rows["retail"] == ["10", "10", "0", "0", "0", "0", "0"]
    assert "customers 15 · new one_ids 15 · merged 0 · split 0 · refused links 0" in lines
    assert rows["models"][1:] == ["passed,", "0", "failed"]
    assert rows["tests"][1:] == ["passed,", "0", "failed"]
    assert rows["PKG001"][-1] == "3"
    assert any(line.startswith("seconds: deps ") and ", total " in line for line in lines)
    published = built_warehouse.warehouse / "marts.duckdb"
    assert lines[-1] == f"published {len(tables(published))} tables: {published}"
    assert max(len(line) for line in lines[:-1]) <= 80


def tables(file: Path) -> set[str]:
    with duckdb.connect(file, read_only=True) as marts:
        rows = marts.execute("select table_name from information_schema.tables").fetchall()
    return {name for (name,) in rows}


def test_progress_is_on_stderr_in_short_lines(built_warehouse: BuiltProject) -> None:
    lines = built_warehouse.finished.stderr.splitlines()

    assert any("crm/members.csv" in line for line in lines)
    assert not any("\x1b" in line for line in lines)
    assert max(len(line) for line in lines) < 200


def test_every_mart_is_published_and_no_personal_data_of_the_raw_tables(
    built_warehouse: BuiltProject,
) -> None:
    published = tables(built_warehouse.warehouse / "marts.duckdb")

    assert {
        "id_map",
        "unified_events",
        "customer_rfm",
        "customer_segments",
        "customer_profiles",
        "audience_bitmaps",
        "audience_packages",
    } <= published
    assert not published & {"members", "events", "transactions", "links", "quarantine"}


def test_only_the_profiles_show_who_somebody_is(built_warehouse: BuiltProject) -> None:
    """As they are, and by day; their identifiers are besides in id_map and consents alone."""
    identifiers = {"mobile_hash", "email_hash", "member_id", "union_id", "open_id", "device_id"}
    personal = {"real_name", "birthday", "gender", "retail_customer_id", "id_value"} | identifiers
    with duckdb.connect(built_warehouse.warehouse / "marts.duckdb", read_only=True) as marts:
        shown = marts.execute("select table_name, column_name from duckdb_columns()").fetchall()

    found = {(table, column) for table, column in shown if column in personal}
    profiles = ("customer_profiles", "customer_profiles_daily", "customer_profiles_as_of")
    assert found == {(table, each) for table in profiles for each in personal - {"id_value"}} | {
        ("id_map", "id_value"),
        ("customer_consents", "id_value"),
    }


def test_asking_the_published_marts(built_warehouse: BuiltProject) -> None:
    def ask(*args: str) -> str:
        finished = run_cli("sql", *args, cwd=built_warehouse.folder)
        assert finished.code == 0, finished.stderr
        return finished.stdout

    counted = (
        "select segment_tag, bitmap_count(user_bitmap) as n from audience_bitmaps order by all"
    )
    rows = json.loads(ask(counted, "--json"))
    expected = json.loads((FIXTURES / "worked_example_expected.json").read_text())["rfm"]
    at_risk = sum(customer["rfm_segment"] == "At Risk" for customer in expected.values())
    assert {"segment_tag": "At Risk", "n": at_risk} in rows
    assert len(ask(counted).splitlines()) == len(rows) + 2
    assert json.loads(ask("from raw_crm.members select count(*) as n", "--private", "--json")) == [
        {"n": 5}
    ]
    dates = "select date '2026-06-06' as d, 1.50::decimal(9,2) as m, null as nothing, 'ä\n' as t"
    assert json.loads(ask(dates, "--json")) == [
        {"d": "2026-06-06", "m": 1.5, "nothing": None, "t": "ä\n"}
    ]


@pytest.mark.parametrize(
    ("query", "reason"),
    [
        ("select * from customer_segment", "Table with name customer_segment does not exist!"),
        ("selec 1", "syntax error"),
        ("drop table id_map", "read-only mode"),
        ("select bitmap_count('no bitmap'::blob)", "bitmap"),
        ("copy id_map to 'stolen.csv'", "file system operations are disabled"),
        ("attach 'other.duckdb' as other", "file system operations are disabled"),
    ],
)
def test_a_query_that_cannot_run_is_one_line(
    built_warehouse: BuiltProject, query: str, reason: str
) -> None:
    finished = run_cli("sql", query, cwd=built_warehouse.folder)

    assert finished.code == 1
    assert finished.stdout == ""
    assert finished.stderr.startswith("onecdp: ")
    assert reason in finished.stderr
    assert finished.stderr.count("\n") == 1
    assert "At:" not in finished.stderr
    assert not {"stolen.csv", "other.duckdb"} & {p.name for p in built_warehouse.folder.iterdir()}


@pytest.mark.parametrize(("query", "count"), [("", 0), (" ; -- nothing", 0), ("from x; from y", 2)])
def test_a_question_is_exactly_one_statement(
    built_warehouse: BuiltProject, query: str, count: int
) -> None:
    finished = run_cli("sql", query, cwd=built_warehouse.folder)

    assert finished.code == 2
    assert finished.stdout == ""
    assert finished.stderr == f"onecdp: expected one SQL statement, got {count}\n"


def data_with_a_bad_row(folder: Path) -> Path:
    (folder / "crm").mkdir(parents=True, exist_ok=True)
    (folder / "crm" / "new.csv").write_text(
        "member_id,register_date,updated_at\nM9,2026-01-01,2026-06-01\nM10,2026-01-01,2026-13-45\n"
    )
    return folder


def test_exit_codes_tell_quarantined_rows_from_refused_files(
    project: BuiltProject, tmp_path: Path
) -> None:
    data = data_with_a_bad_row(tmp_path / "data")

    mine = ("--data", str(data), "--warehouse", str(tmp_path / "mine"))

    quarantined = run_cli("ingest", *mine, "--json", cwd=project.folder)
    assert quarantined.code == 3, quarantined.stderr
    (crm,) = [s for s in quarantined.document()["sources"] if s["source"] == "crm"]
    assert (crm["rows_read"], crm["rows_loaded"], crm["rows_quarantined"]) == (2, 1, 1)

    (data / "crm" / "empty.csv").write_text("")
    refused = run_cli("ingest", *mine, cwd=project.folder)
    assert refused.code == 4, refused.stderr
    assert "refused: crm/empty.csv: " in refused.stdout


def test_a_run_with_bad_input_publishes_the_rest_and_says_so(
    project: BuiltProject, tmp_path: Path
) -> None:
    shutil.copytree(project.folder / "ingestion" / "sample", tmp_path / "data")
    data = data_with_a_bad_row(tmp_path / "data")
    (data / "app" / "empty.csv").write_text("")
    (project.folder / "tests" / "dbt" / "singular" / "assert_nobody_is_new.sql").write_text(
        "{{ config(severity='warn') }}\n"
        "select * from {{ ref('id_map') }} where id_value = 'm9' or id_value = 'M9'"
    )

    with (project.folder / "seeds" / "id_link_overrides.csv").open("a") as overrides:
        overrides.write("cannot_link,member_id,M9,member_id,NOBODY,never seen\n")
        overrides.write("cannot_link,member_id,MBR001,member_id,MBR002,twins\n")

    finished = run_cli(
        "run", "--as-of", "2026-06-06", "--data", str(data), "--warehouse", str(tmp_path / "mine"),
        "--json", cwd=project.folder,
    )  # fmt: skip

    assert finished.code == 4, finished.stderr
    document = finished.document()
    assert document["published"] == str(tmp_path / "mine" / "marts.duckdb")
    assert document["customers"] == 16
    assert document["new_one_ids"] == 16
    assert document["merged_one_ids"] == 0
    assert document["tests"]["failed"] == 0
    assert {(w["node"], w["status"], w["rows"]) for w in document["warnings"]} == {
        ("assert_nobody_is_new", "warn", 1),
        ("assert_overrides_match_identifiers", "warn", 1),
        # M9 is one of six members, and has neither.
        ("null_share_stg_crm__members_0_05__email_hash", "warn", None),
        ("null_share_stg_crm__members_0_05__mobile_hash", "warn", None),
    }
    assert set(document["seconds"]) == {"deps", "ingest", "parse", "build", "publish"}
    assert {a["package_id"]: a["members"] for a in document["audiences"]}["PKG001"] == 3


def test_the_sample_and_ones_own_data_are_not_mixed(project: BuiltProject, tmp_path: Path) -> None:
    data = data_with_a_bad_row(tmp_path / "data")
    raw = digest(project.warehouse / "onecdp.duckdb")

    for command in ("run", "ingest"):
        refused = run_cli(command, "--data", str(data), cwd=project.folder)
        assert refused.code == 2
        assert refused.stdout == ""
        assert refused.stderr == (
            f"onecdp: {project.warehouse} holds the sample;"
            " name another folder with --warehouse, or delete it\n"
        )
    assert digest(project.warehouse / "onecdp.duckdb") == raw
    sample = run_cli("ingest", "--data", "ingestion/sample", cwd=project.folder)
    assert sample.code == 0, sample.stderr

    mine = ("--warehouse", str(tmp_path / "mine"))
    assert run_cli("ingest", "--data", str(data), *mine, cwd=project.folder).code == 3
    refused = run_cli("ingest", *mine, cwd=project.folder)
    assert refused.code == 2
    assert refused.stderr == (
        f"onecdp: {tmp_path / 'mine'} holds your own data; no --data means the sample;"
        " name your folder with --data, or another warehouse with --warehouse\n"
    )

    # What is gone is not in the way.
    (project.warehouse / "onecdp.duckdb").unlink()
    assert run_cli("ingest", "--data", str(data), cwd=project.folder).code == 3


def test_a_source_that_the_project_adds_may_come_alone(
    project: BuiltProject, tmp_path: Path
) -> None:
    """The names are those of ingestion.sources.SOURCES, not known by heart."""
    sources = project.folder / "ingestion" / "sources"
    shutil.copytree(sources / "crm", sources / "club")
    declaration = sources / "club" / "__init__.py"
    declaration.write_text(declaration.read_text().replace('"crm"', '"club"'))
    listed = sources / "__init__.py"
    listed.write_text(
        listed.read_text()
        .replace("import app, consents,", "import app, club, consents,")
        .replace("    crm.SOURCE,", "    club.SOURCE,\n    crm.SOURCE,")
    )
    (tmp_path / "data" / "crm").mkdir(parents=True)
    (tmp_path / "data" / "crm").rename(tmp_path / "data" / "club")
    (tmp_path / "data" / "club" / "one.csv").write_text(
        "member_id,register_date,updated_at\nM9,2026-01-01,2026-06-01\n"
    )

    loaded = run_cli(
        "ingest", "--data", str(tmp_path / "data"), "--warehouse", str(tmp_path / "mine"),
        "--json", cwd=project.folder,
    )  # fmt: skip

    assert loaded.code == 0, loaded.stderr
    assert [s["rows_loaded"] for s in loaded.document()["sources"] if s["source"] == "club"] == [1]
