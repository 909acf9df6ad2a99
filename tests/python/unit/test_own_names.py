"""The setting `columns`: files in the user's own column names."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from support.ingestion import Warehouse, take
from support.landing_writer import Cell, file_bytes
from support.odd_files import FORMATS, RETAIL_FORMATS, event, line, member
from support.raw_store import RawStore

from ingestion.column_names import BadColumns, with_own_names
from ingestion.declaration import TableSpec
from ingestion.landing.arrivals import Refused
from ingestion.pipelines import IngestError, tables
from ingestion.readers.sql.columns import Sort, choose_columns
from ingestion.readers.sql.settings import TableSettings

CRM, APP, RETAIL = (
    next(spec for spec in tables() if spec.source == source) for source in ("crm", "app", "retail")
)


def named(spec: TableSpec, **names: str) -> TableSpec:
    return replace(spec, own_names=tuple(names.items()))


def write(folder: Path, name: str, row: dict[str, Cell]) -> None:
    (folder / name).write_bytes(file_bytes(name, [row]))


def test_own_names_in_every_format(tmp_path: Path) -> None:
    own = {"Customer Number": "member_id", "Größe": "level", "#": "total_points"}
    for suffix in FORMATS:
        row: dict[str, Cell] = {"Channel": "web", "customer_number": suffix, "GRÖSSE": "gold"}
        write(tmp_path, f"a.{suffix}", {**row, "#": 3})
    taken = take(named(CRM, **own), tmp_path)
    found = [(row["member_id"], row["level"], row["total_points"]) for row in taken.rows]
    assert (sorted(found), taken.refused) == ([(s, "gold", 3) for s in sorted(FORMATS)], {})


def test_own_names_of_invoices(tmp_path: Path) -> None:
    for suffix in RETAIL_FORMATS:
        row = line("?")
        del row["Invoice"], row["Quantity"]
        write(tmp_path, f"a.{suffix}", {"Beleg": suffix, "Stück": 2, **row})
    taken = take(named(RETAIL, Beleg="invoice", Stück="quantity"), tmp_path)
    found = sorted((row["invoice"], row["quantity"]) for row in taken.rows)
    assert (found, taken.refused) == ([(suffix, 2) for suffix in sorted(RETAIL_FORMATS)], {})


def test_name_goes_before_a_declared_one(tmp_path: Path) -> None:
    write(tmp_path, "a.csv", member("M1", mobile_hash="mail", email_hash="phone"))
    taken = take(named(CRM, mobile_hash="email_hash", email_hash="mobile_hash"), tmp_path)
    assert [(row["email_hash"], row["mobile_hash"]) for row in taken.rows] == [("mail", "phone")]


def test_file_with_two_columns_for_one_is_refused(tmp_path: Path) -> None:
    write(tmp_path, "a.csv", event("E1", device_id="D1", Wer="D2"))
    taken = take(named(APP, Wer="device_id"), tmp_path)
    told = "columns 'device_id' and 'Wer' both mean 'device_id'; keep one of them"
    assert taken.refused == {"a.csv": told}


def test_repeated_header_in_own_names_is_no_row(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("Number,level\nM1,gold\nNumber,level\nM2,silver\n")
    taken = take(named(CRM, Number="member_id"), tmp_path)
    assert [row["member_id"] for row in taken.rows] == ["M1", "M2"]
    assert [row["reason"] for row in taken.quarantine] == ["row repeats the header"]


def test_file_is_read_again_where_a_name_of_it_has_changed(tmp_path: Path) -> None:
    store = RawStore(tmp_path, CRM)
    store.write("a.csv", "member_id,Handy,Stufe", "M1,A,gold")
    store.write("b.csv", "member_id,real_name", "M2,B")
    found = []
    for names in (
        {},
        {"Handy": "mobile_hash", "Stufe": "channel"},
        {"Handy": "mobile_hash", "Stufe": "channel"},
        {"Handy": "mobile_hash", "Stufe": "level"},
        {"Handy": "mobile_hash"},
        {"Handy": "mobile_hash", "Other": "gender"},
    ):
        store.spec = named(CRM, **names)
        store.notices.clear()
        store.load()
        (row,) = store.query(
            "select mobile_hash, channel, level from raw_crm.members where member_id = 'M1'"
        )
        read = [text for text in store.notices if "is read again" in text]
        found.append((*row, len(read)))
        assert not any(text.startswith("crm/b.csv") for text in read)
    assert found == [
        (None, None, None, 0),
        ("A", "gold", None, 1),
        ("A", "gold", None, 0),
        # What a wrong name brought stays, and the notice says so.
        ("A", "gold", "gold", 1),
        ("A", "gold", "gold", 1),
        ("A", "gold", "gold", 0),
    ]


def test_event_that_is_read_again_is_no_conflict(tmp_path: Path) -> None:
    store = RawStore(tmp_path, APP)
    store.write("a.csv", "event_id,event_type,event_time,Gerät", "E1,view,2024-10-01,D1")
    store.load()
    store.spec = named(APP, Gerät="device_id")
    store.load()
    assert store.query("select device_id from raw_app.events") == [("D1",)]


def test_setting_is_read_by_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    columns = {"Customer Number": "member_id"}
    monkeypatch.setenv("SOURCES__CRM__COLUMNS", json.dumps(columns))
    monkeypatch.setenv("SOURCES__APP__EVENTS__COLUMNS", json.dumps({"Wer": "device_id"}))
    found = {spec.source: dict(spec.own_names) for spec in with_own_names(tables())}
    assert {source: names for source, names in found.items() if names} == {
        "crm": columns,
        "app": {"Wer": "device_id"},
    }
    monkeypatch.setenv("SOURCES__APP__COLUMNS", json.dumps({"Wer": "device_id"}))
    with pytest.raises(BadColumns, match=r"app has several tables; say \[sources.app.events.colu"):
        with_own_names([APP, replace(APP, table="others")])
    with pytest.raises(BadColumns, match=r"app.columns and sources.app.events.columns are the sa"):
        with_own_names([APP])


@pytest.mark.parametrize(
    ("columns", "told"),
    [
        ('{"Number": "member"}', "'Number' is to be 'member', but crm has no such column; expecte"),
        ('{"A": "level", "B": "level"}', "both 'A' and 'B' are to be 'level'; keep one of them"),
        ('{"A b": "level", "a_B": "level"}', "both 'A b' and 'a_B' are to be 'level'"),
        ('{"A b": "level", "a_B": "channel"}', "'A b' and 'a_B' are one name"),
        ('{"A": {"b": "level"}}', "'A' is no text: write names in quotes"),
        ('{" ": "level"}', "names an empty column"),
        ("level", "must be a line per column"),
    ],
)
def test_setting_that_cannot_be_used_stops_with_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, columns: str, told: str
) -> None:
    monkeypatch.setenv("SOURCES__CRM__COLUMNS", columns)
    with pytest.raises(IngestError) as stopped:
        Warehouse(tmp_path).load(source="crm")
    assert str(stopped.value).startswith("sources.crm.columns")
    assert told in str(stopped.value)
    assert "\n" not in str(stopped.value)


def test_own_names_in_a_database() -> None:
    found = [("Customer Number", Sort.TEXT), ("member_id", Sort.TEXT), ("note", Sort.TEXT)]
    spec = named(CRM, **{"Customer Number": "member_id"})
    with pytest.raises(Refused, match="member_id"):
        choose_columns(spec, TableSettings("customers"), found, None)

    settings = TableSettings("customers", columns={"member_id": "member_id", "note": "memo"})
    header = choose_columns(spec, settings, found, None)
    assert [(column.remote, column.name) for column in header.columns] == [
        ("member_id", "member_id"), ("note", "memo"),
    ]  # fmt: skip
    header = choose_columns(spec, TableSettings("customers"), found[:1], None)
    assert [(column.remote, column.name) for column in header.columns] == [
        ("Customer Number", "member_id")
    ]
