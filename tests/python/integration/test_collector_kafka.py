"""A collector that writes to Kafka: what it acknowledges the broker has, and loads like files."""

from __future__ import annotations

import json
import threading
import time
from pathlib import Path

import pytest
import requests
from support.cli import run_cli
from support.collector import (
    SETTINGS,
    Collector,
    code,
    collecting,
    make_collector_project,
    start_collector,
    track,
)
from support.ingestion import Warehouse, content
from support.kafka import KafkaBroker, needs_kafka

pytestmark = needs_kafka

SOURCES = ("app", "id_graph", "support", "email")
LEFT_OUT = ("_loaded_at", "_dlt_load_id", "_file", "_line", "received_at")


def settings(broker: KafkaBroker, prefix: str) -> dict[str, str]:
    """The environment of a collector that writes to topics of a name, which are made."""
    for source in SOURCES:
        broker.create(f"{prefix}-{source}")
    topics = {f"COLLECTOR__KAFKA__TOPICS__{s.upper()}": f"{prefix}-{s}" for s in SOURCES}
    return {"COLLECTOR__KAFKA__BOOTSTRAP_SERVERS": broker.servers, **topics,
            "COLLECTOR__KAFKA__TIMEOUT": "2"}  # fmt: skip


def read_from(
    broker: KafkaBroker, prefix: str, warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    for source, table in (("app", "events"), ("id_graph", "links")):
        section = f"SOURCES__{source.upper()}__KAFKA__"
        monkeypatch.setenv(f"{section}BOOTSTRAP_SERVERS", broker.servers)
        monkeypatch.setenv(f"{section}TOPICS", json.dumps({table: f"{prefix}-{source}"}))
        report = warehouse.load(source=source)[source]
        assert not report.refused
        assert not report.rows_quarantined


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_collector_project(tmp_path_factory.mktemp("collector") / "project")


def send_all(collector: Collector) -> None:
    batch = [track(number, userId=f"u{number % 3}") for number in range(50)]
    assert collector.post("batch", {"batch": batch}).ok
    identify = {"userId": "u1", "anonymousId": "device-1", "traits": {"email": "A@b.example"},
                "messageId": "i1", "timestamp": "2026-06-01T08:26:00Z"}  # fmt: skip
    assert collector.post("identify", identify).ok
    assert collector.post("track", track(7, userId="u1")).ok  # as an SDK repeats


def test_topics_load_like_the_files_of_the_journal(
    broker: KafkaBroker, project: Path, tmp_path: Path, empty_warehouse: Path,
    warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    with collecting(project, None, environment=settings(broker, "like-files")) as collector:
        send_all(collector)
        said = collector.stop()
    assert said.endswith("stopped; all acknowledged events are in Kafka\n")
    read_from(broker, "like-files", warehouse, monkeypatch)
    monkeypatch.undo()

    files = Warehouse(tmp_path / "files")
    with collecting(project, files.data) as collector:
        send_all(collector)
        collector.stop()
    for source in ("app", "id_graph"):
        files.load(source=source)
    for table, rows in (("raw_app.events", 50), ("raw_id_graph.links", 2)):
        left_out = LEFT_OUT if table == "raw_app.events" else LEFT_OUT[:-1]
        found = content(warehouse, table, left_out)
        assert found == content(files, table, left_out)
        assert len(found) == rows


def test_a_broker_that_is_down_is_503_and_acknowledged_events_outlive_kills(
    broker: KafkaBroker, project: Path, warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    environment = settings(broker, "kills")
    acknowledged: set[str] = set()
    number = 0

    def send(collector: Collector) -> requests.Response | None:
        """A batch of new events, which a kill or a broker may cost its answer."""
        nonlocal number
        batch = [track(number + step) for step in range(200)]
        number += 200
        try:
            answer = collector.post("batch", {"batch": batch})
        except requests.RequestException:
            return None
        if answer.ok:
            acknowledged.update(str(event["messageId"]) for event in batch)
        return answer

    collector = start_collector(project, None, environment=environment)
    for _ in range(3):
        deadline = time.monotonic() + 0.3
        while time.monotonic() < deadline:
            send(collector)
        # One is on its way when it dies.
        sending = threading.Thread(target=send, args=(collector,))
        sending.start()
        collector.process.kill()
        sending.join()
        collector.process.wait()
        collector = start_collector(project, None, environment=environment)
    with broker.frozen():
        refused = send(collector)
        assert refused is not None
        assert code(refused) == (503, "not_durable")
        assert requests.get(f"{collector.url}/healthz", timeout=9).status_code == 503
    deadline = time.monotonic() + 30
    while not requests.get(f"{collector.url}/healthz", timeout=9).ok:
        assert time.monotonic() < deadline
    answer = send(collector)
    assert answer is not None
    assert answer.ok
    said = collector.stop()
    assert f"events can't be written: {broker.servers}: " in said
    assert "see that the broker runs" in said
    assert "events are written again" in said

    read_from(broker, "kills", warehouse, monkeypatch)
    rows = [row[0] for row in warehouse.query("select event_id from raw_app.events")]
    assert len(rows) == len(set(rows))
    assert acknowledged
    assert acknowledged <= set(rows)


def test_it_starts_only_where_it_can_work(broker: KafkaBroker, tmp_path: Path) -> None:
    folder = make_collector_project(tmp_path / "project", SETTINGS + (
        '\n[collector.kafka]\ntopics = {app = "not-there", id_graph = "x", support = "x", '
        'email = "x"}\n'))  # fmt: skip

    def told(*more: str, servers: str = broker.servers) -> str:
        done = run_cli(
            "collect", "--port", "0", "--project-dir", str(folder), *more,
            environment={"COLLECTOR__KAFKA__BOOTSTRAP_SERVERS": servers,
                         "COLLECTOR__KAFKA__TIMEOUT": "1"},
        )  # fmt: skip
        assert done.code in (1, 2)
        assert "Traceback" not in done.stderr
        return done.stderr

    assert "has no topic not-there; create it" in told()
    assert "leave out --data" in told("--data", str(tmp_path))
    gone = told(servers="127.0.0.1:9")
    assert gone.startswith("onecdp: 127.0.0.1:9: ")
    assert "refused" in gone
    assert "see that the broker runs" in gone
