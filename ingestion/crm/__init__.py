"""The source `crm`; `settings` says what it holds."""

from __future__ import annotations

from collections.abc import Iterator

import dlt
from dlt.extract import DltResource

from ..files.intake import Intake
from ..files.resources import resources
from .settings import MEMBERS

TABLE = MEMBERS


@dlt.source(name="crm")
def source(intake: Intake) -> Iterator[DltResource]:
    """The raw tables of `crm`, out of the files that were taken in."""
    yield from resources(intake)
