"""One normaliser everywhere: Python, the SQL of the tombstones and that of the models."""

from __future__ import annotations

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.landing_values import normalise as reference
from support.spelling import as_the_models_do

from ingestion.erasure.tombstones import normalise, spelled

TYPES = ("member_id", "device_id", "retail_customer_id", "mobile_hash", "email_hash")
AROUND = (
    " ", "\n", "\t", "\r\n", "\x0b", "\x0c", "\x85", "\u00a0", "\u2003", "\u2028", "\u3000",
    "\ufeff", "\u200b", "\u200c", "\u200d", "\u2060",
)  # fmt: skip


def spellings(id_type: str, values: list[str]) -> list[tuple[str, str, str]]:
    """Per value how Python, the tombstones and the models spell it; '' where it is nothing."""
    with duckdb.connect() as connection:
        connection.execute("create table given (id_type varchar, id_value varchar, place integer)")
        rows = [[id_type, value, place] for place, value in enumerate(values)]
        connection.executemany("insert into given values ($1, $2, $3)", rows)
        columns = spelled("id_type", "id_value"), as_the_models_do("id_type", "id_value")
        found = connection.sql(
            f"select coalesce({columns[0]}, ''), coalesce({columns[1]}, '') from given"
            " order by place"
        ).fetchall()
    python = [normalise(id_type, value) for value in values]
    return [(one, *others) for one, others in zip(python, found, strict=True)]


@pytest.mark.xfail(strict=True, reason="issue item 5")
@pytest.mark.parametrize("id_type", TYPES)
def test_white_space_and_armour_are_no_part_of_an_identifier(id_type: str) -> None:
    given = [f"{blank}17{blank}" for blank in AROUND] + ['="17"', ' ="17" ', "\uff11\uff17", "17"]
    assert spellings(id_type, given) == [("17", "17", "17")] * len(given)


@pytest.mark.xfail(strict=True, reason="issue item 5")
@pytest.mark.parametrize("id_type", TYPES)
def test_nothing_but_white_space_is_nothing(id_type: str) -> None:
    given = [*AROUND, "".join(AROUND), '=""', '=" "']
    assert spellings(id_type, given) == [("", "", "")] * len(given)


@pytest.mark.xfail(strict=True, reason="issue item 5")
@given(
    st.lists(
        st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=6)
        | st.tuples(st.sampled_from(AROUND), st.text("aZ09_\uff21\uff59\uff10", max_size=3)).map(
            "".join
        ),
        min_size=1,
        max_size=40,
    ),
    st.sampled_from(TYPES),
)
@settings(max_examples=60, deadline=None)
def test_python_and_sql_agree_on_any_text(values: list[str], id_type: str) -> None:
    for python, tombstones, models in spellings(id_type, values):
        assert python == tombstones == models


@pytest.mark.xfail(strict=True, reason="issue item 5")
@given(st.text("aZ09 \t\n_\uff21\uff59\uff10\u3000\ufeff\u200b", max_size=6))
@settings(max_examples=100, deadline=None)
def test_letters_and_digits_are_those_of_the_reference(value: str) -> None:
    assert normalise("device_id", value) == reference(value)
