"""What README and CONTRIBUTING tell a reader to type works in a fresh copy."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from support.cli import REPOSITORY, BuiltProject, clean_environment, run_cli

FENCE = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
MAKE = re.compile(r"^([a-z]+):", re.MULTILINE)


def blocks(document: str, language: str) -> list[list[str]]:
    """The lines of each fenced block of a language."""
    text = (REPOSITORY / document).read_text()
    return [body.splitlines() for kind, body in FENCE.findall(text) if kind == language]


def commands(document: str, program: str) -> list[list[str]]:
    """Every command line of the shell blocks that starts with a program."""
    lines = [line for block in blocks(document, "sh") for line in block]
    split = [shlex.split(line, comments=True) for line in lines]
    return [words for words in split if words and words[0] == program]


def run(words: list[str], folder: Path) -> str:
    done = run_cli(*words[1:], cwd=folder)
    assert done.code == 0, f"{shlex.join(words)}\n{done.stdout}{done.stderr}"
    return done.stdout


def run_dbt(folder: Path, *words: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "dbt.cli.main", *words],
        cwd=folder,
        # By a variable, as --vars would make dbt read the whole project for each command.
        env={**clean_environment(), "ONECDP_AS_OF": "2026-06-06"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"{shlex.join(words)}\n{done.stdout}{done.stderr}"
    return done.stdout


@pytest.fixture
def project(built_warehouse: BuiltProject, tmp_path: Path) -> Path:
    return built_warehouse.copy(tmp_path / "project").folder


def test_every_make_target_in_the_docs_exists() -> None:
    targets = set(MAKE.findall((REPOSITORY / "Makefile").read_text()))
    named = {
        words[1]
        for document in ("README.md", "CONTRIBUTING.md")
        for words in commands(document, "make")
    }
    assert {"demo", "test", "setup"} <= named <= targets


def test_the_commands_of_the_readme(project: Path) -> None:
    named = commands("README.md", "onecdp")
    assert {words[1] for words in named} >= {"run", "sql"}
    for words in named:
        run([word.replace("DIR", "ingestion/sample") for word in words], project)


def test_adding_a_tag_and_an_audience_as_contributing_says(project: Path) -> None:
    rows = blocks("CONTRIBUTING.md", "csv")
    assert [block[0] for block in rows] == ["seeds/tags.csv", "seeds/audiences.csv"]
    for name, *lines in rows:
        with (project / name).open("a") as seed:
            seed.writelines(f"{line}\n" for line in lines)

    outputs = [run(words, project) for words in commands("CONTRIBUTING.md", "onecdp")]

    # MBR001, MBR005, union_008 and union_010 spent 100 or more in November 2024, none in the app.
    last = [line.split() for line in outputs[-1].splitlines()]
    counts = {words[0]: words[-1] for words in last if words and words[0].startswith("PKG")}
    assert set(counts) == {"PKG001", "PKG002", "PKG003", "PKG004", "PKG005"}
    assert counts["PKG005"] == "4"


def test_plain_dbt_works_as_the_readme_says(project: Path) -> None:
    assert {"dbt build", "dbt test", "dbt docs generate"} <= set(
        re.findall(r"`(dbt [a-z ]+)`", (REPOSITORY / "README.md").read_text())
    )
    # The build has asked all tests; one model is enough to see that `dbt test` asks them by itself,
    # and that documentation is made.
    one = ["--select", "customer_profiles"]
    for words in (["build"], ["test", *one], ["docs", "generate", *one]):
        printed = run_dbt(project, *words)
        assert "WARN" not in printed.replace("WARN=0", ""), printed
    assert (project / "target" / "catalog.json").is_file()
