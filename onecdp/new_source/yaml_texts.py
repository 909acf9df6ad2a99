"""The YAML of a new source: what its tables are, what `forget` does to them, and their tests."""

from __future__ import annotations

from onecdp.new_source.names import HASHED
from onecdp.new_source.plan import Plan
from onecdp.new_source.texts import is_deleted_with_person, traces

_ABOUT_LOADS = """      - name: superseded
        description: One row per input row that another one superseded, and where that one is.
        config:
          freshness: null
          meta:
            forget:
              keep:
                superseded_id: a hash of file, fingerprint and line
                file: the name of a file, not of a person
                fingerprint: a hash of a whole file
                by_file: the name of a file, not of a person
                _dlt_load_id: id of a dlt load
        data_tests:
          - primary_key:
              arguments: {columns: [superseded_id], not_null: [by_file]}
      - name: loads
        description: One row per version of a file that was loaded, with the balance of its rows.
        config:
          freshness: null
          meta:
            forget:
              keep:
                file: the name of a file, not of a person
                fingerprint: a hash of a whole file
                content: a hash of a whole file
                stream: the name of a stream, not of a person
                position: a time or a number in the stream
                columns: names of columns
                own_names: a setting of the project
                _dlt_load_id: id of a dlt load
        columns:
          - name: fingerprint
            description: SHA-256 of the file's bytes.
        data_tests:
          - not_null_columns:
              arguments: {columns: [fingerprint]}
          - rows_of_average:
              arguments: {at_least: 0.8, at_most: 5}
              config: {severity: warn}
          - dbt_utils.expression_is_true:
              arguments:
                expression: >
                  rows_read = rows_loaded + rows_quarantined + rows_duplicate + rows_superseded
                  + coalesce(rows_erased, 0)
      - name: warnings
        description: One row per value of a loaded row that could not be read and is null there.
        config:
          freshness: null
          meta:
            forget:
              with_row: [value, reason]
              keep:
                warning_id: a hash of file, fingerprint, line and column
                file: the name of a file, not of a person
                fingerprint: a hash of a whole file
                column_name: the name of a column
                _dlt_load_id: id of a dlt load
      - name: quarantine
        description: One row per input row that could not be loaded, with its reason and payload.
        config:
          freshness: null
          meta:
            forget:
              set_null_in_row: [payload, reason]
              keep:
                quarantine_id: a hash of file, fingerprint and line
                file: the name of a file, not of a person
                fingerprint: a hash of a whole file
                _dlt_load_id: id of a dlt load
"""


_PLAIN = """      - name: plain_identifiers
        description: >
          One row per plain e-mail address or phone number, where `store_plain_pii` keeps them
          (docs/personal-data.md); else there is no such table.
        config:
          freshness: null
          meta:
            forget:
              delete_row: {id_value: {type_column: id_type}}
              with_row: [plain_value]
              keep: {_dlt_load_id: id of a dlt load, _dlt_id: id of a dlt row}
"""


def sources_yml(plan: Plan) -> str:
    """`_NAME__sources.yml`."""
    needed = [*dict.fromkeys([*([plan.time] if plan.has_events else []), "_loaded_at"])]
    return f"""version: 2

sources:
  - name: {plan.name}
    schema: raw_{plan.name}
    description: {_title(plan)}, as in its files.
    config:
      loaded_at_field: _loaded_at
      freshness:
        warn_after: {{count: 2, period: day}}
    tables:
      - name: {plan.table}
        description: One row per {", ".join(plan.key)}.
        config:
          meta:
            forget:
{_forget(plan)}
        columns:
          - name: _loaded_at
            description: When this version of the row was loaded (UTC).
        data_tests:
          - primary_key:
              arguments:
                columns: [{", ".join(plan.key)}]
                not_null: [{", ".join(needed)}]
{_ABOUT_LOADS}{_PLAIN if any(c.id_type in HASHED or c.is_hashed for c in plan.columns) else ""}"""


def _forget(plan: Plan) -> str:
    """What `forget` does to each text column of the raw table."""
    inner, lines = " " * 14, []
    in_key = [c for c in plan.columns if c.is_personal and c.name in plan.key]
    others = [c for c in plan.columns if c.is_personal and c.name not in plan.key]
    for action, columns in (("delete_row", in_key), ("set_null", others)):
        if columns:
            lines.append(f"{action}:")
            lines += [f"  {column.name}: {column.id_type or column.kind}" for column in columns]
    free = [c.name for c in plan.columns if c.is_text and not c.is_personal]
    kept = {}
    if is_deleted_with_person(plan):
        lines += ["with_row:", *(f"  - {name}" for name in free), '  - "*"']
    elif plan.identifiers:
        lines += ["set_null_in_row:", *(f"  - {name}" for name in traces(plan)), '  - "*"']
        kept = dict.fromkeys(
            [name for name in free if name not in traces(plan)],
            "the row stays, without the person",
        )
    else:
        lines += ["set_null_in_row:", '  - "*"']
        kept = dict.fromkeys(free, "no column of this table names a person")
    lines += ["keep:", *(f"  {name}: {why}" for name, why in kept.items())]
    lines += [
        "  _file: the name of a file, not of a person",
        "  _column_sources: columns with files and lines, no values",
        "  _row_hash: from earlier warehouses; emptied where the row stays without the person",
        "  _dlt_load_id: id of a dlt load",
    ]
    return "\n".join(f"{inner}{line}" for line in lines)


def models_yml(plan: Plan) -> str:
    """`_NAME__models.yml`, which also says which columns hold identifiers."""
    lines = []
    for column in plan.columns:
        is_time = plan.has_events and column.name == plan.time
        if not (column.id_type or column.name in plan.key or is_time):
            continue
        lines.append(f"      - name: {column.staged}")
        if column.id_type:
            lines.append(f"        config: {{meta: {{id_type: {column.id_type}}}}}")
        what = (
            f"Names a person, as {column.id_type}." if column.id_type
            else "When it happened (UTC)." if is_time
            else "The key of a row." if len(plan.key) == 1 else "Part of the key of a row."
        )  # fmt: skip
        lines.append(f"        description: {what}")
    body = "\n".join(lines)
    needed = [*([plan.staged(plan.time)] if plan.has_events else []), "loaded_at"]
    key = ", ".join(map(plan.staged, plan.key))
    return f"""version: 2

models:
  - name: {plan.staging}
    description: One row per {key}. {_title(plan)}.
    columns:
{body}
      - name: loaded_at
        description: When onecdp loaded the row (UTC).
    data_tests:
      - primary_key:
          arguments: {{columns: [{key}], not_null: [{", ".join(needed)}]}}
"""


def events_yml(plan: Plan) -> str:
    """`_int_events__NAME.yml`."""
    return f"""version: 2

models:
  - name: int_events__{plan.name}
    description: One row per event of {plan.name}, in the shape of unified events.
    columns:
      - name: event_id
        description: {plan.name} and the key of the row.
    data_tests:
      - primary_key:
          arguments: {{columns: [event_id]}}
"""


def _title(plan: Plan) -> str:
    return f"{plan.table.capitalize()} of {plan.name}"
