#!/usr/bin/env python3
"""Compares the published marts of two commits: names, columns, types and rows.

Each commit is checked out into a folder of its own and builds the same data with its own code,
twice: the second build finds nothing new. Every table is then compared by EXCEPT ALL
in both directions. Exit code 0: equal; 1: they differ; each difference is one line.

    python tests/compare_commits.py 4dac0b3 HEAD
    python tests/compare_commits.py 4dac0b3 HEAD --generate 20000 --data exports/

Run it with the Python of `.venv`: both commits use its installed libraries.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import duckdb

ROOT = Path(__file__).resolve().parents[1]
AS_OF = "2026-06-06"
# Both say "published"; 3 and 4 also say that rows or files of the data were set aside.
PUBLISHED = (0, 3, 4)
# Set by the clock of the build, so that no two builds give the same.
SET_BY_THE_CLOCK = {
    "id_map_changes": ("run_id", "changed_at"),
    "audience_membership_changes": ("changed_at",),
    "data_quality": ("check_id", "run_id", "checked_at"),
}


def main() -> int:
    """Runs the comparison; returns the exit code."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("before", help="a commit")
    parser.add_argument("after", help="a commit")
    parser.add_argument("--data", type=Path, action="append", default=[], metavar="DIR",
                        help="a folder for `onecdp run --data`; repeatable")  # fmt: skip
    parser.add_argument("--generate", type=int, metavar="CUSTOMERS",
                        help="also a generated shop of this size")  # fmt: skip
    parser.add_argument("--as-of", default=AS_OF, metavar="DATE")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="compare-") as folder:
        work = Path(folder)
        trees = [
            check_out(commit, work / name)
            for name, commit in (("before", options.before), ("after", options.after))
        ]
        try:
            data: list[Path | None] = [None, *(path.resolve() for path in options.data)]
            if options.generate:
                data.append(generated(trees[0], work / "shop", options.generate))
            found = 0
            for number, source in enumerate(data):
                name = source.name if source else "sample"
                files = [
                    build(tree, source, work / f"{tree.name}-{number}", options.as_of)
                    for tree in trees
                ]
                rows = 0
                for table, count, differences in compare(*files):
                    rows += count
                    for difference in differences:
                        print(f"{name}: {table}: {difference}")
                        found += 1
                print(f"{name}: {rows:,} rows of {options.before} compared", flush=True)
        finally:
            for tree in trees:
                git("worktree", "remove", "--force", str(tree))
    print("equal" if not found else f"{found} differences")
    return 1 if found else 0


def check_out(commit: str, tree: Path) -> Path:
    """Checks a commit out into `tree`, with the dbt packages that the repository has."""
    git("worktree", "add", "--quiet", "--detach", str(tree), commit)
    run_onecdp(tree, "deps")
    return tree


def generated(tree: Path, out: Path, customers: int) -> Path:
    """Writes a made-up shop with the code of `tree`; both commits load the same files."""
    run_onecdp(tree, "generate", "--customers", str(customers), "--seed", "7", str(out))
    return out


def build(tree: Path, data: Path | None, warehouse: Path, as_of: str) -> Path:
    """Runs the daily job, builds once more, publishes, and returns the published file."""
    place = ["--warehouse", str(warehouse)]
    given = ["--data", str(data)] if data is not None else []
    run_onecdp(tree, "run", *place, "--as-of", as_of, *given)
    run_onecdp(tree, "build", *place, "--as-of", as_of)
    run_onecdp(tree, "publish", *place)
    return warehouse / "marts.duckdb"


def compare(before: Path, after: Path) -> Iterator[tuple[str, int, list[str]]]:
    """Yields each table of either file, its rows in `before` and its differences."""
    with duckdb.connect() as connection:
        for name, file in (("before", before), ("after", after)):
            quoted = str(file).replace("'", "''")
            connection.execute(f"attach '{quoted}' as {name} (read_only)")
        columns = {name: describe(connection, name) for name in ("before", "after")}
        for table in sorted(columns["before"] | columns["after"]):
            old, new = columns["before"].get(table), columns["after"].get(table)
            if old is None or new is None:
                yield table, 0, [f"only in {'before' if new is None else 'after'}"]
                continue
            count = only(connection, f'select count(*) from before."{table}"')
            if old != new:
                yield table, count, [f"columns were {old} and are {new}"]
                continue
            clock = ", ".join(SET_BY_THE_CLOCK.get(table, ()))
            rows_of = f"select {f'* exclude ({clock})' if clock else '*'}"
            differences = []
            for left, right, what in (("before", "after", "gone"), ("after", "before", "new")):
                rows = only(
                    connection,
                    f'select count(*) from ({rows_of} from {left}."{table}"'
                    f' except all {rows_of} from {right}."{table}")',
                )
                if rows:
                    differences.append(f"{rows:,} rows are {what}")
            yield table, count, differences


def describe(connection: duckdb.DuckDBPyConnection, database: str) -> dict[str, list[str]]:
    """Returns each table's columns with their types, in order."""
    rows = connection.execute(
        "select table_name, list(column_name || ' ' || data_type order by column_index)"
        " from duckdb_columns() where database_name = ? group by all",
        [database],
    ).fetchall()
    return dict(rows)


def only(connection: duckdb.DuckDBPyConnection, query: str) -> int:
    """Returns the one number that `query` gives."""
    row = connection.execute(query).fetchone()
    assert row is not None
    return int(row[0])


def run_onecdp(tree: Path, *arguments: str) -> None:
    """Runs `onecdp` with the code of `tree`.

    Raises:
        SystemExit: It failed; its output is printed.
    """
    environment = {k: v for k, v in os.environ.items() if k != "ONECDP_WAREHOUSE"}
    finished = subprocess.run(
        [sys.executable, "-m", "onecdp", *arguments],
        cwd=tree, env=environment | {"PYTHONPATH": str(tree)}, capture_output=True, text=True,
    )  # fmt: skip
    if finished.returncode not in PUBLISHED:
        print(finished.stdout, finished.stderr, sep="\n")
        raise SystemExit(f"{tree.name}: onecdp {' '.join(arguments)} failed")


def git(*arguments: str) -> None:
    """Runs git in the repository."""
    subprocess.run(["git", *arguments], cwd=ROOT, check=True)


if __name__ == "__main__":
    sys.exit(main())
