"""What forget does with each persistent table is declared, read strictly and complete."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import duckdb
import pytest

from onecdp.erasure import tables
from onecdp.erasure.rules import Cell, TableRules, read_rules
from onecdp.errors import OnecdpError


def manifest(meta: Any, materialized: str = "incremental") -> Any:
    node = SimpleNamespace(
        resource_type="model",
        schema="marts",
        alias="facts",
        patch_path="onecdp://models/facts.yml",
        original_file_path="models/facts.sql",
        config=SimpleNamespace(materialized=materialized, meta={"forget": meta} if meta else {}),
    )
    return SimpleNamespace(nodes={"facts": node}, sources={})


def test_a_declaration_is_read() -> None:
    (rules,) = read_rules(
        manifest(
            {
                "delete_row": {"one_id": "one_id", "id_value": {"type_column": "id_type"}},
                "with_row": ["name"],
                "keep": {"kind": "no personal data"},
            }
        )
    )
    assert rules == TableRules(
        "marts",
        "facts",
        delete_row=(Cell("one_id", holds="one_id"), Cell("id_value", type_column="id_type")),
        with_row=("name",),
        keep={"kind": "no personal data"},
    )
    assert all(rules.covers(c) for c in ("one_id", "id_value", "id_type", "name", "kind"))
    assert not rules.covers("note")


@pytest.mark.parametrize(
    ("meta", "said"),
    [
        (["one_id"], "is not a mapping"),
        ({"erase": {}}, "unknown action erase"),
        ({"delete_row": ["one_id"]}, "must say what each column holds"),
        ({"set_null": {"email": {"types": "x"}}}, "does not say what email holds"),
        ({"keep": {"name": ""}}, "without a reason"),
        ({"with_row": "name"}, "must list columns"),
        ({"set_null_in_row": ["name"]}, "works in raw tables and snapshots only"),
        ({"refuse": {"email": "email_hash"}}, "refuse without a type_column"),
        ({"replace": {"email": "email_hash"}}, "replace without a column that holds one_id"),
    ],
)
def test_a_wrong_declaration_names_its_file_and_table(meta: Any, said: str) -> None:
    with pytest.raises(
        OnecdpError, match=rf"models/facts\.yml: meta\.forget of marts\.facts .*{said}"
    ):
        read_rules(manifest(meta))


def test_tables_that_are_rebuilt_need_no_declaration() -> None:
    assert read_rules(manifest(None, materialized="table")) == ()


def test_a_text_column_without_a_declaration_is_named() -> None:
    (rules,) = read_rules(manifest({"delete_row": {"one_id": "one_id"}}))
    with duckdb.connect() as private:
        private.execute("create schema marts")
        private.execute("create table marts.facts (one_id varchar, note varchar, amount integer)")
        assert tables.undeclared(private, [rules]) == ("marts.facts.note",)
