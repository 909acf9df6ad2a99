"""Flink runs the generated SQL, and has the values that `onecdp live` has at the same time."""

from __future__ import annotations

import datetime as dt
import json
import os
import random
import subprocess
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest
from support.cli import REPOSITORY, run_cli
from support.kafka import make_broker, needs_kafka

from onecdp.live.events import Event, Identifier, microseconds, parse_event
from onecdp.live.features import MICROSECONDS, Feature, read_features
from onecdp.live.flink_sql import LATE_SECONDS, SINK_KEY, why_not
from onecdp.live.kept import Kept
from onecdp.live.measure import Watermark, measure
from onecdp.live.settings import read_live_settings

PYTHON = os.environ.get("ONECDP_FLINK_PYTHON", "")
JAR = os.environ.get("ONECDP_FLINK_KAFKA_JAR", "")
pytestmark = [
    pytest.mark.soak,
    pytest.mark.skipif(
        not PYTHON,
        reason="Flink is not at hand: `python3.11 -m venv DIR`, `DIR/bin/pip install apache-flink`"
        " (needs Java 17), ONECDP_FLINK_PYTHON=DIR/bin/python",
    ),
]
NOON = dt.datetime(2026, 6, 6, 12)
MINUTE = 60 * MICROSECONDS
COLUMNS: list[Identifier] = [
    ("union_id", "union_id"), ("open_id", "open_id"), ("device_id", "device_id"),
]  # fmt: skip
# What `onecdp live` leaves out by the blocklist of the published build.
BLOCKED = {"null", "undefined", "(not set)", "000", "---"}
Row = dict[str, str | None]


def stream(draw: random.Random) -> list[Row]:
    """Rows as the collector writes them, in the order of their arrival."""
    rows: list[tuple[dt.datetime, Row]] = []
    seconds = draw.sample(range(3 * 3600), 250)
    for number, second in enumerate(seconds):
        happened = NOON - dt.timedelta(seconds=second)
        arrived = happened + dt.timedelta(seconds=draw.choice([0, 0, 1, 20]))
        if number % 12 == 0:
            # Out of its minute, and out of all that Flink waits for.
            arrived = happened + dt.timedelta(seconds=draw.choice([40, 300, 3000]))
        stated = happened.isoformat(timespec="milliseconds") + "Z"
        if number % 5 == 0:
            local = happened + dt.timedelta(hours=5, minutes=30)
            stated = local.isoformat(timespec="microseconds") + "+05:30"
        if number % 50 == 7:
            # A clock that is ahead.
            stated = (happened + dt.timedelta(hours=3)).isoformat(timespec="milliseconds") + "Z"
        rows.append((arrived, {
            "event_id": f"e{number}",
            "union_id": draw.choice([None, None, "U1", " U2\u00a0", "undefined", "000"]),
            "open_id": draw.choice([None, None, "17.0", "(not set)", "---"]),
            "device_id": draw.choice(["D1", "D2", "d'3`\"", ""]),
            "event_type": draw.choice(["page_view", " Page_View", "purchase", "add_cart", "refund",
                                       ""]),
            "event_time": stated,
            "received_at": arrived.isoformat(timespec="milliseconds") + "Z",
            "item_price": draw.choice([None, "", "12.5", "0.33335", "1e2", "twelve", "1e12"]),
            "session_id": draw.choice([None, None, None, "s1", "s2"]),
            "channel": draw.choice([None, "Web"]),
        }))  # fmt: skip
    ordered = [row for _, row in sorted(rows, key=lambda pair: pair[0])]
    # SDKs send again what was not acknowledged: at once, or much later.
    again = [draw.choice(ordered[: place + 1]) for place in range(0, len(ordered), 9)]
    for place, row in enumerate(again):
        ordered.insert(draw.randint(place * 10, len(ordered)), row)
    return ordered


def time_of(row: Row) -> dt.datetime:
    """The one thing that Flink reads otherwise: a time of the future is that of the arrival."""
    stated = (dt.datetime.fromisoformat(row[name] or "") for name in ("event_time", "received_at"))
    return min(stated).astimezone(dt.UTC).replace(tzinfo=None)


def owner(event: Event) -> Identifier | None:
    return next((each for each in event.identifiers if each[1] not in BLOCKED), None)


def consumed(rows: Iterable[Row], until: int) -> list[tuple[Event, bool]]:
    """What `onecdp live` has when Flink ends a minute, and whether Flink waited for it."""
    found: dict[str, tuple[Event, bool]] = {}
    watermark = 0
    for row in rows:
        time = time_of(row)
        line = json.dumps({**row, "event_time": time.isoformat()}).encode()
        event = parse_event(line, COLUMNS, NOON)
        if event and event.event_id not in found:
            found[event.event_id] = (event, event.event_time > watermark)
        watermark = max(watermark, microseconds(time) - LATE_SECONDS * MICROSECONDS)
        if watermark >= until - 1_000:
            break
    return [*found.values()]


def expected(rows: list[Row], at: int, features: list[Feature]) -> dict[Identifier, dict[str, Any]]:
    """The values of `onecdp live` at that time."""
    events = consumed(rows, at)
    found: dict[Identifier, dict[str, Any]] = {}
    gap = read_live_settings(REPOSITORY).session_gap
    for identifier in {who for event, _ in events if (who := owner(event))}:
        # What goes by the order of events can't take one in for which Flink no longer waited.
        for is_ordered in (False, True):
            chosen = [
                each for each in features
                if (each.window.kind in ("session", "since")) == is_ordered
            ]  # fmt: skip
            own = sorted(
                (event for event, is_timely in events
                 if owner(event) == identifier and (is_timely or not is_ordered)),
                key=lambda event: (event.event_time, event.event_id),
            )  # fmt: skip
            kept = [Kept(event, ()) for event in own]
            values = measure(chosen, kept, at - 1, Watermark({}, 0), gap)
            found.setdefault(identifier, {}).update(values)
    return found


def flink_runs(script: Path) -> None:
    ran = subprocess.run(
        [PYTHON, str(REPOSITORY / "tests/flink/run_sql.py"), str(script)],
        capture_output=True, text=True, check=False, cwd=script.parent,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr[-3000:]


def written(rows: list[Row]) -> list[bytes]:
    """The lines of a log; neither a broken one nor one without a time stops Flink."""
    lines = [json.dumps(row).encode() for row in rows]
    lines[20:20] = [b"{", b"[]", b'{"event_id": "e999", "event_type": "page_view"}']
    return lines


def from_files(tmp_path: Path, rows: list[Row]) -> list[dict[str, Any]]:
    """What Flink writes of files."""
    folder, out, script = tmp_path / "data/app/collector", tmp_path / "out", tmp_path / "live.sql"
    folder.mkdir(parents=True)
    (folder / "a.jsonl").write_bytes(b"\n".join(written(rows)) + b"\n")
    made = run_cli(
        "live", "flink-sql", "--data", str(tmp_path / "data"), "--out", str(out), "--to",
        str(script), "--project-dir", str(REPOSITORY),
    )  # fmt: skip
    assert made.code == 0, made.stderr
    assert "left out orders_since_batch: " in made.stderr
    flink_runs(script)
    return [json.loads(line) for file in out.iterdir() for line in file.read_text().splitlines()]


def from_kafka(tmp_path: Path, rows: list[Row]) -> list[dict[str, Any]]:
    """What Flink writes of a topic, into another one."""
    import confluent_kafka

    broker = make_broker(tmp_path / "broker")
    try:
        broker.create("app-events")
        broker.create("live_features")
        broker.send("app-events", written(rows))
        made = run_cli(
            "live", "flink-sql", "--project-dir", str(REPOSITORY),
            environment={"COLLECTOR__KAFKA__BOOTSTRAP_SERVERS": broker.servers,
                         "COLLECTOR__KAFKA__TOPICS__APP": "app-events"},
        )  # fmt: skip
        assert made.code == 0, made.stderr
        # For an end, and so that what is late is late in each run.
        start = "'scan.startup.mode' = 'earliest-offset'"
        assert start in made.stdout
        more = "'scan.bounded.mode' = 'latest-offset', 'scan.watermark.emit.strategy' = 'on-event'"
        (tmp_path / "live.sql").write_text(
            f"SET 'pipeline.jars' = '{Path(JAR).as_uri()}';\n\n"
            + made.stdout.replace(start, f"{start}, {more}")
        )
        flink_runs(tmp_path / "live.sql")
        reader = confluent_kafka.Consumer(
            {"bootstrap.servers": broker.servers, "group.id": "test", "log_level": 0}
        )
        reader.assign([confluent_kafka.TopicPartition("live_features", 0, 0)])
        found: list[dict[str, Any]] = []
        end, place = broker.end("live_features"), 0
        while place < end:
            for message in reader.consume(5_000, 1):
                place = message.offset() + 1
                row = json.loads(message.value())
                key = {name: row[name] for name in SINK_KEY}
                assert json.loads(message.key()) == key
                found.append(row)
            # The last offsets may be those of a transaction.
            (at,) = reader.position([confluent_kafka.TopicPartition("live_features", 0)])
            place = max(place, at.offset)
        reader.close()
        return found
    finally:
        broker.stop()


needs_jar = pytest.mark.skipif(
    not JAR, reason="no ONECDP_FLINK_KAFKA_JAR: org.apache.flink:flink-sql-connector-kafka"
)


@pytest.mark.parametrize(
    "run", [from_files, pytest.param(from_kafka, marks=[needs_kafka, needs_jar])]
)
def test_flink_has_the_values_of_onecdp_live(
    tmp_path: Path, run: Callable[[Path, list[Row]], list[dict[str, Any]]]
) -> None:
    rows = stream(random.Random(14))
    features = [each for each in read_features(REPOSITORY) if not why_not(each)]
    by_minute: dict[str, dict[Identifier, dict[str, Any]]] = {}
    for row in run(tmp_path, rows):
        who = (row.pop("id_type"), row.pop("id_value"))
        row.pop("feature_window")
        by_minute.setdefault(row.pop("as_of"), {}).setdefault(who, {}).update(row)

    compared = 0
    for minute in range(-170, 30, 3):
        moment = NOON + dt.timedelta(minutes=minute)
        flink = by_minute.get(moment.isoformat(), {})
        ours = expected(rows, microseconds(moment), features)
        for who, values in ours.items():
            theirs = flink.pop(who, {})
            for feature in features:
                value = values[feature.name]
                if feature.measure == "seconds_since_last" and value is not None:
                    value = pytest.approx(value, abs=0.0011)
                elif feature.measure == "sum":
                    value = float(value)
                # Without an event there is no row.
                got = theirs.get(feature.name)
                if got is None and not values[feature.name]:
                    continue
                assert got == value, (moment, who, feature.name)
                compared += 1
        assert not flink, (moment, flink)
    assert compared > 2_000
    assert sum(not is_timely for _, is_timely in consumed(rows, microseconds(NOON) * 2)) > 5
