"""What dbt leaves in audit.node_status, by a small project with the real hooks and real dbt runs.

Publishing looks at nothing else, so that plain `dbt build` is held to the same rule as `onecdp`.
"""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml
from support.cli import REPOSITORY, clean_environment

from onecdp.cli.progress import LineProgress
from onecdp.errors import OnecdpError
from onecdp.pipeline.compared import find_wrong_tables
from onecdp.pipeline.publish import publish_marts
from onecdp.project.dbt import CompiledModel, Dbt
from onecdp.project.find import Project
from onecdp.warehouse.files import Warehouse, connect


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """One mart over one seed, with a test each; `limit` makes the mart's test fail."""
    ours = yaml.safe_load((REPOSITORY / "dbt_project.yml").read_text())
    kept = ("name", "version", "profile", "flags")
    settings = {key: ours[key] for key in kept} | {
        # The other hooks need the models of the whole project.
        **{
            moment: [hook for hook in ours[moment] if "audit_" in hook]
            for moment in ("on-run-start", "on-run-end")
        },
        "vars": {"limit": 100},
        "models": {"onecdp": {"+schema": "marts", "+materialized": "table"}},
        "seeds": {"onecdp": {"+schema": "seeds"}},
    }
    (tmp_path / "dbt_project.yml").write_text(yaml.safe_dump(settings))
    shutil.copy(REPOSITORY / "profiles.yml", tmp_path)
    profile = yaml.safe_load((tmp_path / "profiles.yml").read_text())
    profile["onecdp"]["outputs"]["dev"].pop("plugins", None)
    (tmp_path / "profiles.yml").write_text(yaml.safe_dump(profile))
    shutil.copytree(REPOSITORY / "macros" / "project", tmp_path / "macros" / "project")
    for folder in ("models", "seeds", "tests", "warehouse"):
        (tmp_path / folder).mkdir()
    (tmp_path / "seeds" / "amounts.csv").write_text("amount\n1\n2\n")
    (tmp_path / "models" / "totals.sql").write_text("select amount from {{ ref('amounts') }}")
    (tmp_path / "models" / "report.sql").write_text("select amount from {{ ref('totals') }}")
    (tmp_path / "tests" / "assert_totals_are_small.sql").write_text(
        "select * from {{ ref('totals') }} where amount > {{ var('limit') }}"
    )
    (tmp_path / "tests" / "assert_amounts_are_round.sql").write_text(
        "{{ config(severity='warn') }} select * from {{ ref('amounts') }} where amount > 0"
    )
    return Project(tmp_path, Warehouse(tmp_path / "warehouse"))


def dbt(project: Project, *args: str) -> bool:
    """Runs a dbt command; whether all went well."""
    return bool(Dbt(project, LineProgress()).invoke(*args).success)


def statuses(project: Project) -> dict[str, str]:
    with connect(project.warehouse.build_file, read_only=True) as private:
        rows = private.execute("select unique_id, status from audit.node_status").fetchall()
    assert len({unique_id for unique_id, _ in rows}) == len(rows)
    return {unique_id.split(".")[-1]: status for unique_id, status in rows}


CLEAN = {
    "amounts": "success",
    "totals": "success",
    "report": "success",
    "assert_totals_are_small": "pass",
    "assert_amounts_are_round": "warn",
}


def test_a_clean_build_is_recorded_and_published_and_again(project: Project) -> None:
    assert dbt(project, "build")
    assert statuses(project) == CLEAN
    assert publish_marts(project.warehouse).tables == 2

    assert dbt(project, "build")
    assert statuses(project) == CLEAN


def test_a_failing_test_stops_publishing_until_a_build_is_clean(project: Project) -> None:
    assert not dbt(project, "build", "--vars", "limit: 1")
    assert statuses(project) == CLEAN | {"assert_totals_are_small": "fail", "report": "skipped"}
    with pytest.raises(OnecdpError, match=r"report \(skipped\), assert_totals_are_small \(fail\)"):
        publish_marts(project.warehouse)

    # The test alone, made good, doesn't make good the model that was skipped.
    assert dbt(project, "test")
    with pytest.raises(OnecdpError, match=r"failures: report \(skipped\);"):
        publish_marts(project.warehouse)

    assert dbt(project, "build")
    assert publish_marts(project.warehouse).tables == 2


def test_models_rebuilt_without_their_tests_are_not_published(project: Project) -> None:
    assert dbt(project, "build")

    assert dbt(project, "run", "--select", "totals")
    assert statuses(project) == CLEAN | {"assert_totals_are_small": "stale"}
    with pytest.raises(OnecdpError, match=r"assert_totals_are_small \(stale\)"):
        publish_marts(project.warehouse)

    assert dbt(project, "test")
    assert publish_marts(project.warehouse).tables == 2


def test_empty_tables_are_not_published(project: Project) -> None:
    assert dbt(project, "build")

    assert dbt(project, "build", "--empty")

    with pytest.raises(OnecdpError, match=r"report \(empty\), totals \(empty\)"):
        publish_marts(project.warehouse)


@pytest.mark.parametrize("part", [(), ("--select", "report"), ("--select", "fqn:*")])
def test_a_failing_test_that_was_removed_is_forgotten_by_the_next_build(
    project: Project, part: tuple[str, ...]
) -> None:
    dbt(project, "build", "--vars", "limit: 1")
    (project.folder / "tests" / "assert_totals_are_small.sql").unlink()

    assert dbt(project, "build", *part)

    assert statuses(project) == {k: v for k, v in CLEAN.items() if "totals_are_small" not in k}
    assert publish_marts(project.warehouse).tables == 2


def test_a_build_of_all_that_is_selected_by_name_ends_a_killed_one(project: Project) -> None:
    """Dagster always passes `--select fqn:*`."""
    assert dbt(project, "build")
    with connect(project.warehouse.build_file, read_only=False) as private:
        private.execute(
            "insert into audit.node_status (unique_id, status, finished_at)"
            " values ('invocation.killed', 'running', current_timestamp)"
        )

    assert dbt(project, "build", "--select", "report")
    with pytest.raises(OnecdpError, match="didn't finish"):
        publish_marts(project.warehouse)
    assert dbt(project, "build", "--select", "fqn:*")
    assert publish_marts(project.warehouse).tables == 2


def test_a_table_that_an_audit_found_wrong_is_not_cleared_by_a_part(project: Project) -> None:
    """What is downstream of it was made of wrong rows."""
    assert dbt(project, "build")
    with connect(project.warehouse.build_file, read_only=False) as private:
        private.execute("create table audit.watermarks (model varchar)")
    sql = "select 1 as amount"
    model = CompiledModel("totals", "totals", "model.onecdp.totals", sql, project.folder / "x.sql")
    assert find_wrong_tables(project.warehouse, [model])

    assert dbt(project, "build", "--select", "totals")
    with pytest.raises(OnecdpError, match=r"failures: totals \(fail\)"):
        publish_marts(project.warehouse)
    assert dbt(project, "build")
    assert publish_marts(project.warehouse).tables == 2


def test_a_part_is_published_that_was_built_after_the_clock_went_back(project: Project) -> None:
    assert dbt(project, "build")
    with connect(project.warehouse.build_file, read_only=False) as private:
        private.execute("update audit.node_status set finished_at = finished_at + interval 1 day")
    assert publish_marts(project.warehouse).changed == ("report", "totals")

    (project.folder / "models" / "report.sql").write_text("select 7 as amount")
    assert dbt(project, "build", "--select", "report")

    assert publish_marts(project.warehouse).changed == ("report",)


def test_a_renamed_mart_is_published_under_its_new_name_only(project: Project) -> None:
    models = project.folder / "models"
    # An alias is the relation's name, whatever the file is called.
    (models / "report.sql").write_text(
        "{{ config(alias='summary') }} select amount from {{ ref('totals') }}"
    )
    assert dbt(project, "build")
    assert publish_marts(project.warehouse).left_out == ()

    (models / "totals.sql").rename(models / "sums.sql")
    (models / "report.sql").write_text(
        "{{ config(alias='summary') }} select amount from {{ ref('sums') }}"
    )
    (project.folder / "tests" / "assert_totals_are_small.sql").unlink()
    assert dbt(project, "build")
    published = publish_marts(project.warehouse)

    assert published.left_out == ("totals",)
    with connect(published.file, read_only=True) as marts:
        names = marts.execute("select table_name from duckdb_tables() order by all").fetchall()
    assert names == [("summary",), ("sums",)]


def test_reading_commands_leave_the_audit_as_it_is(project: Project) -> None:
    assert dbt(project, "build")

    for command in ("parse", "compile", "list"):
        assert dbt(project, command)

    assert statuses(project) == CLEAN


BUILD = """
import sys
from pathlib import Path
from onecdp.project.dbt import Dbt
from onecdp.cli.progress import LineProgress
from onecdp.project.find import Project
from onecdp.warehouse.files import Warehouse
folder = Path(sys.argv[1])
Dbt(Project(folder, Warehouse(folder / "warehouse")), LineProgress()).invoke("build")
"""


def test_a_killed_build_is_not_published_until_a_whole_one_ends(project: Project) -> None:
    assert dbt(project, "build")
    slow = project.folder / "models" / "slow.sql"
    slow.write_text("select count(*) as n from range(100000) a, range(1000000) b where a <> b")
    building = subprocess.Popen(
        [sys.executable, "-c", BUILD, str(project.folder)], env=clean_environment()
    )
    log = project.folder / "logs" / "dbt.log"
    deadline = time.monotonic() + 60
    while 'create  table\n      "onecdp"."marts"."slow' not in log.read_text():
        assert time.monotonic() < deadline, log.read_text()[-2000:]
        time.sleep(0.05)
    time.sleep(0.2)
    building.send_signal(signal.SIGKILL)
    building.wait()
    slow.unlink()

    with pytest.raises(OnecdpError, match="didn't finish; run `onecdp build` again"):
        publish_marts(project.warehouse)
    assert dbt(project, "test")
    with pytest.raises(OnecdpError, match="didn't finish"):
        publish_marts(project.warehouse)
    assert dbt(project, "build")
    assert publish_marts(project.warehouse).tables == 2
