"""Which columns of a raw table hold identifiers, as the project's staging models declare it."""

from __future__ import annotations

from pathlib import Path

from onecdp.live.events import Identifier
from onecdp.project.ingestion import load_ingestion


def identifier_columns(project: Path, source: str, table: str) -> list[Identifier]:
    """Returns columns that hold identifiers with their types, the best type first.

    Raises:
        OnecdpError: A declaration can't work.
    """
    ingestion = load_ingestion(project)
    return [
        (declared.column, declared.id_type)
        for declared in ingestion.pipelines.identifiers()
        if (declared.source, declared.table) == (source, table) and declared.id_type
    ]
