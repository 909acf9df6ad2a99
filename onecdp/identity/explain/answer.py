"""`onecdp explain`: why identifiers belong to one person, or to two.

Queries the SQL functions that the build creates in the private file
(macros/identity/explain, docs/identity.md).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

from onecdp.errors import OnecdpError, UsageProblem
from onecdp.identity.normalise import normalise
from onecdp.identity.personal import hashed_identifier
from onecdp.project.personal_data import DEFAULT, PersonalData
from onecdp.warehouse.files import connect
from onecdp.warehouse.identifiers import read_id_types, split_identifier
from onecdp.warehouse.query import Rows, fetch_rows
from onecdp.warehouse.sql_text import one_line

_ONE_ID = re.compile(r"ONE[0-9a-f]{16}", re.IGNORECASE)


@dataclass(frozen=True)
class Identifier:
    """An identifier of the ID map, normalised; an inactive one keeps the one_id it had last."""

    id_type: str
    id_value: str
    one_id: str
    is_active: bool

    def __str__(self) -> str:
        """ID_TYPE:VALUE, as on the command line."""
        return f"{self.id_type}:{self.id_value}"


@dataclass(frozen=True)
class Person:
    """One identifier, and the person it belongs to.

    Attributes:
        given: The identifier to explain.
        identifiers: All identifiers of the person, the root first (explain_identifier).
        path: The links from the root to `given` (explain_path); empty for the root, and for an
            inactive identifier.
        relations: Links of the person that did not merge (explain_relations).
        changes: Changes of the one_id (explain_changes).
    """

    given: Identifier
    identifiers: Rows
    path: Rows
    relations: Rows
    changes: Rows

    def document(self) -> dict[str, Any]:
        """Returns the JSON document."""
        return {
            "one_id": self.given.one_id,
            "given": str(self.given),
            "identifiers": self.identifiers,
            "path_from_root": self.path,
            "relations": self.relations,
            "changes": self.changes,
        }


@dataclass(frozen=True)
class Together:
    """Two identifiers of one person.

    Attributes:
        left: The first.
        right: The second.
        path: The links from the first to the second (explain_path); empty if either is inactive.
        sources: The source rows of each link (explain_sources).
    """

    left: Identifier
    right: Identifier
    path: Rows
    sources: Rows

    def document(self) -> dict[str, Any]:
        """Returns the JSON document."""
        return {
            "is_same_person": True,
            "one_id": self.left.one_id,
            "left": str(self.left),
            "right": str(self.right),
            "path": self.path,
            "weakest": [row for row in self.path if row["is_weakest"]],
            "sources": self.sources,
        }


@dataclass(frozen=True)
class Apart:
    """Identifiers of two people.

    Attributes:
        left: The first.
        right: The second.
        reasons: The links that did not merge (explain_apart); empty if no links connect them.
    """

    left: Identifier
    right: Identifier
    reasons: Rows

    def document(self) -> dict[str, Any]:
        """Returns the JSON document."""
        return {
            "is_same_person": False,
            "left": {"identifier": str(self.left), "one_id": self.left.one_id},
            "right": {"identifier": str(self.right), "one_id": self.right.one_id},
            "reasons": self.reasons,
        }


def explain(
    file: Path, left: str, right: str | None = None, *, personal: PersonalData = DEFAULT
) -> Person | Together | Apart:
    """Explains one identifier, or whether two belong to one person and why.

    Args:
        file: The private build file; opened read-only.
        left: ID_TYPE:VALUE in any spelling, or a one_id, which means its root.
        right: The same, or None to explain `left` alone.
        personal: How plain e-mail addresses and phone numbers are normalised.

    Raises:
        OnecdpError: The file is missing, locked by a build, or has no tables to explain; or the map
            has no such identifier, in which case the message lists similar ones.
        UsageProblem: An identifier is neither ID_TYPE:VALUE nor a one_id.
    """
    given = [_split(text) for text in (left, right) if text is not None]
    if not file.is_file():
        raise OnecdpError(f"{file} isn't there yet; run `onecdp run` first")
    with connect(file, read_only=True) as connection:
        connection.execute("set timezone = 'UTC'")
        try:
            known = read_id_types(connection)
            given = [hashed_identifier(*pair, personal, known) for pair in given]
            found = [_find(connection, *pair) for pair in given]
            if len(found) == 1:
                return _person(connection, found[0])
            return _pair(connection, *found)
        except duckdb.CatalogException as error:
            raise OnecdpError(
                f"{file} has no tables to explain; run `onecdp build` first"
            ) from error
        except duckdb.BinderException as error:
            raise OnecdpError(
                f"{file} has other tables than explain needs; run `onecdp build` first"
                f" ({one_line(str(error))})"
            ) from error


def _split(text: str) -> tuple[str, str]:
    """Splits ID_TYPE:VALUE; a one_id becomes ('one_id', ...)."""
    id_type, id_value = split_identifier(text)
    if id_type and id_value.strip():
        return id_type, normalise(id_type, id_value)
    if _ONE_ID.fullmatch(text.strip()):
        return "one_id", text.strip()
    raise UsageProblem(
        f"{text!r} is not an identifier; write ID_TYPE:VALUE, such as member_id:M1, or a one_id"
    )


def _find(connection: duckdb.DuckDBPyConnection, id_type: str, id_value: str) -> Identifier:
    nodes = _call(connection, "explain_node", id_type, id_value)
    if nodes:
        columns = ("id_type", "id_value", "one_id", "is_active")
        return Identifier(*(nodes[0][column] for column in columns))
    if id_type == "one_id":
        raise OnecdpError(f"no person has the one_id {id_value.strip()}")
    known = read_id_types(connection)
    if id_type not in known:
        raise UsageProblem(f"no identifier has the type {id_type!r}; types: {', '.join(known)}")
    near = _call(connection, "explain_near", id_type, id_value)
    names = ", ".join(f"{row['id_type']}:{row['id_value']}" for row in near)
    raise OnecdpError(
        f"no source has, or had, the identifier {id_type}:{id_value.strip()}"
        + (f"; nearest: {names}" if near else "; none is similar")
    )


def _person(connection: duckdb.DuckDBPyConnection, given: Identifier) -> Person:
    pair = (given.id_type, given.id_value)
    identifiers = _call(connection, "explain_identifier", *pair)
    root = next(((r["id_type"], r["id_value"]) for r in identifiers if r["is_root"]), pair)
    return Person(
        given,
        identifiers,
        _call(connection, "explain_path", *root, *pair),
        _call(connection, "explain_relations", *pair),
        _call(connection, "explain_changes", *pair),
    )


def _pair(
    connection: duckdb.DuckDBPyConnection, left: Identifier, right: Identifier
) -> Together | Apart:
    ends = (left.id_type, left.id_value, right.id_type, right.id_value)
    if left.one_id != right.one_id:
        return Apart(left, right, _call(connection, "explain_apart", *ends))
    return Together(
        left,
        right,
        _call(connection, "explain_path", *ends),
        _call(connection, "explain_sources", *ends) if left != right else (),
    )


def _call(connection: duckdb.DuckDBPyConnection, function: str, *arguments: str) -> Rows:
    marks = ", ".join("?" * len(arguments))
    return fetch_rows(connection, f"from {function}({marks})", arguments)
