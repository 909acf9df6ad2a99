"""The source `id_graph`; `settings` says what it holds.

Links come from files and, where one is configured, from an HTTP service (`service`).
"""

from __future__ import annotations

from collections.abc import Iterator

import dlt
from dlt.extract import DltResource

from ..files.intake import Intake
from ..files.resources import resources
from .answers import ASKED_KEY
from .settings import LINKS

TABLE = LINKS


@dlt.source(name="id_graph")
def source(intake: Intake) -> Iterator[DltResource]:
    """The raw tables of `id_graph`, out of the files that were taken in."""
    yield from resources(intake)


@dlt.source(name="id_graph")
def answers(intake: Intake) -> Iterator[DltResource]:
    """The same tables out of the service's answers, and the identifiers that were answered."""
    yield from resources(intake)
    yield dlt.resource(
        intake.batches("out_asked", ASKED_KEY),
        name="asked",
        primary_key=ASKED_KEY,
        write_disposition={"disposition": "merge", "strategy": "upsert"},
    )
