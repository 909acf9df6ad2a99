"""The schema names in Python are those that dbt is given."""

from __future__ import annotations

import yaml
from support.cli import REPOSITORY

from onecdp.warehouse import schemas


def test_the_schemas_are_those_of_dbt_project_yml() -> None:
    project = yaml.safe_load((REPOSITORY / "dbt_project.yml").read_text())
    models = project["models"]["onecdp"]

    # The queries in onecdp/ write these three out.
    assert models["staging"]["+schema"] == "staging"
    assert models["intermediate"]["+schema"] == "intermediate"
    assert project["snapshots"]["onecdp"]["+schema"] == "snapshots"
    assert models["marts"]["+schema"] == schemas.MARTS
    assert project["seeds"]["onecdp"]["+schema"] == schemas.SEEDS


def test_the_sources_schemas_begin_with_the_prefix_of_raw_tables() -> None:
    names = [
        source["schema"] if "schema" in source else source["name"]
        for file in (REPOSITORY / "models" / "staging").rglob("*__sources.yml")
        for source in yaml.safe_load(file.read_text())["sources"]
    ]

    assert schemas.AUDIT in names
    assert all(name.startswith(schemas.RAW_PREFIX) for name in names if name != schemas.AUDIT)
    assert schemas.RAW_ERASURE.startswith(schemas.RAW_PREFIX)
