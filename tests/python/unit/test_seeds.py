"""Seeds are checked before dbt loads them: the file, the line, the value and what is wrong."""

import csv
from pathlib import Path

import pytest
from support.cli import run_cli

from onecdp.errors import OnecdpError
from onecdp.project.seeds import check

PROJECT = Path(__file__).parents[3]
HEADER = b"name,most,share,is_on\n"
DESCRIPTION = """
seeds:
  - name: limits
    config:
      column_types: {name: varchar, most: Integer, share: "decimal(9, 2)", is_on: boolean}
  - name: free
  - name: other
    config: {delimiter: ";", column_types: {one: smallint, two: varchar}}
  - name: unused
    config: {enabled: false, column_types: {one: integer}}
  - name: grown
    config: {column_types: {a: varchar, purpose: varchar}, meta: {later_columns: [purpose]}}
  - name: not_there
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project with sound seeds."""
    folder = tmp_path / "seeds"
    (folder / "deeper").mkdir(parents=True)
    (folder / "_seeds.yml").write_text(DESCRIPTION)
    (folder / "limits.csv").write_text(
        '\ufeffname,most,share,is_on,note\r\n"a, b\nc",-3,0.5,TRUE,x\r\n\r\nc,,,0,\r\nd,1.0,1e3,f,',
        encoding="utf-8",
    )
    (folder / "free.csv").write_text("one,two\n1.5,x\n")
    (folder / "deeper/other.csv").write_text("two;one\n,;+5\n")
    (folder / "unused.csv").write_text("")
    return tmp_path


def test_sound_seeds_and_those_of_the_project_pass(project: Path) -> None:
    check(project)
    check(PROJECT)


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", "line 1 must name the columns name,most,share,is_on; it is empty"),
        (
            b"name;most;share;is_on\na;1;1;true\n",
            "line 1 must name the columns name,most,share,is_on; it is name;most;share;is_on",
        ),
        (b"name,most,share\n", "line 1 must name the columns name,most,share,is_on; it is"),
        (b"Name,most,share,is_on\n", "line 1 must name the columns name,most,share,is_on; it is N"),
        (HEADER + b"a,1,1,true,x\n", "line 2 has 5 values, line 1 names 4 columns"),
        (HEADER + b"a\n", "line 2 has 1 value, line 1 names 4 columns"),
        (HEADER + b"a,3.5,1,t\n", "line 2: most is 3.5, which is no Integer"),
        (HEADER + b'"a\nb",1,1,t\n\na,x,1,t\n', "line 5: most is x, which is no Integer"),
        (HEADER + b'a,1,1,t\n"a\n,1,1,t\n', "line 3 has 1 value, line 1 names 4 columns"),
        (HEADER + b"a,99999999999,1,t\n", "line 2: most is 99999999999, which is no Integer"),
        (HEADER + b"a,null,1,t\n", "line 2: most is null, which is no Integer"),
        (HEADER + b"a,1,much,t\n", "line 2: share is much, which is no decimal(9, 2)"),
        (HEADER + b"a,1,1, true\n", "line 2: is_on is  true, which is no boolean"),
        (HEADER + b"\xe4,1,1,t\n", "it is no UTF-8: save it as CSV UTF-8"),
    ],
)
def test_what_cannot_be_meant_is_told(project: Path, content: bytes, problem: str) -> None:
    (project / "seeds/limits.csv").write_bytes(content)
    with pytest.raises(OnecdpError) as told:
        check(project)
    assert str(told.value).startswith(f"seeds/limits.csv: {problem}")


def test_what_the_reader_cannot_take_is_told_with_its_line(project: Path) -> None:
    before = csv.field_size_limit(100)
    try:
        (project / "seeds/limits.csv").write_bytes(HEADER + b"a" * 101 + b",1,1,t\n")
        with pytest.raises(OnecdpError, match=r"limits.csv: line 2: field larger than field limit"):
            check(project)
    finally:
        csv.field_size_limit(before)


def test_seeds_in_folders_are_read_with_their_delimiter(project: Path) -> None:
    (project / "seeds/deeper/other.csv").write_text("two;one\nx;70000\n")
    with pytest.raises(OnecdpError, match=r"deeper/other.csv: line 2: one is 70000, which is no"):
        check(project)


@pytest.mark.parametrize(
    "description",
    ["seeds: [", "- a", "seeds: {a: 1}", "seeds: [a, {config: 3}]", "seeds: [{name: limits}]"],
)
def test_what_dbt_tells_of_a_description_is_left_to_dbt(project: Path, description: str) -> None:
    (project / "seeds/_seeds.yml").write_text(description)
    check(project)


def test_a_run_stops_before_it_loads_anything(tmp_path: Path) -> None:
    folder = tmp_path / "my-cdp"
    assert run_cli("init", str(folder)).code == 0
    (folder / "seeds/id_types.csv").write_text("id_type;priority\n")
    finished = run_cli("run", cwd=folder)
    assert finished.code == 1
    assert "seeds/id_types.csv: line 1 must name the columns id_type,priority" in finished.stderr
    assert not (folder / "warehouse/onecdp.duckdb").exists()


def test_every_file_is_told_once(project: Path) -> None:
    (project / "seeds/limits.csv").write_text("name,most,share,is_on\na,x,y,z\n")
    (project / "seeds/free.csv").write_text("one,two\n1\n2\n")
    with pytest.raises(OnecdpError) as told:
        check(project)
    assert str(told.value) == (
        "seeds/limits.csv: line 2: most is x, which is no Integer\n"
        "seeds/free.csv: line 2 has 1 value, line 1 names 2 columns"
    )


@pytest.mark.parametrize("content", ["a\nx\n", "a,purpose\nx,y\n", "a,owner\nx,y\n"])
def test_a_column_that_came_later_may_be_absent(project: Path, content: str) -> None:
    (project / "seeds/grown.csv").write_text(content)
    check(project)


def test_a_misspelt_later_column_is_no_absent_one(project: Path) -> None:
    """It would be ignored, and with it the consent that it asks for."""
    (project / "seeds/grown.csv").write_text("a,Purposes\nx,y\n")
    with pytest.raises(OnecdpError) as told:
        check(project)
    assert str(told.value) == (
        "seeds/grown.csv: line 1: no column is called Purposes; nearest: purpose"
    )
