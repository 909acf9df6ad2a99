"""Live features from a real broker: positions are offsets, and every message counts once."""

from __future__ import annotations

import datetime as dt
import json
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import confluent_kafka
import pytest
from support.cli import REPOSITORY
from support.kafka import KafkaBroker, make_broker, needs_kafka
from support.serving import Person, World, publish_world

from onecdp.errors import OnecdpError
from onecdp.live import kafka_log
from onecdp.live.follow import Follower, Logs
from onecdp.live.kafka_log import KafkaLog
from onecdp.live.kept import LiveEvents
from onecdp.live.log import Done
from onecdp.live.settings import read_live_settings
from onecdp.live.state import LiveState
from onecdp.live.triggers.outbox import Waiting
from onecdp.live.triggers.receivers import KafkaReceiver
from onecdp.pipeline.context import Context
from onecdp.pipeline.live import open_follower, open_logs
from onecdp.project.find import open_project
from onecdp.serving.batch_state import BatchState
from onecdp.serving.batch_tickets import TicketsRead
from onecdp.serving.live_answers import LiveAnswers
from onecdp.serving.online_store import OnlineStore

pytestmark = needs_kafka
COLUMNS = [("device_id", "device_id")]


def line(number: int) -> bytes:
    time_ = dt.datetime(2026, 6, 6, 12) + dt.timedelta(seconds=number)
    row = {"event_id": f"e{number}", "device_id": "D1", "event_type": "page_view",
           "event_time": time_.isoformat()}  # fmt: skip
    return json.dumps(row).encode()


def follower(broker: KafkaBroker, state: LiveState) -> Follower:
    client = {"bootstrap.servers": broker.servers}
    return Follower(
        state, Logs(KafkaLog(client, "live-events", 10), KafkaLog(client, "live-links", 10)),
        COLUMNS, None, lambda: None,
    )  # fmt: skip


def until(is_true: Callable[[], bool]) -> None:
    end = time.monotonic() + 60
    while not is_true():
        assert time.monotonic() < end, "it didn't happen"
        time.sleep(0.02)


def test_messages_of_all_partitions_are_counted_once(broker: KafkaBroker, tmp_path: Path) -> None:
    broker.create("live-events", 2)
    broker.create("live-links")
    file = tmp_path / "live.sqlite"

    def known() -> list[str]:
        events = LiveEvents(file)
        found = [kept.event.event_id for kept in events.of([("device_id", "D1")])]
        events.close()
        return found

    state = LiveState(file)
    first = follower(broker, state)
    for number in range(6):
        broker.send("live-events", [line(number)], partition=number % 2)
    until(lambda: first.catch_up() >= 0 and len(known()) == 6)
    assert state.positions() == {"kafka/live-events/0": 3, "kafka/live-events/1": 3}

    # Another one goes on where the first was, with what is no event left out.
    state.close()
    state = LiveState(file)
    second = follower(broker, state)
    broker.send("live-events", [b"no JSON", line(6), line(0)], partition=1)
    until(lambda: second.catch_up() >= 0 and len(known()) == 7)
    assert known() == [f"e{number}" for number in range(7)]
    until(lambda: second.catch_up() >= 0 and state.positions()["kafka/live-events/1"] == 6)
    # The warehouse that has read up to an offset counts what is before it, and no more.
    last = {kept.event.event_id: kept.places for kept in LiveEvents(file).of([("device_id", "D1")])}
    assert last["e5"] == (("kafka/live-events/1", 3),)
    assert last["e6"] == (("kafka/live-events/1", 5),)
    assert last["e0"] == (("kafka/live-events/0", 1), ("kafka/live-events/1", 6))


def test_topic_of_tickets_says_who_has_an_open_one(
    broker: KafkaBroker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a project opens it, from its settings and declarations."""
    monkeypatch.setenv("COLLECTOR__KAFKA__BOOTSTRAP_SERVERS", broker.servers)
    for source in ("app", "id_graph", "support"):
        broker.create(f"tickets-{source}")
        monkeypatch.setenv(f"COLLECTOR__KAFKA__TOPICS__{source.upper()}", f"tickets-{source}")

    def tell(status: str, second: int) -> None:
        row = {"ticket_id": "T1", "customer_id": "C1", "status": status, "priority": "high",
               "updated_at": f"2026-06-06T12:00:{second:02}Z"}  # fmt: skip
        broker.send("tickets-support", [json.dumps(row).encode()])

    publish_world(tmp_path, World((Person(1, ids=("customer_id:C1",)),)))
    batch = BatchState(
        {}, dt.date(2026, 6, 6), frozenset(), (),
        TicketsRead((("customer_id", "customer_id"),), 0, 0),
    )  # fmt: skip
    with sqlite3.connect(tmp_path / "online.sqlite") as published:
        published.execute("update store set batch = ?", [batch.to_json()])
    published.close()
    tell("open", 1)
    context = Context(open_project(REPOSITORY, tmp_path, {}))
    opened = open_follower(context, open_logs(context, None))
    opened.catch_up_from_start(threading.Event(), print)
    answers = LiveAnswers(tmp_path / "live.sqlite", read_live_settings(REPOSITORY))
    store = OnlineStore(tmp_path / "online.sqlite")

    def has_open() -> object:
        features = answers.profile(store, ("customer_id", "C1")).features
        assert features is not None
        return features["has_open_support_ticket"]

    assert has_open() is True
    tell("solved", 2)
    until(lambda: opened.catch_up() >= 0 and has_open() is False)
    # One of before that comes late.
    tell("open", 1)
    tell("pending", 3)
    until(lambda: opened.catch_up() >= 0 and has_open() is True)
    assert opened.state.positions()["kafka/tickets-support/0"] == 4
    answers.close()
    opened.state.close()


@contextmanager
def busy(broker: KafkaBroker, topic: str) -> Iterator[None]:
    """A topic to which somebody writes all the time."""
    producer = confluent_kafka.Producer({"bootstrap.servers": broker.servers, "linger.ms": 0})
    stop = threading.Event()

    def write() -> None:
        number = 100
        while not stop.wait(0.0005):
            producer.produce(topic, line(number))
            producer.poll(0)
            number += 1

    writer = threading.Thread(target=write)
    writer.start()
    try:
        yield
    finally:
        stop.set()
        writer.join()
        producer.flush(10)


def test_reading_ends_where_somebody_always_writes(
    broker: KafkaBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Or nobody would read the other topic, drop old events, or look whether to stop."""
    # So long that there is always something, however busy this machine is.
    monkeypatch.setattr(kafka_log, "WAIT_SECONDS", 0.5)
    broker.create("busy")
    log = KafkaLog({"bootstrap.servers": broker.servers}, "busy", 10)
    positions: dict[str, int] = {}
    with busy(broker, "busy"):
        end = time.monotonic() + 5
        while not positions or time.monotonic() < end:
            began = time.monotonic()
            for chunk in log.read(positions, Done((), 0.0)):
                positions[chunk.partition] = chunk.position
                assert time.monotonic() < began + 5
    # Though no call was told of the topic's end.
    assert log.is_caught_up
    log.close()


def test_a_topic_that_is_not_there_is_told(broker: KafkaBroker, tmp_path: Path) -> None:
    log = KafkaLog({"bootstrap.servers": broker.servers}, "no-such-topic", 10)
    with pytest.raises(OnecdpError, match="no topic no-such-topic"):
        next(log.read({}, Done((), 0.0)))


def test_events_of_triggers_are_messages_with_their_key(
    broker: KafkaBroker, tmp_path: Path
) -> None:
    broker.create("triggers", 2)
    receiver = KafkaReceiver("shop", "triggers", {"bootstrap.servers": broker.servers}, 10)
    events = [
        Waiting(n, "browsing", f"ONE{n % 3}", f"s{n}-entered", b'{"at": "now"}', 0)
        for n in range(20)
    ]
    assert receiver.send(events) is None
    assert receiver.send(events[:1]) is None
    receiver.close()
    found = read_messages(broker, "triggers", 21)
    assert sorted({message.headers()[0] for message in found}) == sorted(
        ("idempotency-key", each.event_id.encode()) for each in events
    )
    assert {message.value() for message in found} == {b'{"at": "now"}'}
    # A customer's are in one partition, in their order.
    for one_id in (b"ONE0", b"ONE1", b"ONE2"):
        theirs = [message for message in found if message.key() == one_id]
        assert len({message.partition() for message in theirs}) == 1
        keys = [message.headers()[0][1] for message in theirs]
        wanted = [e.event_id.encode() for e in events if e.one_id.encode() == one_id]
        assert keys == wanted + keys[len(wanted) :]


def test_topic_of_triggers_that_is_not_there_is_told(broker: KafkaBroker) -> None:
    receiver = KafkaReceiver("shop", "no-topic", {"bootstrap.servers": broker.servers}, 1)
    with pytest.raises(OnecdpError, match="shop: Kafka has no topic no-topic"):
        receiver.send([Waiting(1, "browsing", "ONE1", "s1-entered", b"{}", 0)])
    receiver.close()


def read_messages(broker: KafkaBroker, topic: str, count: int) -> list[Any]:
    consumer = confluent_kafka.Consumer({
        "bootstrap.servers": broker.servers, "group.id": topic, "auto.offset.reset": "earliest",
        "log_level": 0,
    })  # fmt: skip
    consumer.assign([
        confluent_kafka.TopicPartition(topic, partition, confluent_kafka.OFFSET_BEGINNING)
        for partition in (0, 1)
    ])  # fmt: skip
    found: list[Any] = []
    end = time.monotonic() + 60
    while len(found) < count and time.monotonic() < end:
        found += [each for each in consumer.consume(count, 1) if each.error() is None]
    consumer.close()
    return found


@pytest.mark.soak
def test_a_broker_that_goes_away_and_comes_back_costs_nothing(tmp_path: Path) -> None:
    broker = make_broker(tmp_path / "broker")
    try:
        broker.create("live-events")
        broker.create("live-links")
        file, told, stop = tmp_path / "live.sqlite", list[str](), threading.Event()
        following = threading.Thread(target=lambda: _follow(broker, file, stop, told.append))
        following.start()
        broker.send("live-events", [line(0)])
        until(lambda: count(file) == 1)
        broker.stop()
        until(lambda: any("trying again" in each for each in told))
        broker.start()
        broker.send("live-events", [line(1)])
        until(lambda: count(file) == 2)
        assert sum("trying again" in each for each in told) < 5
    finally:
        stop.set()
        following.join()
        broker.stop()


def _follow(
    broker: KafkaBroker, file: Path, stop: threading.Event, notify: Callable[[str], None]
) -> None:
    state = LiveState(file)
    follower(broker, state).run(stop, notify)
    state.close()


def count(file: Path) -> int:
    if not file.is_file():
        return 0
    events = LiveEvents(file)
    found = len(events.of([("device_id", "D1")]))
    events.close()
    return found
