"""What the collector acknowledged stays, whatever ends it; and it starts only where it can work."""

from __future__ import annotations

import itertools
import json
import random
import signal
import socket
import threading
import time
from pathlib import Path

import pytest
import requests
from support.cli import run_cli
from support.collector import (
    KEY,
    code,
    collecting,
    make_collector_project,
    open_files,
    rows,
    start_collector,
    track,
)
from support.ingestion import Warehouse


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_collector_project(tmp_path_factory.mktemp("collector") / "project")


def test_a_full_disk_is_told_and_what_was_acknowledged_stays(project: Path, tmp_path: Path) -> None:
    data = tmp_path / "data"
    acknowledged = []
    with collecting(project, data, largest_file=100_000) as collector:
        for number in range(300):
            answer = collector.post("track", track(number))
            if answer.ok:
                acknowledged.append(f"m{number}")
            else:
                assert code(answer) == (503, "not_durable")
                assert answer.headers["Retry-After"]
        # The disk takes small files again, so that the collector is of use again.
        assert requests.get(f"{collector.url}/healthz", timeout=9).ok
        collector.stop()

    assert 290 < len(acknowledged) < 300
    # Each file has its rows in order; the names of files of one second say nothing of theirs.
    closed = [
        [json.loads(line)["event_id"] for line in file.read_text().splitlines()]
        for file in (data / "app/collector").glob("*.jsonl")
    ]
    closed.sort(key=lambda event_ids: acknowledged.index(event_ids[0]))
    assert list(itertools.chain(*closed)) == acknowledged


def test_nothing_acknowledged_is_lost_or_doubled_by_ten_kills(
    project: Path, warehouse: Warehouse
) -> None:
    data, chance = warehouse.data, random.Random(7)
    collector = start_collector(project, data)
    port = collector.port
    acknowledged: set[str] = set()
    sent: set[str] = set()
    stop = threading.Event()

    def send(sender: int) -> None:
        """Repeats a batch until it is acknowledged, as SDKs do."""
        number = sender * 1_000_000
        with requests.Session() as session:
            while not stop.is_set():
                batch = [track(number + step) for step in range(20)]
                number += 20
                names = {str(event["messageId"]) for event in batch}
                sent.update(names)
                while not (names <= acknowledged or stop.is_set()):
                    try:
                        answer = session.post(
                            f"http://127.0.0.1:{port}/v1/batch",
                            data=json.dumps({"batch": batch}),
                            auth=(KEY, ""),
                            timeout=5,
                        )
                    except requests.RequestException:
                        time.sleep(0.02)
                        continue
                    if answer.status_code == 200:
                        acknowledged.update(names)

    senders = [threading.Thread(target=send, args=(number,)) for number in range(1, 5)]
    for sender in senders:
        sender.start()
    try:
        for _ in range(10):
            before, deadline = len(acknowledged), time.monotonic() + 20
            while len(acknowledged) == before and time.monotonic() < deadline:
                time.sleep(0.005)
            time.sleep(chance.uniform(0, 0.2))
            collector.kill()
            assert open_files(data)
            collector = start_collector(project, data, port)
    finally:
        stop.set()
        for sender in senders:
            sender.join()
        collector.stop()

    report = warehouse.load(source="app")["app"]

    loaded = [name for (name,) in warehouse.query("select event_id from raw_app.events")]
    assert report.rows_quarantined == 0
    assert len(acknowledged) >= 200
    assert len(loaded) == len(set(loaded))
    assert acknowledged <= set(loaded) <= sent


def test_files_are_closed_also_by_a_second_signal(project: Path, tmp_path: Path) -> None:
    with collecting(project, tmp_path / "data") as collector:
        assert collector.post("track", track(1)).ok
        with socket.create_connection(("127.0.0.1", collector.port)) as slow:
            slow.sendall(b"POST /v1/track HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n{")
            assert collector.post("track", track(2)).ok
            for _ in range(2):
                collector.process.send_signal(signal.SIGINT)
                time.sleep(0.5)
            collector.process.wait(20)

    assert [row["event_id"] for row in rows(tmp_path / "data", "app/collector")] == ["m1", "m2"]


def test_files_of_a_webhook_that_is_not_set_any_more_are_closed(
    project: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "data/support/tickets/webhooks"
    folder.mkdir(parents=True)
    (folder / ".1.jsonl.open").write_bytes(b'{"ticket_id":"1"}\n')
    settings = f'[collector.write_keys]\nweb = "{KEY}"\n'
    other = make_collector_project(tmp_path / "other", settings)
    with collecting(other, tmp_path / "data"):
        assert rows(tmp_path / "data", "support/tickets/webhooks") == [{"ticket_id": "1"}]


def test_a_file_is_hidden_until_its_time_is_over(tmp_path: Path) -> None:
    settings = f'[collector]\nsegment_seconds = 1\nwrite_keys = {{web = "{KEY}"}}\n'
    project = make_collector_project(tmp_path / "project", settings)
    with collecting(project, tmp_path / "data") as collector:
        assert collector.post("track", track(1)).ok
        deadline = time.monotonic() + 20
        while not rows(tmp_path / "data", "app/collector") and time.monotonic() < deadline:
            time.sleep(0.05)
        assert [row["event_id"] for row in rows(tmp_path / "data", "app/collector")] == ["m1"]
        assert open_files(tmp_path / "data") == []


def test_mistakes_of_the_operator_are_one_line(tmp_path: Path) -> None:
    project = make_collector_project(tmp_path / "project", "[collector]\nsegment_secs = 1\n")
    data = str(tmp_path / "data")

    def said(*args: str) -> str:
        done = run_cli("collect", "--data", data, *args, "--project-dir", str(project))
        assert done.code in (1, 2)
        assert len(done.stderr.splitlines()) == 1, done.stderr
        return done.stderr

    assert "did you mean segment_seconds?" in said()
    (project / ".dlt/secrets.toml").write_text("")
    assert "no write key" in said()
    (project / ".dlt/secrets.toml").write_text(f'[collector.write_keys]\nweb = "{KEY}"\n')
    (project / "seeds/tracking_plan.csv").write_text("event,property,type,required\nA,b,c,d\n")
    assert "tracking_plan.csv line 2" in said()
    (project / "seeds/tracking_plan.csv").unlink()
    with socket.create_server(("127.0.0.1", 0)) as taken:
        assert "choose others" in said("--port", str(taken.getsockname()[1]))
