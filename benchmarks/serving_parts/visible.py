"""How long an event takes from its sender to an answer of the API, while others come."""

from __future__ import annotations

import datetime as dt
import multiprocessing
import random
import statistics
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests
from support.collector import KEY as WRITE_KEY
from support.collector import Collector, collecting
from support.live_process import following

BATCH = 20
"""Events of a call, as SDKs send them."""
SENDERS = 8
_PATIENCE = 60.0
_PAUSE = 0.002


@dataclass(frozen=True)
class Visible:
    """Milliseconds from sending to the first answer that has it, and what came beside."""

    p50: float
    p99: float
    events: int
    per_second: float


def _event(message_id: str, device: int) -> dict[str, Any]:
    return {
        "type": "page", "name": "/", "messageId": message_id, "anonymousId": f"D{device}",
        "timestamp": dt.datetime.now(dt.UTC).isoformat(timespec="milliseconds"),
    }  # fmt: skip


def _load(url: str, wanted: float, customers: int, end: Any, sent: Any) -> None:
    """Sends events at an even rate until it is told to end; as fast as it can, if that is less."""

    def send(sender: int) -> None:
        session, number, due = requests.Session(), 0, time.perf_counter()
        while not end.is_set():
            batch = [
                # The probes are of the first customers.
                _event(f"load-{sender}-{number}-{n}", random.randint(customers // 2, customers))
                for n in range(BATCH)
            ]
            answer = session.post(f"{url}/v1/batch", json={"batch": batch}, auth=(WRITE_KEY, ""))
            if not answer.ok:
                raise SystemExit(f"the collector answered {answer.status_code}")
            number += 1
            with sent.get_lock():
                sent.value += BATCH
            due += SENDERS * BATCH / wanted
            time.sleep(max(0.0, due - time.perf_counter()))

    # Each waits for the collector's disk.
    with ThreadPoolExecutor(SENDERS) as senders:
        for _ in senders.map(send, range(SENDERS)):
            pass


def measure_visible(
    project: Path, warehouse: Path, port: int, key: str, customers: int, *,
    events: int, wanted: float,
) -> Visible:  # fmt: skip
    """Sends events of one customer after another, each when the one before it is seen.

    Args:
        project: With the collector's and the follower's settings.
        warehouse: Of the API; `onecdp live` follows into it.
        port: Of the API.
        key: Who asks.
        customers: How many there are; the first half must have no events.
        events: How many events are measured.
        wanted: Events a second that come beside them.
    """
    data = warehouse / "data"
    writes = {"COLLECTOR__WRITE_KEYS__WEB": WRITE_KEY, "COLLECTOR__EVENTS_PER_SECOND": "1e9"}
    processes = multiprocessing.get_context("spawn")
    end, sent = processes.Event(), processes.Value("q", 0)
    with (
        collecting(project, data, environment=writes) as collector,
        following(project, data, warehouse),
    ):
        load = processes.Process(
            target=_load, args=(collector.url, wanted, customers, end, sent), daemon=True
        )
        load.start()
        while sent.value < wanted:
            # The first second is that of cold processes.
            if load.exitcode is not None:
                raise SystemExit("nothing could be sent")
            time.sleep(0.05)
        began, before = time.perf_counter(), sent.value
        times = sorted(_seen(collector, port, key, n) for n in range(1, events + 1))
        rate = (sent.value - before) / (time.perf_counter() - began)
        end.set()
        load.join()
    return Visible(statistics.median(times), times[len(times) * 99 // 100], events, rate)


def _seen(collector: Collector, port: int, key: str, customer: int) -> float:
    """Sends an event; returns after how many milliseconds it is in the answer."""
    url = f"http://127.0.0.1:{port}/v1/profiles/device_id/D{customer}"
    headers = {"Authorization": f"Bearer {key}"}
    event, start = _event(f"probe-{customer}", customer), time.perf_counter()
    if not collector.post("page", event).ok:
        raise SystemExit("the collector refused an event")
    while True:
        answer = collector.session.get(url, headers=headers, timeout=_PATIENCE)
        spent = time.perf_counter() - start
        if answer.json().get("live", {}).get("events_24h"):
            return spent * 1e3
        if spent > _PATIENCE:
            raise SystemExit(f"an event was not seen within {_PATIENCE:.0f} s")
        time.sleep(_PAUSE)
