"""What the live side has to know of the build that was published.

Which parts of the collector's log it counts, up to which day, and which identifiers it blocks. It
is read from the private file while publishing, and stands in the online store with what was
published, so that both change at once.
"""

from __future__ import annotations

import datetime as dt
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from hashlib import sha256

import duckdb

from onecdp.collector.messages import EVENTS, LINKS
from onecdp.collector.webhooks.shapes import TICKETS
from onecdp.errors import OnecdpError
from onecdp.identity.normalise import lower
from onecdp.live.events import Identifier, microseconds
from onecdp.live.measure import Watermark
from onecdp.live.settings import portable_problem
from onecdp.serving.batch_tickets import TicketsRead, read_tickets
from onecdp.serving.places import Place
from onecdp.warehouse.schemas import AUDIT

# Each source of the collector: the model that takes its rows in, and what that reads. Tickets are
# read as they are loaded.
_READ_BY = {
    "app": ("int_events__resolved", "stg_app__events"),
    "id_graph": ("int_identity__graph_links", "stg_id_graph__links"),
}
_FOLDERS = {
    folder.partition("/")[0]: folder for folder in (EVENTS, LINKS, TICKETS)
}  # fmt: skip
_ALL, _NOTHING = dt.datetime.max, dt.datetime.min
_WATERMARK = f"select max(stamp) from {AUDIT}.watermarks where model = ? and upstream = ?"
ANY_TYPE = "*"
_FLAGS = re.compile(r"\(\?([imsx]+)\)")


@dataclass(frozen=True)
class BatchState:
    """What a build has taken in.

    Attributes:
        taken_in: Up to which position of each partition; None is to its end.
        as_of: Its as-of date.
        blocked: Identifiers that are nobody's, in lower case.
        patterns: Type and regular expression of others; the type may be `*`.
        tickets: Which tickets of support are in the store; None if none were asked for.
        shared: Identifiers that several people share: their links never merge.
        apart: Pairs of identifiers that are never one person's.
    """

    taken_in: Mapping[str, int | None]
    as_of: dt.date
    blocked: frozenset[Identifier] = field(repr=False)
    patterns: Sequence[tuple[str, str]] = field(repr=False)
    tickets: TicketsRead | None = None
    shared: frozenset[str] = field(default=frozenset(), repr=False)
    apart: frozenset[str] = field(default=frozenset(), repr=False)

    @cached_property
    def watermark(self) -> Watermark:
        """Up to where the build counts events."""
        end = dt.datetime.combine(self.as_of, dt.time()) + dt.timedelta(days=1)
        return Watermark(self.taken_in, microseconds(end))

    def is_blocked(self, identifier: Identifier) -> bool:
        """Whether the blocklist matches an identifier."""
        id_type, value = identifier
        if (id_type, lower(value)) in self.blocked:
            return True
        pattern = self._patterns.get(id_type)
        if pattern is None:
            pattern = self._patterns[id_type] = self._pattern_of(id_type)
        return pattern.search(value) is not None

    def is_shared(self, identifier: Identifier) -> bool:
        """Returns whether several people share an identifier."""
        return bool(self.shared) and _name(identifier) in self.shared

    def is_apart(self, one: Identifier, other: Identifier) -> bool:
        """Returns whether two identifiers are never one person's."""
        return bool(self.apart) and _name(one, other) in self.apart

    @cached_property
    def _patterns(self) -> dict[str, re.Pattern[str]]:
        return {}

    def _pattern_of(self, id_type: str) -> re.Pattern[str]:
        """All patterns of a type as one: each search costs as much as the rest."""
        parts = [_part(text) for kind, text in self.patterns if kind in (ANY_TYPE, id_type)]
        # Without any, what nothing matches.
        return re.compile("|".join(parts) or r"(?!)", re.IGNORECASE)

    def to_json(self) -> str:
        """Returns it as JSON; equal states have equal texts."""
        return json.dumps(
            {
                "taken_in": dict(sorted(self.taken_in.items())),
                "as_of": self.as_of.isoformat(),
                "blocked": sorted(self.blocked),
                "patterns": sorted(self.patterns),
                "tickets": self.tickets and vars(self.tickets),
                "shared": sorted(self.shared),
                "apart": sorted(self.apart),
            }
        )


def from_json(text: str) -> BatchState:
    """Returns what `to_json` wrote."""
    said = json.loads(text)
    tickets = said.get("tickets")
    return BatchState(
        taken_in=said["taken_in"],
        as_of=dt.date.fromisoformat(said["as_of"]),
        blocked=frozenset((kind, value) for kind, value in said["blocked"]),
        patterns=[(kind, pattern) for kind, pattern in said["patterns"]],
        tickets=tickets and TicketsRead(
            tuple((column, kind) for column, kind in tickets["columns"]),
            tickets["loaded_at"], tickets["count"],
        ),
        shared=frozenset(said.get("shared", ())),
        apart=frozenset(said.get("apart", ())),
    )  # fmt: skip


def _name(*identifiers: Identifier) -> str:
    """A short name of identifiers in any order.

    It is no value: an erasure takes these out of the store, and leaves what the build has said.
    """
    return sha256(repr(sorted(identifiers)).encode()).hexdigest()[:24]


def _part(pattern: str) -> str:
    """A pattern that may stand beside others, also if it begins with flags."""
    flags, rest = "", pattern
    if found := _FLAGS.match(pattern):
        flags, rest = found[1], pattern[found.end() :]
    if rest.isascii():
        # As in DuckDB, `\d`, `\w` and `\b` mean ASCII; with it, only ASCII has upper case.
        flags += "a"
    return f"(?{flags}:{rest})"


def tickets_in(text: str | None) -> TicketsRead | None:
    """Which tickets a store has, by its state as JSON."""
    return None if text is None else from_json(text).tickets


class Published:
    """Up to where the published warehouse counts events; read again when another store is there."""

    def __init__(self, store: Place) -> None:
        """Reads nothing yet.

        Args:
            store: Where the online store is.
        """
        self._store = store
        self._identity: object = None
        self._watermark: Watermark | None = None

    def __call__(self) -> Watermark | None:
        """Returns it; None if there is no store, or its build is not known."""
        seen = self._store.identity()
        if seen != self._identity:
            text = self._store.read_batch()
            self._watermark = None if text is None else from_json(text).watermark
            self._identity = seen
        return self._watermark


def name_state(text: str | None) -> str:
    """A short name for a state as JSON."""
    return sha256((text or "").encode()).hexdigest()[:12]


def read_batch_state(
    private: duckdb.DuckDBPyConnection, ticket_columns: Sequence[Identifier] | None = None
) -> BatchState | None:
    """Reads it from the private file; None in a project or warehouse without these tables.

    Args:
        private: The private file.
        ticket_columns: Columns of tickets that hold identifiers; None if nobody asks for tickets.

    Raises:
        OnecdpError: Python can't read a pattern of the blocklist, which DuckDB can.
    """
    try:
        ((as_of,),) = private.execute(
            _WATERMARK, ["int_customers__activity", "as_of_date"]
        ).fetchall()
        if as_of is None:
            return None
        taken_in: dict[str, int | None] = {}
        for source, read_by in _READ_BY.items():
            ((stamp,),) = private.execute(_WATERMARK, list(read_by)).fetchall()
            taken_in.update(_taken_in(private, source, stamp))
        blocked = private.execute(
            "select id_type, id_value from intermediate.int_identity__blocked_values"
        ).fetchall()
        patterns = private.execute(
            "select id_type, trim(id_value) from seeds.id_blocklist"
            " where match = 'pattern' order by all"
        ).fetchall()
        shared = private.execute(
            "select id_type, id_value from intermediate.int_identity__shared_values"
        ).fetchall()
        apart = private.execute(
            "select left_id_type, left_id_value, right_id_type, right_id_value"
            " from intermediate.int_identity__overrides where override = 'cannot_link'"
        ).fetchall()
    except (duckdb.CatalogException, duckdb.BinderException):
        return None
    for _, pattern in patterns:
        if problem := portable_problem(pattern) or _python_problem(pattern):
            raise OnecdpError(
                f"seeds/id_blocklist.csv: the online store can't use the pattern {pattern!r}:"
                f" {problem}"
            )
    tickets = None
    if ticket_columns is not None and (tickets := read_tickets(private, ticket_columns)):
        taken_in.update(_taken_in(private, "support", _ALL))
    return BatchState(
        taken_in, as_of.date(), frozenset(blocked), patterns, tickets,
        frozenset(map(_name, shared)), frozenset(_name(row[:2], row[2:]) for row in apart),
    )  # fmt: skip


def _python_problem(pattern: str) -> str | None:
    try:
        re.compile(pattern)
    except re.error as error:
        return str(error)
    return None


def _taken_in(
    private: duckdb.DuckDBPyConnection, source: str, stamp: dt.datetime | None
) -> dict[str, int | None]:
    """The files and streams of a source whose rows were loaded before a build read them.

    What was loaded since without any new row is taken in, too: there is nothing that is not
    counted. But not behind other rows: repetitions may be of these.
    """
    rows = private.execute(
        f"with loads as (select *, epoch_us(loaded_at) as time from raw_{source}.loads),"
        " unread as (select min(time) as time from loads"
        "     where rows_loaded > 0 and time > epoch_us($3::timestamp))"
        " select coalesce(stream, $1 || '/' || file), stream is not null, position"
        " from loads where (stream is not null or starts_with(file, $2))"
        " and time < coalesce((select time from unread), time + 1)"
        " order by time",
        [source, f"{_FOLDERS[source].removeprefix(f'{source}/')}/", stamp or _NOTHING],
    ).fetchall()
    # Of a stream the last one counts; a file is read as a whole.
    return {
        partition: json.loads(position)["offset"] if is_stream and position else None
        for partition, is_stream, position in rows
        if not is_stream or position
    }
