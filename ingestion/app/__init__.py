"""The source `app`; `settings` says what it holds."""

from __future__ import annotations

from collections.abc import Iterator

import dlt
from dlt.extract import DltResource

from ..files.intake import Intake
from ..files.resources import resources
from .settings import EVENTS

TABLE = EVENTS


@dlt.source(name="app")
def source(intake: Intake) -> Iterator[DltResource]:
    """The raw tables of `app`, out of the files that were taken in."""
    yield from resources(intake)
