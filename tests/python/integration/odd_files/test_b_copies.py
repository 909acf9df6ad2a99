"""Files that were copied, moved or renamed are not loaded again."""

from __future__ import annotations

import gzip

import pytest
from support.ingestion import Warehouse
from support.odd_files import event, line, lines_of, link, member, send, values

ROWS = {
    "crm": [member("M1", level="iron")],
    "app": [event("E1")],
    "retail": [line("1"), line("1")],
    "id_graph": [link("M1", "U1")],
}


def texts(warehouse: Warehouse, source: str) -> list[str]:
    report = warehouse.load(source=source)[source]
    return [f"{name} {text}" for name, text in report.notices]


@pytest.mark.parametrize("suffix", ["csv", "jsonl", "parquet", "xlsx"])
def test_renamed_invoices_do_not_undo_a_correction(warehouse: Warehouse, suffix: str) -> None:
    send(warehouse, f"retail/a.{suffix}", [line("1", "100.00")])
    warehouse.load(source="retail")
    send(warehouse, f"retail/b.{suffix}", [line("1", "10.00")])
    warehouse.load(source="retail")
    moved = warehouse.data / "retail" / "archive" / f"old.{suffix}"
    moved.parent.mkdir()
    (warehouse.data / "retail" / f"a.{suffix}").rename(moved)
    report = warehouse.load(source="retail")["retail"]
    ((name, text),) = report.notices
    assert name == f"archive/old.{suffix}"
    assert f"has the same content as a.{suffix}, loaded on 20" in text
    assert (report.files_loaded, report.files_skipped, report.rows_read) == (0, 2, 0)
    assert [price for _, _, price, _ in lines_of(warehouse)] == [10.0]


@pytest.mark.parametrize("source", ROWS)
def test_copies_in_one_load_count_once(warehouse: Warehouse, source: str) -> None:
    for name in ("a", "b"):
        send(warehouse, f"{source}/{name}.csv", ROWS[source])
    report = warehouse.load(source=source)[source]
    assert [name for name, _ in report.notices] == ["b.csv"]
    assert "has the same content as a.csv, of this load" in report.notices[0][1]
    assert (report.rows_read, report.rows_loaded) == (len(ROWS[source]),) * 2


@pytest.mark.parametrize("source", ROWS)
def test_copy_of_an_earlier_version_is_known(warehouse: Warehouse, source: str) -> None:
    send(warehouse, f"{source}/a.csv", ROWS[source])
    warehouse.load(source=source)
    changed = [{**row, "note": "x"} for row in ROWS[source]]
    send(warehouse, f"{source}/a.csv", changed)
    warehouse.load(source=source)
    send(warehouse, f"{source}/b.csv", ROWS[source])
    send(warehouse, f"{source}/c.csv", changed)
    assert [text[:35] for text in texts(warehouse, source)] == [
        "b.csv has the same content as a.csv", "c.csv has the same content as a.csv",
    ]  # fmt: skip


def test_file_changed_back_is_loaded_again(warehouse: Warehouse) -> None:
    for price, name in (("1.00", "a"), ("2.00", "a"), ("1.00", "a")):
        send(warehouse, f"retail/{name}.csv", [line("1", price)])
        warehouse.load(source="retail")
    assert [price for _, _, price, _ in lines_of(warehouse)] == [1.0]


def test_moved_and_then_changed_is_loaded(warehouse: Warehouse) -> None:
    send(warehouse, "crm/a.csv", [member("M1", level="iron")])
    warehouse.load(source="crm")
    (warehouse.data / "crm/a.csv").rename(warehouse.data / "crm/b.csv")
    warehouse.load(source="crm")
    send(warehouse, "crm/b.csv", [member("M1", level="gold")])
    warehouse.load(source="crm")
    assert values(warehouse, "crm", "level") == ["gold"]


def test_rotated_names_bring_nothing_back(warehouse: Warehouse) -> None:
    levels = ["iron", "silver", "gold", "plain"]
    for day in range(len(levels)):
        for age in range(day + 1):
            send(warehouse, f"crm/export.{age}.csv", [member("M1", level=levels[day - age])])
        warehouse.load(source="crm")
        assert values(warehouse, "crm", "level") == [levels[day]]


def test_compressed_or_packed_again_is_the_same(warehouse: Warehouse) -> None:
    send(warehouse, "crm/a.csv", [member("M1", level="iron")])
    warehouse.load(source="crm")
    send(warehouse, "crm/b.csv", [member("M1", level="gold")])
    warehouse.load(source="crm")
    body = (warehouse.data / "crm/a.csv").read_bytes()
    (warehouse.data / "crm/a.csv").unlink()
    warehouse.write_bytes("crm/a.csv.gz", gzip.compress(body, mtime=1))
    assert len(texts(warehouse, "crm")) == 1
    warehouse.write_bytes("crm/c.csv.gz", gzip.compress(body + b"M2,x\n", mtime=1))
    warehouse.load(source="crm")
    warehouse.write_bytes("crm/c.csv.gz", gzip.compress(body + b"M2,x\n", mtime=2))
    warehouse.write_bytes("crm/d.csv", body + b"M2,x\n")
    report = warehouse.load(source="crm")["crm"]
    assert (report.files_loaded, report.rows_read) == (0, 0)


def test_copy_of_a_refused_file_is_refused(warehouse: Warehouse) -> None:
    for name in ("a", "b"):
        warehouse.write("crm/" + name + ".csv", "level", "gold")
    warehouse.write("crm/c.jsonl", "level", "gold")
    report = warehouse.load(source="crm")["crm"]
    assert [name for name, _ in report.refused] == ["a.csv", "b.csv", "c.jsonl"]
    assert report.notices == ()


def test_moved_invoices_are_not_missing(warehouse: Warehouse) -> None:
    send(warehouse, "retail/a.csv", [line("1"), line("2")])
    warehouse.load(source="retail")
    send(warehouse, "retail/b.csv", [line("1"), line("2")])
    warehouse.load(withdraw_missing=True, source="retail")
    (warehouse.data / "retail/a.csv").unlink()
    warehouse.load(withdraw_missing=True, source="retail")
    assert len(lines_of(warehouse)) == 2


def test_moved_file_is_read_again_after_the_order_of_dates_is_set(warehouse: Warehouse) -> None:
    """Its original was read month first."""
    warehouse.write("crm/a.csv", "member_id,birthday", "M1,05/02/2011")
    warehouse.load(source="crm")
    (warehouse.data / "crm/a.csv").rename(warehouse.data / "crm/b.csv")
    settings = pytest.MonkeyPatch()
    settings.setenv("SOURCES__CRM__DATE_ORDER", "day_first")
    try:
        warehouse.load(source="crm")
    finally:
        settings.undo()
    assert [str(day) for day in values(warehouse, "crm", "birthday")] == ["2011-02-05"]
