"""Seeds are checked before dbt loads them: the file, the line, the value and what is wrong."""

from pathlib import Path

import pytest

from onecdp.errors import OnecdpError
from onecdp.seeds import check

PROJECT = Path(__file__).parents[3]
DESCRIPTION = """
seeds:
  - name: limits
    config:
      column_types: {name: varchar, most: integer, share: "decimal(9, 2)", is_on: boolean}
  - name: free
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project with sound seeds, one of them without types."""
    folder = tmp_path / "seeds"
    folder.mkdir()
    (folder / "_seeds.yml").write_text(DESCRIPTION)
    (folder / "limits.csv").write_text(
        '\ufeffname,most,share,is_on,note\r\n"a, b",-3,0.5,TRUE,x\r\n\r\nc,,null,0,\r\n',
        encoding="utf-8",
    )
    (folder / "free.csv").write_text("one,two\n1.5,x\n")
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
        (b"name,most,share,is_on\na,1,1,true,x\n", "line 2 has 5 values, line 1 4"),
        (b"name,most,share,is_on\na,1,1\n", "line 2 has 3 values, line 1 4"),
        (b"name,most,share,is_on\na,3.5,1,t\n", "line 2: most is 3.5, which is no whole number"),
        (b"name,most,share,is_on\n\na,x,1,t\n", "line 3: most is x, which is no whole number"),
        (b"name,most,share,is_on\na,1,nan,t\n", "line 2: share is nan, which is no number"),
        (b"name,most,share,is_on\na,1,1,2\n", "line 2: is_on is 2, which is neither true nor"),
        (b"name,most,share,is_on\n\xe4,1,1,t\n", "it is no UTF-8: save it as CSV UTF-8"),
    ],
)
def test_what_cannot_be_meant_is_told(project: Path, content: bytes, problem: str) -> None:
    (project / "seeds/limits.csv").write_bytes(content)
    with pytest.raises(OnecdpError) as told:
        check(project)
    assert str(told.value).startswith(f"seeds/limits.csv: {problem}")


def test_every_file_is_told_once(project: Path) -> None:
    (project / "seeds/limits.csv").write_text("name,most,share,is_on\na,x,y,z\n")
    (project / "seeds/free.csv").write_text("one,two\n1\n2\n")
    with pytest.raises(OnecdpError) as told:
        check(project)
    assert str(told.value) == (
        "seeds/limits.csv: line 2: most is x, which is no whole number\n"
        "seeds/free.csv: line 2 has 1 values, line 1 2"
    )
