"""The tags, numbers and audiences of the published marts, kept in memory for repeated questions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import duckdb

from onecdp.audiences.bitmaps import ALL_CUSTOMERS, BitMap, load_bitmaps
from onecdp.audiences.evaluate import Sets
from onecdp.audiences.names import AUDIENCE_PREFIX, Names
from onecdp.audiences.numbers import load_numbers
from onecdp.audiences.rules import Compare, Expression, Tag, leaves, parse, quoted
from onecdp.errors import OnecdpError, UsageProblem
from onecdp.warehouse.files import connect
from onecdp.warehouse.sql_text import literal, one_line


@dataclass(frozen=True)
class StoredTag:
    """A tag or audience: its name, what it comes from, and how many customers it has."""

    name: str
    family: str
    count: int


@dataclass(frozen=True)
class Customer:
    """A customer: one_id, one_int, and how the customer was given."""

    one_id: str
    one_int: int
    given: str


@dataclass(frozen=True)
class Consent:
    """What decides whether a customer may be in an audience.

    Attributes:
        purpose: What for; `*` of a suppression.
        status: granted, withdrawn, suppressed, or missing: no active identifier has granted it.
        identifier: The one that decides, as `ID_TYPE:VALUE`.
        event_time: When it chose.
        channel: Where it chose.
        reason: Of a suppression.
    """

    purpose: str
    status: str
    identifier: str | None = None
    event_time: datetime | None = None
    channel: str | None = None
    reason: str | None = None


class Store:
    """The published marts, as bitmaps that are read when they are first needed, and then kept.

    It shows the marts as they were when it was made, and holds no file open. Make another one after
    publishing.

    Attributes:
        file: The published file.
        tags: Tags and audiences by name.
        numbers: Names of the numbers.
        rules: Rules of the audiences by package_id.
        errors: Why audiences have failed, by package_id.
    """

    def __init__(self, file: Path) -> None:
        """Reads the names.

        Raises:
            OnecdpError: The file isn't there, is locked, or has no audiences yet.
        """
        if not file.is_file():
            raise OnecdpError(f"{file} isn't there yet; run `onecdp run` first")
        self.file = file
        with self.connected() as marts:
            tags = marts.execute(
                "select segment_tag, tag_family, user_count from audience_bitmaps"
            ).fetchall()
            numbers = marts.execute("select distinct number_name from audience_numbers").fetchall()
            audiences = marts.execute(
                "select package_id, segment_rule, error from audience_package_summary"
            ).fetchall()
        self.tags: Mapping[str, StoredTag] = {row[0]: StoredTag(*row) for row in tags}
        self.numbers = tuple(sorted(name for (name,) in numbers))
        self.rules: Mapping[str, str] = {key: rule for key, rule, _ in audiences}
        self.errors: Mapping[str, str] = {key: error for key, _, error in audiences if error}
        self.sets = Sets({})

    def parsed(self, rule: str) -> Expression:
        """Parses a rule, checks its names, and loads what it is evaluated on.

        Raises:
            RuleError: The rule is invalid; names the place and the nearest name.
            OnecdpError: It refers to an audience that has failed.
        """
        expression = parse(rule)
        names = Names(
            [name for name, tag in self.tags.items() if tag.family != "audience"],
            self.numbers,
            self.rules,
        )
        for problem in names.problems(expression, rule):
            raise problem
        found = leaves(expression)
        for package_id, error in self.errors.items():
            if Tag(AUDIENCE_PREFIX + package_id) in found:
                raise OnecdpError(f"package {package_id} has failed: {error}")
        self.load(
            [ALL_CUSTOMERS, *(leaf.name for leaf in found if not isinstance(leaf, Compare))],
            [leaf.number for leaf in found if isinstance(leaf, Compare)],
        )
        return expression

    def load(self, tags: Iterable[str] = (), numbers: Iterable[str] = ()) -> None:
        """Loads the bitmaps of tags and numbers that are not in memory yet."""
        wanted = sorted(set(tags) - set(self.sets.tags))
        wanted_numbers = sorted(set(numbers) - set(self.sets.numbers))
        if not wanted and not wanted_numbers:
            return
        with self.connected() as marts:
            rows = marts.execute(
                "select segment_tag, user_bitmap from audience_bitmaps"
                f" where segment_tag in ({_literals(wanted)})"
            ).fetchall()
            slices = marts.execute(
                "select number_name, slice, decimals, base, user_bitmap from audience_numbers"
                f" where number_name in ({_literals(wanted_numbers)})"
            ).fetchall()
        self.sets.tags.update(load_bitmaps(rows))
        self.sets.numbers = {**self.sets.numbers, **load_numbers(slices)}

    def audience(self, package_id: str) -> BitMap:
        """Returns the customers that the rule of an audience selects.

        Raises:
            UsageProblem: There is no such audience.
            OnecdpError: Its rule has failed in the last build.
        """
        if package_id not in self.rules:
            known = ", ".join(map(quoted, sorted(self.rules)[:20])) or "none"
            raise UsageProblem(f"no audience has the package_id {package_id!r}; known: {known}")
        if package_id in self.errors:
            raise OnecdpError(f"package {package_id} has failed: {self.errors[package_id]}")
        tag = AUDIENCE_PREFIX + package_id
        self.load([tag])
        return self.sets.tags[tag]

    def customer(self, id_type: str, id_value: str) -> Customer:
        """Returns the customer of an identifier, normalised, or of a one_id.

        Raises:
            OnecdpError: There is none, or the identifier is not active any more.
        """
        if id_type == "one_id":
            condition, values = "lower(one_id) = lower($1)", [id_value]
        else:
            condition, values = "id_type = $1 and id_value = $2", [id_type, id_value]
        with self.connected() as marts:
            row = marts.execute(
                f"select one_id, one_int, bool_or(is_active) from id_map where {condition}"
                " group by all",
                values,
            ).fetchone()
        given = f"{id_type}:{id_value}"
        if row is None:
            raise OnecdpError(f"no customer has the identifier {given}")
        one_id, one_int, is_active = row
        if not is_active:
            raise OnecdpError(f"{given} is not active any more: {one_id} had it last")
        return Customer(one_id, one_int, given)

    def arm(self, package_id: str, customer: Customer) -> str | None:
        """Returns the arm of a member of a package, after consent; None for who is no member."""
        with self.connected() as marts:
            row = marts.execute(
                "select arm from audience_packages where package_id = $1 and one_id = $2",
                [package_id, customer.one_id],
            ).fetchone()
        return row[0] if row else None

    def consent(self, package_id: str, customer: Customer) -> Consent | None:
        """Returns what decides on a customer for the purpose of an audience, before all rules.

        None for an audience that asks for no consent, unless the customer is suppressed.
        """
        with self.connected() as marts:
            ((purpose,),) = marts.execute(
                "select purpose from audience_package_summary where package_id = $1", [package_id]
            ).fetchall()
            row = marts.execute(
                "select purpose, status, id_type || ':' || id_value, event_time, channel, reason"
                " from customer_consents where one_id = $1 and purpose in ('*', $2)"
                " order by purpose = '*' desc limit 1",
                [customer.one_id, purpose],
            ).fetchone()
        if row:
            return Consent(*row)
        return Consent(purpose, "missing") if purpose else None

    def connected(self) -> duckdb.DuckDBPyConnection:
        """Opens the published file."""
        return _Marts(self.file).connection


def _literals(names: Iterable[str]) -> str:
    """Returns texts for `in (…)`. As parameters, they would make DuckDB import pandas."""
    return ", ".join(map(literal, names)) or "null"


class _Marts:
    """Opens the published file; a table that an earlier version did not have is one clear line."""

    def __init__(self, file: Path) -> None:
        self.connection = connect(file, read_only=True)
        try:
            self.connection.execute("select tag_family from audience_bitmaps limit 0")
            self.connection.execute("select number_name from audience_numbers limit 0")
            self.connection.execute("select one_id from customer_consents limit 0")
        except (duckdb.CatalogException, duckdb.BinderException) as error:
            self.connection.close()
            raise OnecdpError(
                f"{file} has no audiences of this version; run `onecdp run` first"
                f" ({one_line(str(error))})"
            ) from error
