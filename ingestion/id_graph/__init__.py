"""The source `id_graph`; `settings` says what it holds."""

from __future__ import annotations

from collections.abc import Iterator

import dlt
from dlt.extract import DltResource

from ingestion.files.intake import Intake
from ingestion.files.resources import resources
from ingestion.id_graph.settings import LINKS

TABLE = LINKS


@dlt.source(name="id_graph")
def source(intake: Intake) -> Iterator[DltResource]:
    """The raw tables of `id_graph`, out of the files that were taken in."""
    yield from resources(intake)
