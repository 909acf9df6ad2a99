"""How a raw table is declared: columns, key, and what a repeated key means."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from enum import StrEnum

from onecdp.project.personal_data import DEFAULT, PersonalData


class BadDeclaration(ImportError):
    """The sources are declared in a way that cannot work; the message is for the user.

    It is an `ImportError`, because the declarations are read where the folder is imported.
    """


class Kind(StrEnum):
    """What the values of a column are; decides how they are checked and stored."""

    TEXT = "text"
    """Kept letter for letter; empty is null."""
    CODE = "code"
    """An identifier, in its one spelling but for case; a spreadsheet's `17850.0` is `17850`."""
    EMAIL_HASH = "email_hash"
    """A code, the hash of an e-mail address; a plain address is hashed (docs/personal-data.md)."""
    PHONE_HASH = "mobile_hash"
    """The same of a phone number."""
    INTEGER = "integer"
    MONEY = "money"
    """decimal(18,4); further decimals are rounded."""
    TIMESTAMP = "timestamp"
    """ISO 8601, with a zone or in UTC, or with slashes as in `12/1/2010 8:26` (DateOrder)."""
    DATE = "date"
    """`2010-12-01`, or with slashes as in `12/1/2010` (DateOrder); a time must be midnight."""
    BOOLEAN = "boolean"
    SCORE = "score"
    """A number from 0 to 1."""

    @property
    def is_code(self) -> bool:
        """Whether the values are identifiers."""
        return self is Kind.CODE or self.is_hash

    @property
    def is_hash(self) -> bool:
        """Whether the values are hashes of personal data; the kind is the type of identifier."""
        return self in (Kind.EMAIL_HASH, Kind.PHONE_HASH)


_PERSONAL_NAMES = {
    "email": Kind.EMAIL_HASH, "mail": Kind.EMAIL_HASH, "emailaddress": Kind.EMAIL_HASH,
    "邮箱": Kind.EMAIL_HASH, "电子邮箱": Kind.EMAIL_HASH, "邮件": Kind.EMAIL_HASH,
    "phone": Kind.PHONE_HASH, "phonenumber": Kind.PHONE_HASH, "telephone": Kind.PHONE_HASH,
    "tel": Kind.PHONE_HASH, "mobile": Kind.PHONE_HASH, "mobilenumber": Kind.PHONE_HASH,
    "mobilephone": Kind.PHONE_HASH, "cellphone": Kind.PHONE_HASH, "telefon": Kind.PHONE_HASH,
    "手机": Kind.PHONE_HASH, "手机号": Kind.PHONE_HASH, "手机号码": Kind.PHONE_HASH,
    "电话": Kind.PHONE_HASH, "电话号码": Kind.PHONE_HASH,
}  # fmt: skip
"""Names of columns, as `letters` has them, that hold personal data though nobody declares it."""


class DateOrder(StrEnum):
    """What comes first in a date with slashes."""

    MONTH_FIRST = "month_first"
    DAY_FIRST = "day_first"


class OnRepeatedKey(StrEnum):
    """What happens when a key comes again with different values."""

    NEWER_WINS = "newer wins"
    """Upsert: of each column the value with the later `version`, then of the later row, wins."""
    FIRST_WINS = "first wins"
    """A row that differs is quarantined, unless a new version of the same file brings it."""
    COUNTED_LINES = "counted lines"
    """There is no key: a load states all lines of each `group` that it names. Equal lines are
    distinguished by counting them."""


@dataclass(frozen=True)
class Column:
    """A known column.

    Attributes:
        name: What it is called.
        kind: What its values are.
        required: The header and every row must have it; a row that says that the source has deleted
            what it names needs the key alone.
        aliases: Other names of it in files.
        is_past: A time later than a day after the load is a mistake.
        is_decisive: A row whose value can't be read is quarantined, though it may be empty: null
            would say something. Elsewhere the value becomes null and the row is loaded.
    """

    name: str
    kind: Kind = Kind.TEXT
    required: bool = False
    aliases: tuple[str, ...] = ()
    is_past: bool = False
    is_decisive: bool = False


@dataclass(frozen=True)
class Identifier:
    """A column whose values name people; their type is `id_type`, or is in `type_column`."""

    column: str
    id_type: str = ""
    type_column: str = ""


@dataclass(frozen=True)
class TableSpec:
    """The declaration of one raw table, `raw_<source>.<table>`.

    Attributes:
        source: The source that the table belongs to.
        table: Its name; in a source of several tables also that of the folder with its files.
        columns: What is known of its columns. Others are loaded as text.
        keeps_undeclared: False where others are left out while reading, unless the setting
            `columns` names them.
        key: Primary key.
        rule: What happens when a key comes again.
        version: The column that tells which of two rows of a key is the newer one.
        active: The column that is false where a row withdraws what the key names; of two rows with
            the same version, such a row wins.
        group: For COUNTED_LINES, the column with the document that a line belongs to.
        deleted: The column that is true where the source has deleted the row.
        traces: Columns that could re-identify an erased person (docs/erasure.md).
        amount: Two columns whose product is money.
        date_order: What comes first in dates with slashes. None: the files must show it, and are
            read month first until then. The setting `[sources.<source>] date_order` goes before.
        own_names: The user's names of columns and which columns they are: the setting `columns`.
            They go before the declared names.
        personal: How plain addresses and numbers are normalised: the settings `[personal_data]`.
        plain_columns: The columns whose plain values are kept: the setting `store_plain_pii`.
        identifiers: Identifier columns, highest priority first. They are not written here:
            `identifiers.attach_identifiers` reads them from the YAML of the staging model.
        id_types: The types that there are, where a column says the type of another; attached, too.
    """

    source: str
    table: str
    columns: tuple[Column, ...]
    key: tuple[str, ...]
    rule: OnRepeatedKey
    version: str | None = None
    active: str | None = None
    group: str | None = None
    deleted: str | None = None
    traces: tuple[str, ...] = ()
    amount: tuple[str, str] | None = None
    date_order: DateOrder | None = None
    keeps_undeclared: bool = True
    own_names: tuple[tuple[str, str], ...] = ()
    personal: PersonalData = DEFAULT
    plain_columns: tuple[str, ...] = ()
    identifiers: tuple[Identifier, ...] = ()
    id_types: frozenset[str] = frozenset()

    @property
    def dataset(self) -> str:
        """Schema of the raw tables in the warehouse."""
        return f"raw_{self.source}"

    @property
    def required(self) -> tuple[str, ...]:
        """Names of the columns that a row must have."""
        return tuple(column.name for column in self.columns if column.required)

    def required_in(self, present: Collection[str]) -> tuple[str, ...]:
        """Names of the columns that a header with the others in `present` must have.

        Where it tells deletions, all rows may be deleted ones, which need the key alone.
        """
        tells_deletions = self.deleted in present
        return tuple(n for n in self.required if n in self.key or not tells_deletions)

    def kind_of(self, name: str) -> Kind:
        """What the values of a column are; undeclared ones are text, identifiers or hashes."""
        declared = next((column.kind for column in self.columns if column.name == name), None)
        if declared and declared.is_hash:
            return declared
        for identifier in self.identifiers:
            if identifier.column == name:
                is_hash = identifier.id_type in (Kind.EMAIL_HASH, Kind.PHONE_HASH)
                return Kind(identifier.id_type) if is_hash else Kind.CODE
        # Also of a column that was declared before anybody saw what its name says.
        by_name = personal_kind(name) if declared in (None, Kind.TEXT) else None
        return by_name or declared or Kind.TEXT

    def is_needed(self, column: Column) -> bool:
        """Whether a row without a value of the column that can be read is lost."""
        deciding = {*self.key, *(self.amount or ()), self.version, self.active, self.group}
        deciding.add(self.deleted)
        return column.required or column.is_decisive or column.name in deciding

    def is_decisive(self, column: Column) -> bool:
        """Whether a row is lost for a value of the column that is nothing of its kind.

        That of an identifier is, but what is hashed for its name alone may be anything.
        """
        kind = self.kind_of(column.name)
        declared = {c.name for c in self.columns if c.kind is not Kind.TEXT}
        declared |= {i.column for i in self.identifiers}
        is_identifier = kind.is_code and (kind is Kind.CODE or column.name in declared)
        return self.is_needed(column) or is_identifier

    def known(self, header: str) -> str | None:
        """The column that a header name means, however it is cased, spaced or underlined."""
        wanted = letters(header)
        for name, meant in self.own_names:
            if header == name or (wanted and wanted == letters(name)):
                return meant
        for column in self.columns:
            if wanted in map(letters, (column.name, *column.aliases)):
                return column.name
        return None

    @property
    def known_names(self) -> list[str]:
        """All names that `known` knows, as they are declared or set."""
        declared = [name for column in self.columns for name in (column.name, *column.aliases)]
        return [*declared, *(name for name, _ in self.own_names)]

    def limited_to(self, present: Iterable[str]) -> TableSpec:
        """The same table without identifiers whose columns are not present.

        An undeclared identifier column is added, as text, by the first file that has it.
        """
        names = set(present)
        kept = [i for i in self.identifiers if {i.column, i.type_column} - {""} <= names]
        return replace(self, identifiers=tuple(kept))


def personal_kind(name: str) -> Kind | None:
    """The kind of hash for the values of a column that a name says is personal; None of others."""
    return _PERSONAL_NAMES.get(letters(name))


def letters(name: str) -> str:
    """A name of a column without what may differ: case, spaces, underlines, punctuation."""
    return re.sub(r"[\W_]", "", unicodedata.normalize("NFKC", name)).casefold()
