"""What durability costs the collector: events a second with files, and without any disk.

    python benchmarks/collector.py
    python benchmarks/collector.py --seconds 10 --repeat 5
    python benchmarks/collector.py --kafka       # with a broker of its own: tests/kafka/pom.xml

One process serves, another sends over keep-alive connections, each a request after the answer to
the last one. The same server runs with two sinks: `none` drops the rows, `files` is the journal:
JSON lines, synced in group commit; with `--kafka`, `kafka` sends them to a broker on the same
machine, which shares its processors. Rates are medians of `--repeat` runs, in turn.

    batches   50 events a request, 64 connections
    single    one event a request, 64 connections
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import json
import multiprocessing
import socket
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import uvicorn
from rich.console import Console
from rich.table import Table

from onecdp.collector.app import Sink, make_app
from onecdp.collector.journal import Journal
from onecdp.collector.kafka import KafkaSink
from onecdp.collector.settings import Kafka, Settings
from onecdp.collector.tracking_plan import TrackingPlan

KEY = "a-write-key-for-benchmarks"
# Seconds beyond those of a run in which something must be acknowledged.
PATIENCE = 60
GOAL = 0.8
WORK = {"batches": (50, 64), "single": (1, 64)}
TOPICS = {"app": "collected"}
sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests" / "python"))


class Nothing:
    """Drops the rows."""

    async def append(self, rows: Mapping[str, bytes]) -> None:
        """Returns at once."""

    async def check(self) -> bool:
        """Drops well."""
        return True


def serve(listener: socket.socket, sink: str, data: Path, servers: str) -> None:
    """Runs the server until it is terminated."""
    settings = Settings(write_keys={KEY: "web"}, events_per_second=1e9)
    chosen: Sink = Nothing()
    if sink == "files":
        chosen = Journal(data, 64_000_000, 60)
    elif sink == "kafka":
        chosen = KafkaSink(Kafka(servers, TOPICS, {"bootstrap.servers": servers}))
    config = uvicorn.Config(
        make_app(settings, TrackingPlan(), chosen), access_log=False, log_level="critical"
    )
    uvicorn.Server(config).run(sockets=[listener])


def request(work: str, number: int) -> bytes:
    """The bytes of one request, with events that an app sends."""
    events, _ = WORK[work]
    batch = [
        {
            "type": "track",
            "event": "Order Completed",
            "messageId": f"message-{number}-{n}",
            "anonymousId": f"device-{number % 5_000}",
            "userId": f"user-{number % 4_000}",
            "timestamp": "2026-06-01T08:26:00.123Z",
            "properties": {"revenue": n + 0.5, "product_id": f"SKU{n}", "currency": "EUR"},
            "context": {"library": {"name": "benchmark", "version": "1"}, "os": {"name": "iOS"}},
        }
        for n in range(events)
    ]
    body = json.dumps({"batch": batch} if events > 1 else batch[0]).encode()
    user = base64.b64encode(f"{KEY}:".encode()).decode()
    path = "/v1/batch" if events > 1 else "/v1/track"
    head = (
        f"POST {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Basic {user}\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


class Sender(asyncio.Protocol):
    """Sends requests in turn, and counts the answers of 200."""

    def __init__(self, requests: list[bytes], first: int) -> None:
        """Takes what to send, and where in it to begin."""
        self._requests, self._next = requests, first
        self._answer = b""
        self.answered = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Sends the first request."""
        self._transport = transport
        self._send()

    def data_received(self, data: bytes) -> None:
        """Sends the next one after a whole answer, which ends with a JSON object."""
        self._answer += data
        if not self._answer.endswith(b"}"):
            return
        if not self._answer.startswith(b"HTTP/1.1 200"):
            raise SystemExit(self._answer.decode())
        self._answer = b""
        self.answered += 1
        self._send()

    def _send(self) -> None:
        self._next = (self._next + 1) % len(self._requests)
        self._transport.write(self._requests[self._next])  # type: ignore[attr-defined]


async def send(port: int, work: str, seconds: float) -> float:
    """Returns the events a second that were acknowledged."""
    events, connections = WORK[work]
    requests = [request(work, number) for number in range(1_000 if events == 1 else 200)]
    loop = asyncio.get_running_loop()
    senders = [Sender(requests, number) for number in range(connections)]
    for sender in senders:
        await loop.create_connection(lambda s=sender: s, "127.0.0.1", port)  # type: ignore[misc]
    # The first answers are those of a cold server.
    await asyncio.sleep(seconds / 5)
    before, start = sum(sender.answered for sender in senders), time.perf_counter()
    await asyncio.sleep(seconds)
    while not (answered := sum(sender.answered for sender in senders) - before):
        # A short run on a busy machine may end before anything was answered.
        if (waited := time.perf_counter() - start) > seconds + PATIENCE:
            sys.exit(f"{work}: nothing was acknowledged in {waited:.0f} s")
        await asyncio.sleep(0.1)
    return answered * events / (time.perf_counter() - start)


def measure(sink: str, work: str, seconds: float, servers: str) -> float:
    """One run with a server of its own."""
    with tempfile.TemporaryDirectory(prefix="collector-") as folder:
        listener = socket.create_server(("127.0.0.1", 0), backlog=2048)
        server = multiprocessing.get_context("spawn").Process(
            target=serve, args=(listener, sink, Path(folder), servers)
        )
        server.start()
        try:
            return asyncio.run(send(listener.getsockname()[1], work, seconds))
        finally:
            server.terminate()
            server.join()
            listener.close()


def main() -> None:
    """Reads the arguments, measures, prints."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seconds", type=float, default=5, help="of each run")
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--kafka", action="store_true", help="also with a broker")
    parser.add_argument("--tiny", action="store_true", help="some seconds' work, for CI")
    options = parser.parse_args()
    if options.tiny:
        options.seconds, options.repeat = 0.5, 1

    with broker(options.kafka) as servers:
        sinks = ("none", "files", "kafka") if servers else ("none", "files")
        table = Table("work", "sink", "events/s", ": none", "goal")
        for work in WORK:
            runs: dict[str, list[float]] = {sink: [] for sink in sinks}
            for _ in range(options.repeat):
                for sink in sinks:
                    runs[sink].append(measure(sink, work, options.seconds, servers))
            rates = {sink: statistics.median(rates) for sink, rates in runs.items()}
            for sink, rate in rates.items():
                ratio, verdict = rate / rates["none"], ""
                if sink == "files":
                    verdict = f"≥ {GOAL:g} {'met' if ratio >= GOAL else 'missed'}"
                table.add_row(work, sink, f"{rate:,.0f}", f"{ratio:.2f}", verdict)
        Console(width=100).print(table)


@contextmanager
def broker(is_wanted: bool) -> Iterator[str]:
    """Where a broker of its own is; empty if none is wanted."""
    if not is_wanted:
        yield ""
        return
    from support.kafka import make_broker

    with tempfile.TemporaryDirectory(prefix="broker-") as folder:
        running = make_broker(Path(folder))
        try:
            running.create(TOPICS["app"])
            yield running.servers
        finally:
            running.stop()


if __name__ == "__main__":
    main()
