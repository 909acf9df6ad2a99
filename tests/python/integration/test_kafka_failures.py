"""The reader of Kafka where something fails: gaps, wrong settings, kills, a broker that is away."""

from __future__ import annotations

import json
import multiprocessing
import os
import random
import sys
import threading
import time
from multiprocessing.synchronize import Event
from pathlib import Path

import pytest
from support.ingestion import Warehouse
from support.kafka import KafkaBroker, needs_kafka
from support.kafka_events import event, load, loaded

from ingestion import pipelines
from ingestion.landing.arrivals import Ledger, Refused
from ingestion.readers.kafka.reader import KafkaReader
from ingestion.readers.reader import Context
from ingestion.sources.app import EVENTS as TABLE

pytestmark = needs_kafka


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
