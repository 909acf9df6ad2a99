"""Runs the whole line on data that a test lays out, and compares the marts of two warehouses."""

from __future__ import annotations

import pickle
import shutil
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

import duckdb
import pyarrow as pa

from onecdp.pipeline import Context, ingest
from onecdp.pipeline.ingest import SourceReport
from onecdp.pipeline.last_build import describe_build
from onecdp.pipeline.plan import plan_from
from onecdp.project.dbt import Dbt
from onecdp.project.find import Project, open_project
from onecdp.project.nodes import Nodes, Scope, options_of
from onecdp.project.parsed import MANIFEST
from onecdp.project.scaffold import PROJECT_PARTS

REPOSITORY = Path(__file__).resolve().parents[3]
PARTIAL_PARSE = "target/partial_parse.msgpack"


class Quiet:
    """Progress that nobody watches."""

    def note(self, text: str) -> None: ...

    def update(self, text: str) -> None: ...


def copy_project(folder: Path) -> Path:
    """The project as it stands in the tree, with its dbt packages, in a folder of its own."""
    for part in (*PROJECT_PARTS, "dbt_packages"):
        source, target = REPOSITORY / part, folder / part
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, target)
    copy_manifest(folder)
    return folder


def copy_manifest(folder: Path) -> None:
    """Spares a copy of the project as it stands in the tree dbt's reading of the whole project.

    With what dbt keeps for itself, a copy that is changed is read in part.
    """
    tree = open_project(REPOSITORY, None, {})
    Dbt(tree, Quiet()).manifest()
    (folder / "target").mkdir(exist_ok=True)
    for kept in (MANIFEST, PARTIAL_PARSE):
        if (tree.folder / kept).is_file():
            shutil.copy(tree.folder / kept, folder / kept)


@dataclass(frozen=True)
class Line:
    """A project, a warehouse and a folder of data."""

    project: Project
    data: Path

    @classmethod
    def at(cls, folder: Path, project: Path) -> Line:
        """A line with a warehouse and data of its own below `folder`."""
        (folder / "data" / "retail").mkdir(parents=True)
        return cls(open_project(project, folder / "warehouse", {}), folder / "data")

    def write(self, name: str, *lines: str) -> None:
        """Writes a data file, such as `crm/members.csv`, header first."""
        path = self.data / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("\n".join(lines) + "\n")

    def ingest(self) -> list[SourceReport]:
        return list(ingest(Context(self.project), self.data).sources)

    def build(self, *options: str, tests: bool = True, as_of: str = "2026-06-06") -> Nodes:
        """Runs dbt build; without tests where a test looks at the marts itself, many times.

        As `onecdp run` does, it builds everything at first, after a change of the project and after
        a build that was stopped, what is downstream of seeds if only they have changed, and
        otherwise what new rows change, also if there is none. Returns which nodes these were.
        """
        mark = self.project.warehouse.folder / ".built"
        began = describe_build(Context(self.project), date.fromisoformat(as_of))
        skipped = ("--exclude-resource-type", "unit_test", *(() if tests else ("test",)))
        nodes: Nodes = Scope.ALL
        if not options and mark.exists():
            nodes = plan_from(pickle.loads(mark.read_bytes()), began).nodes or Scope.NEW_ROWS
            nodes = Scope.NEW_ROWS if nodes is Scope.NEW_DATE else nodes
        mark.unlink(missing_ok=True)
        dbt = Dbt(self.project, Quiet())
        answer = dbt.invoke(
            "build",
            options=[*skipped, *options_of(nodes), *options],
            environment={"ONECDP_AS_OF": as_of},
            manifest=dbt.manifest(),
        )
        assert answer.exception is None, answer.exception
        failed = [
            (result.node.name, result.message)
            for result in answer.result.results
            if str(result.status) in ("error", "fail")
        ]
        assert not failed, failed[:5]
        if options in ((), ("--full-refresh",)):
            # The build itself makes raw tables that are missing.
            ended = describe_build(Context(self.project), date.fromisoformat(as_of))
            mark.write_bytes(pickle.dumps(replace(began, raw=ended.raw)))
        return nodes

    def build_part(self, select: str) -> None:
        """Builds a part and goes no further, as a run that is stopped in the middle."""
        (self.project.warehouse.folder / ".built").unlink(missing_ok=True)
        dbt = Dbt(self.project, Quiet())
        answer = dbt.invoke(
            "run",
            options=["--select", select],
            environment={"ONECDP_AS_OF": "2026-06-06"},
            manifest=dbt.manifest(),
        )
        assert answer.success, answer.exception

    def run(self, *options: str, tests: bool = True) -> list[SourceReport]:
        reports = self.ingest()
        self.build(*options, tests=tests)
        return reports

    def copy_warehouse(self, folder: Path) -> Line:
        """The same line in a copy of its warehouse."""
        target = folder / "warehouse"
        shutil.copytree(self.project.warehouse.folder, target)
        return Line(open_project(self.project.folder, target, {}), self.data)

    def query(self, sql: str) -> list[tuple[object, ...]]:
        with duckdb.connect(str(self.project.warehouse.build_file), read_only=True) as private:
            return private.execute(sql).fetchall()

    def marts(self) -> dict[str, pa.Table]:
        return read_tables(self.project.warehouse.build_file, "marts")

    def outdated_versions(self) -> list[tuple[object, ...]]:
        """What the snapshots end with and is not, or is and they do not end with."""
        found = []
        for snapshot, columns, relation in (
            ("id_map_history", "node_id, one_id, is_active", "intermediate.int_identity__map"),
            (
                "customer_profiles_history",
                "one_id, member_id, email_hash, level, total_orders, gross_revenue, last_event_at",
                "marts.customer_profiles",
            ),
        ):
            kept = f"select {columns} from snapshots.{snapshot} where dbt_valid_to is null"
            present = f"select {columns} from {relation}"
            for one, other in ((kept, present), (present, kept)):
                rows = self.query(f"{one} except all {other}")
                found += [(snapshot, *row) for row in rows]
        return found

    def state(self) -> dict[str, pa.Table]:
        """The marts that say what is."""
        return without_history(self.marts())


def read_tables(file: Path, schema: str) -> dict[str, pa.Table]:
    """Every table and view of a schema, by name; not what says how each run went."""
    with duckdb.connect(str(file), read_only=True) as database:
        names = database.execute(
            "select table_name from information_schema.tables where table_schema = ?", [schema]
        ).fetchall()
        return {
            name: database.execute(f'select * from "{schema}"."{name}"').to_arrow_table()
            for (name,) in names
            if not name.endswith("data_quality")
        }


def without_history(marts: dict[str, pa.Table]) -> dict[str, pa.Table]:
    """The marts without those that tell which run changed what, and when, or are made of it."""
    history = ("id_map_changes", "audience_membership_changes", "audience_outcomes")
    return {name: rows for name, rows in marts.items() if name not in history}


def differences(ours: dict[str, pa.Table], theirs: dict[str, pa.Table]) -> dict[str, list[object]]:
    """Rows that only one side has, a few per table: EXCEPT ALL, both ways."""
    assert ours.keys() == theirs.keys(), ours.keys() ^ theirs.keys()
    found: dict[str, list[object]] = {}
    with duckdb.connect() as scratch:
        for name in ours:
            scratch.register("ours", ours[name])
            scratch.register("theirs", theirs[name])
            rows = scratch.execute(
                "(select 'only ours', * from (from ours except all from theirs) limit 3)"
                " union all"
                " (select 'only theirs', * from (from theirs except all from ours) limit 3)"
            ).fetchall()
            if rows:
                found[name] = list(rows)
    return found
