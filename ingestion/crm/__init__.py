"""The source `crm`; `settings` says what it holds."""

from __future__ import annotations

from collections.abc import Iterator

import dlt
from dlt.extract import DltResource

from ingestion.crm.settings import MEMBERS
from ingestion.files.intake import Intake
from ingestion.files.resources import resources

TABLE = MEMBERS


@dlt.source(name="crm")
def source(intake: Intake) -> Iterator[DltResource]:
    """The raw tables of `crm`, out of the files that were taken in."""
    yield from resources(intake)
