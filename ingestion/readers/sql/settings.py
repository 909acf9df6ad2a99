"""What the settings say of a database: how to reach it, and which of its tables to read."""

from __future__ import annotations

import zoneinfo
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any, Optional
from urllib.parse import quote

import dlt
from dlt.common.configuration.exceptions import (
    ConfigurationException,
    ValueNotSecretException,
)
from dlt.common.configuration.resolve import resolve_configuration
from dlt.common.configuration.specs import ConnectionStringCredentials
from dlt.common.configuration.specs.base_configuration import BaseConfiguration, configspec

from ...declaration import TableSpec
from ...landing.arrivals import Refused

NEEDS_EXTRA = "needs the database clients: pip install 'onecdp[sql]'"


@configspec
class DatabaseSettings(BaseConfiguration):
    """`[sources.<source>.sql]` or `.binlog` in dlt's configuration."""

    # dlt reads the annotations itself and wants Optional where None is the default.
    credentials: Optional[ConnectionStringCredentials] = field(default=None, repr=False)  # noqa: UP045
    """A URL such as `mysql+pymysql://user:password@host/database`, or its parts."""
    tables: Optional[dict[str, Any]] = None  # noqa: UP045
    """A table of settings per raw table, see `TableSettings`."""
    time_zone: Optional[str] = None  # noqa: UP045
    """Of columns that have a time without a zone; UTC without it."""
    on_gap: Optional[str] = None  # noqa: UP045
    """`binlog` alone: "snapshot" reads the tables again where the log has a gap."""


SETTING_NAMES = tuple(DatabaseSettings.get_resolvable_fields())


@dataclass(frozen=True)
class TableSettings:
    """What the settings say of one raw table.

    Attributes:
        table: The remote table, with its schema before a dot where it needs one.
        cursor: The remote column that grows with every change.
        lag: How far behind the newest cursor rows may still be committed: seconds, or units of a
            number.
        columns: Our names of remote columns, by theirs.
        detect_deletes: Hours between two comparisons of all keys; None for no comparison.
    """

    table: str
    cursor: str = ""
    lag: float | None = None
    columns: Mapping[str, str] = field(default_factory=dict)
    detect_deletes: float | None = None


@dataclass(frozen=True)
class Database:
    """The settings of one reader of one source, checked.

    Attributes:
        url: Of SQLAlchemy.
        password: What no message may hold.
        tables: By the name of the raw table.
        time_zone: Of times without a zone; None is UTC.
        takes_snapshot: Whether tables are read again where the binary log has a gap.
    """

    url: str = field(repr=False)
    password: str = field(repr=False)
    tables: Mapping[str, TableSettings]
    time_zone: str | None
    takes_snapshot: bool

    def told(self, error: BaseException) -> str:
        """What a client's error says, in one line without secrets."""
        error = getattr(error, "orig", None) or error
        parts = [str(part) for part in getattr(error, "args", ())] or [str(error)]
        text = " ".join(" ".join(parts).split())
        for secret in (self.url, self.password, quote(self.password, safe="")):
            text = text.replace(secret, "…") if secret else text
        return text[:300] or type(error).__name__


def is_configured(source: str, reader: str) -> bool:
    """Whether the settings say anything of a reader of a source, be it not enough."""
    parts = ConnectionStringCredentials.get_resolvable_fields()
    names = [*SETTING_NAMES, *(f"credentials.{part}" for part in parts)]
    return any(dlt.config.get(f"sources.{source}.{reader}.{name}") is not None for name in names)


def read_settings(specs: Sequence[TableSpec], reader: str, needs: Sequence[str]) -> Database:
    """Reads and checks the settings of a reader.

    Args:
        specs: The tables of the source.
        reader: `sql` or `binlog`, the last part of the section.
        needs: The settings that every table must have.

    Raises:
        Refused: They can't work; the message says what is wrong.
    """
    source = specs[0].source
    section = f"[sources.{source}.{reader}]"
    try:
        found = resolve_configuration(DatabaseSettings(), sections=("sources", source, reader))
    except ValueNotSecretException:
        raise Refused(
            f"{section} has its credentials in .dlt/config.toml, where they are not read: "
            "move them to .dlt/secrets.toml"
        ) from None
    except ConfigurationException as error:
        raise Refused(f"{section}: {str(error).splitlines()[0]}") from None
    if found.credentials is None:
        raise Refused(f"{section} has no credentials (.dlt/secrets.toml)")
    if not found.tables:
        raise Refused(f"{section} has no tables: add [sources.{source}.{reader}.tables.<table>]")
    known = {spec.table for spec in specs}
    for name in found.tables:
        if name not in known:
            raise Refused(f"{section}: {name} is no table of {source}, but {', '.join(known)}")
    if found.on_gap not in (None, "snapshot"):
        raise Refused(f"{section}: on_gap is {found.on_gap!r}; it can only be 'snapshot'")
    if found.time_zone is not None:
        try:
            zoneinfo.ZoneInfo(found.time_zone)
        except (KeyError, ValueError, OSError):
            raise Refused(f"{section}: there is no time_zone {found.time_zone!r}") from None
    return Database(
        found.credentials.to_native_representation(),
        str(found.credentials.password or ""),
        {name: _table(f"{section} {name}", said, needs) for name, said in found.tables.items()},
        found.time_zone,
        found.on_gap == "snapshot",
    )


def _table(where: str, said: object, needs: Sequence[str]) -> TableSettings:
    if not isinstance(said, dict):
        raise Refused(f"{where}: expected settings such as table and cursor")
    known = [one.name for one in fields(TableSettings)]
    if unknown := [name for name in said if name not in known]:
        raise Refused(f"{where}: {unknown[0]} is no setting; expected {', '.join(known)}")
    if missing := [name for name in needs if not said.get(name)]:
        raise Refused(f"{where}: {missing[0]} is missing")
    numbers = [name for name in ("lag", "detect_deletes") if said.get(name) is not None]
    for name in numbers:
        value = said[name]
        if isinstance(value, bool) or not isinstance(value, int | float) or not value >= 0:
            raise Refused(f"{where}: {name} is {value!r}; expected a number, 0 or more")
    if not isinstance(said.get("columns", {}), dict):
        raise Refused(f"{where}: columns must be pairs such as customer_no = 'member_id'")
    return TableSettings(**said)
