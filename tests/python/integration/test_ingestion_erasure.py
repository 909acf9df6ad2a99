"""Raw tables that give up a person, and loads that don't bring the person back."""

from __future__ import annotations

import shutil
import stat
from pathlib import Path

import duckdb
import pytest
from support.ingestion import RETAIL, Warehouse, content

from ingestion.erasure import RawRemoval, erase_raw, set_tombstones
from ingestion.erasure.tombstones import KEY_FILE
from ingestion.pipelines import IngestError, tables
from ingestion.preview import preview

MEMBERS = "member_id,mobile_hash,email_hash,real_name,retail_customer_id,updated_at,hobby"
EVENTS = "event_id,device_id,union_id,open_id,event_type,item_price,event_time,session_id,hobby"
LINKS = "left_id_type,left_id_value,right_id_type,right_id_value,confidence"
PERSON = (
    ("member_id", "M1"),
    ("email_hash", "shared"),
    ("retail_customer_id", "17850"),
    ("union_id", "U1"),
    ("device_id", "D1"),
)
FILES = {
    "crm/members.csv": (
        MEMBERS,
        "M1,ph1,Shared,Ann,17850.0,2024-01-01,chess",
        "M2,ph2,shared ,Bob,,2024-01-01,go",
        "M3,ph3,e3,Cy,,2024-01-01,",
    ),
    "app/events.csv": (
        EVENTS,
        "E1,D1,U1,,purchase,9.5,2024-01-01,S1,chess",
        "E2,D1,,,view,,2024-01-02,S2,",
        # The family's tablet in the hands of somebody else, and the person on another's device.
        "E3,D1,U2,O2,purchase,5,2024-01-03,S3,go",
        "E4,D9,U1,,purchase,7,2024-01-03,S4,",
        "E5,D9,,,view,,2024-01-04,S5,",
    ),
    "retail/lines.csv": (
        RETAIL,
        "1,A,THING,1,2010-12-01,2.55,17850.0,United Kingdom",
        "1,A,THING,1,2010-12-01,2.55,17850,United Kingdom",
        "1,A,THING,1,2010-12-01,2.55,,United Kingdom",
        "2,17850,THING,1,2010-12-01,2.55,9,United Kingdom",
    ),
    "id_graph/links.csv": (
        LINKS,
        "Member_ID,M1,union_id,U1,0.9",
        "member_id,M2,device_id,D1,0.9",
        "member_id,M2,union_id,U2,0.9",
        "device_id,D1,union_id,M1,0.9",
        "device_id,D7,union_id,M1,0.9",
    ),
}
BAD = {
    "crm/wrong.csv": (MEMBERS, "M1,ph1,x,Ann,,not a day,", "M4,ph4,x,Di,,not a day,"),
    "app/wrong.csv": (EVENTS, "E1,D1,U1,,purchase,10,2024-01-01,S1,", "broken, D1 ,U1"),
}


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> Warehouse:
    made = Warehouse(tmp_path_factory.mktemp("loaded"))
    for name, lines in {**FILES, **BAD}.items():
        made.write(name, *lines)
    made.load()
    return made


@pytest.fixture
def warehouse(loaded: Warehouse, tmp_path: Path) -> Warehouse:
    shutil.copytree(loaded.folder, tmp_path / "warehouse")
    shutil.copytree(loaded.data, tmp_path / "data")
    return Warehouse(tmp_path)


def erase(warehouse: Warehouse) -> list[RawRemoval]:
    with duckdb.connect(str(warehouse.folder / "onecdp.duckdb")) as private:
        private.execute("set TimeZone = 'UTC'")
        set_tombstones(private, warehouse.folder, PERSON)
        return erase_raw(private, tables(), PERSON)


def everything(warehouse: Warehouse) -> dict[str, list[tuple[object, ...]]]:
    names = ("crm.members", "app.events", "retail.transactions", "id_graph.links")
    return {name: content(warehouse, f"raw_{name}") for name in names}


def test_the_person_goes_and_what_others_did_stays(warehouse: Warehouse) -> None:
    removed = {(r.table, r.what): r.rows for r in erase(warehouse)}
    assert removed == {
        ("raw_crm.members", "deleted"): 1,
        ("raw_crm.members", "of others, emptied"): 1,
        ("raw_crm.quarantine", "payload emptied"): 1,
        ("raw_app.events", "without identifiers"): 3,
        ("raw_app.events", "of others, emptied"): 1,
        ("raw_app.quarantine", "payload emptied"): 2,
        ("raw_retail.transactions", "without identifiers"): 2,
        ("raw_id_graph.links", "deleted"): 3,
    }
    assert warehouse.query(
        "select member_id, email_hash, real_name, hobby from raw_crm.members order by 1"
    ) == [("M2", None, "Bob", "go"), ("M3", "e3", "Cy", None)]
    assert warehouse.query(
        "select event_id, device_id, union_id, open_id, item_price, session_id, hobby"
        " from raw_app.events order by 1"
    ) == [
        ("E1", None, None, None, 9.5, None, None),
        ("E2", None, None, None, None, None, None),
        ("E3", None, "U2", "O2", 5, "S3", "go"),
        ("E4", None, None, None, 7, None, None),
        ("E5", "D9", None, None, None, "S5", None),
    ]
    assert warehouse.query(
        "select customer_id, count(*) from raw_retail.transactions group by 1 order by 1"
    ) == [("9", 1), (None, 3)]
    # "M1" of another type is another identifier.
    assert warehouse.query("select left_id_value, right_id_value from raw_id_graph.links") == [
        ("M2", "U2"), ("D7", "M1"),
    ]  # fmt: skip


def test_a_check_quotes_no_value_of_an_erased_person(warehouse: Warehouse) -> None:
    erase(warehouse)
    header = "member_id,birthday,updated_at"
    warehouse.write("crm/bad.csv", header, "M1,01.02.1990,never", "M8,03.04.1990,never")
    shown = preview(warehouse.data, "crm", warehouse.folder, lambda _: None).shown
    problems = [fix.problem for fix in shown.fixes if fix.file == "bad.csv"]
    assert problems == ["1 value of birthday, such as '03.04.1990': dates that are no ISO 8601"]


def test_the_same_files_again_changed_or_renamed_bring_nobody_back(warehouse: Warehouse) -> None:
    erase(warehouse)
    stands = everything(warehouse)
    assert all(report.rows_read == 0 for report in warehouse.load().values())
    for folder in ("crm", "app", "retail", "id_graph"):
        for file in (warehouse.data / folder).iterdir():
            renamed = file.rename(file.with_name(f"renamed-{file.name}"))
            # Renamed alone it would not be loaded.
            renamed.write_bytes(renamed.read_bytes() + b"\n")
    again = warehouse.load()
    assert {source: report.rows_erased for source, report in again.items()} == {
        "crm": 1, "app": 0, "retail": 0, "id_graph": 3,
    }  # fmt: skip
    assert [warehouse.counts(report)[1] for report in again.values()] == [0, 0, 0, 0]
    assert everything(warehouse) == stands
    # A new version of a file, with one more row of each kind.
    for name, line in {
        "crm/renamed-members.csv": "M1,ph1,Shared,Ann,17850.0,2025-01-01,chess",
        "app/renamed-events.csv": "E6,D1,U1,O1,purchase,3,2024-02-01,S6,chess",
        "retail/renamed-lines.csv": "1,A,THING,1,2010-12-01,2.55,17850,United Kingdom",
        "id_graph/renamed-links.csv": "union_id, U1 ,open_id,O1,1",
    }.items():
        with (warehouse.data / name).open("a") as stream:
            stream.write(f"{line}\n")
    changed = warehouse.load()
    assert [report.rows_erased for report in changed.values()] == [2, 0, 0, 4]
    assert [warehouse.counts(report)[1] for report in changed.values()] == [0, 1, 1, 0]
    assert warehouse.query(
        "select device_id, union_id, open_id, session_id, hobby from raw_app.events"
        " where event_id = 'E6'"
    ) == [(None, None, None, None, None)]
    assert warehouse.query("select count(*), count(customer_id) from raw_retail.transactions") == [
        (5, 1)
    ]
    assert warehouse.query(
        "select count(*) from raw_crm.quarantine where payload is null and file like '%wrong%'"
    ) == [(2,)]


def test_what_is_left_is_a_keyed_hash_and_its_key_is_needed(warehouse: Warehouse) -> None:
    erase(warehouse)
    key = warehouse.folder / KEY_FILE
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    hashes = warehouse.query("select hmac, erased_at from raw_erasure.tombstones")
    assert len(hashes) == 2 * len(PERSON) + 1
    assert all(len(str(value)) == 64 and moment for value, moment in hashes)
    warehouse.write("crm/new.csv", MEMBERS, "M1,ph1,,Ann,,2025-01-01,")
    stands = everything(warehouse)
    secret = key.read_text()
    missing, other_key = "is missing or unreadable", "does not match the tombstones"
    for other, problem in ((None, missing), ("00" * 32, other_key), ("no key", missing)):
        key.unlink(missing_ok=True)
        if other:
            key.write_text(other)
        with pytest.raises(
            IngestError,
            match=rf"{problem}.*erased people.*restore the key",
        ):
            warehouse.load()
    assert everything(warehouse) == stands
    key.write_text(secret)
    assert warehouse.load()["crm"].rows_erased == 1
