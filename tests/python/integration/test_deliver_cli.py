"""`onecdp deliver` on the worked example: packages, receipts in the marts, and an erasure."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import duckdb
import pytest
from support.cli import BuiltProject, run_cli


@pytest.fixture(scope="module")
def delivered(
    built_warehouse: BuiltProject, tmp_path_factory: pytest.TempPathFactory
) -> BuiltProject:
    """The worked example, with two packages delivered; later tests go on from it."""
    project = built_warehouse.copy(tmp_path_factory.mktemp("deliver") / "project")
    done = run_cli("deliver", "PKG001", "PKG002", "--to", "./out", "--json", cwd=project.folder)
    assert done.code == 0, done.stderr
    assert [receipt["rows_inserted"] for receipt in done.document()] == [3, 8]
    return project


def members(project: BuiltProject, package: str) -> set[str]:
    with (project.folder / "out" / f"{package}.csv").open(newline="") as stream:
        return {row["one_id"] for row in csv.DictReader(stream)}


def test_files_hold_the_packages(delivered: BuiltProject) -> None:
    query = "select package_id, one_id from audience_packages"
    with duckdb.connect(delivered.warehouse / "marts.duckdb", read_only=True) as marts:
        wanted = set(marts.execute(query).fetchall())
    for package in ("PKG001", "PKG002"):
        found = {(package, one_id) for one_id in members(delivered, package)}
        assert found == {pair for pair in wanted if pair[0] == package}


def test_history_shows_receipts_at_once(delivered: BuiltProject) -> None:
    shown = run_cli("deliver", "--history", cwd=delivered.folder)
    assert shown.code == 0, shown.stderr
    assert [line.split()[2] for line in shown.stdout.splitlines()[2:]] == ["PKG001", "PKG002"]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["PKG009", "--to", "./out"], "no package 'PKG009'"),
        (["PKG001"], "--to is missing"),
        (["--to", "./out"], "name packages, or --profiles"),
        (["PKG001", "--to", "crm"], "no destination 'crm' in the settings"),
        (["PKG001", "--to", "nope://x"], "nope"),
    ],
)
def test_mistakes_are_one_line(delivered: BuiltProject, words: list[str], told: str) -> None:
    done = run_cli("deliver", *words, cwd=delivered.folder)
    assert done.code == 2
    assert told in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_what_is_beside_a_failed_package_is_delivered_and_told(
    built_warehouse: BuiltProject, tmp_path: Path
) -> None:
    project = built_warehouse.copy(tmp_path / "project")
    with duckdb.connect(project.warehouse / "marts.duckdb") as marts:
        marts.execute(
            "update audience_package_summary set status = 'failed', error = 'unknown tag'"
            " where package_id = 'PKG002'"
        )
    order = ("deliver", "PKG001", "PKG002", "--to", "./out")
    told = "PKG002 failed in the last build: unknown tag; nothing was changed there"
    done = run_cli(*order, "--json", cwd=project.folder)
    assert (done.code, [receipt["what"] for receipt in done.document()]) == (1, ["PKG001"])
    assert len(done.stderr.splitlines()) == 1
    assert f"{told}; the others were delivered" in done.stderr
    shown = run_cli(*order, cwd=project.folder)
    assert (shown.code, "PKG001" in shown.stdout, "PKG002" in shown.stdout) == (1, True, False)
    assert {file.stem for file in (project.folder / "out").glob("*.csv")} == {"PKG001"}
    # Where nothing is left to deliver, there is a document all the same.
    alone = run_cli("deliver", "PKG002", "--to", "./out", "--json", cwd=project.folder)
    assert (alone.code, alone.document()) == (1, [])
    assert "the others" not in alone.stderr


def test_an_erased_person_leaves_the_targets_and_the_memory(delivered: BuiltProject) -> None:
    before = members(delivered, "PKG001")
    query = "select id_value, one_id from id_map where id_type = 'member_id'"
    with duckdb.connect(delivered.warehouse / "marts.duckdb", read_only=True) as marts:
        member_id, one_id = next(row for row in marts.execute(query).fetchall() if row[1] in before)
    memory = delivered.warehouse / "deliveries.duckdb"
    (delivered.warehouse / "dead-letters").mkdir()
    done = run_cli("forget", f"member_id:{member_id}", "--yes", "--json", "--as-of", "2026-06-06",
                   cwd=delivered.folder)  # fmt: skip
    assert done.code == 0, done.stderr
    assert "PKG001 to ./out" in done.document()["deliveries"]
    assert not (delivered.warehouse / "dead-letters").exists()
    # Known until the removal was delivered, or nobody could remove it.
    assert one_id.encode() in memory.read_bytes()
    packages = [text.partition(" ")[0] for text in done.document()["deliveries"]]
    again = run_cli("deliver", *packages, "--to", "./out", "--json", cwd=delivered.folder)
    assert again.code == 0, again.stderr
    assert {receipt["rows_deleted"] for receipt in again.document()} == {1}
    for file in (delivered.folder / "out").iterdir():
        assert one_id not in file.read_text()
    assert one_id.encode() not in memory.read_bytes()
    # The build of the erasure brought the receipts of before into the mart.
    found = run_cli("sql", "select package_id, rows_inserted, as_of_date from audience_deliveries"
                    " order by all", "--json", cwd=delivered.folder)  # fmt: skip
    assert [row["rows_inserted"] for row in json.loads(found.stdout)] == [3, 8]
    assert {row["as_of_date"] for row in json.loads(found.stdout)} == {"2026-06-06"}


def test_help_has_examples(tmp_path: Path) -> None:
    shown = run_cli("deliver", "--help", cwd=tmp_path)
    assert "onecdp deliver --profiles --to shop_db" in shown.stdout
