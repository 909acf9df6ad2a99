"""The source `retail`; `settings` says what it holds."""

from __future__ import annotations

from collections.abc import Iterator

import dlt
from dlt.extract import DltResource

from ..files.intake import Intake
from ..files.resources import resources
from .settings import TRANSACTIONS

TABLE = TRANSACTIONS


@dlt.source(name="retail")
def source(intake: Intake) -> Iterator[DltResource]:
    """The raw tables of `retail`, out of the files that were taken in."""
    yield from resources(intake)
