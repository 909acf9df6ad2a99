"""The project's own ingestion code, imported under a package name of its own.

`ingestion/` belongs to the project, not to the library, and two projects opened in one process each
have one. So it isn't imported as `ingestion` from `sys.path`, but by its folder; inside, it imports
itself relatively (`from .erasure import …`).
"""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import sys
import threading
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from onecdp.errors import OnecdpError

_loading = threading.RLock()


@dataclass(frozen=True)
class Ingestion:
    """The modules of a project's ingestion code that onecdp calls.

    Attributes:
        pipelines: `ingestion.pipelines`: source_names, tables, load, IngestError.
        erasure: `ingestion.erasure`: normalise, is_erased, erase_raw, set_tombstones, KeyProblem.
        preview: `ingestion.preview`: preview, NoSource; None in a project of an earlier version.
    """

    pipelines: Any
    erasure: Any
    preview: Any = None


def load_ingestion(project: Path) -> Ingestion:
    """Imports the ingestion code of a project; once per process and folder.

    Args:
        project: The project's folder, absolute.

    Raises:
        OnecdpError: It can't be imported.
    """
    folder = project / "ingestion"
    name = f"onecdp_ingestion_{hashlib.sha256(str(folder).encode()).hexdigest()[:12]}"
    with _loading:
        try:
            _import_package(name, folder)
            return Ingestion(
                pipelines=importlib.import_module(f"{name}.pipelines"),
                erasure=importlib.import_module(f"{name}.erasure"),
                preview=_import_preview(name, folder),
            )
        except SyntaxError as error:
            _unload_package(name)
            raise OnecdpError(f"{error.filename}, line {error.lineno}: {error.msg}") from error
        except ImportError as error:
            _unload_package(name)
            reason = str(error).replace(name, "ingestion")
            if error.name and error.name.split(".")[0] == "ingestion":
                reason += "; import relatively inside ingestion/, as in `from .erasure import …`"
            raise OnecdpError(f"the project's ingestion/ can't be imported: {reason}") from error


def _import_preview(name: str, folder: Path) -> ModuleType | None:
    has_one = (folder / "preview" / "__init__.py").is_file()
    return importlib.import_module(f"{name}.preview") if has_one else None


def _import_package(name: str, folder: Path) -> ModuleType:
    if name in sys.modules:
        return sys.modules[name]
    spec = importlib.util.spec_from_file_location(
        name, folder / "__init__.py", submodule_search_locations=[str(folder)]
    )
    if spec is None or spec.loader is None or not (folder / "__init__.py").is_file():
        raise ImportError(f"{folder / '__init__.py'} isn't there")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def _unload_package(name: str) -> None:
    """Drops what a failed import left, so that a corrected folder can be imported."""
    for module in [m for m in sys.modules if m == name or m.startswith(f"{name}.")]:
        del sys.modules[module]
