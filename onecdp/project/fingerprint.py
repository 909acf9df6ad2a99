"""What a build depends on besides its data: the project's files, this library and the others."""

from __future__ import annotations

import hashlib
import os
import platform
import re
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import yaml

from onecdp.project.find import Project
from onecdp.project.scaffold import PROJECT_PARTS

_LIBRARY = Path(__file__).resolve().parents[1]
_PACKAGES = "dbt_packages"
_SEEDS = "seeds"
# The sample is data: what was loaded of it is in the raw tables.
_LEFT_OUT = ("__pycache__", ".pyc", "ingestion/sample/")
_ENV_VAR = re.compile(rb"env_var\(\s*['\"]([^'\"]+)")
# These change the place and the date of a build, which are no code.
_NO_CODE = ("ONECDP_WAREHOUSE", "ONECDP_AS_OF")
# What computes rows; another version may compute them otherwise.
_DISTRIBUTIONS = (
    *("dbt-core", "dbt-duckdb", "duckdb", "numpy", "pyarrow", "pyroaring"),
    # Of the extras: without them, there are no rows.
    *("scikit-learn", "scipy", "splink"),
)


@dataclass(frozen=True)
class Code:
    """Hashes of what a build depends on besides its data.

    Attributes:
        seeds: Of the content of each file with a seed, by the seed's name.
        rest: Of everything else, the names of these files included.
    """

    seeds: dict[str, str]
    rest: str


def code_fingerprint(project: Project) -> str:
    """Returns one hash of all code, the seeds included."""
    code = read_code(project)
    return digest(code.rest, *(f"{name} {content}" for name, content in sorted(code.seeds.items())))


def read_code(project: Project) -> Code:
    """Returns hashes of the project's files, its dbt packages, this library and its libraries.

    Environment variables that the files name count with their values.
    """
    folder = project.folder
    named = {"DBT_PROFILE", "DBT_TARGET"}
    seeds = {}
    lines = [f"python {platform.python_version()}"]
    lines += [f"{name} {_version(name)}" for name in _DISTRIBUTIONS]
    for part in dict.fromkeys((*PROJECT_PARTS, *_dbt_paths(folder), _PACKAGES)):
        for name, content in _files(folder, part):
            content_hash = hashlib.sha256(content).hexdigest()
            if part == _SEEDS and name.endswith(".csv"):
                seeds[Path(name).stem] = content_hash
                lines.append(name)
                continue
            lines.append(f"{name} {content_hash}")
            named.update(found.decode(errors="replace") for found in _ENV_VAR.findall(content))
    lines += [f"{name} {hashlib.sha256(content).hexdigest()}" for name, content in _files(_LIBRARY)]
    lines += [f"{name}={os.environ.get(name)}" for name in sorted(named.difference(_NO_CODE))]
    return Code(seeds, digest(*lines))


def digest(*texts: str) -> str:
    """Returns the SHA-256 of some lines."""
    return hashlib.sha256("\n".join(texts).encode()).hexdigest()


def _dbt_paths(folder: Path) -> Iterator[str]:
    """The folders that dbt_project.yml adds to the usual ones, such as further `model-paths`."""
    file = folder / "dbt_project.yml"
    try:
        content = yaml.safe_load(file.read_text(encoding="utf-8"))
    except yaml.YAMLError:
        # dbt says what is wrong with it.
        return
    for name, paths in (content or {}).items():
        if str(name).endswith("-paths") and isinstance(paths, list):
            yield from map(str, paths)


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "none"


def _files(folder: Path, part: str = ".") -> Iterator[tuple[str, bytes]]:
    root = folder / part
    for file in sorted(root.rglob("*")) if root.is_dir() else [root]:
        # A path of dbt may lead out of the project.
        name = os.path.relpath(file, folder)
        if file.is_file() and not any(left_out in name for left_out in _LEFT_OUT):
            yield name, file.read_bytes()
