"""How erased identifiers are told in rows, in texts and in stored hashes."""

from __future__ import annotations

import json

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingestion.erasure import normalise
from ingestion.erasure.filtering import HIDDEN, hide_quarantined, names_erased
from ingestion.erasure.tombstones import ANY_TYPE, Tombstones, hashes_of, keyed_hash
from ingestion.pipelines import tables
from onecdp.identity.normalise import identifier_sql


@given(
    st.sampled_from(["member_id", "mobile_hash", "email_hash", "retail_customer_id"]),
    st.text(alphabet="aB1 .0\t\n:", max_size=8),
)
@settings(deadline=None)
def test_the_spelling_is_the_same_in_python_and_in_sql(id_type: str, value: str) -> None:
    ((sql,),) = duckdb.execute(f"select {identifier_sql('$1', '$2')}", [id_type, value]).fetchall()
    assert normalise(id_type, value) == (sql or "")


def test_a_tombstone_is_of_a_type_and_of_this_key() -> None:
    key = b"k" * 32
    tombstones = Tombstones(key, frozenset(hashes_of(key, [("member_id", "M1")])))
    assert tombstones.holds("member_id", "M1")
    assert not tombstones.holds("union_id", "M1")
    assert not tombstones.holds("member_id", "m1")
    assert tombstones.holds_value("M1")
    assert not Tombstones(b"other", tombstones.hashes).holds("member_id", "M1")
    assert keyed_hash(key, ANY_TYPE, "M1") in tombstones.hashes


@pytest.mark.parametrize(
    "text",
    [
        "x,M1,y", '"M1";2', "a\tM1", "it says 'M1' is not a date", json.dumps({"a": {"b": ["M1"]}}),
        '{"customer_id": 17850}', "17850.0,x", json.dumps({"h": 'ab,"c'}), "member_id=M1", "HASH",
    ],
)  # fmt: skip
def test_a_text_names_the_erased(text: str) -> None:
    erased = {"M1", "17850", 'ab,"c', "hash"}
    assert names_erased(text, erased.__contains__)


@pytest.mark.parametrize("text", [None, "", "M11,xM1", "178501", "M1x", "m1"])
def test_a_text_that_only_looks_like_it_does_not(text: str | None) -> None:
    assert not names_erased(text, {"M1", "17850"}.__contains__)


def test_only_what_names_the_erased_is_hidden() -> None:
    with duckdb.connect() as scratch:
        scratch.execute("create table q (payload varchar, reason varchar)")
        scratch.execute("insert into q values ('M1', 'bad'), ('M2', 'M1 is bad'), ('M3', 'bad')")
        scratch.execute("insert into q values (null, 'bad')")
        assert hide_quarantined(scratch, "q", {"M1"}.__contains__) == 2
        assert scratch.execute("from q").fetchall() == [
            (None, HIDDEN), ("M2", HIDDEN), ("M3", "bad"), (None, "bad"),
        ]  # fmt: skip


def test_every_source_says_what_it_is_known_by() -> None:
    for spec in tables():
        columns = {column.name for column in spec.columns}
        assert spec.identifiers
        assert {i.column for i in spec.identifiers} | set(spec.traces) <= columns
        assert {i.type_column for i in spec.identifiers} - {""} <= columns
