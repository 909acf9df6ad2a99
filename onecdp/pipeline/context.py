"""What every pipeline function is given."""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass, field

from onecdp.project.find import Project
from onecdp.project.progress import Progress, Silent
from onecdp.warehouse.files import Warehouse
from onecdp.warehouse.lock import exclusive


@dataclass(frozen=True)
class Context:
    """A project to work in, and where progress goes.

    Attributes:
        project: The project and its warehouse.
        progress: Receives progress; default: none.
        wait_seconds: How long to wait for another command that works in the warehouse folder; 0
            refuses at once.
    """

    project: Project
    progress: Progress = field(default_factory=Silent)
    wait_seconds: float = 0

    @property
    def warehouse(self) -> Warehouse:
        """The project's warehouse."""
        return self.project.warehouse

    def lock(self, command: str) -> AbstractContextManager[None]:
        """Holds the warehouse folder, so that two commands don't interleave.

        Raises:
            OnecdpError: Another onecdp command still works in the folder, or it can't be written.
        """
        return exclusive(
            self.warehouse, command, wait_seconds=self.wait_seconds, notify=self.progress.note
        )
