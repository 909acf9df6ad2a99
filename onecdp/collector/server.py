"""Runs the collector: one process, one event loop, one writer."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from starlette.applications import Starlette

from onecdp.collector.app import make_app
from onecdp.collector.journal import Journal
from onecdp.collector.kafka import KafkaSink
from onecdp.collector.messages import FOLDERS
from onecdp.collector.process import address_of, listen, run_app
from onecdp.collector.settings import Settings
from onecdp.collector.tracking_plan import TrackingPlan
from onecdp.collector.webhooks.shapes import WEBHOOK_FOLDERS
from onecdp.errors import OnecdpError, UsageProblem


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
        data: As in `collecting`.
        settings: What the project says.
        plan: The tracking plan.
        host: The address to listen on.
        port: The port; 0 takes a free one.
        notify: Gets what the user should know, such as the address.

    Raises:
        OnecdpError: It can't listen there; or as `collecting`.
    """
    with collecting(data, settings, plan) as app, listen(host, port) as listener:
        into = goal_of(data, settings)
        run_app(app, listener, lambda: notify(f"collecting on {address_of(listener)} into {into}"))
    notify(f"stopped; all acknowledged events are in {'closed files' if data else 'Kafka'}")


def goal_of(data: Path | None, settings: Settings) -> str:
    """Returns where the events go, for messages."""
    return f"Kafka at {settings.kafka.servers}" if settings.kafka else str(data)


@contextmanager
def collecting(data: Path | None, settings: Settings, plan: TrackingPlan) -> Iterator[Starlette]:
    """The collector as an application, whose events are all written out behind the block.

    Args:
        data: The data folder of `onecdp ingest`; made if it isn't there. None, if the rows go to
            Kafka.
        settings: What the project says.
        plan: The tracking plan.

    Raises:
        UsageProblem: Both a folder and Kafka are named, or neither.
        OnecdpError: It can't write to the folder, or the broker.
    """
    if (data is None) == (settings.kafka is None):
        raise UsageProblem(
            "events go to Kafka, as [collector.kafka] says; leave out --data"
            if data
            else "name the folder for events with --data, or a broker in [collector.kafka]"
        )
    sink = _journal(data, settings) if data else _kafka(settings)
    yield make_app(settings, plan, sink)
    sink.close()


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
