"""Which identifiers to ask the service about, and what it answers about them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb
import orjson
import pyarrow as pa

from onecdp.identity.graph_service.exchange import ExchangeFailed
from onecdp.identity.normalise import identifier_sql
from onecdp.warehouse.sql_text import literal, quoted

from ...declaration import Kind, TableSpec
from ...landing.arrivals import MAX_RECORD
from .service import Service
from .tables import LINKS

NAMES = tuple(column.name for column in LINKS.columns)
_DATES = tuple(column.name for column in LINKS.columns if column.kind is Kind.TIMESTAMP)
_ROW = pa.schema(
    [
        ("batch_no", pa.int64()),
        ("reason", pa.string()),
        ("payload", pa.string()),
        *((name, pa.string()) for name in NAMES),
    ]
)


@dataclass(frozen=True)
class Asked:
    """How asking went.

    Attributes:
        answers: The relation of the links as they came: `batch_no`, `reason` (why it is no link),
            `payload`, and the columns of a link as text.
        batches: The batches that were answered.
        complaints: How often which complaint came.
        stopped: Why asking ended before the last batch, if it did.
    """

    answers: str
    batches: list[int]
    complaints: Counter[str]
    stopped: str | None


def find_identifiers(
    connection: duckdb.DuckDBPyConnection,
    warehouse: Path,
    tables: Sequence[TableSpec],
    batch_size: int,
    into: str,
) -> int:
    """Makes `into` (batch_no, id_type, id_value) of the identifiers that no answer covers yet.

    They are those of the columns that hold one type. Rows that the source has deleted or
    withdrawn are not sent to the service.

    Returns:
        How many there are.
    """
    connection.execute(f"attach {literal(str(warehouse))} as warehouse (read_only)")
    try:
        seen = " union all ".join(_sightings(connection, tables)) or (
            "select null::varchar as id_type, null::varchar as id_value limit 0"
        )
        has_asked = connection.execute(
            "select 1 from duckdb_tables() where database_name = 'warehouse' "
            "and schema_name = $1 and table_name = 'asked'",
            [LINKS.dataset],
        ).fetchall()
        # A killed load may have brought `asked` before the links: only a completed one counts.
        covered = "select null::varchar as id_type, null::varchar as id_value limit 0"
        if has_asked:
            covered = f"""select id_type, id_value from warehouse.{LINKS.dataset}.asked
                where _dlt_load_id in (
                    select load_id from warehouse.{LINKS.dataset}._dlt_loads where status = 0
                )"""
        # Shuffled, so that one identifier that the service fails on does not keep the same
        # others from being answered run after run.
        value = identifier_sql("id_type", "id_value")
        connection.execute(
            f"""create table {into} as
            with seen as ({seen}),
            distinct_ids as (
                select distinct id_type, {value} as id_value from seen
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
    (total,) = connection.execute(f"select count(*) from {into}").fetchall()[0]
    return int(total)


def _sightings(connection: duckdb.DuckDBPyConnection, tables: Sequence[TableSpec]) -> list[str]:
    """A select of (id_type, id_value) per identifier column in the attached warehouse."""
    selects = []
    for spec in tables:
        found = connection.execute(
            "select column_name from duckdb_columns() where database_name = 'warehouse' "
            "and schema_name = $1 and table_name = $2",
            [spec.dataset, spec.table],
        )
        held = {str(name) for (name,) in found.fetchall()}
        conditions = [f"{quoted(spec.deleted)} is not true"] if spec.deleted in held else []
        conditions += ["not is_withdrawn"] if spec.group else []
        selects += [
            f"select {literal(i.id_type)} as id_type, {quoted(i.column)} as id_value "
            f"from warehouse.{spec.dataset}.{quoted(spec.table)} "
            f"where {' and '.join(conditions) or 'true'}"
            for i in spec.limited_to(held).identifiers
            if i.id_type
        ]
    return selects


def ask(connection: duckdb.DuckDBPyConnection, service: Service, to_ask: str, into: str) -> Asked:
    """Asks about the identifiers of `to_ask`; the answers go to the new relation `into`."""
    columns = ", ".join(f"{name} varchar" for name in _ROW.names[1:])
    connection.execute(f"create table {into} (batch_no bigint, {columns})")
    (total,) = connection.execute(f"select count(distinct batch_no) from {to_ask}").fetchall()[0]
    answered: list[int] = []
    complaints: Counter[str] = Counter()
    for batch_no in range(total):
        if service.stopped:
            return Asked(into, answered, complaints, service.stopped)
        batch = connection.execute(
            f"select id_type, id_value from {to_ask} where batch_no = $1", [batch_no]
        ).fetchall()
        try:
            links = service.ask(batch)
        except ExchangeFailed as failure:
            complaints[str(failure)] += 1
            continue
        rows = [{"batch_no": batch_no, **_row(link)} for link in links]
        connection.register("incoming", pa.Table.from_pylist(rows, schema=_ROW))
        connection.execute(f"insert into {into} by name select * from incoming")
        connection.unregister("incoming")
        answered.append(batch_no)
    return Asked(into, answered, complaints, None)


def _row(link: object) -> dict[str, str | None]:
    """One answered link as text; `reason` says why it is no link, if it is none.

    Fields that links don't have are left out: a service must not add columns to the warehouse.
    """
    payload = orjson.dumps(link).decode().replace("\0", "\\x00")
    if not isinstance(link, dict):
        return {"payload": payload, "reason": "is not a JSON object"}
    wrong = [
        name
        for name in NAMES
        if isinstance(link.get(name), list | dict)
        or (name.endswith(("_id_type", "_id_value")) and not isinstance(link.get(name), str | None))
    ]
    if wrong:
        return {"payload": payload, "reason": f"{', '.join(wrong)}: not of the right JSON type"}
    texts = {name: _text(link.get(name)) for name in NAMES}
    for name in _DATES:
        # A file is refused whole for dates that may be misread; an answer loses the link alone.
        if "/" in (texts[name] or ""):
            return {"payload": payload, "reason": f"{name}: '{texts[name]}' is not ISO 8601"}
    if len(payload) > MAX_RECORD and len(orjson.dumps(texts)) > MAX_RECORD:
        return {"payload": payload, "reason": "row is longer than 1 MiB"}
    return {"payload": payload, **texts}


def _text(value: object) -> str | None:
    return value if isinstance(value, str | None) else orjson.dumps(value).decode()
