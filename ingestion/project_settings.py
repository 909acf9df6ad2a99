"""dlt with the settings of the project, and the tables with what these say of them."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import dlt
from dlt.common.runtime.run_context import switched_run_context
from dlt.common.runtime.telemetry import stop_telemetry

from onecdp.errors import UsageProblem
from onecdp.project.personal_data import read_personal_data
from onecdp.project.settings import read_section

from .column_names import BadColumns, with_own_names
from .declaration import DateOrder, TableSpec
from .dlt_load import IngestError, ProjectContext
from .plain_settings import BadPlainColumns, with_plain_columns
from .readers import live
from .setting_names import check_setting_names
from .sources import SOURCES

PROJECT = Path(__file__).resolve().parent.parent


@contextmanager
def project_settings(work: Path) -> Iterator[None]:
    """Sets dlt to the settings of the project, and to `work` as its folder.

    Raises:
        IngestError: A file of the settings can't be read, or nothing reads a name in it.
    """
    with only_settings(work) as context:
        # Before the switch dlt has started by the settings of the current folder, which may have
        # none: then it would report every load to its makers.
        stop_telemetry()
        context.initialize_runtime()
        yield


@contextmanager
def only_settings(work: Path) -> Iterator[ProjectContext]:
    """As `project_settings`, for who asks for settings and loads nothing."""
    try:
        # dlt ends with a traceback where a file can't be read, and ignores names that are misspelt.
        check_setting_names(read_section(PROJECT, "sources", os.environ), SOURCES, live.LIVE)
    except UsageProblem as error:
        raise IngestError(str(error)) from error
    context = ProjectContext(PROJECT, work)
    with switched_run_context(context):
        yield context


def with_settings(declared: Sequence[TableSpec]) -> list[TableSpec]:
    """The tables with what the project's settings say of their files.

    Raises:
        IngestError: A setting cannot be used.
    """
    try:
        personal = read_personal_data(PROJECT, os.environ)
        with_names = with_own_names([replace(spec, personal=personal) for spec in declared])
        return [_with_date_order(spec) for spec in with_plain_columns(with_names)]
    except (BadColumns, BadPlainColumns, UsageProblem) as error:
        raise IngestError(str(error)) from error


def _with_date_order(spec: TableSpec) -> TableSpec:
    """The table with what the project's settings say of its dates."""
    name = f"sources.{spec.source}.date_order"
    said = dlt.config.get(name, str)
    if said is None:
        return spec
    try:
        return replace(spec, date_order=DateOrder(said))
    except ValueError:
        raise IngestError(
            f"{name} is {said!r}; expected {' or '.join(DateOrder)} (.dlt/config.toml)"
        ) from None
