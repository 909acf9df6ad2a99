"""A project's ingestion folder, imported under a package name of its own."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from onecdp.errors import OnecdpError
from onecdp.project.ingestion import load_ingestion


def make(folder: Path, pipelines: str) -> Path:
    code = folder / "ingestion"
    code.mkdir(parents=True)
    (code / "__init__.py").write_text("")
    (code / "pipelines.py").write_text(pipelines)
    (code / "erasure.py").write_text("NAME = __name__")
    return folder


def test_each_folder_has_its_own_modules_and_is_imported_once(tmp_path: Path) -> None:
    path, imported = list(sys.path), sys.modules.get("ingestion")
    left = make(tmp_path / "left", "from . import erasure\nWHO = 'left'")
    right = make(tmp_path / "right", "from . import erasure\nWHO = 'right'")

    first, second = load_ingestion(left), load_ingestion(right)

    assert (first.pipelines.WHO, second.pipelines.WHO) == ("left", "right")
    assert first.pipelines.erasure is first.erasure
    assert first.erasure is not second.erasure
    assert load_ingestion(left).pipelines is first.pipelines
    assert (sys.path, sys.modules.get("ingestion")) == (path, imported)


def test_a_folder_that_was_corrected_can_be_imported(tmp_path: Path) -> None:
    project = make(tmp_path, "from . import no_such_module")
    with pytest.raises(OnecdpError, match=r"can't be imported: cannot import name .* 'ingestion'"):
        load_ingestion(project)

    (project / "ingestion" / "pipelines.py").write_text("WHO = 'corrected'")

    assert load_ingestion(project).pipelines.WHO == "corrected"


def test_an_absolute_import_of_itself_is_answered_by_how_to_write_it(tmp_path: Path) -> None:
    project = make(tmp_path, "from ingestion.no_such_module import table")

    with pytest.raises(OnecdpError) as caught:
        load_ingestion(project)

    assert str(caught.value) == (
        "the project's ingestion/ can't be imported: No module named 'ingestion.no_such_module';"
        " import relatively inside ingestion/, as in `from .erasure import …`"
    )


def test_a_mistake_in_the_code_names_file_and_line(tmp_path: Path) -> None:
    project = make(tmp_path, "x = 1\nx = = 2")

    with pytest.raises(OnecdpError, match=r"ingestion/pipelines\.py, line 2: invalid syntax"):
        load_ingestion(project)


def test_a_project_without_the_folder_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(OnecdpError, match=r"ingestion/__init__\.py isn't there"):
        load_ingestion(tmp_path)
