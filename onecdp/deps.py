"""The dbt packages that the project needs: from the hub, or a stand-in where there is no hub."""

from __future__ import annotations

import filecmp
import os
import shutil
from pathlib import Path

from onecdp.dbt_runs import Dbt
from onecdp.errors import OnecdpError
from onecdp.progress import Progress
from onecdp.project import Project

_STANDIN = Path(__file__).resolve().parent / "dbt_utils_standin"
_STANDIN_NOTE = "STANDIN.md"
_HUB = "https://hub.getdbt.com/"
_HUB_SECONDS = 5.0


def ensure(project: Project, progress: Progress) -> None:
    """Sees to it that the packages are there; doesn't ask the hub if they are."""
    installed = _installed(project)
    if not installed.is_dir():
        install(project, progress)
    elif _is_standin(installed) and _differs(installed):
        # The library was upgraded since, and its models may use another macro.
        _copy_standin(installed)


def install(project: Project, progress: Progress) -> None:
    """Installs the packages of packages.yml; where the hub can't be reached, the stand-in.

    A package from the hub is kept as it is; a stand-in is replaced as soon as the hub answers.

    Raises:
        OnecdpError: The hub can't be reached and packages.yml asks for more than dbt_utils.
    """
    installed = _installed(project)
    if installed.is_dir() and not _is_standin(installed):
        progress.note("deps: dbt_utils is here already")
        return
    progress.update("deps: asking the dbt package hub")
    if (problem := _hub_problem()) is None:
        answer = Dbt(project, progress).invoke("deps")
        if answer.success:
            progress.note("deps: dbt_utils installed from the dbt package hub")
            return
        problem = " ".join(str(answer.exception or "dbt deps failed").split())[:200]
    others = [name for name in _packages(project) if name != "dbt-labs/dbt_utils"]
    if others:
        raise OnecdpError(
            f"packages.yml asks for {', '.join(others)}, and the dbt package hub can't be reached"
            f" ({problem}); try `onecdp deps` again with a connection"
        )
    _copy_standin(installed)
    progress.note(
        f"deps: the dbt package hub can't be reached ({problem});"
        " installed onecdp's stand-in for dbt_utils"
    )


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


def _packages(project: Project) -> list[str]:
    import yaml

    content = yaml.safe_load((project.folder / "packages.yml").read_text(encoding="utf-8")) or {}
    return [
        str(
            next(
                iter(
                    entry.get(kind)
                    for kind in ("package", "git", "tarball", "local", "private")
                    if kind in entry
                ),
                entry,
            )
        )
        for entry in content.get("packages", [])
    ]


def _hub_problem() -> str | None:
    """Why the hub can't be reached, or None: dbt itself would try for minutes behind a firewall."""
    import requests

    hub = os.environ.get("DBT_PACKAGE_HUB_URL", _HUB)
    try:
        answer = requests.get(f"{hub}api/v1/dbt-labs/dbt_utils.json", timeout=_HUB_SECONDS)
    except requests.RequestException as error:
        return type(error).__name__
    return None if answer.ok else f"it answers {answer.status_code}"
