"""The erasure rules of persistent tables, as declared in the project's YAML.

A model, seed, snapshot or source table declares under `config: meta: forget:` an action for each of
its text columns; docs/erasure.md lists the actions. Tables that dbt rebuilds at each build need no
declaration.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from onecdp.errors import OnecdpError
from onecdp.warehouse.schemas import RAW_PREFIX, SNAPSHOTS

OTHERS = "*"
"""Means all undeclared columns of a raw table."""

REBUILT = ("view", "table", "ephemeral")
"""Materializations that are rebuilt at each build."""

_LISTS = ("set_null_in_row", "with_row", "recomputed", "prune")
_CELLS = ("delete_row", "set_null", "replace", "refuse")
_KEEP = "keep"


@dataclass(frozen=True)
class Cell:
    """A column that identifies a person.

    Attributes:
        column: Name of the column.
        holds: `one_id` or an identifier type; empty if `type_column` has the type.
        type_column: The column with the identifier type of each row.
    """

    column: str
    holds: str = ""
    type_column: str = ""


@dataclass(frozen=True)
class TableRules:
    """The erasure rules of one table. "Matches" means: has a one_id or identifier of the person.

    Attributes:
        schema: Schema of the table in the private file.
        name: Name of the table.
        delete_row: Columns whose match deletes the row.
        set_null: Columns that become null where they match; the row belongs to somebody else.
        replace: Columns that are replaced by a marker in rows with a one_id of the person.
        refuse: Columns whose match stops the erasure before it begins.
        set_null_in_row: Columns that become null in rows that are kept: raw ones of the person, and
            versions in a snapshot of others who then had an identifier of the person.
        with_row: Columns that are deleted with their row.
        recomputed: Columns that the next build recomputes from the raw tables.
        prune: Node ids; rows whose identifier no longer exists are deleted after the build.
        keep: Columns that are kept, with the reason.
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
        """Schema and name, as in reports."""
        return f"{self.schema}.{self.name}"

    def covers(self, column: str) -> bool:
        """Returns whether a column is declared."""
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
    """Returns the rules of every persistent relation, from dbt's parsed project.

    Args:
        manifest: dbt's Manifest.

    Raises:
        OnecdpError: A declaration is invalid; the message has the YAML file and the table.
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
        for problem in _ineffective(schema, cells, lists):
            raise ValueError(problem)
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


def _ineffective(
    schema: str, cells: Mapping[str, Sequence[Cell]], lists: Mapping[str, Sequence[str]]
) -> Iterator[str]:
    """Declarations that are well formed and would do nothing."""
    if lists["set_null_in_row"] and not schema.startswith(RAW_PREFIX) and schema != SNAPSHOTS:
        yield "has set_null_in_row, which works in raw tables and snapshots only"
    if any(not cell.type_column for cell in cells["refuse"]):
        yield "has refuse without a type_column"
    has_one_id = any(cell.holds == "one_id" for cell in cells["replace"])
    if any(cell.holds not in ("", "one_id") for cell in cells["replace"]) or (
        cells["replace"] and not has_one_id
    ):
        yield "has replace without a column that holds one_id; other ids go beside one"


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
