"""The dbt packages: asked for once, and a stand-in where nobody answers."""

from __future__ import annotations

import os
import re
import shutil
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from support.cli import NO_HUB, REPOSITORY

from onecdp.errors import OnecdpError
from onecdp.project import dbt_packages as deps
from onecdp.project.dbt import Dbt
from onecdp.project.find import Project
from onecdp.warehouse.files import Warehouse

STANDIN = REPOSITORY / "onecdp" / "project" / "dbt_utils_standin"


class Notes:
    """Progress that remembers."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def note(self, text: str) -> None:
        self.lines.append(text)

    def update(self, text: str) -> None: ...


@pytest.fixture
def project(tmp_path: Path) -> Project:
    (tmp_path / "dbt_project.yml").write_text("name: onecdp\n")
    (tmp_path / "packages.yml").write_text((REPOSITORY / "packages.yml").read_text())
    return Project(tmp_path, Warehouse(tmp_path / "warehouse"))


@pytest.fixture
def _no_hub(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DBT_PACKAGE_HUB_URL", NO_HUB["DBT_PACKAGE_HUB_URL"])


@pytest.fixture
def busy_hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """A hub that answers everything with 503; gives the paths it was asked for."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_error(503)

        def log_message(self, format: str, *args: object) -> None: ...

    server = HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setenv("DBT_PACKAGE_HUB_URL", f"http://127.0.0.1:{server.server_port}/")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    yield asked
    server.shutdown()
    server.server_close()


def installed(project: Project) -> Path:
    return project.folder / "dbt_packages" / "dbt_utils"


@pytest.mark.usefixtures("_no_hub")
def test_where_the_hub_cannot_be_reached_the_standin_comes_and_one_line_says_so(
    project: Project,
) -> None:
    notes = Notes()

    deps.ensure(project, notes)

    assert len(notes.lines) == 1
    assert "can't be reached (" in notes.lines[0]
    assert "stand-in for dbt_utils" in notes.lines[0]
    ours = sorted(p.relative_to(STANDIN) for p in STANDIN.rglob("*"))
    assert sorted(p.relative_to(installed(project)) for p in installed(project).rglob("*")) == ours
    assert [p.name for p in (project.folder / "dbt_packages").iterdir()] == ["dbt_utils"]


def test_a_run_asks_the_hub_once_and_an_explicit_deps_again(
    project: Project, busy_hub: list[str]
) -> None:
    notes = Notes()
    deps.ensure(project, notes)
    assert "it answers 503" in notes.lines[0]
    assert len(busy_hub) == 1

    deps.ensure(project, notes)
    assert len(busy_hub) == 1

    deps.install(project, notes)
    assert len(busy_hub) == 2


def test_a_real_package_is_kept_without_asking(project: Project, busy_hub: list[str]) -> None:
    installed(project).mkdir(parents=True)
    (installed(project) / "dbt_project.yml").write_text("name: dbt_utils\nversion: 1.4.1\n")

    deps.ensure(project, Notes())
    deps.install(project, Notes())

    assert busy_hub == []
    assert [p.name for p in installed(project).iterdir()] == ["dbt_project.yml"]


def test_a_package_added_beside_a_copied_one_is_asked_for(
    project: Project, busy_hub: list[str]
) -> None:
    installed(project).mkdir(parents=True)
    # What every release of it says, so it tells nothing of the release.
    (installed(project) / "dbt_project.yml").write_text("name: dbt_utils\nversion: 0.1.0\n")
    deps.ensure(project, Notes())
    assert busy_hub == []

    with (project.folder / "packages.yml").open("a") as packages:
        packages.write("  - package: dbt-labs/codegen\n    version: 0.13.1\n")
    with pytest.raises(OnecdpError, match=r"asks for .* dbt-labs/codegen 0\.13\.1, and .* 503"):
        deps.ensure(project, Notes())

    assert len(busy_hub) == 1
    assert [p.name for p in installed(project).iterdir()] == ["dbt_project.yml"]


def test_what_dbt_itself_installed_is_known_by_its_lock_until_packages_yml_changes(
    project: Project, tmp_path: Path, busy_hub: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ONECDP_WAREHOUSE", "of somebody else")
    shutil.copy(REPOSITORY / "profiles.yml", tmp_path)
    shutil.copytree(STANDIN, tmp_path / "vendored" / "dbt_utils")
    (tmp_path / "vendored" / "dbt_utils" / "STANDIN.md").unlink()
    (tmp_path / "vendored" / "more").mkdir()
    (tmp_path / "vendored" / "more" / "dbt_project.yml").write_text("name: more\nversion: 1.0.0\n")
    packages = tmp_path / "packages.yml"
    packages.write_text("packages:\n  - local: \"vendored/{{ 'dbt_utils' }}\"\n")
    assert Dbt(project, Notes()).invoke("deps").success
    assert os.environ["ONECDP_WAREHOUSE"] == "of somebody else"

    deps.ensure(project, Notes())
    deps.install(project, Notes())
    assert busy_hub == []

    packages.write_text(packages.read_text() + "  - local: vendored/more\n")
    with pytest.raises(OnecdpError, match=r"vendored/more, and the dbt package hub"):
        deps.ensure(project, Notes())
    assert len(busy_hub) == 1


def test_a_package_added_beside_the_standin_is_asked_for(
    project: Project, busy_hub: list[str]
) -> None:
    deps.ensure(project, Notes())
    with (project.folder / "packages.yml").open("a") as packages:
        packages.write("  - package: dbt-labs/codegen\n    version: 0.13.1\n")

    with pytest.raises(OnecdpError, match=r"asks for dbt-labs/codegen 0\.13\.1, and"):
        deps.ensure(project, Notes())

    assert len(busy_hub) == 2


@pytest.mark.usefixtures("_no_hub")
def test_an_older_standin_is_renewed(project: Project) -> None:
    deps.ensure(project, Notes())
    macro = installed(project) / "macros" / "accepted_range.sql"
    macro.write_text("-- from an older library")
    (installed(project) / "macros" / "expression_is_true.sql").unlink()

    deps.ensure(project, Notes())

    assert macro.read_text() == (STANDIN / "macros" / "accepted_range.sql").read_text()
    assert (installed(project) / "macros" / "expression_is_true.sql").is_file()


@pytest.mark.usefixtures("_no_hub")
@pytest.mark.parametrize(
    ("entry", "name"),
    [
        ("package: dbt-labs/codegen\n    version: 0.13.1", "dbt-labs/codegen 0.13.1"),
        ("git: https://example.org/ours.git", "https://example.org/ours.git"),
    ],
)
def test_without_a_hub_another_package_is_an_error_that_names_it(
    project: Project, entry: str, name: str
) -> None:
    with (project.folder / "packages.yml").open("a") as packages:
        packages.write(f"  - {entry}\n")

    with pytest.raises(OnecdpError, match=re.escape(f"packages.yml asks for {name}, and")):
        deps.ensure(project, Notes())

    assert not installed(project).exists()


def test_the_standin_has_every_macro_that_the_project_uses() -> None:
    used = set()
    for part in ("models", "macros", "seeds", "snapshots", "tests/dbt"):
        for file in (REPOSITORY / part).rglob("*"):
            if file.suffix in (".sql", ".yml", ".py"):
                used |= set(re.findall(r"dbt_utils\.(\w+)", file.read_text()))

    assert used
    assert used <= {file.stem for file in (STANDIN / "macros").glob("*.sql")}
