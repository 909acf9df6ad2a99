"""The command line without dbt: help, usage errors, exit codes."""

from __future__ import annotations

import importlib
import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from support.cli import REPOSITORY

from onecdp import __version__
from onecdp.cli.main import main


def call(*args: str) -> Result:
    return CliRunner().invoke(main, list(args))


@pytest.mark.parametrize("command", sorted(main.commands))
def test_each_command_explains_itself_with_an_example(command: str) -> None:
    result = call(command, "--help")

    assert result.exit_code == 0
    assert f"\n  onecdp {command}" in result.stdout


def test_the_commands_are_the_ones_that_the_docs_name() -> None:
    assert set(main.commands) == {
        "run", "check", "ingest", "build", "audit", "publish", "deps", "init", "sql", "generate",
        "explain", "forget", "identity", "collect", "audience", "deliver", "docs", "source",
        "serve", "serve-key", "live", "history",
    }  # fmt: skip


def test_help_loads_neither_dbt_nor_duckdb() -> None:
    code = "import onecdp.cli.main, sys, json; print(json.dumps(sorted(sys.modules)))"
    modules = json.loads(subprocess.check_output([sys.executable, "-c", code]))
    heavy = {"dbt", "dlt", "duckdb", "pyarrow", "rich", "numpy", "starlette", "uvicorn", "sqlite3"}
    assert not heavy & set(modules)


def test_version() -> None:
    assert call("--version").stdout == f"onecdp, version {__version__}\n"


def test_data_that_is_not_there_is_a_usage_error_that_says_what_is_expected(
    tmp_path: Path,
) -> None:
    result = call("run", "--project-dir", str(REPOSITORY), "--data", str(tmp_path / "none"))

    assert result.exit_code == 2
    assert "expected a folder with any of crm/ app/ retail/ shop/" in result.stderr
    assert str(tmp_path / "none") in result.stderr


def test_data_without_any_source_is_a_usage_error(tmp_path: Path) -> None:
    (tmp_path / "sales").mkdir()

    result = call("ingest", "--project-dir", str(REPOSITORY), "--data", str(tmp_path))

    assert result.exit_code == 2
    assert "holds no source" in result.stderr


def test_an_unknown_source_is_a_usage_error_that_names_the_known_ones() -> None:
    result = call("ingest", "--project-dir", str(REPOSITORY), "--source", "crm", "--source", "erp")

    assert result.exit_code == 2
    assert result.stderr == (
        "onecdp: no source is called 'erp'; expected crm or app or retail or shop or web or email "
        "or support or consents or id_graph\n"
    )


def test_a_chosen_source_must_have_a_folder(tmp_path: Path) -> None:
    (tmp_path / "app").mkdir()

    result = call(
        "ingest", "--project-dir", str(REPOSITORY), "--data", str(tmp_path), "--source", "crm"
    )

    assert result.exit_code == 2
    assert result.stderr == (
        f"onecdp: {tmp_path} holds no source; expected a folder with any of crm/\n"
    )


@pytest.mark.parametrize("day", ["yesterday", "2026-13-01", "06/06/2026", ""])
def test_as_of_must_be_a_date(day: str) -> None:
    result = call("run", "--project-dir", str(REPOSITORY), "--as-of", day)

    assert result.exit_code == 2
    assert "--as-of" in result.stderr


def test_outside_a_project_the_way_out_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    result = call("run")

    assert result.exit_code == 2
    assert result.stderr.startswith("onecdp: no onecdp project in ")
    assert "onecdp init" in result.stderr


def test_an_unknown_option_is_a_usage_error() -> None:
    assert call("run", "--fast").exit_code == 2


def test_asking_before_anything_is_published_says_what_to_run(tmp_path: Path) -> None:
    result = call("sql", "select 1", "--project-dir", str(REPOSITORY), "--warehouse", str(tmp_path))

    assert result.exit_code == 1
    assert result.stderr == (
        f"onecdp: {tmp_path / 'marts.duckdb'} isn't there yet; run `onecdp run` first\n"
    )


def test_a_new_project_s_next_command_can_be_pasted(tmp_path: Path) -> None:
    folder = tmp_path / "fresh proj"

    assert f"\n  cd '{folder}'\n" in call("init", str(folder)).stdout


def test_a_build_before_anything_was_ingested_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "project").mkdir()
    assert call("init", str(tmp_path / "project")).exit_code == 0
    shutil.copytree(
        REPOSITORY / "onecdp" / "project" / "dbt_utils_standin",
        tmp_path / "project" / "dbt_packages" / "dbt_utils",
    )

    result = call("build", "--project-dir", str(tmp_path / "project"))

    assert result.exit_code == 1
    assert result.stderr == "onecdp: nothing was ingested yet; run `onecdp ingest` first\n"


def test_init_refuses_a_folder_with_something_in_it(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")

    result = call("init", str(tmp_path))

    assert result.exit_code == 1
    assert result.stderr == f"onecdp: {tmp_path} isn't an empty folder; name a new one\n"
    assert [file.name for file in tmp_path.iterdir()] == ["notes.txt"]


@pytest.mark.parametrize(
    ("option", "left"),
    [
        ("--yes", "run the same command again to finish the erasure"),
        ("--dry-run", "nothing was erased"),
    ],
)
def test_ctrl_c_while_erasing_says_what_it_leaves(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, option: str, left: str
) -> None:
    def stop(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    # The package has a function of the same name.
    monkeypatch.setattr(importlib.import_module("onecdp.pipeline.forget"), "forget", stop)
    project = ("--project-dir", str(REPOSITORY), "--warehouse", str(tmp_path))

    result = call("forget", "member_id:M1", option, *project)

    assert result.exit_code == 130
    assert result.stderr == f"onecdp: stopped; {left}\n"
