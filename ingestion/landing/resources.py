"""The dlt resources of a load: its raw tables, and what it says of rows and places."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import dlt
from dlt.extract import DltResource

from ..declaration import Kind, TableSpec
from .landed import Landed


def resources(landed: Landed) -> Iterator[DltResource]:
    """Yields a resource per raw table, then those of the tables beside them; the loads are last.

    Empty ones are left out if the warehouse has their tables.
    """
    for spec, rows in landed.tables:
        write = merged if spec.table in landed.replacing else _appended
        if landed.has_to_write(rows):
            yield write(landed, spec.table, rows, spec.key, _naive(spec))
    plain = landed.connection.execute(f"select 1 from {landed.plain} limit 1").fetchall()
    if plain:
        yield merged(landed, "plain_identifiers", landed.plain, ("id_type", "id_value"))
    for name, relation, key in (
        ("quarantine", landed.quarantine, ("quarantine_id",)),
        ("warnings", landed.warnings, ("warning_id",)),
        ("superseded", landed.superseded, ("superseded_id",)),
        ("loads", landed.loads, ("file", "fingerprint", "loaded_at")),
    ):
        if landed.has_to_write(relation):
            yield merged(landed, name, relation, key)


def merged(
    landed: Landed,
    name: str,
    relation: str,
    key: Sequence[str],
    columns: dict[str, Any] | None = None,
) -> DltResource:
    """A relation as a resource that is merged on its key."""
    merge = {"disposition": "merge", "strategy": "upsert"}
    return _resource(landed, name, relation, key, columns, merge)


def _appended(
    landed: Landed, name: str, relation: str, key: Sequence[str], columns: dict[str, Any]
) -> DltResource:
    """A relation as a resource that is appended: none of its rows has the key of a stored one.

    A merge would write the rows twice, into dlt's staging table first, and look at all stored keys.
    What is left of an append that is killed is removed before it goes on (`resume`).
    """
    return _resource(landed, name, relation, key, columns, "append")


def _resource(
    landed: Landed,
    name: str,
    relation: str,
    key: Sequence[str],
    columns: dict[str, Any] | None,
    disposition: Any,
) -> DltResource:
    resource: DltResource = dlt.resource(
        landed.batches(relation, key),
        name=name,
        primary_key=key,
        columns=columns or {},
        write_disposition=disposition,
    )
    return resource


def _naive(spec: TableSpec) -> dict[str, Any]:
    """Keeps timestamps without a zone as they are; dlt would add one."""
    return {
        column.name: {"data_type": "timestamp", "timezone": False}
        for column in spec.columns
        if column.kind is Kind.TIMESTAMP
    }
