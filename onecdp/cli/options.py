"""Options that several commands share, and the project that they name."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from onecdp.project.data import Data, parse_data

if TYPE_CHECKING:
    from onecdp.project.find import Project

_F = TypeVar("_F", bound=Callable[..., Any])


def in_project(command: _F) -> _F:
    """Adds --project-dir and --warehouse."""
    folder = click.Path(path_type=Path)
    warehouse = click.option(
        "--warehouse", type=folder, metavar="DIR",
        help="Where the DuckDB files are. [default: $ONECDP_WAREHOUSE, else warehouse/]",
    )  # fmt: skip
    project = click.option(
        "--project-dir", type=folder, metavar="DIR",
        help="The project. [default: the one that the current folder is in]",
    )  # fmt: skip
    return project(warehouse(command))


as_of_option = click.option(
    "--as-of",
    type=click.DateTime(["%Y-%m-%d"]),
    callback=lambda _context, _option, moment: moment.date() if moment else None,
    envvar="ONECDP_AS_OF",
    metavar="DATE",
    help="As-of date: last day included, as 2026-06-06. [default: $ONECDP_AS_OF, else today]",
)


class _DataType(click.ParamType[Data]):
    """A path, or the URL of object storage, whose slashes a path would swallow."""

    name = "data"

    def convert(self, value: Any, param: Any, ctx: Any) -> Data:
        return parse_data(value) if isinstance(value, str) else value


DATA = _DataType()
wait_option = click.option(
    "--wait",
    type=click.IntRange(min=0),
    default=0,
    metavar="SECONDS",
    help="Wait for another command in this warehouse. [default: refuse at once]",
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")


def open_project(project_dir: Path | None, warehouse: Path | None) -> Project:
    """Opens the project that the options name."""
    from onecdp.project import find

    return find.open_project(project_dir, warehouse, os.environ)
