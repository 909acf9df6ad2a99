"""The settings of the collector: `[collector]` in .dlt/config.toml, .dlt/secrets.toml, environment.

In the environment a write key is `COLLECTOR__WRITE_KEYS__WEB`.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from onecdp.collector.event_columns import DEFAULT_COLUMNS, DEFAULT_EVENT_TYPES, OWN_COLUMNS
from onecdp.collector.webhooks.shapes import BadShape, Shape, make_shape
from onecdp.errors import UsageProblem
from onecdp.project.personal_data import DEFAULT, PersonalData, read_personal_data
from onecdp.project.settings import check_names, read_section

_NAME = re.compile(r"[a-z][a-z0-9_]*")
Path_ = tuple[str, ...]
"""Where a value stands in an event: its keys, from the outside."""


@dataclass(frozen=True)
class Webhook:
    """A service that sends signed calls.

    Attributes:
        secret: What it signs with.
        shape: How it signs, and which row a call is.
        url: The address that it calls, where that is signed, too.
    """

    secret: str = field(repr=False)
    shape: Shape
    url: str = ""


@dataclass(frozen=True)
class Kafka:
    """Where rows go instead of files.

    Attributes:
        servers: `host:port`, or several with commas.
        topics: The topic of each source.
        client: More settings of librdkafka, with secrets.
        timeout: Seconds that the broker may take to have the rows.
    """

    servers: str
    topics: Mapping[str, str]
    client: Mapping[str, Any] = field(default_factory=dict, repr=False)
    timeout: float = 10.0

    def topic_of(self, folder: str) -> str:
        """The topic of the rows of a folder below the data folder."""
        return self.topics[folder.partition("/")[0]]


@dataclass(frozen=True)
class Settings:
    """What the project says of the collector.

    Attributes:
        write_keys: The name of each write key, by the key.
        user_id_type: The type of identifier that `userId` is; the column of events that holds it.
        previous_id_type: The type that an alias's `previousId` is.
        columns: Where the value of a column of events stands, the first that is there counts.
        event_types: Types of events, by the names that SDKs send.
        origins: Web origins that may send; `*` is any.
        events_per_second: How many events a write key may send, on average over ten seconds.
        segment_seconds: Age at which a segment is closed, so that `ingest` reads it.
        segment_megabytes: Size at which it is.
        webhooks: By provider.
        kafka: Where rows go instead of files, if so.
        personal: How addresses and numbers are normalised, `[personal_data]`.
    """

    write_keys: Mapping[str, str] = field(default_factory=dict, repr=False)
    user_id_type: str = "union_id"
    previous_id_type: str = "device_id"
    columns: Mapping[str, Sequence[Path_]] = field(default_factory=lambda: DEFAULT_COLUMNS)
    event_types: Mapping[str, str] = field(default_factory=lambda: DEFAULT_EVENT_TYPES)
    origins: tuple[str, ...] = ("*",)
    events_per_second: float = 5_000.0
    segment_seconds: float = 60.0
    segment_megabytes: float = 64.0
    webhooks: Mapping[str, Webhook] = field(default_factory=dict)
    kafka: Kafka | None = None
    personal: PersonalData = DEFAULT

    @property
    def sources(self) -> tuple[str, ...]:
        """The sources that get rows."""
        of_keys = ("app", "id_graph") if self.write_keys else ()
        return (
            *of_keys,
            *sorted({w.shape.folder.partition("/")[0] for w in self.webhooks.values()}),
        )


def read_settings(project: Path, environment: Mapping[str, str]) -> Settings:
    """Returns the project's settings.

    Args:
        project: Its folder.
        environment: Usually `os.environ`.

    Raises:
        UsageProblem: A setting can't be used, or there is neither a write key nor a webhook; the
            message names it, and no secret.
    """
    personal = read_personal_data(project, environment)
    settings = _settings(read_section(project, "collector", environment), personal)
    if not settings.write_keys and not settings.webhooks:
        raise UsageProblem(
            "nobody could send anything: no write key and no webhook; add a line "
            'web = "KEY" below [collector.write_keys] in .dlt/secrets.toml (docs/collector.md)'
        )
    _check_types(project / "seeds" / "id_types.csv", settings)
    if settings.kafka and (missing := set(settings.sources) - set(settings.kafka.topics)):
        source = min(missing)
        raise UsageProblem(
            f'collector.kafka.topics has no topic of {source}; add {source} = "its topic"'
        )
    return settings


def _check_types(seed: Path, settings: Settings) -> None:
    """Raises `UsageProblem` for a type whose links nobody would load."""
    try:
        with seed.open(encoding="utf-8-sig", newline="") as lines:
            known = [row.get("id_type") for row in csv.DictReader(lines)]
    except FileNotFoundError:
        return
    for name in ("user_id_type", "previous_id_type"):
        value = getattr(settings, name)
        if value not in known:
            raise UsageProblem(
                f"collector.{name} is {value!r}, which is no type of seeds/id_types.csv;"
                f" there are {', '.join(filter(None, known))}"
            )


def read_kafka(project: Path, environment: Mapping[str, str]) -> Kafka | None:
    """Returns where rows go instead of files, if so; arguments and errors as `read_settings`."""
    said = read_section(project, "collector", environment)
    return _kafka(_section(said, "kafka")) if "kafka" in said else None


def _settings(said: Mapping[str, Any], personal: PersonalData) -> Settings:
    # `personal` has a section of its own.
    names = [name for name in Settings.__dataclass_fields__ if name != "personal"]
    check_names(said, "collector", names)
    default = Settings()
    kafka = _kafka(_section(said, "kafka")) if "kafka" in said else None
    origins = said.get("origins", ["*"])
    return Settings(
        write_keys=_keys(_section(said, "write_keys")),
        columns={**DEFAULT_COLUMNS, **_columns("columns", _section(said, "columns"))},
        event_types={**DEFAULT_EVENT_TYPES, **_texts("event_types", _section(said, "event_types"))},
        origins=tuple(
            _list("origins", origins.split(",") if isinstance(origins, str) else origins)
        ),
        webhooks={
            provider: _webhook(provider, _section(_section(said, "webhooks"), provider))
            for provider in _section(said, "webhooks")
        },
        user_id_type=_type(said, "user_id_type", default.user_id_type),
        previous_id_type=_type(said, "previous_id_type", default.previous_id_type),
        events_per_second=_number(said, "events_per_second", default.events_per_second),
        segment_seconds=_number(said, "segment_seconds", default.segment_seconds),
        kafka=kafka,
        segment_megabytes=_number(said, "segment_megabytes", default.segment_megabytes),
        personal=personal,
    )


def _section(said: Mapping[str, Any], name: str, where: str = "collector") -> dict[str, Any]:
    section = said.get(name, {})
    if not isinstance(section, dict):
        raise UsageProblem(f"{where}.{name} must be a section with names and values")
    return section


def _keys(section: Mapping[str, Any]) -> dict[str, str]:
    keys: dict[str, str] = {}
    for name, key in section.items():
        if not isinstance(key, str) or len(key) < 8 or not key.isascii() or ":" in key:
            raise UsageProblem(
                f"collector.write_keys.{name} must be a text of 8 ASCII characters or more, "
                "without a colon"
            )
        if key in keys:
            raise UsageProblem(f"collector.write_keys: {keys[key]} and {name} are the same key")
        keys[key] = name
    return keys


def _number(said: Mapping[str, Any], name: str, default: float, where: str = "collector") -> float:
    value = said.get(name, default)
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = 0.0
    if not 0 < number < float("inf"):
        raise UsageProblem(f"{where}.{name} is {value!r}; it must be a number above 0")
    return number


def _type(said: Mapping[str, Any], name: str, default: str) -> str:
    value = said.get(name, default)
    if not isinstance(value, str) or not _NAME.fullmatch(value):
        raise UsageProblem(f"collector.{name} is {value!r}; expected a type such as member_id")
    return value


def _columns(name: str, section: Mapping[str, Any]) -> dict[str, tuple[Path_, ...]]:
    found: dict[str, tuple[Path_, ...]] = {}
    for column, paths in section.items():
        if not _NAME.fullmatch(column):
            raise UsageProblem(f"collector.{name}: {column!r} is no name of a column")
        if column in OWN_COLUMNS:
            raise UsageProblem(f"collector.{name}: {column} has its value from the event itself")
        texts = [paths] if isinstance(paths, str) else paths
        found[column] = tuple(
            tuple(text.split(".")) for text in _list(f"{name}.{column}", texts) if text
        )
    return found


def _list(name: str, value: object) -> list[str]:
    if not isinstance(value, list) or not all(isinstance(part, str) for part in value):
        raise UsageProblem(f"collector.{name} must be a text or a list of texts")
    return [part.strip() for part in value]


def _texts(name: str, section: Mapping[str, Any]) -> dict[str, str]:
    for key, value in section.items():
        if not isinstance(value, str):
            raise UsageProblem(f"collector.{name}: the value of {key!r} must be a text")
    return dict(section)


def _webhook(provider: str, section: dict[str, Any]) -> Webhook:
    where = f"collector.webhooks.{provider}"
    secret, url = section.pop("secret", ""), section.pop("url", "")
    if not isinstance(secret, str) or len(secret) < 8:
        raise UsageProblem(f"{where}.secret must be a text of 8 characters or more")
    try:
        shape = make_shape(provider, section)
    except BadShape as error:
        raise UsageProblem(f"{where}: {error}") from None
    if shape.signature.covers_url and not url:
        raise UsageProblem(f"{where}.url must be the address that {provider} calls: it is signed")
    return Webhook(secret, shape, str(url))


def _kafka(section: Mapping[str, Any]) -> Kafka:
    known = ("bootstrap_servers", "topics", "client", "timeout")
    for name in section:
        if name not in known:
            raise UsageProblem(
                f"[collector.kafka] has no setting {name!r}; there are {', '.join(known)}"
            )
    servers = section.get("bootstrap_servers")
    if not isinstance(servers, str) or not servers:
        raise UsageProblem('[collector.kafka] has no bootstrap_servers = "host:9092"')
    where = "collector.kafka"
    topics = _texts("kafka.topics", _section(section, "topics", where))
    # Names of environment variables have no dots.
    client = {
        name.replace("_", "."): value for name, value in _section(section, "client", where).items()
    }
    ours = ("bootstrap.servers", "acks", "enable.idempotence", "message.timeout.ms",
            "delivery.report.only.error", "allow.auto.create.topics")  # fmt: skip
    if taken := sorted(set(client) & set(ours)):
        raise UsageProblem(f"{where}.client has {taken[0]}, which is not to be set")
    timeout = _number(section, "timeout", 10.0, where)
    return Kafka(servers, topics, {**client, "bootstrap.servers": servers}, timeout)
