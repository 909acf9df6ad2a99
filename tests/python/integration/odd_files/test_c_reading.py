"""Files that are read although they are odd, and files that stop only themselves."""

from __future__ import annotations

from typing import Any

import pytest
from support.ingestion import Warehouse
from support.landing_writer import DIALECTS, Dialect, csv_bytes
from support.odd_files import FORMATS, TABLES, event, line, link, member, send, values

from ingestion.readers import files

ROWS = {
    "crm": [member("M1", real_name='Kim, "K"'), member("M2", real_name="two\nlines")],
    "app": [event("E1"), event("E2")],
    "retail": [line("1"), line("2")],
    "id_graph": [link("M1", "U1"), link("M2", "U2")],
}


@pytest.mark.parametrize("end", [b"\r", b"\r\n\r", b""], ids=["whole", "mixed", "no last one"])
def test_carriage_returns_alone_end_lines(warehouse: Warehouse, end: bytes) -> None:
    for source, rows in ROWS.items():
        body = csv_bytes(rows, dialect=next(d for d in DIALECTS if d.name == "cr"))
        if end == b"\r\n\r":
            # The first line of a file that was put together has another end.
            body = body.replace(b"\r", b"\r\n", 1)
        warehouse.write_bytes(f"{source}/a.csv", body.removesuffix(b"\r") + end[-1:])
    reports = warehouse.load()
    assert [(r.rows_loaded, r.rows_quarantined) for r in reports.values()] == [(2, 0)] * 4
    assert values(warehouse, "crm", "real_name") == ['Kim, "K"', "two\nlines"]
    lines = warehouse.query("select _line from raw_app.events order by event_id")
    assert lines == [(2,), (3,)]


@pytest.mark.parametrize("dialect", [d for d in DIALECTS if not d.refused], ids=lambda d: d.name)
def test_dialects_that_are_read(warehouse: Warehouse, dialect: Dialect) -> None:
    suffix = "csv.gz" if dialect.compressed else "csv"
    for source, rows in ROWS.items():
        warehouse.write_bytes(f"{source}/a.{suffix}", csv_bytes(rows, dialect=dialect))
    reports = warehouse.load()
    assert [(r.rows_loaded, r.rows_quarantined) for r in reports.values()] == [(2, 0)] * 4


def test_dialects_that_are_not_read_are_refused_by_name(warehouse: Warehouse) -> None:
    names = []
    for dialect in DIALECTS:
        if dialect.refused:
            names.append(f"{dialect.name}.csv")
            for source, rows in ROWS.items():
                body = csv_bytes(rows, dialect=dialect)
                warehouse.write_bytes(f"{source}/{dialect.name}.csv", body)
    reports = warehouse.load()
    for source, report in reports.items():
        assert sorted(name for name, _ in report.refused) == sorted(names)
        assert warehouse.query(f"select count(*) from {TABLES[source]}") == [(0,)]


def test_unexpected_error_in_one_file_refuses_that_file(
    warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*args: Any) -> Any:
        raise RuntimeError("what nobody thought of")

    monkeypatch.setattr(files, "read_parquet", broken)
    for source, rows in ROWS.items():
        for suffix in FORMATS:
            send(warehouse, f"{source}/a.{suffix}", rows)
    reports = warehouse.load()
    for report in reports.values():
        ((name, reason),) = report.refused
        assert name == "a.parquet"
        assert "what nobody thought of" in reason
        assert report.rows_loaded == 2


def test_column_names_keep_their_letters(warehouse: Warehouse) -> None:
    cells = {
        "姓名": "甲",
        "备注": "乙",
        "Größe": "丙",
        "ÄNDERUNG": "丁",
        "\uff2e\uff4f\uff54\uff45": "戊",
    }
    for suffix in FORMATS:
        send(warehouse, f"crm/a.{suffix}", [member(suffix, **cells)])
        send(warehouse, f"app/a.{suffix}", [event(suffix, **cells)])
    send(warehouse, "retail/a.xlsx", [line("1", **cells)])
    reports = warehouse.load()
    assert [report.refused for report in reports.values()] == [()] * 4
    for source, count in (("crm", 3), ("app", 3), ("retail", 1)):
        rows = warehouse.query(
            f'select "姓名", "备注", "größe", "änderung", note from {TABLES[source]}'
        )
        assert rows == [tuple(cells.values())] * count


def test_known_columns_may_be_full_width(warehouse: Warehouse) -> None:
    wide = str.maketrans({n: n + 0xFEE0 for n in range(ord("a"), ord("z") + 1)})
    row = {name.translate(wide): value for name, value in member("M1", level="gold").items()}
    send(warehouse, "crm/a.csv", [row])
    warehouse.load()
    assert warehouse.query("select member_id, level from raw_crm.members") == [("M1", "gold")]


OPTIONAL = {
    "crm": [
        member("M1", birthday="0000-00-00", level="gold"),
        member("M2", register_date="2024-13-45", level="gold"),
        member("M3", total_points="many", level="gold"),
    ],
    "app": [event("E1", item_price="20,00")],
    "id_graph": [link("M1", "U1", first_seen="never")],
}


def test_unreadable_optional_field_is_nulled_with_a_warning(warehouse: Warehouse) -> None:
    for source, rows in OPTIONAL.items():
        for suffix in FORMATS:
            key = next(iter(rows[0])) if source != "id_graph" else "left_id_value"
            own = [{**row, key: f"{row[key]} {suffix}"} for row in rows]
            send(warehouse, f"{source}/a.{suffix}", own)
    reports = warehouse.load()
    assert [reports[source].rows_loaded for source in OPTIONAL] == [9, 3, 3]
    assert [reports[source].rows_quarantined for source in OPTIONAL] == [0, 0, 0]
    assert values(warehouse, "crm", "level") == ["gold"] * 9
    assert values(warehouse, "crm", "birthday") == [None] * 9
    assert values(warehouse, "app", "item_price") == [None] * 3
    told = warehouse.query("select file, line, reason from raw_crm.warnings order by all")
    assert [(file, line) for file, line, _ in told if file == "a.csv"] == [
        ("a.csv", 2), ("a.csv", 3), ("a.csv", 4)
    ]  # fmt: skip
    assert len(told) == 9
    assert "birthday" in told[0][2]
    assert "0000-00-00" in told[0][2]
    (price, *_) = warehouse.query("select reason from raw_app.warnings")
    assert "item_price" in price[0]
    assert len(warehouse.query("from raw_id_graph.warnings")) == 3


def test_unreadable_required_field_is_quarantined(warehouse: Warehouse) -> None:
    send(warehouse, "app/a.csv", [event("E1", event_time="soon"), event("E2")])
    send(warehouse, "retail/a.csv", [line("1", Quantity="many"), line("2")])
    reports = warehouse.load()
    for source in ("app", "retail"):
        assert warehouse.counts(reports[source]) == (2, 1, 1, 0, 0)


def test_header_that_comes_again_is_no_row(warehouse: Warehouse) -> None:
    """A file put together of two; without a date, its second header would be a member."""
    first, second = (csv_bytes([member(key, real_name="Kim")]) for key in ("M1", "M2"))
    warehouse.write_bytes("crm/a.csv", first + second + b"\xef\xbb\xbf" + second)
    header: dict[str, object] = {name: name for name in line("1")}
    rows = [line("1"), header, line("2")]
    send(warehouse, "retail/a.xlsx", rows)
    reports = warehouse.load()
    assert values(warehouse, "crm", "member_id") == ["M1", "M2"]
    assert [(n, text) for _, n, text in warehouse.quarantine("crm")] == [
        (3, "row repeats the header"),
        (5, "row repeats the header"),
    ]
    assert warehouse.counts(reports["retail"]) == (3, 2, 1, 0, 0)
    assert [text for *_, text in warehouse.quarantine("retail")] == ["row repeats the header"]


def test_two_columns_that_differ_in_case_alone_refuse_their_file(warehouse: Warehouse) -> None:
    """Elsewhere dlt would stop the whole source."""
    send(warehouse, "crm/a.csv", [member("M1", **{"Straße": 1, "STRASSE": 2})])
    send(warehouse, "crm/b.csv", [member("M2")])
    report = warehouse.load()["crm"]
    ((name, reason),) = report.refused
    assert (name, report.rows_loaded) == ("a.csv", 1)
    assert "'Straße' and 'STRASSE'" in reason


def test_zone_that_is_none_makes_no_time(warehouse: Warehouse) -> None:
    times = ["2024-01-01 10:00:00+99:99", "2024-01-01 10:00:00+14:00", "2024-01-01 10:00:00-1200"]
    send(warehouse, "app/a.csv", [event(moment, event_time=moment) for moment in times])
    warehouse.load()
    assert values(warehouse, "app", "event_time::varchar") == [
        "2023-12-31 20:00:00",
        "2024-01-01 22:00:00",
    ]
