"""Flink SQL of a project's live features, for logs that one machine can't follow.

Events, each once → the identifier that an event belongs to → for each window of
seeds/live_features.csv its values at the end of every minute. Identifiers become people where the
values are read, with the map that is published then.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from textwrap import indent

from onecdp.live import flink_values as values
from onecdp.live.events import Identifier
from onecdp.live.features import MICROSECONDS, RECENT, Feature, Window
from onecdp.live.flink_values import name, text, texts
from onecdp.live.settings import Blocklist

LATE_SECONDS = 30
"""How long Flink waits for late events before it ends a minute."""
SINK_KEY = ("id_type", "id_value", "feature_window")
"""What the messages of the sink go by."""
_SETTINGS = {
    # What is kept of identifiers and event_ids that come no more.
    "table.exec.state.ttl": "8 d",
    "execution.checkpointing.interval": "5 s",
    # Plans what the windows share once, not once each.
    "table.optimizer.reuse-optimize-block-with-digest-enabled": "true",
}
_COLUMNS = ("event_id", "event_type", "event_time", "received_at", "item_price", "session_id",
            "channel")  # fmt: skip
_PERSON = "`id_type`, `id_value`"


@dataclass(frozen=True)
class FlinkJob:
    """What is computed, of which events, for whom.

    Attributes:
        features: What; `why_not` is None for each.
        source: The options of the connector that reads events.
        sink: The options of the connector that takes values.
        id_columns: Columns of events that hold identifiers, with their types, the best one first.
        blocklist: Identifiers that are nobody's.
        session_gap: The longest pause within a session, microseconds.
    """

    features: Sequence[Feature]
    source: Mapping[str, str]
    sink: Mapping[str, str]
    id_columns: Sequence[Identifier]
    blocklist: Blocklist
    session_gap: int


def why_not(feature: Feature) -> str | None:
    """Returns why Flink can't compute a feature; None if it can."""
    if feature.window.kind == "batch":
        return "it counts since the publication, and Flink does not know what that has counted"
    if feature.window.kind == "open":
        return "tickets are not in the topic of events"
    return None


def flink_sql(job: FlinkJob) -> str:
    """Returns the statements of a job, each ended by a semicolon and an empty line."""
    windows = list(dict.fromkeys(feature.window for feature in job.features))
    statements = [f"SET {text(key)} = {text(value)}" for key, value in _SETTINGS.items()]
    statements += [
        _source(job),
        _view("distinct_events", _distinct(job)),
        _view("owned_events", _owned(job)),
    ]
    for window in windows:
        if window.kind == "session":
            statements.append(_view("events_after_pauses", _PAUSES))
            statements.append(_view(_events_of(window), _sessions(job.session_gap)))
        elif window.kind == "since":
            statements.append(_view(_events_of(window), _stretches(window.since)))
    statements.append(_sink(job))
    inserts = "".join(f"{_insert(window, job)};\n" for window in windows)
    statements.append(f"EXECUTE STATEMENT SET BEGIN\n{inserts}END")
    return "\n".join(f"{statement};\n" for statement in statements)


def _source(job: FlinkJob) -> str:
    columns = dict.fromkeys([*_COLUMNS, *(column for column, _ in job.id_columns)])
    return _table(
        "events",
        [
            *(f"{name(column)} STRING" for column in columns),
            "`arrived` AS PROCTIME()",
            f"`happened_at` AS {values.happened_at()}",
            f"WATERMARK FOR `happened_at` AS `happened_at` - INTERVAL '{LATE_SECONDS}' SECOND",
        ],
        job.source,
    )


def _sink(job: FlinkJob) -> str:
    lines = [*(f"{name(column)} STRING" for column in SINK_KEY), "`as_of` TIMESTAMP(3)"]
    lines += [f"{name(each.name)} {values.TYPES[each.measure]}" for each in job.features]
    return _table("live_features", lines, job.sink)


def _table(table: str, lines: Sequence[str], options: Mapping[str, str]) -> str:
    said = [f"{text(key)} = {text(value)}" for key, value in options.items()]
    return f"CREATE TABLE {name(table)} (\n{_lines(lines)}\n) WITH (\n{_lines(said)}\n)"


def _lines(lines: Sequence[str]) -> str:
    return indent(",\n".join(lines), "    ")


def _view(view: str, query: str) -> str:
    return f"CREATE TEMPORARY VIEW {name(view)} AS\n{query}"


def _distinct(job: FlinkJob) -> str:
    """The first event of each event_id, of those that `onecdp ingest` would load."""
    columns = texts([*dict.fromkeys(
        ["event_type", "item_price", "session_id", "channel", *(c for c, _ in job.id_columns)]
    )])  # fmt: skip
    return f"""\
SELECT `key`, {columns}, `happened_at`
FROM (
    SELECT *, ROW_NUMBER() OVER (PARTITION BY `key` ORDER BY `arrived`) AS `copy`
    FROM (
        SELECT *, {values.spelled("`event_id`", "")} AS `key`
        FROM `events`
    )
    WHERE `key` IS NOT NULL
        AND {values.IS_EVENT}
)
WHERE `copy` = 1"""


def _owned(job: FlinkJob) -> str:
    """Events with the identifier that each belongs to: its best one that is not blocked."""
    ids = [name(f"id_{number}") for number in range(len(job.id_columns))]
    spelled = [
        f"{values.spelled(name(column), id_type, job.blocklist)} AS {value}"
        for value, (column, id_type) in zip(ids, job.id_columns, strict=True)
    ]
    types = [
        f"WHEN {value} IS NOT NULL THEN {text(id_type)}"
        for value, (_, id_type) in zip(ids, job.id_columns, strict=True)
    ]
    return f"""\
SELECT
    CASE {" ".join(types)} END AS `id_type`,
    COALESCE({", ".join(ids)}) AS `id_value`,
    `event_type`, `price`, `session_id`, `channel`, `happened_at`, `moment`
FROM (
    SELECT
        {values.MOMENT} || `key` AS `moment`,
        {values.EVENT_TYPE} AS `event_type`,
        {values.PRICE} AS `price`,
        {values.SESSION_ID} AS `session_id`,
        {values.CHANNEL} AS `channel`,
{indent(_lines(spelled), "    ")},
        `happened_at`
    FROM `distinct_events`
)
WHERE COALESCE({", ".join(ids)}) IS NOT NULL"""


# In each channel by itself, and those without a session of their own.
_SAME_CHANNEL = f"PARTITION BY {_PERSON}, `channel`, `session_id` ORDER BY `happened_at`"
_PAUSES = f"""\
SELECT *, LAG(`happened_at`) OVER ({_SAME_CHANNEL}) AS `before`
FROM `owned_events`"""


def _sessions(gap: int) -> str:
    """Events with their session: the one that the source names, else one that pauses end."""
    return f"""\
SELECT
    *, COALESCE('s' || `session_id`, 'c' || `channel` || ' ' || CAST(`pauses` AS STRING))
        AS `stretch`
FROM (
    SELECT
        *, SUM(
            CASE WHEN `happened_at` > `before` + {values.interval(gap)} THEN 1 ELSE 0 END
        ) OVER ({_SAME_CHANNEL}) AS `pauses`
    FROM `events_after_pauses`
)"""


def _stretches(since: str) -> str:
    """Events, numbered by how many of a type there were."""
    return f"""\
SELECT
    *, CAST(SUM(CASE WHEN `event_type` = {text(since)} THEN 1 ELSE 0 END) OVER (
        PARTITION BY {_PERSON} ORDER BY `happened_at`
    ) AS STRING) AS `stretch`
FROM `owned_events`"""


def _insert(window: Window, job: FlinkJob) -> str:
    """The values of one window at the end of each minute, for whom there are events in it."""
    features = [feature for feature in job.features if feature.window == window]
    columns = texts([feature.name for feature in features])
    select = f"{_PERSON}, {text(_label(window))}, `window_end`, {columns}"
    head = f"INSERT INTO `live_features` ({_PERSON}, `feature_window`, `as_of`, {columns})"
    measured = [f"{values.value(feature)} AS {name(feature.name)}" for feature in features]
    hops = (
        f"TABLE(HOP(TABLE {name(_events_of(window))}, DESCRIPTOR(`happened_at`),"
        f" INTERVAL '1' MINUTE, {values.interval(window.length or RECENT)}))"
    )
    key = f"{_PERSON}, `window_start`, `window_end`"
    if window.kind in ("last", "all"):
        return f"""\
{head}
SELECT {select}
FROM (
    SELECT
        {key},
{indent(_lines(measured), "    ")}
    FROM {hops}
    GROUP BY {key}
)"""
    goes_on = ""
    if window.kind == "session":
        goes_on = f"\n    AND `last_at` >= `window_end` - {values.interval(job.session_gap)}"
    return f"""\
{head}
SELECT {select}
FROM (
    SELECT *, ROW_NUMBER() OVER (PARTITION BY {key} ORDER BY `last_moment` DESC) AS `place`
    FROM (
        SELECT
            {key},
            MAX(`moment`) AS `last_moment`,
            MAX(CAST(`happened_at` AS TIMESTAMP(3))) AS `last_at`,
{indent(_lines(measured), " " * 8)}
        FROM {hops}
        GROUP BY {key}, `stretch`
    )
)
WHERE `place` = 1{goes_on}"""


def _events_of(window: Window) -> str:
    if window.kind == "session":
        return "session_events"
    return f"events_since_{window.since}" if window.kind == "since" else "owned_events"


def _label(window: Window) -> str:
    """A window as the seed has it."""
    if window.kind == "last":
        minutes = window.length // (60 * MICROSECONDS)
        return f"{minutes}m" if minutes % 60 else f"{minutes // 60}h"
    return f"since {window.since}" if window.kind == "since" else window.kind
