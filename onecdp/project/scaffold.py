"""`onecdp init`: writes a new project for an analyst to own and edit."""

from __future__ import annotations

import shutil
from pathlib import Path

from onecdp.errors import OnecdpError

# The wheel carries the same list (pyproject.toml, force-include).
PROJECT_PARTS = (
    "models",
    "macros",
    "seeds",
    "snapshots",
    "tests/dbt",
    "ingestion",
    "docs",
    ".dlt/config.toml",
    "dbt_project.yml",
    "profiles.yml",
    "packages.yml",
    "selectors.yml",
)

_LIBRARY = Path(__file__).resolve().parents[1]


def scaffold(target: Path) -> None:
    """Writes a new project to `target`, from the wheel or from the repository's tree.

    Raises:
        OnecdpError: `target` isn't empty, or can't be written.
    """
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise OnecdpError(f"{target} isn't an empty folder; name a new one")
    packed = _LIBRARY / "_project"
    source = packed if packed.is_dir() else _LIBRARY.parent
    junk = shutil.ignore_patterns("__pycache__", "*.pyc")
    try:
        for part in PROJECT_PARTS:
            destination = target / part
            destination.parent.mkdir(parents=True, exist_ok=True)
            if (source / part).is_dir():
                shutil.copytree(source / part, destination, ignore=junk)
            else:
                shutil.copyfile(source / part, destination)
        for template in (_LIBRARY / "project" / "scaffold_files").iterdir():
            shutil.copyfile(template, target / template.name.replace("dot_", "."))
    except OSError as error:
        raise OnecdpError(f"{error.filename or target}: {error.strerror}") from error
