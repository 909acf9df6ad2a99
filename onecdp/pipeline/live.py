"""Live: follows the collector's log, so that the API knows what people do now."""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from onecdp.collector.messages import EVENTS, LINKS
from onecdp.collector.settings import read_kafka
from onecdp.collector.webhooks.shapes import TICKETS
from onecdp.errors import OnecdpError, UsageProblem
from onecdp.live.events import Identifier
from onecdp.live.features import asks_for_tickets, read_features
from onecdp.live.follow import Follower, Log, Logs
from onecdp.live.kafka_log import KafkaLog
from onecdp.live.kept import LiveEvents
from onecdp.live.log import FileLog
from onecdp.live.settings import read_hold_out_key, read_live_settings
from onecdp.live.state import LiveState
from onecdp.live.tickets import STATE, TICKET_ID, TicketColumns
from onecdp.live.triggers import stays
from onecdp.live.triggers.declared import SEED, read_triggers
from onecdp.live.triggers.receivers import read_receivers
from onecdp.live.triggers.send import Outbox, Senders
from onecdp.live.triggers.watch import Watcher, Watching
from onecdp.pipeline.context import Context
from onecdp.pipeline.identifier_columns import identifier_columns
from onecdp.project.ingestion import load_ingestion
from onecdp.serving.batch_state import Published
from onecdp.serving.places import FilePlace, Place
from onecdp.serving.publications import OpenPublications
from onecdp.serving.settings import read_stores
from onecdp.warehouse.lock import only_live


def live(
    context: Context, data: Path | None, stop: threading.Event, notify: Callable[[str], None]
) -> None:
    """Takes new events into the live state, and runs triggers, until `stop` is set.

    Args:
        context: The project; its warehouse folder gets the state, and is not locked.
        data: The folder that `onecdp collect --data` writes to; None if that writes to Kafka.
        stop: Set it, and the last events are committed before this returns.
        notify: Gets what the user should know.

    Raises:
        UsageProblem: Both a folder and Kafka are named, or neither; or the features or triggers
            can't be read.
        OnecdpError: The state can't be opened, or the broker can't be reached.
    """
    try:
        _live(context, data, stop, notify)
    except sqlite3.Error as error:
        # At the start, or it would have been tried again.
        raise OnecdpError(f"{context.warehouse.live_file}: {error}") from error


def _live(
    context: Context, data: Path | None, stop: threading.Event, notify: Callable[[str], None]
) -> None:
    read_features(context.project.folder)
    triggers = open_triggers(context, notify)
    logs = open_logs(context, data)
    with only_live(context.warehouse):
        _follow(context, data, logs, triggers, stop, notify)
    notify("stopped")


def _follow(
    context: Context, data: Path | None, logs: Logs, triggers: Triggers | None,
    stop: threading.Event, notify: Callable[[str], None],
) -> None:  # fmt: skip
    follower = open_follower(context, logs, triggers)
    try:
        if triggers:
            # What is in the outbox was judged before.
            triggers.senders.start(stop)
        follower.catch_up_from_start(stop, notify)
        notify(f"following {data or 'Kafka'} into {context.warehouse.live_file}")
        if triggers:
            notify(f"triggers: {', '.join(each.name for each in triggers.watching.triggers)}")
        follower.run(stop, notify)
    finally:
        if follower.watcher:
            follower.watcher.close()
        follower.state.close()
        if triggers:
            triggers.publications.close()
            triggers.senders.stop()


@dataclass(frozen=True)
class Triggers:
    """What runs beside the follower."""

    watching: Watching
    publications: OpenPublications
    senders: Senders


def open_triggers(context: Context, notify: Callable[[str], None]) -> Triggers | None:
    """Reads a project's triggers; None if it has none. Arguments and errors are those of `live`."""
    folder, warehouse = context.project.folder, context.warehouse
    settings = read_live_settings(folder)
    triggers = read_triggers(folder, settings.features)
    if not triggers:
        return None
    store = read_stores(folder, warehouse, os.environ).kept
    if store is None:
        raise UsageProblem(
            f"{SEED}: triggers need the online store; set online_store = true below [serving] in"
            " .dlt/config.toml, then run `onecdp publish`"
        )
    return Triggers(
        Watching(triggers, settings, read_hold_out_key(folder)),
        OpenPublications(store, warehouse.marts_file, triggers, notify),
        Senders(
            Outbox(warehouse.live_file, warehouse.dead_letters),
            read_receivers(folder, os.environ, triggers),
            notify,
        ),
    )


def open_follower(context: Context, logs: Logs, triggers: Triggers | None = None) -> Follower:
    """Opens the state, which is made if it is not there; errors are those of `live`."""
    tickets = _ticket_columns(context.project.folder)
    columns = id_columns(context)
    file = context.warehouse.live_file
    state = LiveState(file, has_triggers=triggers is not None)
    watcher = None
    if triggers is None:
        with state.transaction() as connection:
            stays.clear(connection)
    else:
        watcher = Watcher(state, LiveEvents(file), triggers.watching, triggers.publications)
    return Follower(state, logs, columns, tickets, Published(_store(context)), watcher)


def _store(context: Context) -> Place:
    project, warehouse = context.project.folder, context.warehouse
    return read_stores(project, warehouse, os.environ).kept or FilePlace(warehouse)


def id_columns(context: Context) -> list[Identifier]:
    """Columns of app events that hold identifiers, with their types, the best one first."""
    return identifier_columns(context.project.folder, "app", "events")


def _ticket_columns(project: Path) -> TicketColumns | None:
    """The columns of tickets; None if no live feature asks for them."""
    if not asks_for_tickets(read_features(project)):
        return None
    identifiers = identifier_columns(project, "support", "tickets")
    needed = {TICKET_ID, *STATE, *(column for column, _ in identifiers)}
    names = {
        name: column.name
        for spec in load_ingestion(project).pipelines.tables()
        if (spec.source, spec.table) == ("support", "tickets")
        for column in spec.columns
        if column.name in needed
        for name in (*column.aliases, column.name)
    }
    return TicketColumns(names, identifiers)


def open_logs(context: Context, data: Path | None) -> Logs:
    """Opens what is followed; arguments and errors are those of `live`."""
    project = context.project.folder
    has_tickets = asks_for_tickets(read_features(project))
    kafka = read_kafka(project, os.environ)
    if (data is None) == (kafka is None):
        raise UsageProblem(
            "the collector writes to Kafka, as [collector.kafka] says; leave out --data"
            if kafka
            else "name the folder that the collector writes to with --data"
        )
    if data:
        tickets = FileLog(data, TICKETS) if has_tickets else None
        return Logs(FileLog(data, EVENTS), FileLog(data, LINKS), tickets)
    assert kafka
    topics: dict[str, Log] = {}
    for folder in (EVENTS, LINKS, TICKETS):
        source = folder.partition("/")[0]
        if source in kafka.topics:
            topics[folder] = KafkaLog(kafka.client, kafka.topic_of(folder), kafka.timeout)
        elif folder != TICKETS:
            raise OnecdpError(f"[collector.kafka] has no topic of {source}")
    return Logs(topics[EVENTS], topics[LINKS], topics.get(TICKETS) if has_tickets else None)
