"""What a topic costs on its way into a raw table, beside a client that only reads it.

    python benchmarks/kafka.py
    python benchmarks/kafka.py --messages 2000000 --repeat 5

A real broker on loopback, out of the jars of tests/kafka. Each load is an `onecdp ingest` in a
process of its own, into a warehouse of its own; its seconds are those that it reports of the
source: from the first request to the last row in DuckDB. Medians of `--repeat` runs.

    client   confluent-kafka alone: polls all messages and drops them
    file     a file of the same lines, through the same landing
    landing  the reader, types, quarantine, deduplication, and dlt's write
    idle     the same again, with nothing new
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path

import confluent_kafka
from days_parts.running import Line, measure
from rich.console import Console
from rich.table import Table

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "python")]

from support.kafka import JARS, KafkaBroker, make_broker  # noqa: E402

GOAL = 80_000
TOPIC = "app-events"


def message(number: int) -> bytes:
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


def read(broker: KafkaBroker, messages: int) -> float:
    """Seconds of a client that polls all messages and looks at none."""
    settings = {"bootstrap.servers": broker.servers, "group.id": "read", "log_level": 0}
    consumer = confluent_kafka.Consumer(settings)
    started, count = time.perf_counter(), 0
    consumer.assign([confluent_kafka.TopicPartition(TOPIC, 0, 0)])
    while count < messages:
        count += len(consumer.consume(10_000, 0.05))
    seconds = time.perf_counter() - started
    consumer.close()
    return seconds


def main() -> None:
    """Reads the arguments, measures, prints."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--messages", type=int, default=1_000_000)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--tiny", action="store_true", help="some seconds' work, for CI")
    options = parser.parse_args()
    if options.tiny:
        options.messages, options.repeat = 2_000, 1
    if not JARS.is_dir():
        print(f"skipped: no {JARS.relative_to(ROOT)}; {parser.prog} needs a broker")
        return
    with tempfile.TemporaryDirectory(prefix="kafka-") as scratch:
        folder = Path(scratch)
        broker = make_broker(folder / "broker")
        try:
            measure_topic(broker, folder, options.messages, options.repeat)
        finally:
            broker.stop()


def measure_topic(broker: KafkaBroker, folder: Path, messages: int, repeat: int) -> None:
    """Fills a topic, loads it again and again, prints."""
    broker.create(TOPIC)
    broker.send(TOPIC, [message(number) for number in range(messages)])
    settings = {
        "SOURCES__APP__KAFKA__BOOTSTRAP_SERVERS": broker.servers,
        "SOURCES__APP__KAFKA__TOPICS": json.dumps({"events": TOPIC}),
    }
    measure([sys.executable, "-m", "onecdp", "init", "project"], folder)
    line, data, files = Line(folder / "project", None), folder / "data", folder / "files"
    for each in (data, files):
        (each / "app").mkdir(parents=True)
    with (files / "app" / "events.jsonl").open("wb") as file:
        file.writelines(message(number) + b"\n" for number in range(messages))
    seconds: dict[str, list[float]] = {"client": [], "file": [], "landing": [], "idle": []}
    peak = 0.0

    def ingest(work: str, source: Path, warehouse: str, expected: int) -> None:
        nonlocal peak
        run = line.onecdp("ingest", "--data", str(source), "--warehouse", str(folder / warehouse),
                          "--source", "app", "--json")  # fmt: skip
        (app,) = (one for one in run.document["sources"] if one["source"] == "app")
        if app["rows_loaded"] != expected:
            sys.exit(f"{work}: {app['rows_loaded']} of {expected} messages were loaded")
        seconds[work].append(app["seconds"])
        peak = max(peak, run.peak)

    for number in range(repeat):
        seconds["client"].append(read(broker, messages))
        ingest("file", files, f"of-files-{number}", messages)
        os.environ.update(settings)
        ingest("landing", data, f"of-kafka-{number}", messages)
        ingest("idle", data, f"of-kafka-{number}", 0)
        for name in settings:
            del os.environ[name]
    medians = {work: statistics.median(runs) for work, runs in seconds.items()}
    rate = messages / medians["landing"]
    table = Table("work", "seconds", "messages/s", "of the file", "goal")
    verdict = f"≥ {GOAL:,} {'met' if rate >= GOAL else 'missed'}"
    table.add_row("client", f"{medians['client']:.2f}", f"{messages / medians['client']:,.0f}")
    table.add_row("file", f"{medians['file']:.2f}", f"{messages / medians['file']:,.0f}")
    share = medians["file"] / medians["landing"]
    table.add_row("landing", f"{medians['landing']:.2f}", f"{rate:,.0f}", f"{share:.2f}", verdict)
    table.add_row("idle", f"{medians['idle']:.2f}")
    console = Console(width=100)
    console.print(table)
    console.print(f"peak {peak:.2f} GiB")


if __name__ == "__main__":
    main()
