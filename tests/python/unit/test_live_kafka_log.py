"""Kafka that fails in between: what can't be kept is read again, and sending goes on."""

from __future__ import annotations

import json
import sqlite3
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from unittest import mock

import confluent_kafka
import pytest

from onecdp.errors import OnecdpError
from onecdp.live import kafka_log
from onecdp.live.follow import Follower, Logs
from onecdp.live.kafka_log import KafkaLog
from onecdp.live.kept import LiveEvents
from onecdp.live.state import LiveState
from onecdp.live.triggers.outbox import Waiting
from onecdp.live.triggers.receivers import KafkaReceiver

COLUMNS = [("device_id", "device_id")]


@pytest.fixture(scope="module")
def servers() -> Iterator[str]:
    """A broker of librdkafka in this process, with events in two partitions."""
    producer = confluent_kafka.Producer(
        {"bootstrap.servers": "none", "test.mock.num.brokers": 1, "log_level": 0}
    )
    (broker,) = producer.list_topics(timeout=10).brokers.values()
    for number in range(6):
        row = {"event_id": f"e{number}", "device_id": "D1", "event_type": "page_view",
               "event_time": "2026-06-06T12:00:00"}  # fmt: skip
        producer.produce("events", json.dumps(row).encode(), partition=number % 2)
    producer.produce("links", b"no link", partition=0)
    producer.produce("told", b"{}")
    assert producer.flush(10) == 0
    yield f"{broker.host}:{broker.port}"
    del producer


@pytest.mark.parametrize("fails", ["take", "between"])
def test_messages_that_could_not_be_kept_come_again(
    servers: str, tmp_path: Path, fails: str
) -> None:
    """As when `onecdp forget` rewrites the file for longer than the follower waits for it."""
    client = {"bootstrap.servers": servers}
    state = LiveState(tmp_path / "live.sqlite")
    events, links = (KafkaLog(client, topic, 10) for topic in ("events", "links"))
    follower = Follower(state, Logs(events, links), COLUMNS, None, lambda: None)
    failures = [sqlite3.OperationalError("database is locked"), OnecdpError("not now")]
    take, calls = LiveState.take, list[str]()

    def failing() -> None:
        if failures and "kafka/events" in calls[-1]:
            raise failures.pop()

    def may_fail(state: LiveState, partition: str, *args: object) -> int:
        calls.append(partition)
        if fails == "take":
            failing()
        return take(state, partition, *args)  # type: ignore[arg-type]

    seen = LiveEvents(tmp_path / "live.sqlite")
    end = time.monotonic() + 20
    with mock.patch.object(LiveState, "take", may_fail):
        while failures or len(seen.of([("device_id", "D1")])) < 6:
            assert time.monotonic() < end, calls
            try:
                follower.catch_up(failing if fails == "between" else lambda: None)
            except (sqlite3.Error, OnecdpError):
                continue
    assert state.positions() == {
        "kafka/events/0": 3, "kafka/events/1": 3, "kafka/links/0": 1,
    }  # fmt: skip
    # What was kept does not come again.
    calls.clear()
    follower.catch_up()
    assert calls == []
    for log in (events, links):
        log.close()
    seen.close()
    state.close()


def test_start_reads_all_that_a_topic_has(
    servers: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Or triggers judge people by half of what they did, and tell of it."""
    monkeypatch.setattr(kafka_log, "BATCH", 1)
    # Shorter than what a broker needs to answer at all.
    monkeypatch.setattr(kafka_log, "READ_SECONDS", 0.001)
    client = {"bootstrap.servers": servers}
    state = LiveState(tmp_path / "live.sqlite")
    events, links = (KafkaLog(client, topic, 10) for topic in ("events", "links"))
    follower = Follower(state, Logs(events, links), COLUMNS, None, lambda: None)
    follower.catch_up_from_start(threading.Event(), print)
    assert state.positions() == {
        "kafka/events/0": 3, "kafka/events/1": 3, "kafka/links/0": 1,
    }  # fmt: skip
    # From stored positions nothing is left to wait for.
    again = KafkaLog(client, "events", 10)
    assert not again.is_caught_up
    Follower(state, Logs(again, links), COLUMNS, None, lambda: None).catch_up_from_start(
        threading.Event(), print
    )
    # Nor does it go on when it is told to stop.
    stop = threading.Event()
    stop.set()
    third = KafkaLog(client, "events", 10)
    Follower(state, Logs(third, links), COLUMNS, None, lambda: None).catch_up_from_start(
        stop, print
    )
    assert not third.is_caught_up
    for log in (events, links, again, third):
        log.close()
    state.close()


def test_failure_of_a_topic_is_not_told_of_the_next_events(servers: str) -> None:
    receiver = KafkaReceiver(
        "shop", "told", {"bootstrap.servers": servers, "message.max.bytes": 2_000}, 10
    )
    events = [Waiting(n, "seen", "ONE1", f"s{n}-entered", b"{}", 0) for n in range(3)]
    with pytest.raises(OnecdpError, match=r"shop: .*too large"):
        receiver.send([*events, Waiting(3, "seen", "ONE1", "s3-entered", b" " * 5_000, 0)])
    # Those before it were given up, which is no failure of this call.
    assert receiver.send(events) is None
    receiver.close()
