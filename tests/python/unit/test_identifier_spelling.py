"""An identifier has one spelling, whether Python, the landing, a tombstone or a model writes it."""

from collections.abc import Iterator, Sequence

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.spelling import as_the_models_do

from ingestion.landing.scratch import NFKC, open_scratch
from onecdp.identity.normalise import FULL_WIDTH, HALF_WIDTH, identifier_sql, normalise

TYPES = ["mobile_hash", "email_hash", "retail_customer_id", "member_id", "device_id", "unheard_of"]
VALUES = [
    "A1", " A1 ", "aB", "", "  ", "17850.0", " 17850.00 ", "17850.5", "017.0", "x17.0", "17.0x",
    "\tA1\n", "Ä", "' or 1=1", None,
]  # fmt: skip
# What exports put around a value, and signs that a rule could take for it.
LIKELY = (
    " \t\r\n\x00\x1f\x85\xa0\xad\u200b\u200d\u2060\ufeff\u3000=\"'.-0179aE"
    # Letters with a rule of case or of NFKC of their own; full-width 0, A, =, " and '.
    "\u0130\u017f\u212a\u03a3\u03c2\u00e9\ufb01\u2460\uff10\uff21\uff1d\uff02\uff07"
)
texts = st.text(st.sampled_from(LIKELY) | st.characters(exclude_categories=["Cs"]), max_size=12)


@pytest.fixture(scope="module")
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Iterator[duckdb.DuckDBPyConnection]:
    with open_scratch(tmp_path_factory.mktemp("scratch")) as connection:
        forms = {
            "landing": identifier_sql("a_type", "a_value", NFKC),
            "tombstone": identifier_sql("a_type", "a_value"),
            "model": as_the_models_do("a_type", "a_value"),
        }
        for name, form in forms.items():
            connection.execute(f"create temp macro {name}_form(a_type, a_value) as {form}")
        yield connection


def test_tombstones_spell_as_the_models_do(scratch: duckdb.DuckDBPyConnection) -> None:
    scratch.execute(
        "create table given as select * from (select unnest($1) as id_type), "
        "(select unnest($2) as id_value)",
        [TYPES, VALUES],
    )
    rows = scratch.execute(
        "select id_type, id_value, tombstone_form(id_type, id_value), model_form(id_type, id_value)"
        " from given"
    ).fetchall()
    assert len(rows) == len(TYPES) * len(VALUES)
    assert [row for row in rows if row[2] != row[3]] == []
    assert ("retail_customer_id", " 17850.00 ", "17850", "17850") in rows
    assert ("email_hash", "aB", "ab", "ab") in rows


def spelled(
    scratch: duckdb.DuckDBPyConnection, forms: Sequence[str], id_type: str, values: list[str]
) -> list[tuple[str | None, ...]]:
    """What each value is in these forms; the forms as macros of the scratch database."""
    columns = ", ".join(f"{form}_form($1, id_value)" for form in forms)
    query = f"select {columns} from (select unnest($2) as id_value, unnest(range(len($2))) as n)"
    return scratch.execute(f"{query} order by n", [id_type, values]).fetchall()


@given(st.sampled_from(TYPES), st.lists(texts, min_size=1, max_size=40))
@settings(max_examples=60, deadline=None)
def test_python_and_sql_spell_any_text_alike(
    scratch: duckdb.DuckDBPyConnection, id_type: str, values: list[str]
) -> None:
    """What the landing wrote stays as it is, in the models and for the tombstones."""
    expected = [(normalise(id_type, value) or None,) for value in values]
    assert spelled(scratch, ["landing"], id_type, values) == expected
    # The landing does not know the type of every value: the rule of case is the models'.
    codes = [value for (value,) in spelled(scratch, ["landing"], "", values)]
    landed = spelled(scratch, ["tombstone", "model"], id_type, [code or "" for code in codes])
    assert landed == [(value, value) for (value,) in expected]


@given(
    st.sampled_from(TYPES),
    st.lists(st.text(st.sampled_from(FULL_WIDTH + HALF_WIDTH), max_size=12), min_size=1),
)
@settings(max_examples=40, deadline=None)
def test_full_width_forms_are_the_plain_ones_without_the_landing_too(
    scratch: duckdb.DuckDBPyConnection, id_type: str, values: list[str]
) -> None:
    expected = [normalise(id_type, value) or None for value in values]
    plain = [value.translate(str.maketrans(FULL_WIDTH, HALF_WIDTH)) for value in values]
    assert expected == [normalise(id_type, value) or None for value in plain]
    found = spelled(scratch, ["tombstone", "model"], id_type, values)
    assert found == [(value, value) for value in expected]


def wide(text: str) -> str:
    return text.translate(str.maketrans(HALF_WIDTH, FULL_WIDTH))


@pytest.mark.parametrize(
    "value",
    [
        "U1", "U1\n", "U1\t", "\r\nU1\r\n", "\ufeffU1", "U1\u200b", "\u200c\u200dU1\u2060",
        "\xa0U1", "\x00U1", wide("U1"), wide(" U1 "), '="U1"', '=" U1 "', "'U1", wide('="U1"'),
        '="="U1""',
    ],
)  # fmt: skip
def test_every_spelling_is_one(scratch: duckdb.DuckDBPyConnection, value: str) -> None:
    assert normalise("open_id", value) == "U1"
    ((landed,),) = scratch.execute("select landing_form('open_id', $1)", [value]).fetchall()
    assert landed == "U1"


@pytest.mark.parametrize("value", ["007", '="007"', "'007", wide("007"), "007.0", wide('="007"')])
def test_leading_zeros_stay(value: str) -> None:
    assert normalise("member_id", value) == "007"


@pytest.mark.parametrize("value", ['U1"', "U'1", 'a="b"', "U 1", "1.5", "1.0.0", "O'Hara"])
def test_what_belongs_to_a_value_stays(value: str) -> None:
    assert normalise("open_id", value) == value


def test_compatible_letters_are_the_plain_ones() -> None:
    assert normalise("open_id", "\ufb01rst\u2460") == "first1"
