"""The stand-in means what dbt_utils means: the same tests and keys by either, on the same rows.

The real package is needed for the comparison: a tree that `dbt deps` filled, or a clone that
ONECDP_DBT_UTILS names.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
import yaml
from support.cli import REPOSITORY, BuiltProject, run_cli

from onecdp.cli.progress import LineProgress
from onecdp.project.dbt import Dbt
from onecdp.project.find import Project
from onecdp.warehouse.files import Warehouse, connect

STANDIN = REPOSITORY / "onecdp" / "project" / "dbt_utils_standin"

ROWS = """
select * from (values
    (1, 'a', 'x', 0.0), (2, 'a', 'y', 0.5), (3, 'b', 'x', 1.0), (4, null, 'x', null),
    (5, null, 'x', -0.1), (6, '', 'x', 1.1), (7, 'a', 'x', 1.0)
) as t(id, word, letter, score)
"""


def rule(name: str, **arguments: object) -> dict[str, object]:
    return {f"dbt_utils.{name}": {"name": "t_" + str(len(RULES)), "arguments": arguments}}


RULES: list[tuple[str | None, dict[str, object]]] = []
for column, name, arguments in [
    (None, "unique_combination_of_columns", {"combination_of_columns": ["word", "letter"]}),
    (None, "unique_combination_of_columns", {"combination_of_columns": ["id", "letter"]}),
    (
        None,
        "unique_combination_of_columns",
        {"combination_of_columns": ["word"], "quote_columns": True},
    ),
    (None, "expression_is_true", {"expression": "score < 1 or id > 6"}),
    (None, "expression_is_true", {"expression": "id > 0"}),
    ("score", "expression_is_true", {"expression": ">= 0"}),
    ("score", "accepted_range", {"min_value": 0, "max_value": 1}),
    ("score", "accepted_range", {"min_value": 0, "max_value": 1, "inclusive": False}),
    ("score", "accepted_range", {"min_value": 0}),
    ("score", "accepted_range", {"max_value": "id"}),
    ("id", "accepted_range", {"min_value": 1, "max_value": 7}),
]:
    RULES.append((column, rule(name, **arguments)))  # type: ignore[arg-type]


def real_package() -> Path:
    """A copy of dbt_utils, or a skip that says what is missing."""
    named = os.environ.get("ONECDP_DBT_UTILS")
    folder = Path(named) if named else REPOSITORY / "dbt_packages" / "dbt_utils"
    if not (folder / "dbt_project.yml").is_file() or (folder / "STANDIN.md").exists():
        pytest.skip("no copy of dbt_utils: set ONECDP_DBT_UTILS to the folder of one")
    return folder


def outcome(
    folder: Path, package: Path
) -> tuple[dict[str, tuple[str, int]], list[tuple[object, ...]]]:
    """Each rule's status and number of failures, and the rows' keys, by `package`."""
    project = Project(folder, Warehouse(folder / "warehouse"))
    for made in ("models", "warehouse"):
        (folder / made).mkdir(parents=True)
    shutil.copytree(package, folder / "dbt_packages" / "dbt_utils")
    shutil.copy(REPOSITORY / "packages.yml", folder)
    (folder / "dbt_project.yml").write_text("name: onecdp\nversion: 1.0.0\nprofile: onecdp\n")
    target = {"type": "duckdb", "path": str(project.warehouse.build_file)}
    profile = {"onecdp": {"target": "dev", "outputs": {"dev": target}}}
    (folder / "profiles.yml").write_text(yaml.safe_dump(profile))
    (folder / "models" / "rows.sql").write_text(ROWS)
    (folder / "models" / "keys.sql").write_text(
        "select id, {{ dbt_utils.generate_surrogate_key(['word', 'letter', 'score']) }} as key,"
        " {{ dbt_utils.generate_surrogate_key(['word']) }} as short"
        f" from ({ROWS})"  # not by ref: the rows' failing tests would stop it
    )
    columns: dict[str, list[object]] = {}
    for column, test in RULES:
        columns.setdefault(column or "", []).append(test)
    model = {
        "name": "rows",
        "data_tests": columns.pop(""),
        "columns": [{"name": name, "data_tests": tests} for name, tests in columns.items()],
    }
    (folder / "models" / "rows.yml").write_text(yaml.safe_dump({"models": [model]}))

    answer = Dbt(project, LineProgress()).invoke("build")
    assert answer.exception is None, answer.exception
    results = {
        result.node.name: (str(result.status), int(result.failures or 0))
        for result in answer.result.results
        if str(result.node.resource_type) == "test"
    }
    with connect(project.warehouse.build_file, read_only=True) as private:
        return results, private.execute("select * from keys order by id").fetchall()


def test_the_standin_finds_what_its_words_promise(tmp_path: Path) -> None:
    results, keys = outcome(tmp_path, STANDIN)

    assert [results[f"t_{n}"] for n in range(len(RULES))] == [
        ("fail", 2),  # (a, x) and (null, x) twice
        ("pass", 0),
        ("fail", 2),  # a, null
        ("fail", 2),  # 1.0 of row 3 and 1.1
        ("pass", 0),
        ("fail", 1),  # -0.1
        ("fail", 2),  # -0.1 and 1.1
        ("fail", 5),  # the bounds too
        ("fail", 1),
        ("pass", 0),
        ("pass", 0),
    ]
    shorts = [row[2] for row in keys]
    assert shorts[3] == shorts[4] != shorts[5]


@pytest.mark.soak
def test_the_standin_gives_what_dbt_utils_gives(tmp_path: Path) -> None:
    real = outcome(tmp_path / "real", real_package())

    assert outcome(tmp_path / "standin", STANDIN) == real


def test_the_project_builds_with_the_other_package_too(
    built_warehouse: BuiltProject, tmp_path: Path
) -> None:
    """`built_warehouse` was built with the one that the tree has; this is the other."""
    package = built_warehouse.folder / "dbt_packages" / "dbt_utils"
    other = real_package() if (package / "STANDIN.md").exists() else STANDIN
    copy = built_warehouse.copy(tmp_path / "project").folder / "dbt_packages" / "dbt_utils"
    shutil.rmtree(copy)
    shutil.copytree(other, copy)

    finished = run_cli("build", "--as-of", "2026-06-06", cwd=tmp_path / "project")

    assert finished.code == 0, finished.stdout + finished.stderr
