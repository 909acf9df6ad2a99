"""Values and types of columns that are odd: dates, numbers, types of Parquet, names of files."""

from __future__ import annotations

import datetime as dt
import io
import re
import uuid
from decimal import Decimal
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from support.ingestion import Warehouse, take
from support.landing_writer import file_bytes
from support.odd_files import FORMATS, event, line, link, member, send

from ingestion.landing.arrivals import FLAW, Refused
from ingestion.pipelines import tables
from ingestion.readers.parquet_reader import read_parquet
from onecdp.errors import OnecdpError
from onecdp.identity.explain import explain
from onecdp.identity.report import report

SPECS = {spec.source: spec for spec in tables()}
EARLY = ("0001-01-01", "0024-10-01 10:00:00", "1899-12-30", "10/01/0024")


def test_times_before_1900_are_quarantined(tmp_path: Path) -> None:
    files = {
        "crm": [member(f"M{n}", updated_at=time) for n, time in enumerate(EARLY)],
        "app": [event(f"E{n}", event_time=time) for n, time in enumerate(EARLY)],
        "retail": [line(f"{n}", InvoiceDate=time) for n, time in enumerate(EARLY)],
        "id_graph": [link(f"M{n}", "U", last_seen=time) for n, time in enumerate(EARLY)],
    }
    for source, rows in files.items():
        folder = tmp_path / source
        folder.mkdir()
        (folder / "a.csv").write_bytes(file_bytes("a.csv", rows))
        taken = take(SPECS[source], folder)
        assert taken.counts == (4, 0, 4, 0, 0)
        assert all(row["reason"].endswith("' is before 1900") for row in taken.quarantine)


def test_optional_dates_before_1900_or_to_come_are_null(tmp_path: Path) -> None:
    rows = [
        member("M1", birthday="1899-12-31"),
        member("M2", register_date="9999-12-31"),
        member("M3", birthday="1900-01-01"),
    ]
    (tmp_path / "a.csv").write_bytes(
        file_bytes("a.csv", rows, ["member_id", "birthday", "register_date"])
    )
    taken = take(SPECS["crm"], tmp_path)
    assert taken.counts == (3, 3, 0, 0, 0)
    assert [str(row["birthday"]) for row in taken.rows] == ["None", "None", "1900-01-01"]
    assert [row["reason"] for row in taken.warnings] == [
        "birthday: '1899-12-31' is before 1900",
        "register_date: '9999-12-31' is later than a day after the load",
    ]


def test_exponents_of_whole_numbers(tmp_path: Path) -> None:
    written = {"1e3": 1000, "1.5e2": 150, "-2E+1": -20, "1e-1": None, "1.23457E+12": None}
    rows = [line(f"{n}", Quantity=text) for n, text in enumerate(written)]
    (tmp_path / "a.csv").write_bytes(file_bytes("a.csv", rows))
    taken = take(SPECS["retail"], tmp_path)
    assert [row["quantity"] for row in taken.rows] == [1000, 150, -20]
    assert len(taken.quarantine) == 2


UUID = uuid.UUID("123e4567-e89b-12d3-a456-426614174000")
READ = {
    "string": (pa.array(["a"]), "a"),
    "large_string": (pa.array(["a"], pa.large_string()), "a"),
    "string_view": (pa.array(["a"], pa.string_view()), "a"),
    "dictionary": (pa.array(["a"]).dictionary_encode(), "a"),
    "large dictionary": (pa.array(["a"], pa.large_string()).dictionary_encode(), "a"),
    "uuid": (pa.array([UUID.bytes], pa.uuid()), str(UUID)),
    "half": (pa.array(np.array([7], np.float16)), "7"),
    "uint64": (pa.array([2**63], pa.uint64()), str(2**63)),
    "decimal": (pa.array([Decimal("7.00")]), "7"),
    "decimal32": (pa.array([Decimal("7.00")], pa.decimal32(5, 2)), "7"),
    "decimal256": (pa.array([Decimal("7.00")], pa.decimal256(50, 2)), "7"),
}
REFUSED = {
    "binary": pa.array([b"a"]),
    "fixed_size_binary[16]": pa.array([UUID.bytes], pa.binary(16)),
    "bool": pa.array([True]),
    "date32": pa.array([dt.date(2024, 1, 1)]),
    "time64": pa.array([dt.time(1, 2)]),
    "duration": pa.array([dt.timedelta(1)]),
    "list": pa.array([[1]]),
    "struct": pa.array([{"a": 1}]),
}


def read(**columns: pa.Array) -> pa.Table:
    """What the reader makes of a Parquet file of members."""
    sink = io.BytesIO()
    pq.write_table(pa.table(columns), sink)
    sink.seek(0)
    (chunk,) = read_parquet(sink, SPECS["crm"])
    return chunk.table


@pytest.mark.parametrize("kind", READ)
def test_types_of_identifiers_that_are_read(kind: str) -> None:
    array, expected = READ[kind]
    table = read(member_id=array)
    typed = expected.removesuffix(".00")
    assert [text.removesuffix(".00") for text in table["member_id"].to_pylist()] == [typed]
    assert FLAW not in table.column_names or table[FLAW].null_count == 1


@pytest.mark.parametrize("kind", REFUSED)
def test_types_of_identifiers_that_are_refused(kind: str) -> None:
    with pytest.raises(
        Refused, match=rf"^column member_id is {re.escape(kind)}.*; cast it to text$"
    ):
        read(member_id=REFUSED[kind])


def test_types_of_other_columns() -> None:
    every = {**REFUSED, **{kind: array for kind, (array, _) in READ.items()}}
    columns = ("level", "total_points", "updated_at", "birthday", "is_deleted", "note")
    found: dict[str, set[str]] = {name: set() for name in columns}
    for name in columns:
        for kind, array in every.items():
            try:
                table = read(member_id=pa.array(["M1"]), **{name: array})
            except Refused:
                continue
            assert table[name].null_count == 0
            found[name].add(kind)
    texts = {"string", "large_string", "string_view", "dictionary", "large dictionary"}
    numbers = {"half", "uint64", "decimal", "decimal32", "decimal256"}
    assert found == {
        "level": set(every) - {"binary", "fixed_size_binary[16]", "duration"},
        "total_points": texts | numbers,
        "updated_at": texts | {"date32"},
        "birthday": texts | {"date32"},
        "is_deleted": texts | {"half", "uint64", "bool"},
        "note": set(every),
    }


def test_field_that_comes_twice_quarantines_the_row(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text(
        '{"member_id":"M1","mobile_hash":"a","mobile_hash":"b"}\n'
        '{"member_id":"M2","note":"\\"x\\":","more":{"a":1,"b":2}}\n'
    )
    taken = take(SPECS["crm"], tmp_path)
    assert [row["member_id"] for row in taken.rows] == ["M2"]
    assert [row["reason"] for row in taken.quarantine] == ["row has the field 'mobile_hash' twice"]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("member_id|level\nM1|gold\n", "looks pipe-separated; save it with commas"),
        ("'member_id','level'\n'M1','gold'\n", "quotes its fields with '; save it with \""),
        (
            "member_id,level\nM1,gold\nlevel,member_id\ngold,M2\n",
            "line 3 is a header with other columns; split the file there",
        ),
        (
            'member_id,level\nM1,"a\nb"\nMember_ID,channel\nM2,web\n',
            "line 4 is a header with other columns; split the file there",
        ),
        ("Key~Level\nM1~gold\n", "has no column member_id; columns found: Key~Level"),
    ],
)
def test_refused_headers_are_shown_as_they_are(tmp_path: Path, text: str, reason: str) -> None:
    (tmp_path / "a.csv").write_text(text)
    assert take(SPECS["crm"], tmp_path).refused == {"a.csv": reason}


def test_space_after_a_quote_is_told_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text('member_id,level\n"M1" ,gold\n"M2,gold\n')
    first, second = [row["reason"] for row in take(SPECS["crm"], tmp_path).quarantine]
    assert first.startswith("there is something between a closing quote and the next comma")
    assert second == "a quote is not closed"


def test_lost_digits_are_told_once(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text('{"member_id":1.5}\n{"member_id":1.5e300}\n')
    pq.write_table(pa.table({"member_id": [1.5e300, 2.5]}), tmp_path / "a.parquet")
    for row in take(SPECS["crm"], tmp_path).quarantine:
        assert row["reason"].count("lost digits") == 1


def test_names_that_differ_in_case_alone_are_one_column(warehouse: Warehouse) -> None:
    for suffix in FORMATS:
        send(warehouse, f"crm/a.{suffix}", [member(f"A{suffix}", Straße="a")])
        send(warehouse, f"crm/b.{suffix}", [member(f"B{suffix}", STRASSE="b")])
    warehouse.load(source="crm")
    send(warehouse, "crm/c.csv", [member("C", STRASSE="c")])
    assert warehouse.load(source="crm")["crm"].refused == ()
    found = warehouse.query('select "straße" from raw_crm.members order by 1')
    assert found == [("a",)] * 3 + [("b",)] * 3 + [("c",)]


def test_name_of_a_file_stands_on_one_line(warehouse: Warehouse) -> None:
    send(warehouse, "crm/a\nb.csv", [member("M1")])
    warehouse.write("crm/c\u2028d\t.csv", "level")
    loaded = warehouse.load(source="crm")["crm"]
    assert [name for name, _ in loaded.refused] == ["c\\u2028d\\t.csv"]
    assert warehouse.query("select file from raw_crm.loads") == [("a\\nb.csv",)]
    assert not any("\n" in text for text in warehouse.notices)


@pytest.mark.parametrize("command", [report, lambda file: explain(file, "member_id:M1", None)])
def test_warehouse_without_a_build_is_told_in_plain_words(tmp_path: Path, command: object) -> None:
    file = tmp_path / "onecdp.duckdb"
    duckdb.connect(str(file)).close()
    assert callable(command)
    with pytest.raises(OnecdpError, match=r"run `onecdp build` first$"):
        command(file)
