"""How e-mail addresses and phone numbers are normalised, and that a hash stays a hash."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator

import duckdb
import phonenumbers
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingestion.declaration import Column, Kind, OnRepeatedKey, TableSpec
from ingestion.landing.arrivals import FLAW, WARNED, BrokenRow
from ingestion.landing.personal import Hasher
from ingestion.landing.scratch import open_scratch
from onecdp.errors import UsageProblem
from onecdp.identity.normalise import normalise
from onecdp.identity.personal import (
    address_sql,
    hash_address,
    hash_phone,
    hashed_identifier,
    normalise_address,
    sha256,
    without_addresses,
)
from onecdp.identity.phones import NO_PHONE, read_phone
from onecdp.project.personal_data import PersonalData

CHINA = PersonalData(default_region="CN")
NO_TAGS = PersonalData(default_region="CN", drop_plus_tags=True)
SPEC = TableSpec(
    source="crm",
    table="members",
    columns=(
        Column("member_id", Kind.CODE, required=True),
        Column("email_hash", Kind.EMAIL_HASH),
        Column("mobile_hash", Kind.PHONE_HASH),
        Column("note"),
    ),
    key=("member_id",),
    rule=OnRepeatedKey.NEWER_WINS,
    personal=CHINA,
)
_LETTERS = st.characters(categories=["Ll", "Lu", "Nd"])
LOCALS = st.from_regex(r"\A[A-Za-z0-9._'-]{0,9}[A-Za-z0-9_]\Z")
DOMAINS = st.from_regex(r"\A[A-Za-z0-9-]{1,9}(\.[A-Za-z][a-z0-9-]{1,6}){1,2}\Z")
ADDRESSES = st.builds("{}@{}".format, LOCALS, DOMAINS).filter(lambda a: a[0] not in "'=")
HASHES = st.from_regex(r"\A([0-9a-f]{32}|[0-9a-fA-F]{64})\Z")
PHONES = st.from_regex(r"\A1[38][0-9]{9}\Z").filter(lambda digits: len(set(digits)) > 1)
CODES = st.from_regex(r"\A[a-z]{2,8}_[a-z0-9]{1,6}\Z")


@pytest.fixture(scope="module")
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Iterator[duckdb.DuckDBPyConnection]:
    connection = open_scratch(tmp_path_factory.mktemp("scratch"))
    yield connection
    connection.close()


def wide(text: str) -> str:
    return "".join(chr(ord(letter) + 0xFEE0) if "!" <= letter <= "~" else letter for letter in text)


def hashed(
    connection: duckdb.DuckDBPyConnection, spec: TableSpec = SPEC, **columns: list[str | None]
) -> pa.Table:
    count = len(next(iter(columns.values())))
    arrays = {name: pa.array(values, pa.string()) for name, values in columns.items()}
    return Hasher(connection, spec).hash_rows(pa.table({**arrays, "_row": range(count)}))


@given(ADDRESSES)
def test_an_address_is_the_same_in_any_case_and_width(address: str) -> None:
    normal = normalise_address(address)

    assert normal == address.lower()
    assert {
        normalise_address(written)
        for written in (
            normal, address.upper(), f"  {address}\n", wide(address), f"mailto:{address}",
            f"Bob <{address}>", unicodedata.normalize("NFKC", wide(address)),
        )
    } == {normal}  # fmt: skip


@given(ADDRESSES, st.from_regex(r"\A[a-z]{1,5}\Z"))
def test_a_tag_is_dropped_where_the_settings_say_so(address: str, tag: str) -> None:
    tagged = address.replace("@", f"+{tag}@")

    assert normalise_address(tagged, CHINA) == tagged.lower()
    assert normalise_address(tagged, NO_TAGS) == normalise_address(address, NO_TAGS)
    assert normalise_address(normalise_address(tagged, NO_TAGS), NO_TAGS) == address.lower()


@settings(max_examples=30)
@given(st.lists(st.one_of(ADDRESSES, st.text(max_size=20), st.text("ab@.<>+1 ", max_size=12))))
def test_sql_and_python_normalise_alike(texts: list[str]) -> None:
    # Texts that the landing makes printable first.
    trimmed = [normalise("", text.replace("\0", "")) for text in texts]
    for personal in (CHINA, NO_TAGS):
        found = duckdb.execute(
            f"select {address_sql('t', personal)} from (select unnest($1::varchar[]) as t)",
            [trimmed],
        ).fetchall()
        assert [a or "" for (a,) in found] == [normalise_address(t, personal) for t in trimmed]


@given(PHONES, st.sampled_from(["{}", "+86{}", "0086 {}", "86{}", "+86 ({})", "tel:+86{}"]))
def test_a_phone_number_is_the_same_however_it_is_written(digits: str, written: str) -> None:
    found = read_phone(written.format(digits), "CN")

    assert found == read_phone(digits, "CN")
    if found.number:
        assert found.number == f"+86{digits}"
        assert read_phone(found.number) == found
        spaced = f"{digits[:3]}-{digits[3:7]} {digits[7:]}"
        assert hash_phone(wide(spaced), CHINA) == sha256(found.number)


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_patterns_say_what_the_library_says(data: st.DataObject) -> None:
    region = data.draw(st.sampled_from(sorted(phonenumbers.SUPPORTED_REGIONS)))
    example = phonenumbers.example_number(region)
    assert example is not None
    e164 = phonenumbers.format_number(example, phonenumbers.PhoneNumberFormat.E164)
    digits = list(e164)
    for place in data.draw(st.lists(st.integers(4, len(digits) - 1), max_size=3)):
        digits[place] = data.draw(st.sampled_from("0123456789"))
    national = phonenumbers.format_number(example, phonenumbers.PhoneNumberFormat.NATIONAL)
    for written in ("".join(digits), "".join(digits[1:]), national, e164[1:]):
        found = read_phone(normalise("", written), region).number
        if found:
            parsed = phonenumbers.parse(written, region)
            assert found == phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164)
    assert read_phone(e164).number == e164


@pytest.mark.parametrize("text", ["", "0", "000000", "00000000000", "123456", "u_12345678", "N/A"])
def test_placeholders_and_codes_are_no_numbers(text: str) -> None:
    assert read_phone(text, "CN") == NO_PHONE


@given(st.one_of(HASHES, CODES, st.just("")))
def test_a_hash_and_a_code_stay_as_they_are(text: str) -> None:
    assert hash_address(text, CHINA) is None
    assert hash_phone(text, CHINA) is None
    assert without_addresses(text, CHINA) == text


@settings(max_examples=30, deadline=None)
@given(
    values=st.lists(st.one_of(st.none(), st.just(""), HASHES, CODES, ADDRESSES, PHONES), min_size=1)
)
def test_columns_hold_hashes_and_are_not_hashed_twice(
    scratch: duckdb.DuckDBPyConnection, values: list[str | None]
) -> None:
    once = hashed(scratch, email_hash=values, mobile_hash=values)
    columns = {n: once.column(n).to_pylist() for n in ("email_hash", "mobile_hash")}
    problems = {
        (name, row)
        for row, text in enumerate(
            once.column(WARNED).to_pylist() if WARNED in once.schema.names else []
        )
        for name in columns
        if text and name in text
    }
    for row, value in enumerate(values):
        text = value or ""
        told = ("mobile_hash", row) in problems
        is_number = read_phone(text, "CN") != NO_PHONE
        assert columns["email_hash"][row] == (hash_address(text, CHINA) or value)
        if is_number:
            assert told == (hash_phone(text, CHINA) is None)
        else:
            assert columns["mobile_hash"][row] == value
    again = hashed(scratch, **columns)
    assert {name: again.column(name).to_pylist() for name in columns} == columns


def test_a_value_that_cannot_be_read_is_null_and_not_quoted(
    scratch: duckdb.DuckDBPyConnection,
) -> None:
    rows = hashed(
        scratch,
        email_hash=["bob@localhost", None, "a@b.example"],
        mobile_hash=["call 13800138000", "1.38001E+10", "1.3800138001E+10"],
        note=["see a@b.example", "12:30 @ the shop", None],
    )

    assert rows.column("email_hash").to_pylist() == [None, None, sha256("a@b.example")]
    assert rows.column("mobile_hash").to_pylist() == [None, None, sha256("+8613800138001")]
    assert rows.column("note").to_pylist()[:2] == [
        f"see {sha256('a@b.example')}",
        "12:30 @ the shop",
    ]
    assert "mobile_hash: '…' is no valid phone number" in rows.column(WARNED)[0].as_py()
    assert rows.column(FLAW).to_pylist() == [
        None, "mobile_hash: '…' is a number that may have lost digits, export the column as text",
        None,
    ]  # fmt: skip


def test_an_undeclared_column_never_costs_a_row(scratch: duckdb.DuckDBPyConnection) -> None:
    rows = hashed(scratch, mobile=["13800138000", "1.38001E+10", "yes", "call 13800138000"])

    assert rows.column("mobile").to_pylist() == [sha256("+8613800138000"), None, "yes", None]
    assert FLAW not in rows.column_names


def test_rows_that_cannot_be_split_hold_no_number(scratch: duckdb.DuckDBPyConnection) -> None:
    payload = 'M1,a@b.example,138 0013 8000,12345678901,2026-01-02 00:00:00,"'
    (row,) = Hasher(scratch, SPEC).hash_broken([BrokenRow(1, "row has 7 fields", payload)])

    phone = sha256("+8613800138000")
    assert row.payload == f'M1,{sha256("a@b.example")},{phone},…,2026-01-02 00:00:00,"'


def test_identifiers_of_the_command_line() -> None:
    known = ("email_hash", "mobile_hash")
    bob, phone = sha256("bob@example.com"), sha256("+8613800138000")

    assert hashed_identifier("email", " Bob@Example.com", CHINA, known) == ("email_hash", bob)
    assert hashed_identifier("email_hash", "bob@example.com", CHINA, known) == ("email_hash", bob)
    assert hashed_identifier("email_hash", bob, CHINA, known) == ("email_hash", bob)
    assert hashed_identifier("phone", "13800138000", CHINA, known) == ("mobile_hash", phone)
    assert hashed_identifier("phone", "x", CHINA, ("phone",)) == ("phone", "x")
    assert hashed_identifier("member_id", "a@b.cc", CHINA, known) == ("member_id", "a@b.cc")
    with pytest.raises(UsageProblem, match="no e-mail address"):
        hashed_identifier("email", "bob", CHINA, known)
