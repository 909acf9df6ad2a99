"""A person who was erased does not come back in another spelling."""

from __future__ import annotations

import duckdb
from support.ingestion import Warehouse
from support.odd_files import FORMATS, event, line, link, member, reasons, send, values

from ingestion.erasure import erase_raw, set_tombstones
from ingestion.pipelines import tables

PERSON = (("member_id", "U1"), ("device_id", "U1"), ("retail_customer_id", "U1"))
SPELLINGS = (
    "U1", " U1 ", "U1\n", "U1\t", "\r\nU1\r\n", "\ufeffU1", "U1\u200b", "\u3000U1", "\uff351",
    '="U1"',
)  # fmt: skip


def test_erased_person_stays_out_in_any_spelling(warehouse: Warehouse) -> None:
    with duckdb.connect(str(warehouse.folder / "onecdp.duckdb")) as private:
        set_tombstones(private, warehouse.folder, PERSON)
    for suffix in FORMATS:
        crm = [member(spelling, real_name=f"{n}") for n, spelling in enumerate(SPELLINGS)]
        send(warehouse, f"crm/a.{suffix}", [*crm, member("U2", real_name="other")])
        app = [event(f"E{n}{suffix}", device_id=spelled) for n, spelled in enumerate(SPELLINGS)]
        send(warehouse, f"app/a.{suffix}", app)
        lines = [line(f"{n}{suffix}", **{"Customer ID": s}) for n, s in enumerate(SPELLINGS)]
        send(warehouse, f"retail/a.{suffix}", lines)
        links = [link(spelled, f"R{n}{suffix}") for n, spelled in enumerate(SPELLINGS)]
        send(warehouse, f"id_graph/a.{suffix}", links)
    reports = warehouse.load()
    assert values(warehouse, "crm", "member_id") == ["U2"]
    assert set(values(warehouse, "app", "device_id")) <= {None}
    assert set(values(warehouse, "retail", "customer_id")) <= {None}
    assert values(warehouse, "id_graph", "left_id_value") == []
    assert reports["crm"].rows_erased == len(SPELLINGS) * len(FORMATS)


def test_tombstones_from_before_identifiers_were_normalised_still_count(
    warehouse: Warehouse,
) -> None:
    """Then they were trimmed of spaces only, and doubles from Parquet had exponents."""
    former = (
        ("member_id", "U1\n"), ("mobile_hash", "\ufeffaa"), ("device_id", "17.0"),
        ("device_id", "\uff351"), ("member_id", "4.47911000001e+11"), ("member_id", "1e+10"),
    )  # fmt: skip
    with duckdb.connect(str(warehouse.folder / "onecdp.duckdb")) as private:
        set_tombstones(private, warehouse.folder, former)
    send(
        warehouse,
        "crm/a.jsonl",
        [member(" U1\n ", real_name="A"), member("U2", mobile_hash="\ufeffAA ", real_name="B")],
    )
    send(warehouse, "crm/b.parquet", [member(447911000001.0), member(1e10)])
    devices = ["17.0 ", "\uff351", "18.0"]
    send(warehouse, "app/a.jsonl", [event(f"E{n}", device_id=d) for n, d in enumerate(devices)])
    warehouse.load()
    assert warehouse.query("select member_id, mobile_hash from raw_crm.members") == [("U2", None)]
    assert warehouse.query("select event_id, device_id from raw_app.events order by 1") == [
        ("E0", None),
        ("E1", None),
        ("E2", "18"),
    ]


HASH = "0123456789abcdef" * 4
UUID = "123E4567-E89B-12D3-A456-426614174000"


def test_erased_hash_stays_out_under_another_type(warehouse: Warehouse) -> None:
    """Columns may be swapped, and a link may have a wrong type; nobody else has such a value."""
    person = (("mobile_hash", HASH), ("device_id", UUID), ("member_id", "17"))
    with duckdb.connect(str(warehouse.folder / "onecdp.duckdb")) as private:
        set_tombstones(private, warehouse.folder, person)
    for suffix in FORMATS:
        crm = [member(f"A{suffix}", email_hash=HASH.upper()), member("B", retail_customer_id=17)]
        send(warehouse, f"crm/a.{suffix}", crm)
        app = [event(f"E{suffix}", open_id=UUID), event("F", device_id=17)]
        send(warehouse, f"app/a.{suffix}", app)
        send(warehouse, f"retail/a.{suffix}", [line(suffix, **{"Customer ID": HASH})])
        links = [link(HASH, f"R{suffix}"), link("B", UUID), link("B", 17)]
        send(warehouse, f"id_graph/a.{suffix}", links)
    warehouse.load()
    assert set(values(warehouse, "crm", "email_hash")) == {None}
    assert set(values(warehouse, "app", "open_id")) == {None}
    assert set(values(warehouse, "retail", "customer_id")) == {None}
    # A short value of another type is somebody else's.
    assert values(warehouse, "id_graph", "right_id_value") == ["17"]
    assert "17" in values(warehouse, "crm", "retail_customer_id")
    assert "17" in values(warehouse, "app", "device_id")


def test_erasing_takes_a_hash_that_stands_under_another_type(warehouse: Warehouse) -> None:
    send(warehouse, "crm/a.csv", [member("A", mobile_hash=HASH), member("B", email_hash=HASH)])
    send(warehouse, "id_graph/a.csv", [link(HASH, "R"), link("B", "R")])
    warehouse.load()
    with duckdb.connect(str(warehouse.folder / "onecdp.duckdb")) as private:
        erase_raw(private, tables(), [("member_id", "A"), ("mobile_hash", HASH)])
    assert warehouse.query("select member_id, email_hash from raw_crm.members") == [("B", None)]
    assert values(warehouse, "id_graph", "left_id_value") == ["B"]


def test_link_of_an_unknown_type_is_quarantined(warehouse: Warehouse) -> None:
    for suffix in FORMATS:
        rows = [
            link(f"A{suffix}", "R", left_id_type="Member_ID "),
            link(f"B{suffix}", "R", right_id_type="mail_hash"),
        ]
        send(warehouse, f"id_graph/a.{suffix}", rows)
    warehouse.load(source="id_graph")
    assert values(warehouse, "id_graph", "left_id_value") == sorted(f"A{s}" for s in FORMATS)
    assert set(reasons(warehouse, "id_graph")) == {
        "right_id_type: 'mail_hash' is no type of seeds/id_types.csv"
    }
