"""Live: follows the collector's log, so that the API knows what people do now."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Mapping
from pathlib import Path

from onecdp.collector.messages import EVENTS, LINKS
from onecdp.collector.settings import read_kafka
from onecdp.errors import OnecdpError, UsageProblem
from onecdp.live.events import Identifier
from onecdp.live.features import read_features
from onecdp.live.follow import Follower, Log
from onecdp.live.kafka_log import KafkaLog
from onecdp.live.log import FileLog
from onecdp.live.state import LiveState
from onecdp.pipeline.context import Context
from onecdp.project.ingestion import load_ingestion
from onecdp.serving.batch_state import Published
from onecdp.serving.places import FilePlace, Place
from onecdp.serving.settings import read_stores


def live(
    context: Context, data: Path | None, stop: threading.Event, notify: Callable[[str], None]
) -> None:
    """Takes new events into the live state until `stop` is set.

    Args:
        context: The project; its warehouse folder gets the state, and is not locked.
        data: The folder that `onecdp collect --data` writes to; None if that writes to Kafka.
        stop: Set it, and the last events are committed before this returns.
        notify: Gets what the user should know.

    Raises:
        UsageProblem: Both a folder and Kafka are named, or neither; or the features can't be read.
        OnecdpError: The state can't be opened, or the broker can't be reached.
    """
    read_features(context.project.folder)
    follower = open_follower(context, data)
    try:
        follower.catch_up()
        notify(f"following {data or 'Kafka'} into {context.warehouse.live_file}")
        follower.run(stop, notify)
        notify("stopped")
    finally:
        follower.state.close()


def open_follower(context: Context, data: Path | None) -> Follower:
    """Opens the log and the state; arguments and errors are those of `live`."""
    events, links = _logs(context.project.folder, data, os.environ)
    columns = id_columns(context)
    state = LiveState(context.warehouse.live_file)
    return Follower(state, events, links, columns, Published(_store(context)))


def _store(context: Context) -> Place:
    project, warehouse = context.project.folder, context.warehouse
    return read_stores(project, warehouse, os.environ).kept or FilePlace(warehouse)


def id_columns(context: Context) -> list[Identifier]:
    """Columns of app events that hold identifiers, with their types, the best one first."""
    ingestion = load_ingestion(context.project.folder)
    return [
        (declared.column, declared.id_type)
        for declared in ingestion.pipelines.identifiers()
        if (declared.source, declared.table) == ("app", "events") and declared.id_type
    ]


def _logs(project: Path, data: Path | None, environment: Mapping[str, str]) -> tuple[Log, Log]:
    kafka = read_kafka(project, environment)
    if (data is None) == (kafka is None):
        raise UsageProblem(
            "the collector writes to Kafka, as [collector.kafka] says; leave out --data"
            if kafka
            else "name the folder that the collector writes to with --data"
        )
    if data:
        return FileLog(data, EVENTS), FileLog(data, LINKS)
    assert kafka
    topics = []
    for folder in (EVENTS, LINKS):
        source = folder.partition("/")[0]
        if source not in kafka.topics:
            raise OnecdpError(f"[collector.kafka] has no topic of {source}")
        topics.append(KafkaLog(kafka.client, kafka.topic_of(folder), kafka.timeout))
    return topics[0], topics[1]
