"""Two projects in one process: each has its own ingestion code and warehouse, and no global state.

A scheduler or a server opens several projects; what one does must not reach the others.
"""

from __future__ import annotations

import json
import os
import sys
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

import pytest
from support.line import copy_project

from onecdp import pipeline
from onecdp.project.find import open_project
from onecdp.warehouse.files import connect

OWN_CODE = """

_load = load


def load(data_dir, warehouse, notify, **options):
    notify("loaded by the code of {name}")
    return _load(data_dir, warehouse, notify, **options)
"""


@dataclass
class Notes:
    """Progress that keeps what it is given, and the environment at that moment."""

    notes: list[str] = field(default_factory=list)
    environments: set[str | None] = field(default_factory=set)

    def note(self, text: str) -> None:
        self.notes.append(text)

    def update(self, text: str) -> None:
        self.environments.add(os.environ.get("ONECDP_WAREHOUSE"))


@dataclass(frozen=True)
class Opened:
    context: pipeline.Context
    data: Path
    progress: Notes

    def members(self) -> list[str]:
        with connect(self.context.warehouse.build_file, read_only=True) as private:
            rows = private.execute(
                "select id_value from marts.id_map where id_type = 'member_id' order by all"
            ).fetchall()
        return [member for (member,) in rows]


def open_one(name: str, folder: Path) -> Opened:
    project = copy_project(folder / "project")
    with (project / "ingestion" / "pipelines.py").open("a") as code:
        code.write(OWN_CODE.format(name=name))
    data = folder / "data"
    (data / "crm").mkdir(parents=True)
    (data / "crm" / "members.csv").write_text(
        "member_id,mobile_hash,real_name,register_date,updated_at\n"
        f"{name}1,hash_{name},Somebody,2026-01-01,2026-01-02T00:00:00\n"
    )
    progress = Notes()
    opened = open_project(project, folder / "warehouse", {})
    return Opened(pipeline.Context(opened, progress), data, progress)


@pytest.mark.soak
def test_two_projects_share_neither_code_nor_warehouse(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ONECDP_WAREHOUSE", str(tmp_path / "elsewhere"))
    left, right = open_one("LEFT", tmp_path / "left"), open_one("RIGHT", tmp_path / "right")
    before = (dict(os.environ), list(sys.path), list(sys.argv), Path.cwd())
    imported = sys.modules.get("ingestion")

    for one in (left, right):
        report = pipeline.ingest(one.context, one.data)
        assert [(s.source, s.rows_loaded) for s in report.sources if s.rows_loaded] == [("crm", 1)]
    for one in (left, right):
        built = pipeline.build(one.context, as_of=date(2026, 6, 6))
        assert built.ok, built.failures

    assert left.members() == ["LEFT1"]
    assert right.members() == ["RIGHT1"]
    for one, name in ((left, "LEFT"), (right, "RIGHT")):
        said = [note for note in one.progress.notes if note.startswith("loaded by")]
        assert said == [f"loaded by the code of {name}"]
        assert one.progress.environments == {str(tmp_path / "elsewhere")}
        # Not the command line of this process.
        results = json.loads((one.context.project.folder / "target/run_results.json").read_text())
        assert results["args"]["invocation_command"].startswith("dbt build --exclude-resource-type")
    assert (dict(os.environ), list(sys.path), list(sys.argv), Path.cwd()) == before
    assert sys.modules.get("ingestion") is imported
    assert not (tmp_path / "elsewhere").exists()
