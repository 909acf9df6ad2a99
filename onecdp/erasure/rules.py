"""What `forget` does with every table that outlives a build, as the project's YAML declares it.

A model, seed, snapshot or source table says in its YAML, under `config: meta: forget:`, what
becomes of each of its text columns. docs/erasure.md lists the actions. Tables that dbt rebuilds
from their upstream models at each build need no declaration: the next build takes the person out.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from onecdp.errors import OnecdpError

OTHERS = "*"
"""Stands for the columns of a raw table that the project does not know."""

REBUILT = ("view", "table", "ephemeral")
"""Materializations whose rows are made anew at each build."""

_LISTS = ("set_null_in_row", "with_row", "recomputed", "prune")
_CELLS = ("delete_row", "set_null", "replace", "refuse")
_KEEP = "keep"


@dataclass(frozen=True)
class Cell:
    """A column that identifies a person.

    Attributes:
        column: Its name.
        holds: `one_id`, or a type of identifier; empty where `type_column` names the type.
        type_column: The column that names the type of the identifier in each row.
    """

    column: str
    holds: str = ""
    type_column: str = ""


@dataclass(frozen=True)
class TableRules:
    """What `forget` does with one table.

    Attributes:
        schema: The table's schema in the private file.
        name: The table's name.
        delete_row: Rows in which one of these names the person are deleted.
        set_null: These are emptied where they name the person; the row is somebody else's.
        replace: In rows whose one_id is the person's, these become a marker.
        refuse: Nothing is erased while one of these names the person.
        set_null_in_row: Emptied in rows that were the person's and stay without one.
        with_row: Text that goes with its row.
        recomputed: Text that the next build recomputes from the raw tables.
        prune: Numbers of identifiers; rows whose identifier is gone are deleted after the build.
        keep: Text that stays, with the reason.
    """

    schema: str
    name: str
    delete_row: tuple[Cell, ...] = ()
    set_null: tuple[Cell, ...] = ()
    replace: tuple[Cell, ...] = ()
    refuse: tuple[Cell, ...] = ()
    set_null_in_row: tuple[str, ...] = ()
    with_row: tuple[str, ...] = ()
    recomputed: tuple[str, ...] = ()
    prune: tuple[str, ...] = ()
    keep: Mapping[str, str] = field(default_factory=dict)

    @property
    def full_name(self) -> str:
        """Schema and name, as reports show them."""
        return f"{self.schema}.{self.name}"

    def covers(self, column: str) -> bool:
        """Whether the declaration says what becomes of a column."""
        return column in self._declared or OTHERS in self._declared

    @property
    def _declared(self) -> set[str]:
        cells = (*self.delete_row, *self.set_null, *self.replace, *self.refuse)
        return {
            *(cell.column for cell in cells),
            *(cell.type_column for cell in cells),
            *self.set_null_in_row,
            *self.with_row,
            *self.recomputed,
            *self.keep,
        }


def read_rules(manifest: Any) -> tuple[TableRules, ...]:
    """Returns the rules of every relation that outlives a build, from dbt's parsed project.

    Args:
        manifest: dbt's Manifest.

    Raises:
        OnecdpError: A declaration cannot be read; the text names the YAML file and the table.
    """
    rules = []
    for node in manifest.nodes.values():
        kind = str(node.resource_type)
        if kind in ("model", "snapshot", "seed") and node.config.materialized not in REBUILT:
            where = node.patch_path or node.original_file_path
            rules.append(_rules(node.schema, node.alias, node.config.meta, str(where)))
    for source in manifest.sources.values():
        rules.append(
            _rules(source.schema, source.identifier, source.config.meta, source.original_file_path)
        )
    return tuple(sorted(rules, key=lambda table: table.full_name))


def _rules(schema: str, name: str, meta: Mapping[str, Any], where: str) -> TableRules:
    declared = meta.get("forget") or {}
    try:
        if not isinstance(declared, Mapping):
            raise ValueError("is not a mapping of actions to columns")
        unknown = sorted(set(declared) - {*_LISTS, *_CELLS, _KEEP})
        if unknown:
            actions = ", ".join((*_CELLS, *_LISTS, _KEEP))
            raise ValueError(f"has the unknown action {unknown[0]}; it takes {actions}")
        cells = {name: tuple(_cells(declared.get(name) or {})) for name in _CELLS}
        lists = {name: tuple(_names(declared.get(name) or [])) for name in _LISTS}
        keep = declared.get(_KEEP) or {}
        if not isinstance(keep, Mapping) or not all(keep.values()):
            raise ValueError("keeps columns without a reason: write `column: reason`")
    except ValueError as error:
        file = where.partition("://")[2] or where
        raise OnecdpError(f"{file}: meta.forget of {schema}.{name} {error}") from error
    return TableRules(
        schema,
        name,
        delete_row=cells["delete_row"],
        set_null=cells["set_null"],
        replace=cells["replace"],
        refuse=cells["refuse"],
        set_null_in_row=lists["set_null_in_row"],
        with_row=lists["with_row"],
        recomputed=lists["recomputed"],
        prune=lists["prune"],
        keep={str(column): str(why) for column, why in keep.items()},
    )


def _cells(declared: Any) -> Iterator[Cell]:
    if not isinstance(declared, Mapping):
        raise ValueError("must say what each column holds: `column: one_id`, a type of identifier,"
                         " or {type_column: …}")  # fmt: skip
    for column, holds in declared.items():
        if isinstance(holds, str):
            yield Cell(str(column), holds=holds)
        elif isinstance(holds, Mapping) and set(holds) == {"type_column"}:
            yield Cell(str(column), type_column=str(holds["type_column"]))
        else:
            raise ValueError(f"does not say what {column} holds")


def _names(declared: Any) -> Sequence[str]:
    if not isinstance(declared, list):
        raise ValueError("must list columns")
    return [str(name) for name in declared]
