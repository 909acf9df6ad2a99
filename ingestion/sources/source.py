"""What a source is: its tables and the reader that brings their rows."""

from __future__ import annotations

from dataclasses import dataclass

from ..declaration import BadDeclaration, TableSpec
from ..readers.reader import Reader


@dataclass(frozen=True)
class Source:
    """A source, loaded into `raw_<name>.<table>`; the schema has more tables about the loads.

    Raises:
        BadDeclaration: it has no table, two of one name, or one of another source.
    """

    name: str
    tables: tuple[TableSpec, ...]
    reader: Reader

    def __post_init__(self) -> None:
        """Checks what could not work."""
        names = [spec.table for spec in self.tables]
        if not names or len(set(names)) < len(names):
            raise BadDeclaration(f"source {self.name} needs tables, each with a name of its own")
        if taken := {"quarantine", "warnings", "superseded", "loads", "asked"} & set(names):
            raise BadDeclaration(f"source {self.name}: a table can't be called {taken.pop()}")
        if others := {spec.source for spec in self.tables} - {self.name}:
            raise BadDeclaration(f"source {self.name} has a table of source {others.pop()}")
