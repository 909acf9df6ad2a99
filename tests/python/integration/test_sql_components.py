"""Components by SQL alone are those of the kernel, in a project of dbt's own making."""

import random
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest
from support.cli import clean_environment

from onecdp.identity.resolution.resolve import resolve
from onecdp.identity.resolution.settings import Settings

ROOT = Path(__file__).parents[3]
NO_RULES = Settings(limits=(), cannot_links=(), max_cluster_size=10**9)

PROJECT = f"""
name: onecdp
profile: sql
macro-paths: ["{ROOT / "macros"}"]
models: {{onecdp: {{+materialized: table}}}}
"""
PROFILE = """
sql: {target: dev, outputs: {dev: {type: duckdb, path: graph.duckdb}}}
"""
SOURCES = """
sources:
  - name: graph
    schema: main
    tables: [{name: mixed}, {name: absent}, {name: chain}]
"""
EDGES = """
    create table {name} as
    select
        l::bigint as left_node_id, r::bigint as right_node_id, 1::smallint as left_priority,
        1::smallint as right_priority, 1::smallint as method_rank, 0.9::double as confidence,
        null::timestamp as first_seen, null::timestamp as last_seen, p as is_present,
        timestamp '2026-06-06' as changed_at
    from edges
"""


@pytest.fixture(scope="module")
def graph(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database with three graphs, and a model of the components of each, built by dbt."""
    folder = tmp_path_factory.mktemp("sql")
    draw = random.Random(20260606)
    numbers = [draw.getrandbits(63) for _ in range(3000)] + [*range(300)]
    # As many edges as make small components, one large one, loops, repeats and withdrawn ones.
    mixed = [(draw.choice(numbers), draw.choice(numbers), draw.random() < 0.9) for _ in range(1500)]
    mixed += [(numbers[0], number, True) for number in numbers[:200]] + mixed[:100]
    mixed += [(2**63 - 1, 0, True), (5, 5, True)]
    chain = [(node, node + 1, True) for node in range(2000)]
    absent = [(1, 2, False), (3, 3, True)]
    with duckdb.connect(folder / "graph.duckdb") as connection:
        for name, edges in {"mixed": mixed, "chain": chain, "absent": absent}.items():
            connection.execute("create or replace temp table edges (l bigint, r bigint, p boolean)")
            connection.executemany("insert into edges values (?, ?, ?)", edges)
            connection.execute(EDGES.format(name=name))
    (folder / "dbt_project.yml").write_text(PROJECT)
    (folder / "profiles.yml").write_text(PROFILE)
    (folder / "models").mkdir()
    (folder / "models/_sources.yml").write_text(SOURCES)
    for name in ("mixed", "chain", "absent"):
        model = "{{ sql_components(source('graph', '" + name + "')) }}"
        (folder / f"models/{name}_components.sql").write_text(model)
    finished = subprocess.run(
        [Path(sys.executable).with_name("dbt"), "run", "--threads", "1"],
        cwd=folder,
        env=clean_environment(),
        capture_output=True,
        text=True,
    )
    assert finished.returncode == 0, finished.stdout
    return folder / "graph.duckdb"


@pytest.mark.parametrize(("name", "components"), [("mixed", None), ("chain", 1), ("absent", 3)])
def test_components_by_sql_are_those_of_the_kernel(
    graph: Path, name: str, components: int | None
) -> None:
    with duckdb.connect(graph, read_only=True) as connection:
        by_kernel = resolve(connection, connection.table(name), NO_RULES)
        rows = connection.execute(
            f"""
            (select node_id, component_id from by_kernel
            except all select node_id, component_id from {name}_components)
            union all
            (select node_id, component_id from {name}_components
            except all select node_id, component_id from by_kernel)
            """
        ).fetchall()
        assert rows == []
        found = len(set(by_kernel["component_id"].to_pylist()))
        assert found > 100 if components is None else found == components


def test_only_results_stay(graph: Path) -> None:
    with duckdb.connect(graph, read_only=True) as connection:
        tables = {row[0] for row in connection.execute("show tables").fetchall()}
    names = ("mixed", "chain", "absent")
    assert tables == {
        f"{name}{suffix}" for name in names for suffix in ("", "_components", "_components__result")
    }
