"""What the settings say of a broker: how to reach it, and which topics are which table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Optional

import dlt
from dlt.common.configuration.exceptions import ConfigurationException
from dlt.common.configuration.resolve import resolve_configuration
from dlt.common.configuration.specs.base_configuration import BaseConfiguration, configspec

from ...declaration import TableSpec
from ...landing.arrivals import Refused

OURS = ("bootstrap.servers", "group.id", "enable.auto.commit", "enable.partition.eof",
        "auto.offset.reset", "isolation.level")  # fmt: skip


@configspec
class KafkaSettings(BaseConfiguration):
    """`[sources.<source>.kafka]` in dlt's configuration."""

    # dlt reads the annotations itself and wants Optional where None is the default.
    bootstrap_servers: Optional[str] = None  # noqa: UP045
    """`host:port`, or several with commas."""
    topics: Optional[dict[str, Any]] = None  # noqa: UP045
    """The topic of each raw table, or a list of topics."""
    client: Optional[dict[str, Any]] = field(default=None, repr=False)  # noqa: UP045
    """More settings of librdkafka, such as `security.protocol` and `sasl.password`."""
    envelope: Optional[str] = None  # noqa: UP045
    """"debezium": the messages are changes of rows, with `before`, `after` and `op`."""
    on_gap: Optional[str] = None  # noqa: UP045
    """"earliest": where messages were deleted before they were loaded, go on with what is left."""
    timeout: float = 30.0
    """Seconds that the broker may take to answer."""


SETTING_NAMES = tuple(KafkaSettings.get_resolvable_fields())


@dataclass(frozen=True)
class Kafka:
    """The settings of one source, checked.

    Attributes:
        client: Of librdkafka, with secrets.
        tables: The raw table of each topic, by topic.
        is_debezium: Whether the messages are Debezium's envelopes.
        skips_gaps: Whether reading goes on where messages are gone.
        timeout: Seconds that the broker may take to answer.
    """

    client: Mapping[str, Any] = field(repr=False)
    tables: Mapping[str, str]
    is_debezium: bool
    skips_gaps: bool
    timeout: float

    @property
    def servers(self) -> str:
        """Where the broker is."""
        return str(self.client["bootstrap.servers"])


def is_configured(source: str) -> bool:
    """Whether the settings say anything of a broker for a source, be it not enough."""
    section = f"sources.{source}.kafka"
    return any(dlt.config.get(f"{section}.{name}") is not None for name in SETTING_NAMES)


def read_settings(specs: Sequence[TableSpec]) -> Kafka:
    """Reads and checks the settings of a source.

    Raises:
        Refused: They can't work; the message says what is wrong.
    """
    source = specs[0].source
    section = f"[sources.{source}.kafka]"
    try:
        found = resolve_configuration(KafkaSettings(), sections=("sources", source, "kafka"))
    except ConfigurationException as error:
        raise Refused(f"{section}: {str(error).splitlines()[0]}") from None
    if not found.bootstrap_servers:
        raise Refused(f'{section} has no bootstrap_servers = "host:9092"')
    if not found.topics:
        raise Refused(f'{section} has no topics, such as topics = {{{specs[0].table} = "topic"}}')
    if found.envelope not in (None, "debezium"):
        raise Refused(f"{section}: envelope is {found.envelope!r}; it can only be 'debezium'")
    if found.on_gap not in (None, "earliest"):
        raise Refused(f"{section}: on_gap is {found.on_gap!r}; it can only be 'earliest'")
    if not 0 < found.timeout < float("inf"):
        raise Refused(f"{section}: timeout is {found.timeout}; it must be a number above 0")
    client = dict(found.client or {})
    if taken := sorted(set(client) & set(OURS)):
        raise Refused(f"{section}: client has {taken[0]}, which is not to be set")
    return Kafka(
        {**client, "bootstrap.servers": found.bootstrap_servers},
        _tables(section, specs, found.topics),
        found.envelope == "debezium",
        found.on_gap == "earliest",
        found.timeout,
    )


def _tables(
    section: str, specs: Sequence[TableSpec], topics: Mapping[str, object]
) -> dict[str, str]:
    known = {spec.table: spec for spec in specs}
    tables: dict[str, str] = {}
    for table, said in topics.items():
        if table not in known:
            raise Refused(f"{section}: {table} is no table of the source, but {', '.join(known)}")
        for topic in [said] if isinstance(said, str) else said if isinstance(said, list) else []:
            if topic in tables:
                raise Refused(f"{section}: topic {topic} is named twice")
            tables[str(topic)] = table
        if table not in tables.values():
            raise Refused(f"{section}: topics.{table} must be a topic or a list of topics")
    return tables
