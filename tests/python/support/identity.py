"""Data for the identity models, identifiers written as `member_id:M1`, and what became of them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pyarrow as pa
import yaml

from support.line import Line

MEMBERS = "member_id,mobile_hash,email_hash,register_date,updated_at,is_deleted"
EVENTS = "event_id,union_id,open_id,device_id,event_type,item_price,event_time"
LINKS = (
    "left_id_type,left_id_value,right_id_type,right_id_value,confidence,first_seen,last_seen,"
    "is_active"
)
OVERRIDES = "override,left_id_type,left_id_value,right_id_type,right_id_value,reason"
# What the identity models end in, with the seeds and the history that they need.
IDENTITY = ("--select", "+id_map", "+id_link_rejections", "+id_map_changes")

# What must not depend on the way there; stamps do, and so do rows of what was an edge once.
COMPARED = {
    "map": "select * exclude (changed_at) from intermediate.int_identity__map",
    "rejections": "select * from marts.id_link_rejections",
    "edges": "select * exclude (changed_at) from intermediate.int_identity__edges where is_present",
    "clusters": "select nodes.node_id, nodes.cluster_id,"
    " coalesce(linked.component_id, nodes.node_id) as component_id"
    " from intermediate.int_identity__node_clusters as nodes"
    " left join intermediate.int_identity__clusters as linked using (node_id)",
    "confidences": "select node_id, confidence from intermediate.int_identity__confidences"
    " where node_id in (select unnest([left_node_id, right_node_id])"
    " from intermediate.int_identity__edge_outcomes where is_kept)",
    **{
        name: f"select * exclude (changed_at) from intermediate.int_identity__{name}"
        for name in (
            "sightings",
            "graph_links",
            "nodes",
            "star_links",
            "candidate_links",
            "shared_values",
            "node_clusters",
            "cluster_one_ids",
        )
    },
}

Row = tuple[object, ...]


def pair(left: str, right: str) -> str:
    """Two identifiers as four fields of a CSV line."""
    return f"{left},{right}".replace(":", ",")


def member(
    member_id: str,
    phone: str = "",
    email: str = "",
    registered: str = "2024-01-01",
    updated: str = "2026-05-01",
    is_deleted: bool = False,
) -> str:
    return f"{member_id},{phone},{email},{registered},{updated},{is_deleted}"


def link(
    left: str,
    right: str,
    confidence: float = 0.95,
    first: str = "2026-05-01",
    last: str = "2026-05-01",
    is_active: bool = True,
) -> str:
    return f"{pair(left, right)},{confidence},{first},{last},{is_active}"


def override(kind: str, left: str, right: str) -> str:
    return f"{kind},{pair(left, right)},somebody called"


def write_overrides(project: Path, *rows: str) -> None:
    (project / "seeds" / "id_link_overrides.csv").write_text("\n".join((OVERRIDES, *rows)) + "\n")


def set_variable(project: Path, name: str, value: object) -> None:
    """A variable of dbt_project.yml of a project copy."""
    path = project / "dbt_project.yml"
    text, count = re.subn(rf"^  {name}: .*$", f"  {name}: {value}", path.read_text(), flags=re.M)
    assert count == 1
    assert yaml.safe_load(text)["vars"][name] == value
    path.write_text(text)


def set_type(
    project: Path, id_type: str, max_values: int | str = "", window_days: int | str = ""
) -> None:
    """The limit of a type in the seed of a project copy; empty: none."""
    path = project / "seeds" / "id_types.csv"
    lines = []
    for row in path.read_text().splitlines():
        cells = row.split(",")
        if cells[0] == id_type:
            cells[3:5] = [str(max_values), str(window_days)]
        lines.append(",".join(cells))
    path.write_text("\n".join(lines) + "\n")


def lift_limits(project: Path) -> None:
    """No type is limited any more, in a project copy."""
    for row in (project / "seeds" / "id_types.csv").read_text().splitlines()[1:]:
        set_type(project, row.split(",")[0])


@dataclass(frozen=True)
class People:
    """The map and the rejections of a warehouse at one moment; values in upper case."""

    ids: dict[str, tuple[str, int]]
    """Per identifier its one_id and one_int."""
    confidences: dict[str, object]
    active: frozenset[str]
    refused: dict[tuple[str, str], Row]
    """Per refused link (left, right): constraint, its type, method, confidence."""
    refused_one_ids: dict[tuple[str, str], tuple[str, str]]
    reasons: dict[tuple[str, str], str]
    changes: tuple[Row, ...]
    """run_id, kind, from, to, count, deciding link (`left - right`, or None), oldest first."""

    def one_id(self, identifier: str) -> str:
        return self.ids[identifier][0]

    def together(self, *identifiers: str) -> bool:
        """Whether all these are one person; else no two of them may be, or the test is wrong."""
        persons = {self.one_id(identifier) for identifier in identifiers}
        assert len(persons) in (1, len(identifiers)), (identifiers, persons)
        return len(persons) == 1

    def with_prefix(self, prefix: str) -> dict[str, tuple[str, int]]:
        """The identifiers whose value begins so."""
        return {key: value for key, value in self.ids.items() if f":{prefix}" in key}

    def changes_since(self, earlier: People) -> set[Row]:
        """What was told since, without the run."""
        assert self.changes[: len(earlier.changes)] == earlier.changes
        return {row[1:] for row in self.changes[len(earlier.changes) :]}


def people_of(line: Line) -> People:
    """What the identity marts of a warehouse say."""
    ids: dict[str, tuple[str, int]] = {}
    confidences: dict[str, object] = {}
    active: set[str] = set()
    rows = line.query(
        "select id_type || ':' || upper(id_value), one_id, one_int, confidence, is_active"
        " from marts.id_map"
    )
    for identifier, one_id, one_int, confidence, is_active in rows:
        assert isinstance(identifier, str)
        assert isinstance(one_id, str)
        assert isinstance(one_int, int)
        assert identifier not in ids
        ids[identifier] = one_id, one_int
        confidences[identifier] = confidence
        if is_active:
            active.add(identifier)
    refused: dict[tuple[str, str], Row] = {}
    refused_one_ids: dict[tuple[str, str], tuple[str, str]] = {}
    reasons: dict[tuple[str, str], str] = {}
    for left, right, left_one_id, right_one_id, reason, *what in line.query(
        """
        select
            left_id_type || ':' || upper(left_id_value),
            right_id_type || ':' || upper(right_id_value),
            left_one_id, right_one_id, reason,
            constraint_name, constrained_id_type, method, confidence
        from marts.id_link_rejections
        """
    ):
        key = str(left), str(right)
        assert key not in refused
        refused[key] = tuple(what)
        refused_one_ids[key] = str(left_one_id), str(right_one_id)
        reasons[key] = str(reason)
    changes = line.query(
        """
        select
            run_id, kind, from_one_id, to_one_id, identifier_count,
            left_id_type || ':' || upper(left_id_value) || ' - '
            || right_id_type || ':' || upper(right_id_value)
        from marts.id_map_changes
        order by changed_at, kind, from_one_id, to_one_id
        """
    )
    return People(
        ids, confidences, frozenset(active), refused, refused_one_ids, reasons, tuple(changes)
    )


def build_identity(line: Line, *options: str) -> People:
    """Loads what is new and builds the identity models, without tests."""
    line.ingest()
    line.build(*IDENTITY, *options, tests=False)
    return people_of(line)


def partition(ids: Iterable[str], people: People) -> set[frozenset[str]]:
    """Who of these identifiers is one person, whatever the person is called."""
    persons: dict[str, set[str]] = {}
    for identifier in ids:
        persons.setdefault(people.one_id(identifier), set()).add(identifier)
    return {frozenset(person) for person in persons.values()}


def compared(line: Line) -> dict[str, pa.Table]:
    """What a rebuild must make, too."""
    with duckdb.connect(str(line.project.warehouse.build_file), read_only=True) as private:
        return {name: private.execute(sql).to_arrow_table() for name, sql in COMPARED.items()}
