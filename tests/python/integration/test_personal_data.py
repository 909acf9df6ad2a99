"""Plain e-mail addresses and phone numbers: hashed while landing, nowhere else in plain."""

from __future__ import annotations

import base64
import hashlib
import os
import signal
import subprocess
import sys
import zlib
from pathlib import Path

import duckdb
import pytest
from support.ingestion import ROOT, Warehouse
from support.landing_writer import Row, file_bytes

from ingestion.erasure import erase_raw, set_tombstones
from ingestion.pipelines import IngestError, tables

HEADER = "member_id,email,phone,level,updated_at"
NEEDLES = ("bob", "eve@", "example.com", "13800138000", "138 0013 8000", "13900139000")


def sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


BOB = sha256("bob@example.com")
BOBS_PHONE = sha256("+8613800138000")


@pytest.fixture
def warehouse(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Warehouse:
    monkeypatch.setenv("PERSONAL_DATA__DEFAULT_REGION", "CN")
    return Warehouse(tmp_path)


def places_with_plain_values(warehouse: Warehouse) -> set[str]:
    """The tables of the warehouse that hold one of the plain values, and `file` for its bytes."""
    tables = warehouse.query(
        "select schema_name || '.' || table_name from duckdb_tables() where not internal"
    )
    found = set()
    for (table,) in tables:
        if table.endswith("._dlt_pipeline_state"):
            # In base64 three letters come up by chance.
            packed = warehouse.query(f"select state from {table}")
            texts = [zlib.decompress(base64.b64decode(text)).decode().lower() for (text,) in packed]
        else:
            texts = [t for (t,) in warehouse.query(f"select lower(t::varchar) from {table} as t")]
        if any(needle in text for text in texts for needle in NEEDLES):
            found.add(table)
    return found


def write_all_outcomes(warehouse: Warehouse) -> None:
    """Rows with plain values that are loaded, warned of, quarantined, broken, and come again."""
    warehouse.write(
        "crm/a.csv",
        HEADER + ",note",
        "M1, Bob@Example.com ,138 0013 8000,gold,2026-01-02 00:00:00,ask bob@example.com",
        "M2,bob@localhost,13900139000123,gold,2026-01-02 00:00:00,",
        ",bob@example.com,13800138000,gold,2026-01-02 00:00:00,",
        "M4,bob@example.com,13800138000,gold,no time bob@example.com,",
        "M5,bob@example.com,13800138000,gold,2026-01-02 00:00:00,,,too many",
        "M6,bob@example.com,13800138000,gold,2026-01-02 00:00:00,",
        "M6,bob@example.com,13800138000,gold,2026-01-01 00:00:00,",
        "M6,bob@example.com,13800138000,gold,2026-01-02 00:00:00,",
    )
    warehouse.write(
        "crm/b.jsonl",
        '{"member_id": "M7", "email": {"to": "eve@example.com"}, "phone": "13900139000"}',
        '{"member_id": "M8", "email": "eve@example.com", "phone": 13900139000}',
        '{"member_id": "M9", "email": "eve@example.com", "phone": 13900139000.5}',
        '{"member_id": "M10", "email": "eve@example.com", "phone": 13900139000',
    )
    warehouse.write(
        "app/events.csv",
        "event_id,device_id,event_type,event_time,page_name,email,Phone",
        "e1,d1,page_view,2026-01-02 00:00:00,/login?email=bob%40example.com,"
        "bob@example.com,13800138000",
    )
    warehouse.write(
        "id_graph/links.csv",
        "left_id_type,left_id_value,right_id_type,right_id_value,confidence,is_active",
        "email_hash,Bob@example.com,mobile_hash,13800138000,1,true",
        "email,eve@example.com,phone,13900139000,1,true",
        "email_hash,bob@localhost,mobile_hash,12,1,true",
    )


def test_no_plain_value_is_stored_or_told(
    warehouse: Warehouse, caplog: pytest.LogCaptureFixture
) -> None:
    write_all_outcomes(warehouse)
    caplog.set_level("DEBUG")

    reports = warehouse.load()

    crm = reports["crm"]
    assert (crm.rows_quarantined, crm.rows_duplicate, crm.rows_superseded) == (6, 1, 1)
    assert reports["id_graph"].rows_quarantined == 2
    assert places_with_plain_values(warehouse) == set()
    told = " ".join([*warehouse.notices, caplog.text, repr(reports)]).lower()
    assert not [needle for needle in NEEDLES if needle in told]
    members = warehouse.query(
        "select member_id, email_hash, mobile_hash from raw_crm.members order by all"
    )
    assert members == [
        ("M1", BOB, BOBS_PHONE),
        ("M2", None, None),
        ("M6", BOB, BOBS_PHONE),
        ("M8", sha256("eve@example.com"), sha256("+8613900139000")),
    ]
    assert warehouse.query(
        "select column_name, value, reason from raw_crm.warnings order by all"
    ) == [
        ("email_hash", None, "email_hash: '…' is no e-mail address"),
        ("mobile_hash", None, "mobile_hash: '…' is no valid phone number"),
    ]
    assert warehouse.query("select email, phone, page_name from raw_app.events") == [
        (BOB, BOBS_PHONE, f"/login?email={BOB}")
    ]
    assert warehouse.query("select left_id_value, right_id_value from raw_id_graph.links") == [
        (BOB, BOBS_PHONE)
    ]
    assert warehouse.query("select note from raw_crm.members where member_id = 'M1'") == [
        (f"ask {BOB}",)
    ]


@pytest.mark.parametrize("name", ["a.csv", "a.jsonl", "a.parquet"])
def test_all_formats_give_the_same_hashes(warehouse: Warehouse, name: str) -> None:
    rows: list[Row] = [
        {"member_id": "M1", "email": "Bob@Example.com", "phone": "+86 138 0013 8000"},
        {"member_id": "M2", "email": BOB.upper(), "phone": BOBS_PHONE},
        {"member_id": "M3", "email": "email_hash_x", "phone": "mobile_hash_x"},
        {"member_id": "M4", "email": None, "phone": "00000000000"},
    ]
    warehouse.write_bytes(f"crm/{name}", file_bytes(name, rows))

    warehouse.load(source="crm")

    loaded = "select email_hash, mobile_hash from raw_crm.members order by member_id"
    assert warehouse.query(loaded) == [
        (BOB, BOBS_PHONE),
        (BOB.upper(), BOBS_PHONE),
        ("email_hash_x", "mobile_hash_x"),
        (None, "00000000000"),
    ]
    assert not warehouse.query("from raw_crm.warnings")


def test_a_number_without_a_country_needs_the_setting(
    warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PERSONAL_DATA__DEFAULT_REGION")
    warehouse.write("crm/a.csv", "member_id,phone", "M1,13800138000", "M2,+8613800138000")

    assert warehouse.load(source="crm")["crm"].warnings == 1

    assert warehouse.query("select mobile_hash from raw_crm.members order by member_id") == [
        (None,),
        (BOBS_PHONE,),
    ]
    ((reason,),) = warehouse.query("select reason from raw_crm.warnings")
    assert "has no country code; set default_region below [personal_data]" in reason


def test_two_columns_of_addresses_refuse_the_file(warehouse: Warehouse) -> None:
    warehouse.write("crm/a.csv", "member_id,email,email_hash", f"M1,bob@example.com,{BOB}")

    ((_, reason),) = warehouse.load(source="crm")["crm"].refused

    assert reason == "columns 'email' and 'email_hash' both mean 'email_hash'; keep one of them"


def test_plain_values_are_kept_where_the_settings_say_so(
    warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOURCES__CRM__STORE_PLAIN_PII", '["email", "mobile_hash"]')
    write_all_outcomes(warehouse)

    warehouse.load()
    warehouse.load()
    stored = "select id_type, id_value, plain_value, first_loaded_at = last_loaded_at"
    stored += " from raw_crm.plain_identifiers order by plain_value"
    first = warehouse.query(stored)
    # The same rows in another file are read, and change when the values were last seen.
    warehouse.write("crm/c.csv", HEADER, "M6,bob@example.com,13800138000,gold,2026-01-02 00:00:00")
    warehouse.load(source="crm")

    assert places_with_plain_values(warehouse) == {"raw_crm.plain_identifiers"}
    values = [
        ("mobile_hash", BOBS_PHONE, "+8613800138000"),
        ("mobile_hash", sha256("+8613900139000"), "+8613900139000"),
        ("email_hash", BOB, "bob@example.com"),
        ("email_hash", sha256("eve@example.com"), "eve@example.com"),
    ]
    assert first == [(*value, True) for value in values]
    assert warehouse.query(stored) == [
        (*value, "eve@" in value[2] or "139" in value[2]) for value in values
    ]


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("SOURCES__CRM__STORE_PLAIN_PII", '["level"]', "'level' is no column of crm with hashes"),
        ("SOURCES__CRM__STORE_PLAIN_PII", "[1]", "must be a list of columns"),
        ("PERSONAL_DATA__DEFAULT_REGION", "China", "default_region is 'China'; expected the two"),
        ("PERSONAL_DATA__DROP_PLUS_TAGS", "maybe", "drop_plus_tags is 'maybe'; expected true or"),
        ("PERSONAL_DATA__REGION", "CN", "[personal_data] has no setting 'region'; did you mean"),
    ],
)
def test_settings_that_cannot_work_are_named(
    warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch, name: str, value: str, told: str
) -> None:
    monkeypatch.setenv(name, value)

    with pytest.raises(IngestError) as caught:
        warehouse.load(source="crm")

    assert told in str(caught.value)
    assert ".dlt/config.toml" in str(caught.value) or "did you mean" in str(caught.value)


def test_an_erased_person_loses_the_plain_values_and_does_not_come_back(
    warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOURCES__CRM__STORE_PLAIN_PII", '["email", "phone"]')
    warehouse.write("crm/a.csv", HEADER, "M1,bob@example.com,13800138000,gold,2026-01-02 00:00:00")
    warehouse.load(source="crm")
    # The phone number was erased when such columns still held plain values.
    person = [("member_id", "M1"), ("email_hash", BOB), ("mobile_hash", "13800138000")]
    with duckdb.connect(str(warehouse.folder / "onecdp.duckdb")) as connection:
        connection.execute("begin")
        removed = erase_raw(connection, tables(), [*person, ("mobile_hash", BOBS_PHONE)])
        set_tombstones(connection, warehouse.folder, person)
        connection.execute("commit")
    gone = {(removal.table, removal.what, removal.rows) for removal in removed}
    assert ("raw_crm.plain_identifiers", "deleted", 2) in gone

    warehouse.write(
        "crm/b.csv",
        HEADER,
        "M1,bob@example.com,13800138000,gold,2026-01-03 00:00:00",
        "M2,BOB@example.com,138-0013-8000,gold,2026-01-03 00:00:00",
    )
    report = warehouse.load(source="crm")["crm"]

    assert (report.rows_erased, report.rows_loaded) == (1, 1)
    assert warehouse.query("select member_id, email_hash, mobile_hash from raw_crm.members") == [
        ("M2", None, None)
    ]
    assert places_with_plain_values(warehouse) == set()


KILLED_AFTER_COPY = """
import os, signal, sys
from pathlib import Path
from dlt.destinations.impl.duckdb.duck import DuckDbCopyJob
from ingestion.pipelines import load
copy = DuckDbCopyJob.run
def run(job):
    copy(job)
    if job.load_table_name == "plain_identifiers":
        os.kill(os.getpid(), signal.SIGKILL)
DuckDbCopyJob.run = run
load(Path(sys.argv[1]), Path(sys.argv[2]), print, sources=["crm"])
"""


def test_plain_values_of_a_load_that_is_killed_are_there_once(
    warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOURCES__CRM__STORE_PLAIN_PII", '["email_hash"]')
    warehouse.write("crm/a.csv", HEADER, "M1,bob@example.com,,gold,2026-01-02 00:00:00")
    command = [sys.executable, "-c", KILLED_AFTER_COPY, str(warehouse.data), str(warehouse.folder)]
    environment = {**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT / 'tests/python'}"}
    finished = subprocess.run(
        command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL, check=False
    )
    assert finished.returncode == -signal.SIGKILL

    warehouse.load(source="crm")

    assert warehouse.query("select email_hash from raw_crm.members") == [(BOB,)]
    plain = "select id_type, id_value, plain_value from raw_crm.plain_identifiers"
    assert warehouse.query(plain) == [("email_hash", BOB, "bob@example.com")]


def test_members_that_are_sent_again_lose_plain_values_of_before(warehouse: Warehouse) -> None:
    row = "M1,{},,gold,2026-01-02 00:00:00"
    warehouse.write("crm/a.csv", HEADER, row.format("bob"))
    warehouse.load(source="crm")
    with duckdb.connect(str(warehouse.folder / "onecdp.duckdb")) as connection:
        connection.execute("update raw_crm.members set email_hash = 'bob@example.com'")

    warehouse.write("crm/again.csv", HEADER, row.format("bob@example.com"))
    warehouse.load(source="crm")

    assert warehouse.query("select email_hash from raw_crm.members") == [(BOB,)]
