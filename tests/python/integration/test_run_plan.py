"""A run builds what has changed since the last build: all, what is new, the date, or nothing."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from datetime import date
from importlib.metadata import version
from pathlib import Path

import duckdb
import pytest
from support.cli import BuiltProject, clean_environment, run_cli

from onecdp.pipeline import Context, ingest
from onecdp.pipeline.last_build import describe_build, note_build
from onecdp.pipeline.plan import plan_run
from onecdp.project import fingerprint
from onecdp.project.dbt import Dbt
from onecdp.project.find import open_project
from onecdp.project.fingerprint import code_fingerprint
from onecdp.project.nodes import ChangedSeeds, Nodes, Scope
from onecdp.project.parsed import read_manifest
from onecdp.project.progress import Silent

AS_OF = date(2026, 6, 6)


def nodes_of(project: BuiltProject, as_of: date | None = AS_OF) -> Nodes | None:
    context = Context(open_project(project.folder, project.warehouse, {}))
    return plan_run(context, describe_build(context, as_of)).nodes


def append(file: Path, line: str) -> None:
    file.write_text(file.read_text() + line)


def execute(statement: str) -> Callable[[BuiltProject], None]:
    def change(project: BuiltProject) -> None:
        with duckdb.connect(project.warehouse / "onecdp.duckdb") as private:
            private.execute(statement)

    return change


def load_another_event(project: BuiltProject) -> None:
    sample = project.folder / "ingestion" / "sample" / "app"
    first = (sample / "events.csv").read_text().splitlines()
    (sample / "later.csv").write_text("\n".join([first[0], first[1].replace("EVT", "LATE")]))
    ingest(Context(open_project(project.folder, project.warehouse, {})))


def also_add_channel(project: BuiltProject, change: Callable[[BuiltProject], object]) -> None:
    append(project.folder / "seeds/channels.csv", "kiosk,A kiosk\n")
    change(project)


CHANGES: dict[str, Callable[[BuiltProject], object]] = {
    "another seed": lambda p: (p.folder / "seeds/shops.csv").write_text("shop\nLeeds\n"),
    "a seed and rows": lambda p: also_add_channel(p, load_another_event),
    "a seed and a model": lambda p: also_add_channel(p, CHANGES["a model"]),
    "a model": lambda p: append(p.folder / "models/marts/identity/id_map.sql", "\n"),
    "a macro": lambda p: append(p.folder / "macros/customers/as_of_date.sql", "\n"),
    "a var": lambda p: append(p.folder / "dbt_project.yml", "\n# another\n"),
    "a test": lambda p: append(
        p.folder / "tests/dbt/singular/assert_one_int_is_dense.sql", "\n-- another\n"
    ),
    "a build that is running or was killed": execute(
        "insert into audit.node_status (unique_id, status) values ('invocation.x', 'running')"
    ),
    "a node that failed since": execute(
        "update audit.node_status set status = 'fail' where unique_id ilike '%id_map%'"
    ),
    "another dbt command since": execute("update audit.node_status set invocation_id = 'another'"),
    "one for some nodes, after the clock went back": execute(
        "update audit.node_status set invocation_id = 'another',"
        " finished_at = finished_at - interval 1 day where unique_id ilike '%id_map%'"
    ),
    "a week": execute("update audit.last_build set audited_at = audited_at - interval 8 days"),
    "a clock that went back": execute(
        "update audit.last_build set audited_at = audited_at + interval 2 days"
    ),
    "selectors of an older version": lambda p: (p.folder / "selectors.yml").unlink(),
    "a build that was noted by no version": execute("drop table audit.last_build"),
}


@pytest.mark.parametrize("what", CHANGES)
def test_all_is_built_and_asked_after(project: BuiltProject, what: str) -> None:
    assert nodes_of(project) is None
    CHANGES[what](project)
    assert nodes_of(project) is Scope.ALL


def test_a_build_that_no_version_noted_is_compared_unless_it_is_the_first(
    project: BuiltProject, tmp_path: Path
) -> None:
    context = Context(open_project(project.folder, project.warehouse, {}))
    execute("drop table audit.last_build")(project)
    assert plan_run(context, describe_build(context, AS_OF)).is_audit
    fresh = Context(open_project(project.folder, tmp_path / "fresh", {}))
    ingest(fresh)
    assert not plan_run(fresh, describe_build(fresh, AS_OF)).is_audit


def test_the_mark_of_an_erasure_that_ends_is_no_new_row(project: BuiltProject) -> None:
    execute("create schema raw_erasure; create table raw_erasure.unfinished (since int)")(project)
    assert nodes_of(project) is None


def test_what_new_rows_change_is_built_after_a_load(project: BuiltProject) -> None:
    load_another_event(project)
    assert nodes_of(project) is Scope.NEW_ROWS
    assert nodes_of(project, date(2026, 6, 7)) is Scope.NEW_ROWS


def test_what_the_date_changes_is_built_on_another_day(project: BuiltProject) -> None:
    assert nodes_of(project, date(2026, 6, 7)) is Scope.NEW_DATE
    assert nodes_of(project, None) is Scope.NEW_DATE


def test_a_delivery_is_in_the_marts_after_the_next_run(project: BuiltProject) -> None:
    assert run_cli("deliver", "PKG001", "--to", "./out", cwd=project.folder).code == 0
    done = run_cli("run", "--as-of", "2026-06-06", "--json", cwd=project.folder)
    assert done.document()["built_because"] == "only deliveries were made"
    assert len(rows_of(project.warehouse / "marts.duckdb")["audience_deliveries"]) == 1
    assert nodes_of(project) is None


def test_what_has_become_too_old_is_told_though_nothing_is_new(project: BuiltProject) -> None:
    """Without rows from any source no rule would be asked until the next day."""
    path = project.folder / "models" / "staging" / "crm" / "_crm__models.yml"
    rule = "- name: loaded_at\n        data_tests: [{newest_age: {arguments: {at_most: 0.5}}}]\n"
    path.write_text(path.read_text().replace("- name: loaded_at\n", rule, 1))
    # As a run notes it that asks the new rule.
    context = Context(open_project(project.folder, project.warehouse, {}))
    note_build(context, describe_build(context, AS_OF), full_refresh=False)
    assert nodes_of(project) is None
    with duckdb.connect(project.warehouse / "onecdp.duckdb") as private:
        private.execute("update raw_crm.members set _loaded_at = _loaded_at - interval 13 hours")
        private.execute(
            "insert into audit.data_quality select * replace ('newest_age' as rule, 0.49 as value,"
            " 0.5 as at_most, checked_at - interval 1 hour as checked_at)"
            " from audit.data_quality where verdict = 'pass' limit 1"
        )

    done = run_cli("run", "--as-of", "2026-06-06", "--json", cwd=project.folder)

    assert done.code == 1
    assert "for longer than a freshness rule allows" in done.document()["built_because"]
    assert done.document()["failures"][0]["reason"].endswith("at most 0.5 is allowed")


def test_what_is_downstream_of_a_seed_is_built_after_its_change(project: BuiltProject) -> None:
    append(project.folder / "seeds/audiences.csv", 'PKG900,Everybody,NOT "Nobody",,0\n')
    assert nodes_of(project) == ChangedSeeds(["audiences"])
    assert nodes_of(project, date(2026, 6, 7)) is Scope.ALL

    done = run_cli("run", "--as-of", "2026-06-06", "--json", cwd=project.folder)

    assert done.code == 0
    assert done.document()["built"] == "changed_seeds"
    assert done.document()["built_because"] == "only audiences has changed"
    assert 0 < done.document()["models"]["passed"] < 30
    assert nodes_of(project) is None
    by_part = rows_of(project.warehouse / "marts.duckdb")
    assert any("PKG900" in row for row in by_part["audience_package_summary"])


@pytest.mark.parametrize("what", ["gone", "touched"])
def test_a_changed_published_file_is_published_again(project: BuiltProject, what: str) -> None:
    marts = project.warehouse / "marts.duckdb"
    before = rows_of(marts)
    if what == "gone":
        marts.unlink()
    else:
        with duckdb.connect(marts) as file:
            file.execute("delete from id_map")

    done = run_cli("run", "--as-of", "2026-06-06", "--json", cwd=project.folder)

    assert done.document()["built"] == "nothing"
    assert len(done.document()["tables_changed"]) == len(before)
    assert rows_of(marts) == before


def rows_of(marts: Path) -> dict[str, list[tuple[object, ...]]]:
    with duckdb.connect(marts, read_only=True) as file:
        names = [
            name
            for (name,) in file.execute(
                "select table_name from information_schema.tables"
            ).fetchall()
        ]
        return {name: file.execute(f"from {name} order by all").fetchall() for name in names}


def test_a_day_leaves_out_the_weekly_tests_and_an_audit_asks_them(project: BuiltProject) -> None:
    load_another_event(project)
    day = run_cli("run", "--as-of", "2026-06-06", "--json", cwd=project.folder).document()
    assert day["built"] == "new_rows"
    assert 20 < day["tests"]["passed"] < 60

    execute("update audit.last_build set audited_at = audited_at - interval 8 days")(project)
    assert nodes_of(project) is Scope.ALL
    asked = run_cli("audit", cwd=project.folder)
    assert asked.code == 0
    assert int(asked.stdout.split()[1]) > 150
    assert nodes_of(project) is None


def test_a_run_with_nothing_new_starts_no_dbt_and_says_so(project: BuiltProject) -> None:
    published = (project.warehouse / "marts.duckdb").read_bytes()
    code = (
        "import sys\nfrom onecdp.cli.main import main\n"
        "try:\n    main(['run', '--as-of', '2026-06-06', '--json'])\n"
        "except SystemExit as end:\n"
        "    print(end.code, 'dbt' in sys.modules, file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=project.folder, env=clean_environment(), capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stderr.splitlines()[-1] == "0 False"
    report = json.loads(done.stdout)
    assert report["is_unchanged"] is True
    assert report["customers"] == 15
    assert report["published"] == str(project.warehouse / "marts.duckdb")
    assert (project.warehouse / "marts.duckdb").read_bytes() == published

    told = run_cli("run", "--as-of", "2026-06-06", cwd=project.folder)
    assert told.code == 0
    assert "nothing new since the build of" in told.stdout


def test_dbt_does_not_read_an_unchanged_project(project: BuiltProject) -> None:
    log = project.folder / "logs" / "dbt.log"
    log.unlink(missing_ok=True)
    day = {"ONECDP_AS_OF": "2026-06-08"}
    done = run_cli("run", "--audit", "--json", cwd=project.folder, environment=day)
    assert done.code == 0
    # Not what is new for the date alone, as an audit was asked for.
    assert done.document()["built"] == "all"
    assert "arsing" not in log.read_text()
    with duckdb.connect(project.warehouse / "marts.duckdb", read_only=True) as marts:
        days = marts.execute("select distinct cast(as_of_date as varchar) from customer_rfm")
        assert days.fetchall() == [("2026-06-08",)]


def test_dbt_reads_of_a_changed_project_what_has_changed(
    project: BuiltProject, tmp_path: Path
) -> None:
    """For another warehouse, too, and between commands of plain dbt, which name none."""
    elsewhere = Dbt(open_project(project.folder, tmp_path / "elsewhere", {}), Silent())
    plain = ("-m", "dbt.cli.main", "parse", "--no-write-json")
    for read in (
        elsewhere.manifest,
        lambda: subprocess.run(
            [sys.executable, *plain], cwd=project.folder, env=clean_environment(), check=True
        ),
        elsewhere.manifest,
    ):
        append(project.folder / "models/marts/identity/id_map.sql", "-- again\n")
        read()
        told = json.loads((project.folder / "target" / "perf_info.json").read_text())
        assert 0 < told["parsed_path_count"] < 10 < told["path_count"]

    profile = project.folder / "profiles.yml"
    profile.write_text(
        profile.read_text().replace("'ONECDP_WAREHOUSE', 'warehouse'", "'ONECDP_WAREHOUSE'")
    )
    assert elsewhere.manifest().nodes


def test_the_environment_that_the_files_name_counts_as_code(
    project: BuiltProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    append(
        project.folder / "models/marts/identity/id_map.sql",
        "-- {{ env_var('SHOP_COUNTRY', 'nowhere') }}\n",
    )
    opened = open_project(project.folder, project.warehouse, {})
    without = code_fingerprint(opened)
    monkeypatch.setenv("ANOTHER_COUNTRY", "Spain")
    monkeypatch.setenv("ONECDP_AS_OF", "2026-06-07")
    assert code_fingerprint(opened) == without
    monkeypatch.setenv("SHOP_COUNTRY", "Spain")
    assert code_fingerprint(opened) != without


@pytest.mark.parametrize("library", ["splink", "scikit-learn", "scipy"])
def test_a_library_of_an_extra_that_is_installed_counts_as_code(
    project: BuiltProject, monkeypatch: pytest.MonkeyPatch, library: str
) -> None:
    opened = open_project(project.folder, project.warehouse, {})
    without = code_fingerprint(opened)
    monkeypatch.setattr(
        fingerprint, "version", lambda name: "0.1" if name == library else version(name)
    )
    assert code_fingerprint(opened) != without


def test_folders_that_dbt_project_yml_adds_count_as_code(project: BuiltProject) -> None:
    append(project.folder / "dbt_project.yml", "analysis-paths: [analyses]\n")
    opened = open_project(project.folder, project.warehouse, {})
    without = code_fingerprint(opened)
    (project.folder / "analyses").mkdir()
    (project.folder / "analyses" / "buyers.sql").write_text("select 1\n")
    assert code_fingerprint(opened) != without


@pytest.mark.parametrize(
    "damage", [lambda b: b[:-100], lambda b: b"", lambda b: b[:200] + b"x" * 99]
)
def test_a_damaged_manifest_is_read_from_the_project_again(
    project: BuiltProject, damage: Callable[[bytes], bytes]
) -> None:
    opened = open_project(project.folder, project.warehouse, {})
    whole = Dbt(opened, Silent()).manifest()
    kept = project.folder / "target" / "onecdp_manifest.pickle"
    kept.write_bytes(damage(kept.read_bytes()))
    assert read_manifest(opened) is None
    parsed = Dbt(opened, Silent()).manifest().writable_manifest().to_dict()["nodes"]
    assert parsed.keys() == whole.nodes.keys()
    assert read_manifest(opened).writable_manifest().to_dict()["nodes"] == parsed


@pytest.mark.soak
def test_a_full_refresh_always_builds(project: BuiltProject) -> None:
    done = run_cli("run", "--as-of", "2026-06-06", "--full-refresh", "--json", cwd=project.folder)
    assert done.document()["is_unchanged"] is False
    assert done.document()["models"]["passed"] > 0
    assert nodes_of(project) is None
