"""The reader of Kafka on a real broker: every message once, and whatever is wrong with it told."""

from __future__ import annotations

import contextlib
import json
import multiprocessing
import os
import random
import sys
import threading
import time
from collections.abc import Iterator
from multiprocessing.synchronize import Event
from pathlib import Path

import confluent_kafka
import pytest
from support.ingestion import Warehouse, content
from support.kafka import KafkaBroker, make_broker, needs_kafka

from ingestion import pipelines
from ingestion.landing.arrivals import Ledger, Refused
from ingestion.readers.kafka.reader import KafkaReader
from ingestion.readers.reader import Context
from ingestion.sources.app import EVENTS as TABLE

pytestmark = needs_kafka


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KafkaBroker]:
    running = make_broker(tmp_path_factory.mktemp("kafka"))
    try:
        yield running
    finally:
        running.stop()


@pytest.fixture
def topic(
    broker: KafkaBroker, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> str:
    """A topic of the test's own, that the settings name for app events."""
    name: str = request.node.originalname.removeprefix("test_")
    with contextlib.suppress(confluent_kafka.KafkaException):  # there by another parameter
        broker.create(name)
    monkeypatch.setenv("SOURCES__APP__KAFKA__BOOTSTRAP_SERVERS", broker.servers)
    monkeypatch.setenv("SOURCES__APP__KAFKA__TOPICS", json.dumps({"events": name}))
    monkeypatch.setenv("SOURCES__APP__KAFKA__TIMEOUT", "10")
    return name


def event(number: int, **more: object) -> bytes:
    return json.dumps(
        {"event_id": f"E{number}", "event_type": "view", "event_time": "2024-11-01T00:00:00Z",
         **more}
    ).encode()  # fmt: skip


def loaded(warehouse: Warehouse) -> list[tuple[object, ...]]:
    return warehouse.query(
        "select event_id, _file, _line from raw_app.events order by _file, _line"
    )


def load(warehouse: Warehouse) -> tuple[int, int, int, int, int]:
    return warehouse.counts(warehouse.load(source="app")["app"])


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


def test_messages_that_retention_deleted_are_missed_loudly(
    broker: KafkaBroker, topic: str, warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    broker.send(topic, [event(n) for n in range(2)])
    assert load(warehouse) == (2, 2, 0, 0, 0)
    broker.send(topic, [event(n) for n in range(2, 6)])
    broker.delete_before(topic, 4)

    ((place, reason),) = warehouse.load(source="app")["app"].refused
    assert place == f"kafka/{topic}/0"
    assert reason.startswith("offsets 2 to 3 were deleted at the broker before they were")
    assert 'on_gap = "earliest" in [sources.app.kafka]' in reason
    monkeypatch.setenv("SOURCES__APP__KAFKA__ON_GAP", "earliest")
    report = warehouse.load(source="app")["app"]
    assert (report.rows_loaded, report.refused) == (2, ())
    assert "offsets 2 to 3 were deleted" in str(report.notices)
    assert warehouse.load(source="app")["app"].notices == ()


def test_a_topic_that_was_created_anew_is_told(
    broker: KafkaBroker, topic: str, warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    broker.send(topic, [event(n) for n in range(2)])
    assert load(warehouse) == (2, 2, 0, 0, 0)
    broker.delete(topic)
    time.sleep(1)
    broker.create(topic)
    # As many as before: the offset alone does not show it.
    broker.send(topic, [event(n) for n in range(2, 5)])

    ((_, reason),) = warehouse.load(source="app")["app"].refused
    assert "the topic was created anew" in reason
    monkeypatch.setenv("SOURCES__APP__KAFKA__ON_GAP", "earliest")
    assert load(warehouse) == (3, 3, 0, 0, 0)


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
        for name in ("BOOTSTRAP_SERVERS", "TOPICS", "TIMEOUT"):
            without.delenv(f"SOURCES__APP__KAFKA__{name}")
        files = Warehouse(tmp_path / "files")
        files.write("app/events.jsonl", *(line.decode() for line in lines))
        files.load(source="app")
        from_file = content(
            files, "raw_app.events", ("_loaded_at", "_dlt_load_id", "_file", "_line")
        )
    assert from_kafka == from_file


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("TOPICS", '{"events": "no-such-topic"}', "has no topic no-such-topic"),
        ("TOPICS", '{"orders": "x"}', "orders is no table of the source, but events"),
        ("TOPICS", '{"events": 3}', "topics.events must be a topic or a list of topics"),
        ("CLIENT", '{"sasl.mechanismus": "x"}', "sasl.mechanismus"),
        ("CLIENT", '{"group.id": "x"}', "client has group.id, which is not to be set"),
        ("CLIENT", '{"security.protocol": "SASL_PLAINTEXT", "sasl.mechanism": "PLAIN", '
                   '"sasl.username": "u", "sasl.password": "hidden"}', "can't be read"),
        ("BOOTSTRAP_SERVERS", "127.0.0.1:9", "127.0.0.1:9 can't be read: "),
        ("ON_GAP", "skip", "on_gap is 'skip'"),
        ("ENVELOPE", "canal", "envelope is 'canal'"),
    ],
)  # fmt: skip
def test_what_cannot_work_is_one_line(
    topic: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, value: str, reason: str
) -> None:
    monkeypatch.setenv("SOURCES__APP__KAFKA__TIMEOUT", "1")
    monkeypatch.setenv(f"SOURCES__APP__KAFKA__{name}", value)

    with pytest.raises(Refused) as told:
        KafkaReader().arrivals([TABLE], Context(tmp_path, Ledger(), tmp_path, print))

    assert reason in str(told.value)
    assert "\n" not in str(told.value)
    assert "hidden" not in str(told.value)


def test_an_account_needs_to_describe_and_read_the_topic_alone(
    broker: KafkaBroker, topic: str, warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    broker.allow_reading(topic)
    account = {"security.protocol": "SASL_PLAINTEXT", "sasl.mechanism": "PLAIN",
               "sasl.username": "reader", "sasl.password": "a-password"}  # fmt: skip
    monkeypatch.setenv("SOURCES__APP__KAFKA__BOOTSTRAP_SERVERS", f"127.0.0.1:{broker.guarded}")
    monkeypatch.setenv("SOURCES__APP__KAFKA__CLIENT", json.dumps(account))
    # Whether the refusal of the group comes before the messages is a matter of luck.
    for number in range(3):
        broker.send(topic, [event(number)])
        report = warehouse.load(source="app")["app"]
        assert (report.refused, report.rows_loaded) == ((), 1)

    wrong = json.dumps({**account, "sasl.password": "another-one"})
    monkeypatch.setenv("SOURCES__APP__KAFKA__CLIENT", wrong)
    monkeypatch.setenv("SOURCES__APP__KAFKA__TIMEOUT", "2")
    ((_, reason),) = warehouse.load(source="app")["app"].refused
    assert "Authentication failed" in reason
    assert "another-one" not in reason


def _load(data: Path, folder: Path, started: Event) -> None:
    pipelines.load(data, folder, lambda _: started.set(), sources=["app"])


def test_ten_kills_lose_and_double_nothing(
    broker: KafkaBroker, topic: str, warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    chance, sent, stop = random.Random(11), 0, threading.Event()

    def send() -> None:
        nonlocal sent
        while not stop.is_set():
            broker.send(topic, [event(n) for n in range(sent, sent + 1_000)], sent // 1_000 % 2)
            sent += 1_000
            stop.wait(0.2)

    broker.add_partitions(topic, 2)
    warehouse.data.mkdir()
    # Forks of a process that has imported everything, which it finds by this path, and runs no
    # thread.
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(sys.path))
    processes = multiprocessing.get_context("forkserver")
    processes.set_forkserver_preload([__name__])
    sender = threading.Thread(target=send)
    sender.start()
    try:
        for _ in range(10):
            started = processes.Event()
            child = processes.Process(
                target=_load, args=(warehouse.data, warehouse.folder, started)
            )
            child.start()
            started.wait(20)
            time.sleep(chance.uniform(0, 0.5))
            child.kill()
            child.join()
    finally:
        stop.set()
        sender.join()
    warehouse.load(source="app")

    found = loaded(warehouse)
    assert sorted(str(name) for name, _, _ in found) == sorted(f"E{n}" for n in range(sent))
    assert warehouse.query("select sum(rows_read) from raw_app.loads") == [(sent,)]


def test_a_broker_that_goes_away_and_comes_back(
    broker: KafkaBroker, topic: str, warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    broker.send(topic, [event(n) for n in range(5)])
    assert load(warehouse) == (5, 5, 0, 0, 0)
    broker.send(topic, [event(5)])
    warehouse.write("app/one.jsonl", event(6).decode())
    with broker.frozen(), monkeypatch.context() as impatient:
        impatient.setenv("SOURCES__APP__KAFKA__TIMEOUT", "1")
        report = warehouse.load(source="app")["app"]
    ((place, reason),) = report.refused
    assert (place, reason.startswith(f"{broker.servers} can't be read: ")) == ("kafka", True)
    assert report.rows_loaded == 1
    assert load(warehouse) == (1, 1, 0, 0, 0)
