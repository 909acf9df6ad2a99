"""The dbt packages that the project needs: from the hub, or a stand-in where there is no hub."""

from __future__ import annotations

import filecmp
import os
import shutil
from pathlib import Path
from typing import Any

from onecdp.errors import OnecdpError
from onecdp.project.dbt import Dbt
from onecdp.project.find import Project
from onecdp.project.progress import Progress

_STANDIN = Path(__file__).resolve().parent / "dbt_utils_standin"
_STANDIN_NOTE = "STANDIN.md"
_HUB = "https://hub.getdbt.com/"
_HUB_SECONDS = 5.0


def ensure(project: Project, progress: Progress) -> None:
    """Installs the packages of packages.yml unless they are installed already."""
    installed = _installed(project)
    if not _is_current(project):
        install(project, progress)
    elif _is_standin(installed) and _differs(installed):
        # The library was upgraded since, and its models may use further macros.
        _copy_standin(installed)


def install(project: Project, progress: Progress) -> None:
    """Installs the packages of packages.yml, or the stand-in where the hub can't be reached.

    Packages that match packages.yml are kept; a stand-in is replaced as soon as the hub answers.

    Raises:
        OnecdpError: The hub can't be reached and packages.yml asks for more than dbt_utils, or for
            another dbt_utils than the installed one.
    """
    installed = _installed(project)
    if _is_current(project) and not _is_standin(installed):
        progress.note("deps: the packages of packages.yml are here already")
        return
    progress.update("deps: asking the dbt package hub")
    if (problem := _hub_problem()) is None:
        answer = Dbt(project, progress).invoke("deps")
        if answer.success:
            progress.note("deps: installed the packages from the dbt package hub")
            return
        problem = " ".join(str(answer.exception or "dbt deps failed").split())[:200]
    wanted = _others(project)
    if installed.is_dir() and not _is_standin(installed):
        wanted = [_named(entry) for entry in _packages(project)]
    if wanted:
        raise OnecdpError(
            f"packages.yml asks for {', '.join(wanted)}, and the dbt package hub can't be reached"
            f" ({problem}); try `onecdp deps` again with a connection"
        )
    _copy_standin(installed)
    progress.note(
        f"deps: the dbt package hub can't be reached ({problem});"
        " installed onecdp's stand-in for dbt_utils"
    )


def _is_current(project: Project) -> bool:
    """Whether the installed packages match packages.yml."""
    installed = _installed(project)
    if not installed.is_dir() or _is_standin(installed):
        return installed.is_dir() and not _others(project)
    lock = project.folder / "package-lock.yml"
    return _is_of(lock, project) if lock.is_file() else _are_present(project)


def _is_of(lock: Path, project: Project) -> bool:
    """Whether the packages that dbt locked are installed, and the lock is of this packages.yml."""
    import yaml
    from dbt.config.project import package_config_from_data
    from dbt.config.renderer import PackageRenderer
    from dbt.task.deps import _create_sha1_hash

    content = yaml.safe_load(lock.read_text(encoding="utf-8")) or {}
    folders = (project.folder / "dbt_packages" / p.get("name", "") for p in content["packages"])
    asked = {"packages": _packages(project)}
    packages = package_config_from_data(PackageRenderer({}).render_data(asked), asked).packages
    same = content.get("sha1_hash") == _create_sha1_hash(packages)
    return same and all(folder.is_dir() for folder in folders)


def _are_present(project: Project) -> bool:
    """Whether a package of each name is installed: the check where there is no lock, as in a copy.

    The versions can't be checked: dbt_utils calls itself 0.1.0 in every release.
    """
    names = [str(entry.get("package", "")).rpartition("/")[2] for entry in _packages(project)]
    return all(name and (project.folder / "dbt_packages" / name).is_dir() for name in names)


def _installed(project: Project) -> Path:
    return project.folder / "dbt_packages" / "dbt_utils"


def _is_standin(installed: Path) -> bool:
    return (installed / _STANDIN_NOTE).is_file()


def _differs(installed: Path) -> bool:
    names = [str(p.relative_to(_STANDIN)) for p in _STANDIN.rglob("*") if p.is_file()]
    same, _, _ = filecmp.cmpfiles(_STANDIN, installed, names, shallow=False)
    return len(same) < len(names)


def _copy_standin(installed: Path) -> None:
    fresh = installed.with_name(f"dbt_utils.{os.getpid()}.tmp")
    shutil.rmtree(fresh, ignore_errors=True)
    shutil.copytree(_STANDIN, fresh)
    if installed.exists():
        shutil.rmtree(installed)
    fresh.rename(installed)


def _packages(project: Project) -> list[dict[str, Any]]:
    import yaml

    content = yaml.safe_load((project.folder / "packages.yml").read_text(encoding="utf-8")) or {}
    entries: list[dict[str, Any]] = content.get("packages") or []
    return entries


def _others(project: Project) -> list[str]:
    """The packages of packages.yml but dbt_utils, the only one with a stand-in."""
    return [
        _named(entry)
        for entry in _packages(project)
        if entry.get("package") != "dbt-labs/dbt_utils"
    ]


def _named(entry: dict[str, Any]) -> str:
    kinds = ("package", "git", "tarball", "local", "private")
    name = next((str(entry[kind]) for kind in kinds if kind in entry), str(entry))
    version = entry.get("version", entry.get("revision"))
    return f"{name} {version}" if version else name


def _hub_problem() -> str | None:
    """Why the hub can't be reached, or None. Behind a firewall dbt itself would try for minutes."""
    import requests

    hub = os.environ.get("DBT_PACKAGE_HUB_URL", _HUB)
    try:
        answer = requests.get(f"{hub}api/v1/dbt-labs/dbt_utils.json", timeout=_HUB_SECONDS)
    except requests.RequestException as error:
        return type(error).__name__
    return None if answer.ok else f"it answers {answer.status_code}"
