"""Runs the collector: one process, one event loop, one writer."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import uvicorn

from onecdp.collector.app import make_app
from onecdp.collector.journal import Journal
from onecdp.collector.kafka import KafkaSink
from onecdp.collector.messages import FOLDERS
from onecdp.collector.settings import Settings
from onecdp.collector.tracking_plan import TrackingPlan
from onecdp.collector.webhooks.shapes import WEBHOOK_FOLDERS
from onecdp.errors import OnecdpError, UsageProblem

SHUTDOWN_SECONDS = 10
MAX_CONNECTIONS = 1_000


def serve(
    data: Path | None,
    settings: Settings,
    plan: TrackingPlan,
    host: str,
    port: int,
    notify: Callable[[str], None],
) -> None:
    """Takes events until SIGTERM or SIGINT; requests that have begun are answered first.

    Args:
        data: The data folder of `onecdp ingest`; made if it isn't there. None, if the rows go to
            Kafka.
        settings: What the project says.
        plan: The tracking plan.
        host: The address to listen on.
        port: The port; 0 takes a free one.
        notify: Gets what the user should know, such as the address.

    Raises:
        UsageProblem: Both a folder and Kafka are named, or neither.
        OnecdpError: It can't listen there, or can't write to the folder, or the broker.
    """
    if (data is None) == (settings.kafka is None):
        raise UsageProblem(
            "events go to Kafka, as [collector.kafka] says; leave out --data"
            if data
            else "name the folder for events with --data, or a broker in [collector.kafka]"
        )
    sink = _journal(data, settings) if data else _kafka(settings)
    goal = f"Kafka at {settings.kafka.servers}" if settings.kafka else data
    listener = _listen(host, port)
    with listener:
        address = f"[{host}]" if ":" in host else host
        config = uvicorn.Config(
            make_app(settings, plan, sink),
            # Addresses and keys of senders stay out of the log, and values of events that the text
            # of an error may have.
            access_log=False,
            log_level="critical",
            log_config=None,
            server_header=False,
            ws="none",
            limit_concurrency=MAX_CONNECTIONS,
            timeout_graceful_shutdown=SHUTDOWN_SECONDS,
        )
        server = uvicorn.Server(config)
        with _signals_stop(server):
            notify(f"collecting on http://{address}:{listener.getsockname()[1]} into {goal}")
            server.run(sockets=[listener])
            sink.close()
    notify(f"stopped; all acknowledged events are in {'closed files' if data else 'Kafka'}")


def _journal(data: Path, settings: Settings) -> Journal:
    try:
        data.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OnecdpError(f"{data}: {error.strerror}") from error
    if not os.access(data, os.W_OK | os.X_OK):
        raise OnecdpError(f"{data}: events can't be written there")
    journal = Journal(data, int(settings.segment_megabytes * 1e6), settings.segment_seconds)
    try:
        journal.recover(FOLDERS | WEBHOOK_FOLDERS)
    except OSError as error:
        raise OnecdpError(f"{error.filename or data}: {error.strerror}") from error
    return journal


def _kafka(settings: Settings) -> KafkaSink:
    assert settings.kafka
    sink = KafkaSink(settings.kafka)
    sink.find_topics(settings.sources)
    return sink


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=2048)
    except OSError as error:
        raise OnecdpError(
            f"can't listen on {host}, port {port}: {error.strerror or error}; "
            "choose others with --host and --port"
        ) from error


@contextlib.contextmanager
def _signals_stop(server: uvicorn.Server) -> Iterator[None]:
    """Lets signals stop the server also before it handles them itself, and no more than that.

    uvicorn raises its signal once more when it has stopped, which would end the process.
    """

    def stop(*_: object) -> None:
        server.should_exit = True

    before = {number: signal.signal(number, stop) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
