"""The reader of Kafka on a real broker: every message once, and whatever is wrong with it told."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from support.ingestion import Warehouse, content
from support.kafka import KafkaBroker, needs_kafka
from support.kafka_events import event, load, loaded

pytestmark = needs_kafka


def test_what_is_new_is_loaded_once_also_in_new_partitions(
    broker: KafkaBroker, topic: str, warehouse: Warehouse
) -> None:
    broker.send(topic, [event(n) for n in range(3)])
    assert load(warehouse) == (3, 3, 0, 0, 0)
    broker.add_partitions(topic, 3)
    broker.send(topic, [event(2), event(3)])
    broker.send(topic, [event(4, item_price=1.5)], partition=2)
    assert load(warehouse) == (3, 2, 0, 1, 0)
    idle = warehouse.load(source="app")["app"]
    assert (idle.files_loaded, idle.files_skipped, idle.rows_read) == (0, 3, 0)
    assert loaded(warehouse) == [
        ("E0", f"kafka/{topic}/0/0-2", 0),
        ("E1", f"kafka/{topic}/0/0-2", 1),
        ("E2", f"kafka/{topic}/0/0-2", 2),
        ("E3", f"kafka/{topic}/0/3-4", 4),
        ("E4", f"kafka/{topic}/2/0-0", 0),
    ]


def test_poison_is_quarantined_with_its_offset(
    broker: KafkaBroker, topic: str, warehouse: Warehouse
) -> None:
    pretty = json.dumps(json.loads(event(1)), indent=2).encode()
    schema_frame = b"\0\0\0\0\7" + event(2)
    poison = [b"{", b"", b"  ", b"\xff\xfe", b"[1]", b"\0\0\0\0\7Avro", None]
    wrong = [event(3, event_time="28/02/2011"), event(4, event_time="1/2/2011"), b'{"event_id":9}']
    broker.send(topic, [event(0), *poison, pretty, *wrong, schema_frame])

    assert load(warehouse) == (13, 3, 10, 0, 0)
    assert [line for _, _, line in loaded(warehouse)] == [0, 8, 12]
    reasons = {line: reason for _, line, reason in warehouse.quarantine("app")}
    assert sorted(reasons) == [*range(1, 8), 9, 10, 11]
    assert "not valid JSON" in reasons[1]
    assert reasons[2] == reasons[3] == "message is empty"
    assert "not a JSON object" in reasons[5]
    assert "message is a tombstone" in reasons[7]
    assert "'28/02/2011' is a date with slashes; set date_order" in reasons[9]
    assert "event_type" in reasons[11]
    # A range of poison alone does not stop the stream.
    broker.send(topic, [None, b"x"])
    assert load(warehouse) == (2, 0, 2, 0, 0)
    broker.send(topic, [event(5)])
    assert load(warehouse) == (1, 1, 0, 0, 0)


def test_transactions_leave_gaps_and_what_was_aborted_is_not_read(
    broker: KafkaBroker, topic: str, warehouse: Warehouse
) -> None:
    broker.send(topic, [event(0)], transaction="a")
    broker.send(topic, [event(1)], transaction="b", commit=False)
    assert load(warehouse) == (1, 1, 0, 0, 0)
    broker.send(topic, [event(2), event(3)], transaction="c")
    assert load(warehouse) == (2, 2, 0, 0, 0)
    assert [line for _, _, line in loaded(warehouse)] == [0, 4, 5]
    assert warehouse.load(source="app")["app"].files_loaded == 0


def test_tombstones_delete_rows_of_a_table_that_knows_deletions(
    broker: KafkaBroker, topic: str, warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOURCES__CRM__KAFKA__BOOTSTRAP_SERVERS", broker.servers)
    monkeypatch.setenv("SOURCES__CRM__KAFKA__TOPICS", json.dumps({"members": topic}))
    for member in ("M1", "M2", "M3"):
        broker.send(topic, [json.dumps({"member_id": member, "level": "gold"}).encode()])
    broker.send(topic, [None], key=b"M1")
    broker.send(topic, [None], key=b'{"member_id": "M2"}')
    warehouse.load(source="crm")

    members = warehouse.query("select member_id, level, is_deleted from raw_crm.members order by 1")
    assert members == [("M1", "gold", True), ("M2", "gold", True), ("M3", "gold", None)]


def test_envelopes_of_debezium_are_changes_of_rows(
    broker: KafkaBroker, topic: str, warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOURCES__CRM__KAFKA__BOOTSTRAP_SERVERS", broker.servers)
    monkeypatch.setenv("SOURCES__CRM__KAFKA__TOPICS", json.dumps({"members": topic}))
    monkeypatch.setenv("SOURCES__CRM__KAFKA__ENVELOPE", "debezium")
    created = {
        "member_id": "M1",
        "level": "gold",
        "birthday": 7436,
        "updated_at": 1_730_419_200_000,
    }
    changed = {**created, "level": "silver", "updated_at": 1_730_419_260_000_000}
    other, again = {**created, "member_id": "M2"}, {**created, "member_id": "M3"}

    def envelope(op: str, before: object, after: object) -> bytes:
        return json.dumps({"before": before, "after": after, "op": op, "source": {}}).encode()

    wrapped = json.dumps({"schema": {}, "payload": json.loads(envelope("c", None, other))})
    broker.send(topic, [
        envelope("r", None, created), wrapped.encode(), envelope("u", created, changed),
        envelope("d", other, None), None, b'{"level": "gold"}', envelope("t", None, None),
        envelope("c", None, again), envelope("d", again, None), None, envelope("c", None, again),
    ])  # fmt: skip
    report = warehouse.load(source="crm")["crm"]

    assert report.rows_quarantined == 2
    members = warehouse.query(
        "select member_id, level, birthday::varchar, updated_at::timestamp::varchar, "
        "is_deleted from raw_crm.members order by 1"
    )
    assert members == [
        ("M1", "silver", "1990-05-12", "2024-11-01 00:01:00", False),
        ("M2", "gold", "1990-05-12", "2024-11-01 00:00:00", True),
        ("M3", "gold", "1990-05-12", "2024-11-01 00:00:00", False),
    ]


def test_rows_are_those_of_a_file_with_the_same_lines(
    broker: KafkaBroker, topic: str, warehouse: Warehouse, tmp_path: Path
) -> None:
    numbers = range(30_000)
    lines = [
        event(n, item_price=n / 100, union_id=f"u{n % 100}", **({"extra": "x"} if n % 3 else {}))
        for n in numbers
    ]
    broker.send(topic, lines)
    assert load(warehouse) == (30_000, 30_000, 0, 0, 0)
    from_kafka = content(
        warehouse, "raw_app.events", ("_loaded_at", "_dlt_load_id", "_file", "_line")
    )
    with pytest.MonkeyPatch.context() as without:
        for name in ("BOOTSTRAP_SERVERS", "TOPICS"):
            without.delenv(f"SOURCES__APP__KAFKA__{name}")
        files = Warehouse(tmp_path / "files")
        files.write("app/events.jsonl", *(line.decode() for line in lines))
        files.load(source="app")
        from_file = content(
            files, "raw_app.events", ("_loaded_at", "_dlt_load_id", "_file", "_line")
        )
    assert from_kafka == from_file
