"""The destinations that a project names, and those that are named by a folder or an address."""

from __future__ import annotations

import difflib
import importlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from onecdp.destinations.options import Options
from onecdp.destinations.protocol import Destination
from onecdp.destinations.selection import Selection
from onecdp.errors import UsageProblem
from onecdp.project.find import Project
from onecdp.project.settings import read_section

KINDS = {
    "files": "onecdp.destinations.files",
    "sql": "onecdp.destinations.databases.destination",
    "webhook": "onecdp.destinations.webhook",
}
"""The module of each type: its `open_destination(target, selection)` returns a Destination."""
FORMATS = ("csv", "parquet", "jsonl")


@dataclass(frozen=True)
class Target:
    """What `--to` names.

    Attributes:
        name: As the project calls it; the folder or address itself, if it has no name.
        kind: One of `KINDS`.
        said: Its settings.
        file_format: Of files, if it was asked for.
        is_diff: Whether files have only what was added or removed since the last delivery.
        scratch: A private folder for what must be on a disk for a moment, and for dead letters.
    """

    name: str
    kind: str
    said: Mapping[str, Any]
    file_format: str | None
    is_diff: bool
    scratch: Path

    def options(self) -> Options:
        """Returns its settings, to be read by type."""
        options = Options(f"destinations.{self.name}", self.said)
        options.text("type", self.kind)
        for what in ("profiles", "packages"):
            options.section(what)
        return options

    def of(self, selection_is_package: bool) -> Options:
        """Returns what its settings say of packages, or of profiles."""
        return self.options().inner("packages" if selection_is_package else "profiles")

    def open(self, selection: Selection) -> Destination:
        """Returns the destination for one delivery.

        Raises:
            UsageProblem: A setting can't be used, or its client isn't installed.
        """
        module = importlib.import_module(KINDS[self.kind])
        destination: Destination = module.open_destination(self, selection)
        return destination


def find_target(
    project: Project,
    environment: Mapping[str, str],
    to: str,
    *,
    file_format: str | None,
    is_diff: bool,
    is_for_platform: bool,
) -> Target:
    """Finds what `--to` names.

    Args:
        project: The project, whose settings have the named destinations.
        environment: Usually `os.environ`.
        to: A name, or a folder or an address, which has a slash or is `.`.
        file_format: As asked for.
        is_diff: Whether only differences are asked for.
        is_for_platform: Whether the file of an advertising platform is asked for.

    Raises:
        UsageProblem: There is no such destination, or it can't do what is asked for.
    """
    section = read_section(project.folder, "destinations", environment)
    if to in section:
        said = section[to]
        if not isinstance(said, dict):
            raise UsageProblem(f"destinations.{to} must be a section, [destinations.{to}]")
        options = Options(f"destinations.{to}", said)
        kind = options.choice("type", tuple(KINDS), "")
    elif "/" in to or to in (".", ".."):
        said, kind = {"url": to}, "files"
    else:
        near = difflib.get_close_matches(to, section, 1)
        hint = f"did you mean {near[0]}?" if near else f"for a folder write ./{to}"
        raise UsageProblem(f"no destination {to!r} in the settings; {hint} (docs/delivering.md)")
    if kind != "files" and (file_format or is_for_platform):
        option = "--format" if file_format else "--for"
        raise UsageProblem(f"{option} is for files; {to} is a destination of type {kind}")
    return Target(to, kind, said, file_format, is_diff, project.warehouse.folder)
