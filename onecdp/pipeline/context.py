"""What every pipeline function is given."""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass, field

from onecdp.project.find import Project
from onecdp.project.progress import Progress, Silent
from onecdp.warehouse.files import Warehouse, exclusive


@dataclass(frozen=True)
class Context:
    """A project to work in, and where progress goes.

    Attributes:
        project: The project and its warehouse.
        progress: Receives progress; by default nobody does.
    """

    project: Project
    progress: Progress = field(default_factory=Silent)

    @property
    def warehouse(self) -> Warehouse:
        """The project's warehouse."""
        return self.project.warehouse

    def lock(self, command: str) -> AbstractContextManager[None]:
        """Holds the warehouse folder, so that two commands don't interleave.

        Raises:
            OnecdpError: Another onecdp command works in the folder, or it can't be written.
        """
        return exclusive(self.warehouse, command)
