"""The dlt resources of a source: its raw table, its quarantine and its loads."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import dlt
from dlt.extract import DltResource

from .intake import Intake
from .spec import Kind, TableSpec


def resources(intake: Intake) -> Iterator[DltResource]:
    """Yields the three tables, as Arrow, each merged on its key.

    Merged, not appended: an append that is killed while it loads can come twice.
    """
    spec = intake.spec
    yield _resource(intake, spec.table, "out_rows", spec.key, _naive(spec))
    yield _resource(intake, "quarantine", "out_quarantine", ("quarantine_id",), {})
    yield _resource(intake, "loads", "out_loads", ("file", "fingerprint", "loaded_at"), {})


def _resource(
    intake: Intake, name: str, table: str, key: tuple[str, ...], columns: dict[str, Any]
) -> DltResource:
    resource: DltResource = dlt.resource(
        intake.batches(table, key),
        name=name,
        primary_key=key,
        columns=columns,
        write_disposition={"disposition": "merge", "strategy": "upsert"},
    )
    return resource


def _naive(spec: TableSpec) -> dict[str, Any]:
    """Keeps timestamps without a zone as they are; dlt would add one."""
    return {
        column.name: {"data_type": "timestamp", "timezone": False}
        for column in spec.columns
        if column.kind is Kind.TIMESTAMP
    }
