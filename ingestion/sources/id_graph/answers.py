"""Asks the service about identifiers that were not asked about yet, and lands its links.

The answers of a run land as one place, like a file: types, quarantine, repeats and balance are
those of link files.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import uuid
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import duckdb
from dlt.extract import DltResource

from onecdp.identity.normalise import identifier_sql, trim_sql

from ...declaration import TableSpec
from ...landing.arrivals import Arrivals, BrokenRow, Chunk, Notify, Place
from ...landing.land import land
from ...landing.landed import Landed
from ...landing.outputs import Counts
from ...landing.resources import merged, resources
from ...landing.scratch import NFKC
from .asking import NAMES, ask, find_identifiers
from .service import Service, ServiceSettings

_CHUNK_ROWS = 20_000


@dataclass(frozen=True)
class Answers:
    """What the answers of a run bring.

    Attributes:
        landed: As of any load.
        asked: The relation of the identifiers that were answered (id_type, id_value, asked_at),
            whether or not a link came of them.
    """

    landed: Landed
    asked: str

    def resources(self) -> Iterator[DltResource]:
        """The dlt resources: those of any load, and `asked`."""
        yield from resources(self.landed)
        yield merged(self.landed, "asked", self.asked, ("id_type", "id_value"))


def land_answers(
    connection: duckdb.DuckDBPyConnection,
    settings: ServiceSettings,
    links: TableSpec,
    tables: Sequence[TableSpec],
    warehouse: Path,
    notify: Notify,
) -> Answers:
    """Asks about every identifier of the raw tables that no earlier answer covers.

    A batch that fails costs nothing but its notice: its identifiers are asked at the next run.

    Args:
        connection: The scratch database.
        settings: Of the service.
        links: The table that the answers go to.
        tables: The tables with the identifiers.
        warehouse: The warehouse's file.
        notify: Gets what the user should know.
    """
    waiting = find_identifiers(connection, warehouse, tables, settings.batch_size, "to_ask")
    if waiting:
        notify(f"id_graph: asking the service about {waiting:,} identifiers")
    went = ask(connection, Service(settings), "to_ask", "answered")
    _check_answers(connection, went.answers, "to_ask", "checked_answers")
    places = _places(connection, "checked_answers")
    # The notices about this place would mean nothing to the user; the counts below do.
    landed = land(
        connection,
        [links],
        lambda _: {links.table: Arrivals(new=places)},
        warehouse,
        lambda _: None,
    )
    # If the place were refused, its links would be lost by marking them as asked.
    done = [] if landed.refused else went.batches
    connection.execute(
        f"""create table asked as
        select id_type, id_value, (select loaded_at from {landed.load_time}) as asked_at
        from to_ask where list_contains($1::bigint[], batch_no)""",
        [done],
    )
    (covered,) = connection.execute("select count(*) from asked").fetchall()[0]
    if waiting:
        counts = landed.counts
        notify(_notice(counts, len(done), covered, waiting, went.complaints, went.stopped))
    return Answers(replace(landed, is_empty=landed.is_empty and not covered), "asked")


def _check_answers(
    connection: duckdb.DuckDBPyConnection, answers: str, to_ask: str, into: str
) -> None:
    """Makes `into`: the answers in order, with a reason for links that nobody asked about."""
    sides = [
        f"select position from sided semi join {to_ask} as asked "
        f"on sided.batch_no = asked.batch_no "
        f"and {side}_type = asked.id_type and {side}_value = asked.id_value"
        for side in ("left", "right")
    ]
    types = {side: f"lower({trim_sql(f'{side}_id_type', NFKC)})" for side in ("left", "right")}
    spellings = ", ".join(
        f"{kind} as {side}_type, {identifier_sql(kind, f'{side}_id_value', NFKC)} as {side}_value"
        for side, kind in types.items()
    )
    connection.execute(
        f"""create table {into} as
        with numbered as (
            select *, row_number() over (order by rowid) as position from {answers}
        ),
        sided as (select *, {spellings} from numbered),
        wanted as ({" union ".join(sides)})
        select
            position, payload,
            coalesce(reason, case
                -- The landing gives the reason where a side is missing.
                when wanted.position is null and left_value is not null and right_value is not null
                then 'neither identifier was asked about'
            end) as reason,
            {", ".join(NAMES)}
        from sided left join wanted using (position)
        order by position"""
    )


def _places(connection: duckdb.DuckDBPyConnection, answers: str) -> list[Place]:
    """The answers of this run as a place; none where nothing was answered."""
    payloads = connection.execute(f"select payload from {answers} order by position").fetchall()
    if not payloads:
        return []
    digest = hashlib.sha256("\n".join(payload for (payload,) in payloads).encode())
    stamp = dt.datetime.now(dt.UTC)
    name = f"service/{stamp:%Y%m%dT%H%M%SZ}-{uuid.uuid4().hex[:8]}"
    return [Place(name, digest.hexdigest(), lambda: _chunks(connection, answers, len(payloads)))]


def _chunks(connection: duckdb.DuckDBPyConnection, answers: str, total: int) -> Iterator[Chunk]:
    for start in range(0, total, _CHUNK_ROWS):
        some = f"from {answers} where position between {start + 1} and {start + _CHUNK_ROWS}"
        rows = connection.execute(
            f"select {', '.join(NAMES)}, position as _line {some} and reason is null "
            "order by position"
        ).to_arrow_table()
        broken = connection.execute(
            f"select position, reason, payload {some} and reason is not null order by position"
        ).fetchall()
        yield Chunk(rows, [BrokenRow(*row) for row in broken])


def _notice(
    counts: Counts,
    batches: int,
    covered: int,
    waiting: int,
    complaints: Counter[str],
    stopped: str | None,
) -> str:
    parts = [f"{covered:,} of {waiting:,} identifiers answered with {counts.read:,} links"]
    if counts.quarantined:
        parts.append(f"{counts.quarantined:,} links quarantined")
    if complaints:
        failed = sum(complaints.values())
        reasons = "; ".join(f"{reason}, {times}x" for reason, times in complaints.most_common(3))
        parts.append(f"{failed:,} of {failed + batches:,} batches failed ({reasons})")
    if stopped:
        parts.append(f"stopped asking: {stopped}")
    if covered < waiting:
        parts.append("the rest is asked at the next run")
    return f"id_graph: {'; '.join(parts)}"
