"""Flink SQL of a project's live features, with the project's own log as its source."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from onecdp.collector.messages import EVENTS
from onecdp.collector.settings import read_kafka
from onecdp.errors import UsageProblem
from onecdp.live.features import MICROSECONDS, SEED, SESSION, Feature, read_features
from onecdp.live.flink_sql import SINK_KEY, FlinkJob, flink_sql, why_not
from onecdp.live.flink_values import LONGEST_GAP
from onecdp.live.settings import (
    BLOCKLIST,
    portable_problem,
    read_blocklist,
    read_live_settings,
)
from onecdp.pipeline.context import Context
from onecdp.pipeline.live import id_columns

SINK_TOPIC = "live_features"
_JSON = "json"
_VALUES = {
    "json.encode.ignore-null-fields": "true",
    "json.encode.decimal-as-plain-number": "true",
    "json.timestamp-format.standard": "ISO-8601",
}


@dataclass(frozen=True)
class FlinkScript:
    """What `onecdp live flink-sql` makes.

    Attributes:
        sql: The statements.
        left_out: Features that are not computed, with the reason.
    """

    sql: str
    left_out: Mapping[str, str]


def flink_script(
    context: Context, wanted: Sequence[str], files: tuple[Path, Path] | None = None
) -> FlinkScript:
    """Returns the statements for a project.

    Args:
        context: The project; nothing of its warehouse is read.
        wanted: Names of features; without any, all that Flink can compute.
        files: A data folder of the collector to read once, and a folder for the values; None is
            Kafka, as `[collector.kafka]` names it.

    Raises:
        UsageProblem: A file can't be used, a wanted feature is unknown or can't be computed, or
            no broker is named.
    """
    project = context.project.folder
    features = read_features(project)
    left_out = {each.name: why for each in features if (why := why_not(each))}
    _check(features, wanted, left_out)
    chosen = [each for each in features if each.name in wanted or not wanted]
    chosen = [each for each in chosen if each.name not in left_out]
    if not chosen:
        raise UsageProblem(f"{SEED} has no feature that Flink can compute")
    blocklist, gap = read_blocklist(project), read_live_settings(project).session_gap
    for _, is_pattern, pattern in blocklist.rows:
        if is_pattern and (problem := portable_problem(pattern)):
            raise UsageProblem(f"{BLOCKLIST}: Flink can't use the pattern {pattern!r}: {problem}")
    if gap > LONGEST_GAP and any(each.window.kind == SESSION for each in chosen):
        raise UsageProblem(
            "dbt_project.yml: session_gap_minutes is longer than Flink's intervals, which end at"
            f" {LONGEST_GAP // (60 * MICROSECONDS)} minutes; name features without the window"
            f" {SESSION} with --feature"
        )
    source, sink = _files(*files) if files else _kafka(project)
    job = FlinkJob(
        features=chosen,
        source=source,
        sink=sink,
        id_columns=id_columns(context),
        blocklist=blocklist,
        session_gap=gap,
    )
    return FlinkScript(flink_sql(job), {} if wanted else left_out)


def _check(
    features: Sequence[Feature], wanted: Collection[str], left_out: Mapping[str, str]
) -> None:
    known = [feature.name for feature in features]
    for name in wanted:
        if name not in known:
            raise UsageProblem(f"{SEED} has no feature {name!r}; there are {', '.join(known)}")
        if name in left_out:
            raise UsageProblem(f"{SEED}: {name} can't be said in Flink SQL: {left_out[name]}")


def _files(data: Path, out: Path) -> tuple[dict[str, str], dict[str, str]]:
    files = {"connector": "filesystem", "format": _JSON}
    source = {**files, "path": str(data / EVENTS), "json.ignore-parse-errors": "true"}
    return source, {**files, "path": str(out), **_VALUES}


def _kafka(project: Path) -> tuple[dict[str, str], dict[str, str]]:
    kafka = read_kafka(project, os.environ)
    if kafka is None:
        raise UsageProblem(
            "[collector.kafka] names no broker to read events from (docs/collector.md); to try it"
            " with files, name --data and --out"
        )
    if (app := EVENTS.partition("/")[0]) not in kafka.topics:
        raise UsageProblem(f"[collector.kafka] has no topic of {app}")
    servers = {"properties.bootstrap.servers": kafka.servers}
    source = {
        "connector": "kafka",
        "topic": kafka.topic_of(EVENTS),
        **servers,
        "properties.group.id": "onecdp-flink",
        "properties.isolation.level": "read_committed",
        "scan.startup.mode": "earliest-offset",
        # A partition where nothing happens must not keep the others waiting.
        "scan.watermark.idle-timeout": "30 s",
        "format": _JSON,
        "json.ignore-parse-errors": "true",
    }
    sink = {
        "connector": "kafka",
        "topic": SINK_TOPIC,
        **servers,
        "key.format": _JSON,
        "key.fields": ";".join(SINK_KEY),
        "value.format": _JSON,
        **{f"value.{name}": value for name, value in _VALUES.items()},
    }
    return source, sink
