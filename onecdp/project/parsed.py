"""dbt's manifest of the project, kept from one command to the next.

dbt takes seconds to find out that no file has changed. A manifest of the same files, libraries and
environment is taken as it is; dbt's own way to pass one is `dbtRunner(manifest=...)`.
"""

from __future__ import annotations

import dataclasses
import os
import pickle
from pathlib import Path
from typing import Any

from onecdp.project.find import Project
from onecdp.project.fingerprint import code_fingerprint

MANIFEST = "target/onecdp_manifest.pickle"


def read_manifest(project: Project) -> Any:
    """Returns dbt's Manifest of the project as it is now; None if none was kept."""
    try:
        with _file(project).open("rb") as file:
            kept = pickle.load(file)
            # First the key alone: the manifest of another version of dbt may not be readable.
            if kept != code_fingerprint(project):
                return None
            from dbt.contracts.graph.manifest import Manifest

            return Manifest(**pickle.load(file))
    except Exception:
        # Whatever is wrong with the file: dbt reads the project again, and it is replaced.
        return None


def keep_manifest(project: Project, manifest: Any, code: str) -> None:
    """Keeps dbt's Manifest of the project.

    Args:
        project: The project.
        manifest: What dbt read.
        code: `code_fingerprint` from before dbt began to read: what was changed meanwhile may not
            be in the manifest.
    """
    file = _file(project)
    file.parent.mkdir(exist_ok=True)
    half = file.with_suffix(f".{os.getpid()}")
    with half.open("wb") as written:
        pickle.dump(code, written)
        pickle.dump(_parts(manifest), written)
    half.replace(file)


def _file(project: Project) -> Path:
    return project.folder / MANIFEST


def _parts(manifest: Any) -> dict[str, Any]:
    """What a Manifest is made of, without locks, and look-ups that it makes when it needs them.

    Pickled as a whole it is broken: dbt gives its constructor the parts in another order.
    """
    names = [field.name for field in dataclasses.fields(manifest)]
    return {name: getattr(manifest, name) for name in names if not name.startswith("_")}
