"""Probabilistic links through a whole build: off, on, refused, joined, for review, no extra."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.cli import BuiltProject, run_cli
from support.line import Line, copy_project

# Builds of an extra that is off by default; its parts are tested by themselves.
pytestmark = pytest.mark.soak
HEADER = (
    "member_id,real_name,birthday,gender,mobile_hash,email_hash,channel,register_date,updated_at,"
    "is_deleted"
)
SINCE = "2024-01-01,2024-01-01"
MEMBERS = (
    # One person twice, with a new number.
    f"A1,Alice Wang,1990-05-12,F,mob-a1,mail-a,app,{SINCE},",
    f"A2,Wang Alice,1990-05-12,F,mob-a2,mail-a,app,{SINCE},",
    # A typo, or twins.
    f"B1,Katharina Vogt,1979-08-09,F,mob-b,mail-b1,app,{SINCE},",
    f"B2,Kathrina Vogt,1979-08-09,F,mob-b,mail-b2,app,{SINCE},",
    # One person twice, of which the CRM deleted one.
    f"C1,John Smith,1980-03-04,M,mob-c,mail-c,app,{SINCE},",
    f"C2,John Smith,1980-03-04,M,mob-c,mail-c,app,{SINCE},true",
    # Placeholders in place of both contacts, which would make the pair a sure one.
    f"D1,Karl Braun,1966-06-06,M,unknown,n/a,app,{SINCE},",
    f"D2,Karl Braun,1966-06-06,,unknown,n/a,app,{SINCE},",
    # Twins.
    f"E1,Paul Weber,1991-05-03,M,mob-e,mail-e,app,{SINCE},",
    f"E2,Petra Weber,1991-05-03,F,mob-e,mail-e,app,{SINCE},",
)
ON, OFF = "identity_probabilistic: true", "identity_probabilistic: false"
LINKS = """
    select left_id_value, right_id_value, probability >= 0.97
    from intermediate.int_identity__probabilistic_links order by all
"""


def switch(project: Path, name: str, old: str, new: str) -> None:
    """Replaces a text of a file of the project."""
    file = project / name
    assert old in file.read_text()
    file.write_text(file.read_text().replace(old, new))


@pytest.fixture(scope="module")
def line(tmp_path_factory: pytest.TempPathFactory) -> Line:
    """The members above, built with the links on and two accounts never joined."""
    folder = tmp_path_factory.mktemp("probabilistic")
    project = copy_project(folder / "project")
    switch(project, "dbt_project.yml", OFF, ON)
    made = Line.at(folder, project)
    made.write("crm/members.csv", HEADER, *MEMBERS)
    made.run()
    return made


def test_the_likely_pairs_are_found_without_deleted_members_and_junk(line: Line) -> None:
    assert line.query(LINKS) == [
        ("A1", "A2", True),
        ("B1", "B2", False),
        ("D1", "D2", False),
    ]
    assert line.query(
        "select distinct left_id_type, right_id_type from (from"
        " intermediate.int_identity__probabilistic_links)"
    ) == [("member_id", "member_id")]


def test_two_accounts_are_refused_and_reported(line: Line) -> None:
    assert line.query(
        "select left_id_value, right_id_value, constraint_name, constrained_id_type, confidence"
        " >= 0.97, left_one_id <> right_one_id"
        " from marts.id_link_rejections where method = 'probabilistic'"
    ) == [("A1", "A2", "max_values", "member_id", True, True)]


def test_the_less_sure_pair_is_for_review(line: Line) -> None:
    assert line.query(
        "select left_id_type, left_id_value, right_id_type, right_id_value, is_one_person,"
        " left_one_id <> right_one_id, probability between 0.9 and 0.97, evidence"
        " from marts.id_link_reviews order by left_id_value"
    ) == [
        (
            "member_id", "B1", "member_id", "B2", False, True, True,
            "same: birthday, gender, mobile, register channel; similar: name",
        ),
        (
            "member_id", "D1", "member_id", "D2", False, True, True,
            "same: name, birthday, register channel; unknown: gender, contact",
        ),
    ]  # fmt: skip


def test_splink_leaves_nothing_in_the_private_file(line: Line) -> None:
    assert line.query(
        "select count(*) from duckdb_tables() where table_name like '%splink%'"
        " or table_name in ('members', 'tf_name_key', 'tf_birthday')"
        " and schema_name not like 'raw@_%' escape '@'"
    ) == [(0,)]


@pytest.mark.soak
def test_another_limit_joins_two_accounts_of_one_person(line: Line, tmp_path: Path) -> None:
    """Who wants the accounts of one person together lets a person hold more of them."""
    project = copy_project(tmp_path / "project")
    switch(project, "dbt_project.yml", OFF, ON)
    switch(project, "seeds/id_types.csv", "member_id,1,true,1,", "member_id,1,true,2,")
    joined = Line.at(tmp_path, project)
    joined.write("crm/members.csv", HEADER, *MEMBERS)
    joined.run()
    assert joined.query(
        "select list(id_value order by id_value) from marts.id_map where id_type = 'member_id'"
        " and one_id = (select one_id from marts.id_map where id_value = 'A1')"
    ) == [(["A1", "A2"],)]
    assert joined.query(
        "select count(*) from marts.id_link_rejections where method = 'probabilistic'"
    ) == [(0,)]


@pytest.mark.soak
def test_off_gives_the_same_tables_without_rows(line: Line, tmp_path: Path) -> None:
    columns = (
        "select column_name, data_type from information_schema.columns"
        " where table_name = 'int_identity__probabilistic_links' order by ordinal_position"
    )
    off = Line.at(tmp_path, copy_project(tmp_path / "project"))
    off.write("crm/members.csv", HEADER, *MEMBERS)
    off.run()
    assert off.query(LINKS) == []
    assert off.query("from marts.id_link_reviews") == []
    assert off.query(columns) == line.query(columns)


def test_without_the_extra_the_build_stops_with_one_line(
    built_warehouse: BuiltProject, tmp_path: Path
) -> None:
    built = built_warehouse.copy(tmp_path / "project")
    switch(built.folder, "dbt_project.yml", OFF, ON)
    absent = tmp_path / "absent" / "splink"
    absent.mkdir(parents=True)
    (absent / "__init__.py").write_text(
        "raise ModuleNotFoundError(\"No module named 'splink'\", name='splink')\n"
    )
    done = run_cli("build", cwd=built.folder, environment={"PYTHONPATH": str(tmp_path / "absent")})
    assert done.code == 1
    said = [text for text in done.stdout.splitlines() if "error: " in text]
    assert len(said) == 1
    assert said[0].startswith(
        "error: int_identity__probabilistic_links: identity_probabilistic is true and Splink is not"
        ' installed; run `pip install "onecdp[probabilistic]"` or set it to false'
    )
    assert "Traceback" not in done.stdout + done.stderr
