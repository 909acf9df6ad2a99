"""Who is delivered, and with which columns: one query on the published marts.

`_members` is the place where members of a package are left out, for consent and hold-out: every
destination, and every comparison with what was delivered before, reads its query.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass, field

import duckdb

from onecdp.errors import OnecdpError, UsageProblem
from onecdp.warehouse.sql_text import literal, quoted

MARTS = "marts"
"""The name under which the published file is attached."""
PROFILES = "profiles"

_PACKAGES = f"{MARTS}.audience_packages"
_SUMMARY = f"{MARTS}.audience_package_summary"
_CUSTOMERS = f"{MARTS}.customer_profiles"
_CONSENTS = f"{MARTS}.customer_consents"
# The same for all who are delivered; `created_at` would make every row new each day.
_OF_PACKAGE = ("package_name", "segment_rule", "arm", "created_at")
_SUPPRESSED = f"select one_id from {_CONSENTS} where status = 'suppressed'"
# Of profiles, only where they are named: the first may be plain, the second would make the row of
# every buyer new each day.
_ONLY_BY_NAME = ("email", "days_since_last_purchase")
# The macro profile_id_columns has them, too; a test holds them to each other.
IDENTIFIERS = (
    "member_id", "union_id", "retail_customer_id", "customer_id", "mobile_hash", "email_hash",
    "open_id", "device_id",
)  # fmt: skip


class FailedPackage(OnecdpError):
    """A package whose rule failed in the last build: it has no members, and nobody has left it."""


@dataclass(frozen=True)
class Selection:
    """One row per customer to deliver.

    Attributes:
        what: `profiles`, or the package's id.
        query: SQL; its first column, `__one_id`, says whose row it is, the others are `columns`.
        columns: Names of the columns, as the destination has them.
        key: Those that tell a row from all others of the destination.
        package_name: Of a package.
        segment_rule: Of a package.
        removed_by: Columns by which a removed row is told to the destination; they are remembered
            with it. Empty: by its key.
        platform: The advertising platform that it is for, if it is for one.
        left_out: SQL of one row of counts: what of these customers could not be delivered.
    """

    what: str
    query: str
    columns: tuple[str, ...]
    key: tuple[str, ...]
    package_name: str | None = None
    segment_rule: str | None = None
    removed_by: tuple[str, ...] = ()
    platform: str | None = None
    left_out: str | None = field(default=None, repr=False)

    @property
    def is_package(self) -> bool:
        """Whether it is a package."""
        return self.what != PROFILES

    @property
    def label(self) -> str:
        """What it is called by the deliveries that are remembered."""
        return f"{self.what} for {self.platform}" if self.platform else self.what


def select_profiles(
    connection: duckdb.DuckDBPyConnection,
    columns: Mapping[str, str] | None,
    *,
    is_advertised: bool = False,
) -> Selection:
    """Returns all customers.

    Args:
        connection: With the published file attached as `marts`.
        columns: Our columns by theirs; None takes all but those that have to be named.
        is_advertised: Leave out those of seeds/suppressions.csv: it is for an advertising platform,
            not for a database of customers.
    """
    profiles = _columns(connection, "customer_profiles")
    named = columns or {name: name for name in profiles if name not in _ONLY_BY_NAME}
    known = {name: f"profiles.{quoted(name)}" for name in profiles}
    named = _with_key(named, ("one_id",))
    condition = "true"
    if is_advertised:
        _columns(connection, "customer_consents")
        condition = f"profiles.one_id not in ({_SUPPRESSED})"
    return Selection(
        what=PROFILES,
        query=f"select profiles.one_id as __one_id, {_listed(named, known, PROFILES)}"
        f" from {_CUSTOMERS} as profiles where {condition}",
        columns=tuple(named),
        key=_key(named, ("one_id",)),
    )


def select_package(
    connection: duckdb.DuckDBPyConnection,
    package_id: str,
    columns: Mapping[str, str] | None,
    *,
    is_known: bool = False,
) -> Selection:
    """Returns the members of a package who may be delivered, with their identifiers.

    Args:
        connection: With the published file attached as `marts`.
        package_id: Of the package.
        columns: Our columns of packages or profiles by theirs; None takes those of packages that
            say something of a member, and the identifiers.
        is_known: Whether it was delivered before: if it is no audience any more, it has no members.

    Raises:
        UsageProblem: There is no such package, or column.
        FailedPackage: Its rule failed.
    """
    # Marts of an earlier version don't say who consented.
    _columns(connection, "customer_consents")
    row = connection.execute(
        "select package_name, segment_rule, purpose, status, error"
        f" from {_SUMMARY} where package_id = $1",
        [package_id],
    ).fetchone()
    if row is None and not is_known:
        _refuse(connection, package_id)
    if row is not None and row[3] == "failed":
        raise FailedPackage(f"{package_id} failed in the last build: {row[4]}")
    profiles = _columns(connection, "customer_profiles")
    packages = _columns(connection, "audience_packages")
    named = columns or {
        name: name
        for name in (
            *(each for each in packages if each not in _OF_PACKAGE),
            *(each for each in IDENTIFIERS if each in profiles and each not in packages),
        )
    }
    known = {name: f"profiles.{quoted(name)}" for name in profiles}
    known |= {name: f"members.{quoted(name)}" for name in packages}
    named = _with_key(named, ("package_id", "one_id"))
    return Selection(
        what=package_id,
        query=f"with members as ({_members(package_id, row[2] if row else None)})"
        f" select members.one_id as __one_id, {_listed(named, known, package_id)}"
        f" from members inner join {_CUSTOMERS} as profiles on members.one_id = profiles.one_id",
        columns=tuple(named),
        key=_key(named, ("package_id", "one_id")),
        package_name=row[0] if row else None,
        segment_rule=row[1] if row else None,
    )


def _members(package_id: str, purpose: str | None) -> str:
    """Returns the query for the members of a package that may be delivered.

    The mart has only members who consented. They are asked for again, because this is what nothing
    that goes wrong before it may change.
    """
    consented = (
        f" and one_id in (select one_id from {_CONSENTS}"
        f" where status = 'granted' and purpose = {literal(purpose)})"
        if purpose
        else ""
    )
    return (
        f"select * from {_PACKAGES} where package_id = {literal(package_id)}"
        f" and arm = 'treatment' and one_id not in ({_SUPPRESSED}){consented}"
    )


def _columns(connection: duckdb.DuckDBPyConnection, mart: str) -> tuple[str, ...]:
    try:
        rows = connection.execute(f"describe {MARTS}.{mart}").fetchall()
    except duckdb.CatalogException:
        raise OnecdpError(
            f"the published marts have no {mart}; run `onecdp run`, then this again"
        ) from None
    return tuple(row[0] for row in rows)


def _with_key(named: Mapping[str, str], key: tuple[str, ...]) -> dict[str, str]:
    """The columns, with those of the key first if they were not named."""
    return {name: name for name in key if name not in named.values()} | dict(named)


def _key(named: Mapping[str, str], key: tuple[str, ...]) -> tuple[str, ...]:
    theirs = {ours: name for name, ours in named.items()}
    return tuple(theirs[ours] for ours in key)


def _listed(named: Mapping[str, str], known: Mapping[str, str], what: str) -> str:
    for ours in named.values():
        if ours not in known:
            near = difflib.get_close_matches(ours, known, 1)
            hint = f"; nearest: {near[0]}" if near else ""
            raise UsageProblem(f"there is no column {ours} to deliver with {what}{hint}")
    return ", ".join(f"{known[ours]} as {quoted(theirs)}" for theirs, ours in named.items())


def _refuse(connection: duckdb.DuckDBPyConnection, package_id: str) -> None:
    rows = connection.execute(f"select package_id from {_SUMMARY} order by all").fetchall()
    known = [row[0] for row in rows]
    near = difflib.get_close_matches(package_id, known, 1)
    hint = f"nearest: {near[0]}" if near else f"there are {', '.join(known[:10]) or 'none'}"
    raise UsageProblem(f"no package {package_id!r} in the published marts; {hint}")
