"""From the identifiers nobody asked about yet to the links that the service answers.

The answers of a run are written as a file and taken in like any other: types, quarantine, repeats
and balance are those of link files.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import uuid
from collections import Counter
from pathlib import Path

import duckdb
import orjson
import pyarrow as pa

from onecdp.identity.graph_service.exchange import ExchangeFailed

from ..erasure.loading import hide_quarantined
from ..erasure.tombstones import spelled
from ..files.checks import literal
from ..files.intake import Intake, take_in
from ..files.scratch import Notify
from ..files.spec import Kind
from .service import Service, ServiceSettings
from .settings import LINKS

ASKED_KEY = ("id_type", "id_value")
_IDENTIFIERS = (
    # Nobody outside is told about a member that the CRM deleted.
    ("member_id", "member_id", "raw_crm.members where is_deleted is not true"),
    ("mobile_hash", "mobile_hash", "raw_crm.members where is_deleted is not true"),
    ("email_hash", "email_hash", "raw_crm.members where is_deleted is not true"),
    ("retail_customer_id", "retail_customer_id", "raw_crm.members where is_deleted is not true"),
    ("device_id", "device_id", "raw_app.events"),
    ("union_id", "union_id", "raw_app.events"),
    ("open_id", "open_id", "raw_app.events"),
    ("retail_customer_id", "customer_id", "raw_retail.transactions where not is_withdrawn"),
)
_NAMES = tuple(column.name for column in LINKS.columns)
_DATES = tuple(column.name for column in LINKS.columns if column.kind is Kind.TIMESTAMP)
_ROW = pa.schema(
    [
        ("batch_no", pa.int64()),
        ("reason", pa.string()),
        ("payload", pa.string()),
        *((name, pa.string()) for name in _NAMES),
    ]
)


def take_answers(
    connection: duckdb.DuckDBPyConnection,
    settings: ServiceSettings,
    warehouse: Path,
    scratch: Path,
    notify: Notify,
) -> Intake:
    """Asks about every identifier of the raw tables that no earlier answer covers.

    A batch that fails costs nothing but its notice: its identifiers are asked at the next run.

    Returns:
        What the answers bring; besides the tables of every intake there is `out_asked`, with the
        identifiers that were answered, whether or not a link came of them.
    """
    waiting = _find_identifiers(connection, warehouse, settings.batch_size)
    if waiting:
        notify(f"id_graph: asking the service about {waiting:,} identifiers")
    answered, complaints, stopped = _ask(connection, Service(settings))
    _judge(connection)
    stamp = dt.datetime.now(dt.UTC)
    name = f"service/{stamp:%Y%m%dT%H%M%SZ}-{uuid.uuid4().hex[:8]}.jsonl"
    folder = scratch / "answers"
    _write_file(connection, folder / name)
    # The lines of this file are no news to the user; the counts below are.
    intake = take_in(connection, LINKS, folder, warehouse, scratch, lambda _: None)
    _tell_reasons(connection, name)
    if intake.tombstones:
        hide_quarantined(connection, "out_quarantine", intake.tombstones.holds_value)
    # If the file were refused, its links would be lost by marking them as asked.
    done = [] if intake.refused else answered
    connection.execute(
        """create table out_asked as
        select id_type, id_value, (select loaded_at from load_time) as asked_at
        from to_ask where list_contains($1::bigint[], batch_no)""",
        [done],
    )
    (covered,) = connection.execute("select count(*) from out_asked").fetchall()[0]
    if waiting:
        notify(_notice(intake, len(done), covered, waiting, complaints, stopped))
    return dataclasses.replace(intake, is_empty=intake.is_empty and not covered)


def _find_identifiers(
    connection: duckdb.DuckDBPyConnection, warehouse: Path, batch_size: int
) -> int:
    """Fills `to_ask` (batch_no, id_type, id_value) and returns how many there are."""
    connection.execute(f"attach {literal(str(warehouse))} as warehouse (read_only)")
    try:
        seen = " union all ".join(
            f"select {literal(kind)} as id_type, {column} as id_value from warehouse.{table}"
            for kind, column, table in _IDENTIFIERS
        )
        has_asked = connection.execute(
            "select 1 from duckdb_tables() where database_name = 'warehouse' "
            "and schema_name = 'raw_id_graph' and table_name = 'asked'"
        ).fetchall()
        # A killed load may have brought `asked` before the links: only a completed one counts.
        covered = "select null::varchar as id_type, null::varchar as id_value limit 0"
        if has_asked:
            covered = """select id_type, id_value from warehouse.raw_id_graph.asked
                where _dlt_load_id in (
                    select load_id from warehouse.raw_id_graph._dlt_loads where status = 0
                )"""
        # Shuffled, so that one identifier that the service chokes on does not keep the same
        # others from being answered run after run.
        connection.execute(
            f"""create table to_ask as
            with seen as ({seen}),
            distinct_ids as (
                select distinct id_type, {spelled("id_type", "id_value")} as id_value from seen
            ),
            shuffled as (
                select id_type, id_value, row_number() over (order by random()) - 1 as position
                from distinct_ids
                anti join ({covered}) as covered using (id_type, id_value)
                where id_value is not null
            )
            select position // $1 as batch_no, id_type, id_value
            from shuffled order by position""",
            [batch_size],
        )
    finally:
        connection.execute("detach warehouse")
    (total,) = connection.execute("select count(*) from to_ask").fetchall()[0]
    return int(total)


def _ask(
    connection: duckdb.DuckDBPyConnection, service: Service
) -> tuple[list[int], Counter[str], str | None]:
    """Fills `answered` with the links as they came.

    Returns:
        The batches that were answered, how often which complaint came, and why asking ended
        before the last batch, if it did.
    """
    columns = ", ".join(f"{name} varchar" for name in _ROW.names[1:])
    connection.execute(f"create table answered (batch_no bigint, {columns})")
    (batches,) = connection.execute("select count(distinct batch_no) from to_ask").fetchall()[0]
    answered: list[int] = []
    complaints: Counter[str] = Counter()
    for batch_no in range(batches):
        if service.stopped:
            return answered, complaints, service.stopped
        batch = connection.execute(
            "select id_type, id_value from to_ask where batch_no = $1", [batch_no]
        ).fetchall()
        try:
            links = service.ask(batch)
        except ExchangeFailed as failure:
            complaints[str(failure)] += 1
            continue
        rows = [{"batch_no": batch_no, **_row(link)} for link in links]
        connection.register("incoming", pa.Table.from_pylist(rows, schema=_ROW))
        connection.execute("insert into answered by name select * from incoming")
        connection.unregister("incoming")
        answered.append(batch_no)
    return answered, complaints, None


def _row(link: object) -> dict[str, str | None]:
    """One answered link as text; `reason` says why it is no link, if it is none.

    Fields that links don't have are left out: a service must not add columns to the warehouse.
    """
    payload = orjson.dumps(link).decode().replace("\0", "\\x00")
    if not isinstance(link, dict):
        return {"payload": payload, "reason": "is not a JSON object"}
    wrong = [
        name
        for name in _NAMES
        if isinstance(link.get(name), list | dict)
        or (name.endswith(("_id_type", "_id_value")) and not isinstance(link.get(name), str | None))
    ]
    if wrong:
        return {"payload": payload, "reason": f"{', '.join(wrong)}: not of the right JSON type"}
    texts = {name: _text(link.get(name)) for name in _NAMES}
    for name in _DATES:
        # A file is refused whole for dates that may be misread; an answer loses the link alone.
        if "/" in (texts[name] or ""):
            return {"payload": payload, "reason": f"{name}: '{texts[name]}' is not ISO 8601"}
    return {"payload": payload, **texts}


def _text(value: object) -> str | None:
    return value if isinstance(value, str | None) else orjson.dumps(value).decode()


def _judge(connection: duckdb.DuckDBPyConnection) -> None:
    """Fills `judged`: the answers in order, and which of them nobody asked for."""
    sides = [
        f"select position from sided semi join to_ask on sided.batch_no = to_ask.batch_no "
        f"and {side}_type = to_ask.id_type and {side}_value = to_ask.id_value"
        for side in ("left", "right")
    ]
    spellings = ", ".join(
        f"lower(trim({side}_id_type)) as {side}_type, "
        f"{spelled(f'lower(trim({side}_id_type))', f'{side}_id_value')} as {side}_value"
        for side in ("left", "right")
    )
    connection.execute(
        f"""create table judged as
        with numbered as (
            select *, row_number() over (order by rowid) as position from answered
        ),
        sided as (select *, {spellings} from numbered),
        wanted as ({" union ".join(sides)})
        select
            position, payload,
            coalesce(reason, case
                -- What lacks a side is told so where files are checked.
                when wanted.position is null and left_value is not null and right_value is not null
                then 'neither identifier was asked about'
            end) as reason,
            {", ".join(_NAMES)}
        from sided left join wanted using (position)
        order by position"""
    )


def _write_file(connection: duckdb.DuckDBPyConnection, path: Path) -> None:
    """Writes the answers as JSON lines, line = position; none, no file.

    What has a reason against it is written without values: so it goes the way of every row that
    lacks its key, and is counted with them.
    """
    if not connection.execute("select 1 from judged limit 1").fetchall():
        return
    path.parent.mkdir(parents=True)
    values = ", ".join(f"case when reason is null then {name} end as {name}" for name in _NAMES)
    connection.execute(
        f"copy (select {values} from judged order by position) "
        f"to {literal(str(path))} (format json, array false)"
    )


def _tell_reasons(connection: duckdb.DuckDBPyConnection, name: str) -> None:
    """Gives the links that were written without values their reason and their payload."""
    connection.execute(
        """update out_quarantine set reason = judged.reason, payload = judged.payload
        from judged
        where out_quarantine.file = $1 and out_quarantine.line = judged.position
            and judged.reason is not null""",
        [name],
    )


def _notice(
    intake: Intake,
    batches: int,
    covered: int,
    waiting: int,
    complaints: Counter[str],
    stopped: str | None,
) -> str:
    counts = intake.counts
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
