"""The files of a new source: declaration, sample and SQL."""

from __future__ import annotations

import csv
import hashlib
import io

from onecdp.new_source.names import HASHED
from onecdp.new_source.plan import Plan, Planned

SAMPLE_ROWS = 3


def declaration(plan: Plan) -> str:
    """`ingestion/sources/NAME/__init__.py`."""
    rule = "FIRST_WINS" if plan.is_append_only else "NEWER_WINS"
    what = "events: an event happens once and does not change" if plan.is_append_only else (
        "records: one row per key; of each column, the latest value wins"
    )  # fmt: skip
    order = "DateOrder, " if plan.day_first else ""
    lines = [
        f'"""{plan.name.replace("_", " ").capitalize()}, {what}."""',
        "",
        f"from ...declaration import Column, {order}Kind, OnRepeatedKey, TableSpec",
        "from ...readers.files import Files",
        "from ..source import Source",
        "",
        f"{plan.table.upper()} = TableSpec(",
        f'    source="{plan.name}",',
        f'    table="{plan.table}",',
        "    columns=(",
        *(f"        {_column(plan, column)}," for column in plan.columns),
        "    ),",
        f"    key=({', '.join(map(_quoted, plan.key))}{',' if len(plan.key) == 1 else ''}),",
        f"    rule=OnRepeatedKey.{rule},",
    ]
    lines += [f'    version="{plan.version}",'] if plan.version else []
    lines += ["    date_order=DateOrder.DAY_FIRST,"] if plan.day_first else []
    if found := traces(plan):
        one = f"    traces=({', '.join(map(_quoted, found))}{',' if len(found) == 1 else ''}),"
        many = ["    traces=(", *(f"        {_quoted(name)}," for name in found), "    ),"]
        lines += [one] if len(one) <= 100 else many
    files = "Files(excel=True)" if plan.is_xlsx else "Files()"
    lines += [")", "", f'SOURCE = Source("{plan.name}", ({plan.table.upper()},), {files})', ""]
    return "\n".join(lines)


def _column(plan: Plan, column: Planned) -> str:
    is_needed = column.name in plan.key or (
        plan.has_events and column.name in (plan.time, plan.type_column)
    )
    parts = [_quoted(column.name)]
    kind = HASHED.get(column.id_type) or HASHED.get(column.kind) or column.kind.upper()
    parts += [f"Kind.{kind}"] if kind != "TEXT" else []
    parts += ["required=True"] if is_needed else []
    parts += ["is_past=True"] if column.name in (plan.time, plan.version) else []
    return f"Column({', '.join(parts)})"


def _quoted(name: str) -> str:
    return f'"{name}"'


def is_deleted_with_person(plan: Plan) -> bool:
    """Whether the key names a person, so that `forget` deletes the whole row."""
    return any(column.name in plan.key for column in plan.columns if column.is_personal)


def traces(plan: Plan) -> tuple[str, ...]:
    """Text that could tell who an erased person was, in rows that stay without the person."""
    if is_deleted_with_person(plan) or not plan.identifiers:
        return ()
    kept = {*plan.key, plan.type_column}
    free = [c.name for c in plan.columns if c.is_text and not c.is_personal]
    return tuple(name for name in free if name not in kept)


def sample(plan: Plan) -> str:
    """A small file of made-up rows: nothing of the user's own gets into the project."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow([column.name for column in plan.columns])
    for number in range(1, SAMPLE_ROWS + 1):
        writer.writerow([_made_up(plan, column, number) for column in plan.columns])
    return out.getvalue()


def _made_up(plan: Plan, column: Planned, number: int) -> str:
    if column.name == plan.type_column:
        return "made_up"
    if column.id_type in HASHED or column.is_hashed:
        return hashlib.sha256(f"{plan.name}-{column.name}-{number}".encode()).hexdigest()
    return {
        "code": f"{plan.name}-{column.name}-{number}",
        "integer": str(number),
        "money": f"{number}.50",
        "timestamp": f"2026-05-0{number} 12:00:00",
        "date": f"2026-05-0{number}",
        "boolean": "true",
        "score": "0.5",
    }.get(column.kind, f"{column.name.replace('_', ' ')} {number}")


def staging_sql(plan: Plan) -> str:
    """`stg_NAME__TABLE.sql`."""
    lines = []
    if plan.identifiers:
        lines.append(f"{{{{ staged_identifiers('{plan.staging}') }}}}")
    for column in plan.columns:
        if not column.id_type:
            lines.append(f"{_staged(plan, column)},")
    body = "\n        ".join(lines)
    return f"""with source as (

    select * from {{{{ source('{plan.name}', '{plan.table}') }}}}

),

final as (

    select
        {body}
        _loaded_at as loaded_at,
        _file as source_file,
        _line as source_line
    from source

)

select * from final
"""


def _staged(plan: Plan, column: Planned) -> str:
    name, staged = column.name, column.staged
    if name in plan.key:
        return f"trim({name}) as {staged}"
    if name == plan.type_column:
        return f"lower(trim({name})) as {staged}"
    if column.is_text:
        return f"nullif(trim({name}), '') as {staged}"
    if column.kind == "timestamp":
        return f"cast({name} as timestamp) as {staged}"
    if column.kind == "money":
        return f"cast({name} as decimal(18, 4)) as {staged}"
    return name if name == staged else f"{name} as {staged}"


def key_sql(plan: Plan) -> str:
    """SQL for the id of an event: unique across all sources."""
    return f"'{plan.name}:' || " + " || ':' || ".join(plan.staged(name) for name in plan.key)


def events_sql(plan: Plan) -> str:
    """`int_events__NAME.sql`."""
    names = {column.name: column for column in plan.columns}

    def text(name: str) -> str:
        has = name in names and names[name].is_text and not names[name].id_type
        return name if has else f"cast(null as string) as {name}"

    event_type = plan.type_column or f"'{plan.name}'"
    time = plan.staged(plan.time)
    time = time if names[plan.time].kind == "timestamp" else f"cast({time} as timestamp)"
    as_time = time if time == "event_time" else f"{time} as event_time"
    as_type = event_type if event_type == "event_type" else f"{event_type} as event_type"
    price = (
        "item_price" if "item_price" in names and names["item_price"].kind == "money"
        else "cast(null as decimal(18, 4)) as item_price"
    )  # fmt: skip
    return f"""with {plan.staging} as (

    select * from {{{{ ref('{plan.staging}') }}}}

),

blocked_identifiers as (

    select * from {{{{ ref('int_identity__blocked_identifiers') }}}}

),

typed as (

    select
        events.*,
        {{{{ event_id_column('{plan.staging}', 'events') }}}} as id_column
    from {plan.staging} as events

),

final as (

    select
        {key_sql(plan)} as event_id,
        '{plan.name}' as source_name,
        {{{{ event_identifier('{plan.staging}') }}}}
        {as_type},
        {{{{ row_sources()['{plan.name}']['channel'] }}}} as channel,
        {text("platform")},
        {text("item_id")},
        {price},
        -- Purchases and returns move money: see int_events__app for how.
        cast(null as bigint) as quantity,
        cast(0 as decimal(18, 4)) as revenue,
        {as_time},
        {text("session_id")},
        {text("page")},
        {text("order_id")},
        {text("country")},
        false as is_withdrawn,
        loaded_at
    from typed

)

select * from final
"""


def row_source(plan: Plan) -> str:
    """The entry in `macros/identity/row_sources.sql`."""
    time = plan.time or plan.version
    if not time:
        time = "cast(loaded_at as timestamp)"
    elif plan.column(time).kind == "date":
        time = f"cast({plan.staged(time)} as timestamp)"
    else:
        time = plan.staged(time)
    is_append_only = "true" if plan.is_append_only else "false"
    return f"""        '{plan.name}': {{
            'model': '{plan.staging}',
            'rows': 'true',
            'channel': "'{plan.name}'",
            'first_seen': '{time}',
            'last_seen': '{time}',
            'seen_at': '{time}',
            'is_active': 'true',
            'is_append_only': {is_append_only},
        }},
"""


def conserved_sql(plan: Plan) -> str:
    """The test that no event is lost on its way."""
    return f"""-- Every event of {plan.name} reaches unified events, and none that it never sent.

{{{{ config(meta={{'checked': 'weekly'}}) }}}}

with sent as (

    select {key_sql(plan)} as event_id
    from {{{{ ref('{plan.staging}') }}}}

),

unified as (

    select events.event_id
    from {{{{ ref('unified_events') }}}} as events
    inner join {{{{ ref('int_events__resolved') }}}} as resolved
        on events.event_id = resolved.event_id and resolved.source_name = '{plan.name}'

)

select
    sent.event_id as sent_event_id,
    unified.event_id as unified_event_id
from sent
full outer join unified on sent.event_id = unified.event_id
where sent.event_id is null or unified.event_id is null
"""
