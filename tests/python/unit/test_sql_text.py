"""Quoting, checked against DuckDB itself."""

from __future__ import annotations

import duckdb
import pytest

from onecdp.warehouse.sql_text import literal, one_line, quoted

AWKWARD = ["plain", "two words", "it's", 'say "so"', "'", '"', "semi;colon", "a\nb", "select", "ü"]


@pytest.mark.parametrize("text", AWKWARD)
def test_duckdb_reads_a_name_and_a_literal_back(text: str) -> None:
    with duckdb.connect() as connection:
        result = connection.execute(f"select {literal(text)} as {quoted(text)}")

        assert [column[0] for column in result.description] == [text]
        assert result.fetchall() == [(text,)]


def test_an_error_is_one_line_without_the_excerpt_of_the_query() -> None:
    with duckdb.connect() as connection, pytest.raises(duckdb.Error) as raised:
        connection.execute("select nothing\nfrom nowhere")

    assert "\n" in str(raised.value)
    line = one_line(str(raised.value))
    assert "\n" not in line
    assert line.startswith("Catalog Error: Table with name nowhere does not exist!")
    assert "LINE" not in line
