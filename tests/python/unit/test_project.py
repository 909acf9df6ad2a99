"""Finding a project, its warehouse, and what a new one is made of."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
from support.cli import REPOSITORY

from onecdp.errors import UsageProblem
from onecdp.project.find import find_project, open_project
from onecdp.project.scaffold import PROJECT_PARTS, scaffold


def write_project(folder: Path, name: str = "onecdp") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "dbt_project.yml").write_text(f"name: {name}\nversion: 1.0.0\n")
    return folder.resolve()


def test_a_project_is_found_from_a_folder_inside_it(tmp_path: Path) -> None:
    project = write_project(tmp_path)
    (tmp_path / "models" / "marts").mkdir(parents=True)

    assert find_project(tmp_path / "models" / "marts") == project


def test_a_dbt_project_of_another_name_is_passed_by(tmp_path: Path) -> None:
    project = write_project(tmp_path)
    other = write_project(tmp_path / "packages" / "other", name="dbt_utils")

    assert find_project(other) == project


@pytest.mark.parametrize("name", ['"onecdp"', "'onecdp'", "onecdp  # ours"])
def test_the_name_may_be_written_in_any_way_that_yaml_has(tmp_path: Path, name: str) -> None:
    assert find_project(write_project(tmp_path, name=name)) == tmp_path.resolve()


def test_a_named_project_folder_is_taken_at_its_word(tmp_path: Path) -> None:
    write_project(tmp_path)
    (tmp_path / "inside").mkdir()

    with pytest.raises(UsageProblem, match=r"no onecdp project in .*inside;"):
        open_project(tmp_path / "inside", None, {})


def test_the_warehouse_is_the_option_then_the_environment_then_in_the_project(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = write_project(tmp_path / "project")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    environment = {"ONECDP_WAREHOUSE": "from_environment"}

    def warehouse(option: Path | None, environment: dict[str, str]) -> Path:
        return open_project(project, option, environment).warehouse.folder

    assert warehouse(Path("wh"), environment) == tmp_path / "elsewhere" / "wh"
    assert warehouse(None, environment) == tmp_path / "elsewhere" / "from_environment"
    assert warehouse(None, {}) == project / "warehouse"
    assert warehouse(None, {"ONECDP_WAREHOUSE": ""}) == project / "warehouse"


def test_the_wheel_carries_what_init_writes() -> None:
    settings = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())
    packed = settings["tool"]["hatch"]["build"]["targets"]["wheel"]["force-include"]

    assert packed == {part: f"onecdp/_project/{part}" for part in PROJECT_PARTS}


def test_a_new_project_holds_every_part_and_none_of_the_library(tmp_path: Path) -> None:
    target = tmp_path / "new" / "cdp"

    scaffold(target)

    assert find_project(target) == target.resolve()
    assert all((target / part).exists() for part in PROJECT_PARTS)
    assert (target / ".gitignore").is_file()
    assert (target / "README.md").is_file()
    assert not (target / "onecdp").exists()
    assert not list(target.rglob("__pycache__"))


def test_a_new_project_may_be_made_in_an_empty_folder(tmp_path: Path) -> None:
    scaffold(tmp_path)

    assert (tmp_path / "dbt_project.yml").is_file()
