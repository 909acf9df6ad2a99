"""Topics of Kafka as a log: partitions as `onecdp ingest` names them, positions are offsets.

No consumer group: the positions are in the state, with the events.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from onecdp.errors import OnecdpError
from onecdp.live.log import Chunk, Done

NEEDS_EXTRA = "live features from Kafka need its client: pip install 'onecdp[kafka]'"
BATCH = 5_000
WAIT_SECONDS = 0.02
LOOK_SECONDS = 30.0
READ_SECONDS = 1.0
"""How long a topic is read before others have their turn."""


class KafkaLog:
    """One topic; new partitions are found within half a minute."""

    def __init__(self, client: Mapping[str, Any], topic: str, timeout: float) -> None:
        """Connects to nothing yet.

        Args:
            client: Settings of librdkafka, with `bootstrap.servers`.
            topic: The topic.
            timeout: Seconds that the broker may take to answer.

        Raises:
            OnecdpError: The client is not installed, or does not know a setting.
        """
        try:
            import confluent_kafka
        except ModuleNotFoundError:
            raise OnecdpError(NEEDS_EXTRA) from None
        self._kafka: Any = confluent_kafka
        self._topic, self._timeout = topic, timeout
        self._looked_at = float("-inf")
        self._assigned: set[int] = set()
        # Behind the last message that was read of each partition.
        self._read_to: dict[int, int] = {}
        # Where partitions ended when they were assigned, of those that are not read to there yet.
        self._ends: dict[int, int] = {}
        ours = {
            "group.id": "onecdp-live",
            "enable.auto.commit": False,
            "auto.offset.reset": "earliest",
            "isolation.level": "read_committed",
            "enable.partition.eof": True,
            "log_level": 0,
        }
        try:
            self._consumer = confluent_kafka.Consumer({**client, **ours})
        except (confluent_kafka.KafkaException, ValueError) as error:
            raise OnecdpError(f"[collector.kafka]: {error}") from None

    def read(self, positions: Mapping[str, int], done: Done) -> Iterator[Chunk]:
        """Yields what is new behind the positions; a missing one is the first that is there.

        It ends after a second at most, because a topic to which somebody writes has no end.
        `done` says nothing here: the broker deletes what is old.

        Raises:
            OnecdpError: The broker can't be reached, or has no such topic.
        """
        self._go_back(positions)
        if time.monotonic() >= self._looked_at + LOOK_SECONDS:
            self._look(positions)
        end = time.monotonic() + READ_SECONDS
        while time.monotonic() < end and (messages := self._consumer.consume(BATCH, WAIT_SECONDS)):
            found: dict[int, list[tuple[int, bytes]]] = defaultdict(list)
            for message in messages:
                if message.error() is None and message.value() is not None:
                    found[message.partition()].append((message.offset() + 1, message.value()))
            self._read_to.update((partition, lines[-1][0]) for partition, lines in found.items())
            for message in messages:
                if self._is_read(message):
                    self._ends.pop(message.partition(), None)
                elif (error := message.error()) is not None:
                    # The others come again: their positions are not stored yet.
                    raise OnecdpError(f"Kafka, topic {self._topic}: {error.str()}")
            for partition, lines in found.items():
                yield Chunk(self._name(partition), lines[-1][0], lines)

    @property
    def is_caught_up(self) -> bool:
        """Whether all partitions were read up to where they ended when they were found."""
        return bool(self._assigned) and not self._ends

    def has(self, partition: str) -> bool:
        """Returns whether it is a partition of the topic."""
        return partition.startswith(f"kafka/{self._topic}/")

    def _is_read(self, message: Any) -> bool:
        """Whether a partition is read up to where it ended, with this message of it."""
        error = message.error()
        if error is not None:
            # Behind its last message a partition may have marks of transactions.
            return bool(error.code() == self._kafka.KafkaError._PARTITION_EOF)
        # One to which somebody always writes may have no end.
        end = self._ends.get(message.partition())
        return end is not None and message.offset() + 1 >= end

    def close(self) -> None:
        """Leaves the broker."""
        self._consumer.close()

    def _go_back(self, positions: Mapping[str, int]) -> None:
        """Has messages come again that were read, and could not be kept."""
        lost = [
            number
            for number, read_to in self._read_to.items()
            if positions.get(self._name(number), -1) < read_to
        ]
        if lost:
            self._consumer.incremental_unassign(
                [self._kafka.TopicPartition(self._topic, number) for number in lost]
            )
            for number in lost:
                self._assigned.remove(number)
                del self._read_to[number]
            self._looked_at = float("-inf")

    def _look(self, positions: Mapping[str, int]) -> None:
        """Assigns the partitions that are not assigned yet."""
        kafka = self._kafka
        try:
            topics = self._consumer.list_topics(self._topic, timeout=self._timeout).topics
        except kafka.KafkaException as error:
            raise OnecdpError(f"Kafka can't be reached: {error.args[0].str()}") from None
        found = topics[self._topic]
        if found.error is not None:
            raise OnecdpError(f"Kafka has no topic {self._topic}: {found.error.str()}")
        new = [
            kafka.TopicPartition(
                self._topic, number, positions.get(self._name(number), kafka.OFFSET_BEGINNING)
            )
            for number in sorted(set(found.partitions) - self._assigned)
        ]
        if new:
            self._ends.update(self._ends_of(new))
            self._consumer.incremental_assign(new)
            self._assigned.update(set(found.partitions))
        self._looked_at = time.monotonic()

    def _ends_of(self, partitions: Sequence[Any]) -> dict[int, int]:
        found: dict[int, int] = {}
        for each in partitions:
            try:
                offsets = self._consumer.get_watermark_offsets(each, self._timeout)
            except self._kafka.KafkaException as error:
                raise OnecdpError(f"Kafka can't be reached: {error.args[0].str()}") from None
            if offsets is None:
                raise OnecdpError(f"Kafka, topic {self._topic}: no answer in time")
            found[each.partition] = offsets[1]
        return found

    def _name(self, partition: int) -> str:
        return f"kafka/{self._topic}/{partition}"
