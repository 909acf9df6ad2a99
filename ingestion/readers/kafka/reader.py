"""The reader of Kafka: a place per partition with something new."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from functools import partial

import orjson

from ...declaration import TableSpec
from ...landing.arrivals import Arrivals, Chunk, Place, string_table
from ..reader import Context
from .broker import Broker, Partition
from .lines import MessageLines
from .settings import SETTING_NAMES, is_configured, read_settings


class KafkaReader:
    """Reads the topics that `[sources.<source>.kafka]` names."""

    name = "kafka"
    setting_names = SETTING_NAMES

    def is_configured(self, source: str) -> bool:
        """Whether the settings have a section for it."""
        return is_configured(source)

    def arrivals(self, tables: Sequence[TableSpec], context: Context) -> Mapping[str, Arrivals]:
        """Lists the partitions that have messages behind their stored positions.

        Raises:
            Refused: The broker can't be reached, or the settings can't work.
        """
        settings = read_settings(tables)
        broker = Broker(settings)
        specs = {spec.table: spec for spec in tables}
        new: dict[str, list[Place]] = defaultdict(list)
        refused: dict[str, dict[str, str]] = defaultdict(dict)
        notices: dict[str, dict[str, str]] = defaultdict(dict)
        idle: dict[str, int] = defaultdict(int)
        for partition in broker.partitions(list(settings.tables)):
            table = settings.tables[partition.topic]
            stream = f"kafka/{partition.topic}/{partition.number}"
            stored = context.loaded.positions.get(stream)
            start, gap = _start(partition, table, stored)
            if gap and not settings.skips_gaps:
                refused[table][stream] = (
                    f'{gap}; on_gap = "earliest" in [sources.{specs[table].source}.kafka] goes '
                    f"on with offset {start}"
                )
                continue
            if gap:
                notices[table][stream] = f"{gap}; it goes on with offset {start}"
            if start >= partition.end and not gap:
                idle[table] += 1
                continue
            name = f"{stream}/{start}-{max(start, partition.end - 1)}"
            chunks = partial(_chunks, broker, partition, start, specs[table], settings.is_debezium)
            new[table].append(Place(name, f"{partition.topic_id}/{name}", chunks, stream=stream))
        return {
            table: Arrivals(
                new=new[table],
                refused=refused[table],
                notices=notices[table],
                idle=idle[table],
            )
            for table in specs
        }


def _start(partition: Partition, table: str, stored: str | None) -> tuple[int, str | None]:
    """Where to begin, and what is missing before it."""
    if stored is None:
        return partition.begin, None
    position = orjson.loads(stored)
    if position.get("table", table) != table:
        # The settings have given the topic to another table since.
        return partition.begin, None
    offset, known = position["offset"], position["topic_id"]
    if (known and partition.topic_id and known != partition.topic_id) or offset > partition.end:
        return partition.begin, (
            f"the topic was created anew: up to offset {offset - 1} its messages are those of "
            "another one"
        )
    if offset < partition.begin:
        return partition.begin, (
            f"offsets {offset} to {partition.begin - 1} were deleted at the broker before they "
            "were loaded"
        )
    return offset, None


def _chunks(
    broker: Broker, partition: Partition, start: int, spec: TableSpec, is_debezium: bool
) -> Iterator[Chunk]:
    """Yields the messages up to the end, then the position behind it."""
    if start < partition.end:
        lines = MessageLines(spec, is_debezium)
        yield from lines.chunks(broker.messages(partition, start))
    position = {
        "offset": max(start, partition.end),
        "topic_id": partition.topic_id,
        "table": spec.table,
    }
    yield Chunk(string_table([], [], []), position=orjson.dumps(position).decode())
