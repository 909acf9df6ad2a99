"""Where events of triggers go: the project's webhooks, and topics of Kafka."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from onecdp.destinations.options import Options
from onecdp.destinations.signed_post import SignedPost, read_address
from onecdp.errors import OnecdpError, UsageProblem
from onecdp.live.triggers.declared import Trigger
from onecdp.live.triggers.outbox import Waiting
from onecdp.project.settings import read_section

SECTION = "destinations"
NEEDS_EXTRA = "a trigger that writes to Kafka needs its client: pip install 'onecdp[kafka]'"
_TIMEOUT = 10.0


class Receiver(Protocol):
    """Somebody who is told.

    Attributes:
        batch: How many events it takes at once.
    """

    batch: int

    def send(self, events: Sequence[Waiting]) -> int | None:
        """Sends events; returns None when all are taken, or the status that refuses them for good.

        Raises:
            OnecdpError: It can't be done now.
        """

    def close(self) -> None:
        """Leaves."""


class WebhookReceiver:
    """A signed POST for each event."""

    batch = 1

    def __init__(self, post: SignedPost) -> None:
        """Takes where to post."""
        self._post = post

    def send(self, events: Sequence[Waiting]) -> int | None:
        """Posts the event."""
        (event,) = events
        return self._post.post(event.body, event.event_id)

    def close(self) -> None:
        """Closes the connection."""
        self._post.close()


class KafkaReceiver:
    """A message for each event; the key is the one_id, so that a customer's keep their order."""

    batch = 500

    def __init__(self, name: str, topic: str, client: Mapping[str, Any], timeout: float) -> None:
        """Connects to nothing yet.

        Args:
            name: The destination's name.
            topic: The topic.
            client: Settings of librdkafka, with `bootstrap.servers`.
            timeout: Seconds that the broker may take to have the events.

        Raises:
            OnecdpError: The client is not installed, or does not know a setting.
        """
        try:
            import confluent_kafka
        except ModuleNotFoundError:
            raise OnecdpError(NEEDS_EXTRA) from None
        self._kafka: Any = confluent_kafka
        self._name, self._topic, self._timeout = name, topic, timeout
        self._problem = ""
        self._settings = {
            "linger.ms": 1,
            **client,
            "enable.idempotence": True,
            "acks": "all",
            "message.timeout.ms": int(timeout * 1_000),
            "allow.auto.create.topics": False,
            "on_delivery": self._note,
            "log_level": 0,
        }
        self._producer: Any = None
        try:
            self._connected()
        except (confluent_kafka.KafkaException, ValueError) as error:
            raise OnecdpError(f"[{SECTION}.{name}]: {error}") from None

    def send(self, events: Sequence[Waiting]) -> int | None:
        """Sends events and waits until all replicas that are in sync have them."""
        self._problem = ""
        try:
            producer = self._connected()
            for event in events:
                producer.produce(
                    self._topic,
                    event.body,
                    event.one_id.encode(),
                    headers={"idempotency-key": event.event_id.encode()},
                )
            left = producer.flush(self._timeout + 1)
        except (self._kafka.KafkaException, BufferError) as error:
            self._give_up()
            raise OnecdpError(f"{self._name}: {_text(error)}") from None
        if left or self._problem:
            why = self._why()
            self._give_up()
            raise OnecdpError(f"{self._name}: {why}")
        return None

    def close(self) -> None:
        """Leaves what was not taken to the next start."""
        self._give_up()

    def _connected(self) -> Any:
        """The producer; after a failure another one, since some failures a producer keeps."""
        if self._producer is None:
            self._producer = self._kafka.Producer(self._settings)
        return self._producer

    def _give_up(self) -> None:
        """Drops what was not taken; what is said of it must not stand in for the next events."""
        producer, self._producer = self._producer, None
        if producer is not None:
            producer.purge()
            producer.flush(0)

    def _why(self) -> str:
        """Why events were not taken: of a topic that isn't there, the client says nothing."""
        try:
            found = self._connected().list_topics(self._topic, timeout=self._timeout)
        except self._kafka.KafkaException as error:
            return f"Kafka can't be reached: {_text(error)}"
        if (problem := found.topics[self._topic].error) is not None:
            return f"Kafka has no topic {self._topic}: {problem.str()}"
        return f"topic {self._topic}: {self._problem or 'no answer in time'}"

    def _note(self, error: Any, _message: Any) -> None:
        if error is not None:
            self._problem = error.str()


def read_receivers(
    project: Path, environment: Mapping[str, str], triggers: Sequence[Trigger]
) -> dict[str, Receiver]:
    """Returns the receivers of triggers by the destination's name, connected to nothing yet.

    Raises:
        UsageProblem: There is no such destination, or a setting can't be used; the message has no
            secret.
        OnecdpError: A client is not installed.
    """
    section = read_section(project, SECTION, environment)
    found: dict[str, Receiver] = {}
    for trigger in triggers:
        name = trigger.destination
        if name in found:
            continue
        if name not in section:
            near = difflib.get_close_matches(name, section, 1)
            hint = f"did you mean {near[0]}?" if near else f"add [{SECTION}.{name}]"
            raise UsageProblem(
                f"{trigger.where}: no destination {name!r} in the settings; {hint}"
                " (docs/triggers.md)"
            )
        if not isinstance(section[name], dict):
            raise UsageProblem(f"{SECTION}.{name} must be a section, [{SECTION}.{name}]")
        found[name] = _receiver(name, Options(f"{SECTION}.{name}", section[name]))
    return found


def _receiver(name: str, options: Options) -> Receiver:
    if options.choice("type", ("webhook", "kafka"), "") == "webhook":
        address = read_address(options)
        # `onecdp deliver` may send to the same service.
        options.number("batch_rows", 1)
        for what in ("profiles", "packages"):
            options.section(what)
        options.end()
        return WebhookReceiver(SignedPost(name, address))
    servers, topic = options.text("bootstrap_servers"), options.text("topic")
    # Names of environment variables have no dots.
    client = {
        setting.replace("_", "."): value for setting, value in options.section("client").items()
    }
    timeout = options.rate("timeout", _TIMEOUT)
    options.end()
    return KafkaReceiver(name, topic, {**client, "bootstrap.servers": servers}, timeout)


def _text(error: Any) -> str:
    """What a client says of an error, in one line."""
    first = error.args[0] if error.args else error
    return " ".join((first.str() if hasattr(first, "str") else str(first)).split())
