"""What `onecdp forget` refuses, or is told not to do, leaves everything as it is."""

from __future__ import annotations

import shutil

import pytest
from support.cli import BuiltProject
from support.forget import forget, query


def test_a_dry_run_and_a_no_leave_everything(project: BuiltProject) -> None:
    file = project.warehouse / "onecdp.duckdb"
    stood = file.read_bytes()
    dry = forget(project, "union_id:union_004", "--dry-run", "--json")
    assert (dry.code, dry.document()["status"]) == (0, "planned")
    assert "member_id:MBR004" in dry.document()["planned"]
    assert {"table": "raw_crm.members", "what": "deleted", "rows": 1} in dry.document()["tables"]
    asked = forget(project, "union_id:union_004")
    assert (asked.code, asked.stdout) == (2, "")
    assert "nothing was erased: no confirmation; use --yes to skip the question" in asked.stderr
    assert file.read_bytes() == stood
    assert not (project.warehouse / ".erasure-key").exists()


@pytest.mark.parametrize(
    ("text", "code", "said"),
    [
        ("member_id:NOBODY", 1, "nobody has the member_id 'NOBODY'"),
        ("cell:1", 2, "'cell:1' has no identifier type; write ID_TYPE:VALUE with one of"),
        ("MBR004", 2, "write member_id:MBR004"),
        ("member_id: ", 2, "has no value"),
    ],
)
def test_what_names_nobody_is_one_line(
    built_warehouse: BuiltProject, text: str, code: int, said: str
) -> None:
    told = forget(built_warehouse, text, "--yes")
    assert (told.code, told.stdout) == (code, "")
    assert said in told.stderr
    assert len(told.stderr.splitlines()) == 1


def test_without_a_warehouse_it_is_one_line(project: BuiltProject) -> None:
    shutil.rmtree(project.warehouse)
    told = forget(project, "member_id:MBR004", "--yes")
    assert told.code == 1
    assert "run `onecdp run` first" in told.stderr
    assert len(told.stderr.splitlines()) == 1


def test_a_seed_that_names_the_person_is_named_first(project: BuiltProject) -> None:
    seed = project.folder / "seeds" / "id_link_overrides.csv"
    with seed.open("a") as overrides:
        overrides.write("cannot_link,member_id,MBR001,member_id,MBR002,others\n")
        overrides.write("cannot_link,Union_ID, union_004 ,member_id,MBR002,theirs\n")
    told = forget(project, "member_id:MBR004", "--yes")
    assert told.code == 1
    assert "id_link_overrides.csv, line 3: contains an identifier of this person" in told.stderr
    assert query(project.warehouse / "onecdp.duckdb", "select count(*) from raw_crm.members") == [
        (5,)
    ]


def test_a_seed_that_cannot_be_read_stops_before_anything_is_erased(
    project: BuiltProject,
) -> None:
    (project.folder / "seeds/id_types.csv").write_text("id_type;priority\n")
    finished = forget(project, "member_id:MBR004", "--yes")
    assert finished.code == 1
    assert finished.stderr.startswith("onecdp: seeds/id_types.csv: line 1 must name the columns")
    members = "select count(*) from raw_crm.members where member_id = 'MBR004'"
    assert query(project.warehouse / "onecdp.duckdb", members) == [(1,)]
