"""The text that compatibility macros give for an engine that no test here runs."""

from __future__ import annotations

import jinja2
from support.line import REPOSITORY


def rendered(macro: str, *arguments: str) -> str:
    """A macro of macros/compat, rendered without dbt."""
    name = macro.split("__")[1]
    text = (REPOSITORY / "macros" / "compat" / f"{name}.sql").read_text()
    return str(getattr(jinja2.Environment().from_string(text).module, macro)(*arguments)).strip()


def test_spark_names_groups_by_a_dollar_sign() -> None:
    spark = rendered("spark__replace_pattern", "id_value", r"^([0-9]+)\.0+$", r"\1")
    assert spark == r"regexp_replace(id_value, '^([0-9]+)\\.0+$', '$1')"


def test_duckdb_names_groups_by_a_backslash() -> None:
    duckdb = rendered("default__replace_pattern", "id_value", r"^([0-9]+)\.0+$", r"\1")
    assert duckdb == r"regexp_replace(id_value, '^([0-9]+)\.0+$', '\1', 'g')"
