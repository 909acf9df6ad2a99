"""The sink of Kafka: a row is a message of its source's topic, acknowledged by the broker first."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from typing import Any

from onecdp.collector.group_commit import GroupCommit, NotDurable
from onecdp.collector.settings import Kafka
from onecdp.errors import OnecdpError

NEEDS_EXTRA = "a collector that writes to Kafka needs its client: pip install 'onecdp[kafka]'"
HINT = "see that the broker runs, and bootstrap_servers and client in [collector.kafka]"


class KafkaSink(GroupCommit):
    """Sends what waits, and waits until all replicas that are in sync have it."""

    def __init__(self, settings: Kafka) -> None:
        """Connects to nothing yet.

        Raises:
            OnecdpError: The client is not installed, or does not know a setting.
        """
        super().__init__()
        try:
            import confluent_kafka
        except ModuleNotFoundError:
            raise OnecdpError(NEEDS_EXTRA) from None
        self._kafka: Any = confluent_kafka
        self._settings = settings
        self._producer: Any = None
        self._failed: list[str] = []
        self._errors: list[str] = []
        try:
            self._connected()
        except (confluent_kafka.KafkaException, ValueError) as error:
            raise OnecdpError(f"[collector.kafka]: {_text(error)}") from None

    def find_topics(self, folders: Iterable[str]) -> None:
        """Looks whether the broker has the topics of these folders.

        Raises:
            OnecdpError: It can't be reached, or has one of them not.
        """
        servers = self._settings.servers
        try:
            there = self._topics()
        except NotDurable as error:
            raise OnecdpError(str(error)) from None
        for topic in sorted({self._settings.topic_of(folder) for folder in folders}):
            if topic not in there:
                raise OnecdpError(
                    f"{servers} has no topic {topic}; create it, or name another one in topics "
                    "of [collector.kafka]"
                )

    def commit(self, lines: Mapping[str, list[bytes]]) -> float | None:
        """Sends lines; returns when the broker has all of them."""
        if not lines:
            return None
        kafka, producer = self._kafka, self._connected()
        self._failed.clear()
        self._errors.clear()
        deadline = time.monotonic() + self._settings.timeout
        try:
            for folder, parts in lines.items():
                topic = self._settings.topic_of(folder)
                for line in b"".join(parts).splitlines():
                    self._produce(producer, topic, line, deadline)
            left = producer.flush(max(0.0, deadline - time.monotonic()) + 1)
        except kafka.KafkaException as error:
            self._drop()
            raise self._not_durable(_text(error)) from None
        if left or self._failed:
            reason = self._failed[0] if self._failed else ""
            self._drop()
            raise self._not_durable(reason)
        return None

    def probe(self) -> None:
        """Tries whether the broker answers."""
        self._topics()

    def release(self) -> None:
        """Nothing is left to send."""
        self._drop()

    def _produce(self, producer: Any, topic: str, line: bytes, deadline: float) -> None:
        while True:
            try:
                producer.produce(topic, line)
                return
            except BufferError:
                # The client's queue is full: what is on its way makes room.
                if time.monotonic() > deadline:
                    raise self._not_durable("") from None
                producer.poll(0.1)

    def _connected(self) -> Any:
        """The producer; after a failure a new one, which has nothing of the old one to send."""
        if self._producer is None:
            self._producer = self._kafka.Producer(
                {
                    "linger.ms": 1,
                    "compression.type": "lz4",
                    **self._settings.client,
                    "enable.idempotence": True,
                    "acks": "all",
                    "message.timeout.ms": int(self._settings.timeout * 1_000),
                    "allow.auto.create.topics": False,
                    "delivery.report.only.error": True,
                    "on_delivery": self._note_failed,
                    "error_cb": self._note_error,
                    "log_level": 0,
                }
            )
        return self._producer

    def _drop(self) -> None:
        producer, self._producer = self._producer, None
        if producer is not None:
            producer.purge()
            producer.flush(0)

    def _topics(self) -> Mapping[str, Any]:
        self._errors.clear()
        try:
            found = self._connected().list_topics(timeout=self._settings.timeout)
        except self._kafka.KafkaException as error:
            self._connected().poll(0)
            raise self._not_durable(_text(error)) from None
        topics: Mapping[str, Any] = found.topics
        return topics

    def _note_failed(self, error: Any, _message: Any) -> None:
        # Of the message nothing is told: it has an event.
        if error is not None:
            self._failed.append(error.str())

    def _note_error(self, error: Any) -> None:
        self._errors.append(error.str())

    def _not_durable(self, text: str) -> NotDurable:
        known = [each for each in self._errors if "brokers are down" not in each]
        reason = " ".join((known[-1] if known else text).split())[:300] or "no answer"
        return NotDurable(f"{self._settings.servers}: {reason}; {HINT}")


def _text(error: Any) -> str:
    """What a client says of an error, in one line."""
    first = error.args[0] if error.args else error
    return " ".join((first.str() if hasattr(first, "str") else str(first)).split())
