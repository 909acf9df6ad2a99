"""The reader of Kafka, beside a client that only reads and beside a file of the same lines."""

from __future__ import annotations

import json
import shutil

from days_parts.report import Goal, Measured
from days_parts.running import Finished
from support.kafka import JARS, KafkaBroker, make_broker
from support.sql_servers import NotInstalled

from .bench import Bench

TOPIC = "app-events"
# A second for 80,000 messages: what the reader should reach.
GOAL_RATE = 80_000

_CLIENT = """
import json, sys, time
import confluent_kafka
servers, topic, messages = sys.argv[1], sys.argv[2], int(sys.argv[3])
consumer = confluent_kafka.Consumer({"bootstrap.servers": servers, "group.id": "read"})
started, count = time.perf_counter(), 0
consumer.assign([confluent_kafka.TopicPartition(topic, 0, 0)])
while count < messages:
    count += len(consumer.consume(10_000, 0.05))
print(json.dumps({"rows": count, "seconds": time.perf_counter() - started}))
"""
_FILE = """
import json, sys, time
from pathlib import Path
from ingestion.pipelines import load
started = time.perf_counter()
(report,) = load(Path(sys.argv[1]), Path(sys.argv[2]), lambda _: None, sources=["app"])
print(json.dumps({"rows": report.rows_read, "seconds": time.perf_counter() - started}))
"""


def measure_kafka(bench: Bench) -> None:
    """A topic of one partition into a raw table."""
    if not (shutil.which("java") and JARS.is_dir()):
        raise NotInstalled("java, and `mvn -f tests/kafka/pom.xml dependency:copy-dependencies`")
    broker = make_broker(bench.folder / "broker")
    try:
        _measure(bench, broker)
    finally:
        broker.stop()


def _measure(bench: Bench, broker: KafkaBroker) -> None:
    lines = [_message(number) for number in range(bench.rows)]
    broker.create(TOPIC)
    broker.send(TOPIC, lines)
    files = bench.folder / "files"
    (files / "app").mkdir(parents=True)
    with (files / "app" / "events.jsonl").open("wb") as file:
        file.writelines(line + b"\n" for line in lines)
    settings = {
        "SOURCES__APP__KAFKA__BOOTSTRAP_SERVERS": broker.servers,
        "SOURCES__APP__KAFKA__TOPICS": json.dumps({"events": TOPIC}),
    }
    rows, repeats = f"{bench.rows:,} messages", range(bench.repeat)

    def add(work: str, runs: list[Finished]) -> Measured:
        for run in runs:
            if run.document["rows"] not in (0, bench.rows):
                raise SystemExit(f"kafka, {work}: {run.document['rows']} of {bench.rows} rows")
        return bench.findings.add("kafka", work, runs, has_stages=False)

    warehouses = [bench.folder / f"warehouse{number}" for number in repeats]
    client = add(
        f"{rows}, confluent-kafka alone",
        [bench.run(_CLIENT, broker.servers, TOPIC, str(bench.rows)) for _ in repeats],
    )
    file = add(
        f"{rows}, a file of their lines",
        [bench.run(_FILE, str(files), str(bench.folder / f"of-files{n}")) for n in repeats],
    )
    ours = add(f"{rows} into a raw table", [bench.load(one, "app", settings) for one in warehouses])
    add("nothing new", [bench.load(one, "app", settings) for one in warehouses])
    bench.findings.compare(ours, client)
    bench.findings.compare(file, ours)
    rate = bench.rows / ours.seconds / GOAL_RATE
    what = f"kafka: messages a second by {GOAL_RATE:,}"
    bench.findings.goals.append(Goal(what, rate, bench.goal(1)))


def _message(number: int) -> bytes:
    """An event of an app, some 270 bytes."""
    return json.dumps(
        {
            "event_id": f"event-{number:012}",
            "device_id": f"device-{number * 7919 % 50_000:08}",
            "union_id": f"union-{number * 104_729 % 40_000:08}",
            "open_id": f"open-{number * 104_729 % 40_000:08}",
            "event_type": ("page_view", "search", "add_cart", "purchase")[number % 4],
            "page_name": "product",
            "item_id": f"SKU{number % 500:04}",
            "item_price": number % 20_000 / 100,
            "channel": "app",
            "platform": "ios",
            "event_time": f"2025-{1 + number % 12:02}-01T08:26:00Z",
            "session_id": f"s{number // 7}",
        }
    ).encode()
