"""A generated shop through the whole line: every row accounted for, the truth left alone."""

from __future__ import annotations

import json
from pathlib import Path

import duckdb
import pytest
from support.cli import Finished, make_project, run_cli

from benchmarks.quality_parts.comparison import compare


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_project(tmp_path_factory.mktemp("generated") / "project")


@pytest.fixture(scope="module")
def finished(project: Path) -> Finished:
    made = run_cli("generate", "--customers", "300", "--seed", "5", "shop", cwd=project)
    assert made.code == 0, made.stderr
    assert made.stdout.endswith("onecdp run --data shop --warehouse shop-warehouse\n")
    return run_cli("run", "--data", "shop", "--as-of", "2026-01-12", "--json", cwd=project)


@pytest.mark.soak
def test_what_the_generator_says_of_its_rows_is_what_the_load_finds(
    project: Path, finished: Finished
) -> None:
    # 3: the events that contradict an earlier one are quarantined; everything else is sound.
    assert finished.code == 3, finished.stderr
    said = json.loads((project / "shop" / "truth" / "summary.json").read_text())["sources"]
    for source in finished.document()["sources"]:
        assert source["refused"] == []
        tally = said.pop(source["source"], None)
        if tally is None:
            assert source["rows_read"] == 0
            continue
        assert source["rows_read"] == tally["rows"]
        assert source["rows_quarantined"] == tally["conflicts"]
        assert source["rows_duplicate"] == tally["duplicates"]
        assert source["rows_superseded"] == tally["superseded"]
        assert source["rows_loaded"] == (
            tally["rows"] - tally["conflicts"] - tally["duplicates"] - tally["superseded"]
        )
    assert said == {}


@pytest.mark.soak
def test_the_map_knows_every_identifier_of_the_truth_and_never_read_it(
    project: Path, finished: Finished
) -> None:
    assert finished.code == 3, finished.stderr
    quality = compare(project / "shop" / "truth", project / "warehouse" / "marts.duckdb")

    assert (quality.absent, quality.invented) == (0, 0)
    assert quality.people == 300
    assert 0 < quality.right <= min(quality.joined, quality.true)

    loads = " union all ".join(
        f"select '{source}/' || file as file from raw_{source}.loads"
        for source in ("crm", "app", "retail", "id_graph")
    )
    with duckdb.connect(str(project / "warehouse" / "onecdp.duckdb"), read_only=True) as private:
        loaded = {file for (file,) in private.execute(loads).fetchall()}
    shop = project / "shop"
    written = {f.relative_to(shop).as_posix() for f in shop.rglob("*") if f.is_file()}
    assert loaded == {file for file in written if not file.startswith("truth/")}


@pytest.mark.soak
def test_no_junk_identifier_is_in_the_map(project: Path, finished: Finished) -> None:
    assert finished.code == 3, finished.stderr
    with duckdb.connect(str(project / "warehouse" / "marts.duckdb"), read_only=True) as published:
        (junk, mapped) = published.execute(
            "select count(*), count(id_map.id_value)"
            " from read_csv($1, all_varchar = true) as junk"
            " left join marts.id_map using (id_type, id_value)",
            [str(project / "shop" / "truth" / "junk.csv")],
        ).fetchone() or (0, 0)
    assert junk >= 11
    assert mapped == 0
