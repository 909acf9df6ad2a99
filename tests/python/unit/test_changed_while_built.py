"""What changes while dbt works was not built: the next run has to build it."""

from __future__ import annotations

import importlib
import pickle
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import duckdb
import pytest

from onecdp.pipeline import last_build, plan
from onecdp.pipeline.context import Context
from onecdp.project import seeds
from onecdp.project.dbt import Dbt
from onecdp.project.find import Project
from onecdp.project.fingerprint import code_fingerprint
from onecdp.project.nodes import ChangedSeeds, Scope
from onecdp.project.parsed import MANIFEST
from onecdp.project.progress import Silent
from onecdp.warehouse.files import Warehouse

# The package has a function of the same name.
module = importlib.import_module("onecdp.pipeline.build")


@pytest.fixture
def project(tmp_path: Path) -> Project:
    (tmp_path / "seeds").mkdir()
    (tmp_path / "seeds" / "tags.csv").write_text("tag\n")
    (tmp_path / "dbt_project.yml").write_text("name: onecdp\n")
    (tmp_path / "selectors.yml").write_text(
        f"selectors: [{', '.join(f'{{name: {scope.value}}}' for scope in Scope)}]\n"
    )
    warehouse = Warehouse(tmp_path / "warehouse")
    warehouse.folder.mkdir()
    with duckdb.connect(str(warehouse.build_file)) as private:
        private.execute("create schema audit")
        private.execute(
            "create table audit.node_status"
            " (status varchar, finished_at timestamptz, invocation_id varchar)"
        )
        private.execute("create schema raw_crm; create table raw_crm.loads (loaded_at timestamptz)")
    return Project(tmp_path, warehouse)


class Clock(datetime):
    """A clock that tests set."""

    at = datetime(2026, 6, 1, 23, 59, 50, tzinfo=UTC)

    @classmethod
    def now(cls, tz: Any = None) -> Any:
        return cls.at


@pytest.mark.parametrize("changed", ["nothing", "a seed", "the day"])
def test_the_next_run_builds_it(
    project: Project, monkeypatch: pytest.MonkeyPatch, changed: str
) -> None:
    def build(*_: object, **__: object) -> Any:
        if changed == "a seed":
            (project.folder / "seeds" / "tags.csv").write_text("tag\nnew\n")
        if changed == "the day":
            monkeypatch.setattr(Clock, "at", datetime(2026, 6, 2, 0, 0, 10, tzinfo=UTC))
        with duckdb.connect(str(project.warehouse.build_file)) as private:
            private.execute(
                "insert into audit.node_status values ('success', $1, uuid()::varchar)", [Clock.at]
            )
            private.execute(
                "create schema raw_erasure; create table raw_erasure.tombstones (h int)"
            )
        return SimpleNamespace(ok=True)

    for reader in (plan, last_build):
        monkeypatch.setattr(reader, "datetime", Clock)
    monkeypatch.setattr(Dbt, "build", build)
    monkeypatch.setattr(seeds, "check", lambda _: None)
    context = Context(project)
    module.build_tables(context, Scope.ALL)
    nodes = plan.plan_run(context, last_build.describe_build(context, None)).nodes
    tags = ChangedSeeds(["tags"])
    assert nodes == {"nothing": None, "a seed": tags, "the day": Scope.NEW_DATE}[changed]


def test_a_seed_that_is_edited_after_the_plan_is_built_next(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    def build(*_: object, **__: object) -> Any:
        with duckdb.connect(str(project.warehouse.build_file)) as private:
            private.execute("insert into audit.node_status values ('success', now(), 'i')")
        return SimpleNamespace(ok=True)

    def edit(_: Path) -> None:
        (project.folder / "seeds" / "tags.csv").write_text("tag\nnew\n")

    monkeypatch.setattr(Dbt, "build", build)
    monkeypatch.setattr(seeds, "check", lambda _: None)
    context = Context(project)
    module.build_tables(context, Scope.ALL)
    with duckdb.connect(str(project.warehouse.build_file)) as private:
        private.execute("insert into raw_crm.loads values (now())")
    began = last_build.describe_build(context, None)
    planned = plan.plan_run(context, began).nodes
    assert planned is Scope.NEW_ROWS
    monkeypatch.setattr(seeds, "check", edit)
    module.build_tables(context, planned, began)
    nodes = plan.plan_run(context, last_build.describe_build(context, None)).nodes
    assert nodes == ChangedSeeds(["tags"])


@dataclass
class Parsed:
    nodes: dict[str, str]


def test_a_manifest_is_of_the_files_that_dbt_began_with(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = code_fingerprint(project)

    def parse(*_: object, **__: object) -> Any:
        (project.folder / "seeds" / "tags.csv").write_text("tag\nnew\n")
        return SimpleNamespace(exception=None, result=Parsed({}))

    monkeypatch.setattr(Dbt, "_invoke", parse)
    Dbt(project, Silent()).manifest()
    with (project.folder / MANIFEST).open("rb") as file:
        assert pickle.load(file) == before
