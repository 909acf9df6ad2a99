"""Finds the dbt project that a command works in, and its warehouse."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from onecdp.errors import UsageProblem
from onecdp.warehouse.files import Warehouse

_NAME = re.compile(r"^name:\s*['\"]?onecdp['\"]?\s*(#.*)?$", re.MULTILINE)


@dataclass(frozen=True)
class Project:
    """A onecdp project folder and the warehouse it works in.

    Attributes:
        folder: The folder of dbt_project.yml, absolute.
        warehouse: Where its two DuckDB files are.
    """

    folder: Path
    warehouse: Warehouse

    @property
    def sample_data(self) -> Path:
        """The worked example: what is loaded when no data is named."""
        return self.folder / "ingestion" / "sample"


def find_project(start: Path, *, exact: bool = False) -> Path:
    """Finds the folder of the onecdp project that `start` is in.

    Args:
        start: Where to look first.
        exact: Look only there, not in the folders above.

    Raises:
        UsageProblem: There is no dbt_project.yml of a project named onecdp.
    """
    start = start.resolve()
    for folder in (start,) if exact else (start, *start.parents):
        file = folder / "dbt_project.yml"
        if file.is_file() and _NAME.search(file.read_text(encoding="utf-8")):
            return folder
    where = f"in {start}" if exact else f"in {start} or above it"
    raise UsageProblem(
        f"no onecdp project {where}; make one with `onecdp init DIR`, or name it by --project-dir"
    )


def open_project(
    project_dir: Path | None, warehouse: Path | None, environment: Mapping[str, str]
) -> Project:
    """Reads where the project and its warehouse are.

    Args:
        project_dir: The project's folder; None searches upwards from the current folder.
        warehouse: The warehouse's folder; None takes ONECDP_WAREHOUSE, else `warehouse` in the
            project.
        environment: Usually `os.environ`.
    """
    folder = find_project(project_dir or Path.cwd(), exact=project_dir is not None)
    chosen = warehouse or (
        Path(named) if (named := environment.get("ONECDP_WAREHOUSE")) else folder / "warehouse"
    )
    return Project(folder, Warehouse(Path(os.path.abspath(expand_user(chosen)))))  # noqa: PTH100


def expand_user(path: Path) -> Path:
    """Returns a path with the home folder in place of `~` or `~somebody` at its start.

    Raises:
        UsageProblem: Nobody is called so.
    """
    try:
        return path.expanduser()
    except RuntimeError:
        raise UsageProblem(f"{path}: the home folder of {path.parts[0]} is not known") from None
