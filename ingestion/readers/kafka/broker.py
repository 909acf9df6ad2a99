"""A Kafka broker: its partitions, where they begin and end, and their messages."""

from __future__ import annotations

import time
from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ...landing.arrivals import Refused
from .settings import Kafka

NEEDS_EXTRA = "needs the Kafka client: pip install 'onecdp[kafka]'"
# Of many messages at once, Python's garbage collector takes as long as all else that is done.
_AT_ONCE = 500


@dataclass(frozen=True)
class Partition:
    """A partition of a topic.

    Attributes:
        topic: The name of the topic.
        topic_id: Its id, which another topic of the same name does not have; empty if the broker
            has none.
        number: Which of its partitions it is.
        begin: The first offset that the broker still has.
        end: The offset behind the last message that is committed.
    """

    topic: str
    topic_id: str
    number: int
    begin: int
    end: int


@dataclass(frozen=True)
class Messages:
    """Some messages of a partition, in order.

    Attributes:
        offsets: Of each message.
        values: Of each message; a tombstone has none.
        keys: Of the tombstones, by offset.
    """

    offsets: list[int]
    values: list[bytes | None]
    keys: Mapping[int, bytes | None]


class Broker:
    """Reads without a consumer group, and commits nothing."""

    def __init__(self, settings: Kafka) -> None:
        """Connects to nothing yet.

        Raises:
            Refused: The client is not installed, or does not know a setting.
        """
        try:
            import confluent_kafka
        except ModuleNotFoundError:
            raise Refused(NEEDS_EXTRA) from None
        self._kafka: Any = confluent_kafka
        self._settings = settings
        self._errors: list[str] = []

    def partitions(self, topics: Sequence[str]) -> list[Partition]:
        """Lists the partitions of topics, with where they begin and end now.

        Raises:
            Refused: The broker can't be reached, or a topic isn't there.
        """
        from confluent_kafka.admin import AdminClient, OffsetSpec

        kafka = self._kafka
        try:
            admin = AdminClient(self._client())
        except (kafka.KafkaException, ValueError) as error:
            raise self._refused(error) from None
        try:
            timeout = {"request_timeout": self._settings.timeout}
            collection = kafka.TopicCollection(list(topics))
            described = admin.describe_topics(collection, **timeout)
            # The errors of a connection come while it is waited for.
            found = {topic: self._result(future, topic) for topic, future in described.items()}
            numbered = [
                kafka.TopicPartition(topic, partition.id)
                for topic, description in found.items()
                for partition in description.partitions
            ]
            committed = kafka.IsolationLevel.READ_COMMITTED
            bounds = [
                admin.list_offsets(
                    dict.fromkeys(numbered, spec()), isolation_level=committed, **timeout
                )
                for spec in (OffsetSpec.earliest, OffsetSpec.latest)
            ]
            begins, ends = (
                {
                    (one.topic, one.partition): self._result(future, one.topic).offset
                    for one, future in listed.items()
                }
                for listed in bounds
            )
        except (kafka.KafkaException, ValueError) as error:
            # Brings the errors of connections, which are the reason.
            admin.poll(0)
            raise self._refused(error) from None
        return [
            Partition(topic, str(found[topic].topic_id or ""), number, begins[topic, number], end)
            for (topic, number), end in sorted(ends.items())
        ]

    def messages(self, partition: Partition, start: int) -> Iterator[Messages]:
        """Yields the messages of a partition from an offset up to its end, some at a time.

        Raises:
            Refused: The broker does not answer any more.
        """
        kafka = self._kafka
        try:
            consumer = kafka.Consumer(
                {
                    # By default the client rests for a second when it has read far ahead.
                    "fetch.queue.backoff.ms": 10,
                    **self._client(),
                    "group.id": "onecdp",
                    "enable.auto.commit": False,
                    "enable.partition.eof": True,
                    # Retention may pass while it is read; a gap is to be told, not skipped.
                    "auto.offset.reset": "error",
                    "isolation.level": "read_committed",
                }
            )
        except (kafka.KafkaException, ValueError) as error:
            raise self._refused(error) from None
        try:
            consumer.assign([kafka.TopicPartition(partition.topic, partition.number, start)])
            yield from self._drain(consumer, partition)
        except kafka.KafkaException as error:
            raise self._refused(error) from None
        finally:
            consumer.close()

    def _drain(self, consumer: Any, partition: Partition) -> Iterator[Messages]:
        """Yields messages until the end.

        Transactions leave offsets without a message, also before the end: then the end of the
        partition is told, by an error, or a message behind it comes.
        """
        patience = time.monotonic() + self._settings.timeout
        while True:
            # `consume` would wait for as many as it is asked for: one, then what came with it.
            first = consumer.poll(max(0.0, patience - time.monotonic()))
            if first is None:
                raise self._refused(None)
            got = [first, *consumer.consume(_AT_ONCE, timeout=0)]
            # Most messages are looked at once: there are as many as rows.
            errors = [one for one in got if one.error() is not None]
            sound = got
            if errors:
                got = [one for one in got if not self._is_of_group(one.error())]
                if not got:
                    continue
                errors = [one for one in got if one.error() is not None]
                sound = [one for one in got if one.error() is None]
            offsets = [one.offset() for one in sound]
            if offsets and offsets[-1] >= partition.end:
                sound = sound[: bisect_left(offsets, partition.end)]
                del offsets[len(sound) :]
            values = [one.value() for one in sound]
            keys = {}
            if None in values:
                keys = {one.offset(): one.key() for one in sound if one.value() is None}
            if offsets:
                yield Messages(offsets, values, keys)
            if self._is_at_end(errors, got[-1], partition.end):
                return
            # Not before: what takes the messages has its own time.
            patience = time.monotonic() + self._settings.timeout

    def _is_of_group(self, error: Any) -> bool:
        """Whether an error is of the group, which the client looks for but which is not used."""
        denied = self._kafka.KafkaError.GROUP_AUTHORIZATION_FAILED
        return error is not None and error.code() == denied

    def _is_at_end(self, errors: Sequence[Any], last: Any, end: int) -> bool:
        """Whether all messages before the end have come.

        Raises:
            Refused: The broker told that reading can't go on.
        """
        for one in errors:
            error = one.error()
            is_end = error.code() == self._kafka.KafkaError._PARTITION_EOF
            if not is_end and not error.retriable():
                raise self._refused(error)
        return bool(last.offset() >= (end if last.error() else end - 1))

    def _client(self) -> dict[str, Any]:
        # What is wrong is told in one line; librdkafka's own log goes to stderr.
        return {**self._settings.client, "log_level": 0, "error_cb": self._note}

    def _note(self, error: Any) -> None:
        self._errors.append(error.str())

    def _result(self, future: Any, topic: str) -> Any:
        try:
            return future.result(self._settings.timeout + 5)
        except self._kafka.KafkaException as error:
            if error.args[0].code() == self._kafka.KafkaError.UNKNOWN_TOPIC_OR_PART:
                raise Refused(f"{self._settings.servers} has no topic {topic}") from None
            raise

    def _refused(self, error: Any) -> Refused:
        """What went wrong, in one line."""
        if isinstance(error, self._kafka.KafkaException):
            error = error.args[0]
        text = error.str() if isinstance(error, self._kafka.KafkaError) else str(error or "")
        # A time that is over has its reason in what was told while it ran.
        known = [each for each in self._errors if "brokers are down" not in each] or self._errors
        reason = f"{known[-1]}" if known else text
        reason = " ".join(reason.split())[:300] or "no answer"
        return Refused(f"{self._settings.servers} can't be read: {reason}")
