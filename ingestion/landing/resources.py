"""The dlt resources of a load: its raw tables, and what it says of rows and places."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import dlt
from dlt.extract import DltResource

from ..declaration import Kind, TableSpec
from .landed import Landed


def resources(landed: Landed) -> Iterator[DltResource]:
    """Yields a resource per raw table, then those of the tables beside them; the loads are last."""
    for spec, rows in landed.tables:
        yield merged(landed, spec.table, rows, spec.key, _naive(spec))
    yield merged(landed, "quarantine", landed.quarantine, ("quarantine_id",))
    yield merged(landed, "warnings", landed.warnings, ("warning_id",))
    yield merged(landed, "superseded", landed.superseded, ("superseded_id",))
    yield merged(landed, "loads", landed.loads, ("file", "fingerprint", "loaded_at"))


def merged(
    landed: Landed,
    name: str,
    relation: str,
    key: Sequence[str],
    columns: dict[str, Any] | None = None,
) -> DltResource:
    """A relation as a resource that is merged on its key.

    Merged, not appended: an append that is killed while it loads can come twice.
    """
    resource: DltResource = dlt.resource(
        landed.batches(relation, key),
        name=name,
        primary_key=key,
        columns=columns or {},
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
