"""What every online store answers, wherever its documents are."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

import orjson

from onecdp.audiences.bitmaps import BitMap, from_bytes
from onecdp.identity.normalise import LOWER_CASE_TYPES
from onecdp.live.events import Identifier
from onecdp.serving.audience_masks import AudienceMasks
from onecdp.serving.batch_state import BatchState, from_json, name_state
from onecdp.serving.store_file import HELD_OUT, TREATMENT


class Found(NamedTuple):
    """A customer: one_int, one_id, and a document as JSON that nobody has parsed."""

    one_int: int
    one_id: str
    document: bytes


class Person(NamedTuple):
    """A customer with both documents."""

    found: Found
    """With the profile."""
    identifiers: bytes
    """The list of all identifiers as JSON."""


@dataclass(frozen=True)
class Audience:
    """An audience.

    Attributes:
        summary: As JSON.
        members: Their one_ints.
        held_out: Those of them who are not to be reached.
        has_failed: Whether its rule could not be evaluated.
    """

    summary: bytes
    members: BitMap = field(repr=False)
    held_out: BitMap = field(repr=False)
    has_failed: bool

    def arm_of(self, member: int) -> str:
        """Returns the arm of a member."""
        return HELD_OUT if member in self.held_out else TREATMENT


class Resident:
    """What a server keeps in memory of a publication.

    Attributes:
        publication: The name of what was published.
        batch: What its build had taken in; None if that isn't known.
        audiences: All of them by package_id.
        id_types: The types of identifiers.
        unhashed_types: Those of which no value is a hash, which has rules of its own.
    """

    def __init__(
        self,
        publication: str,
        id_types: str | bytes,
        batch: str | None,
        audiences: Iterable[tuple[str, bytes, bytes, bytes]],
    ) -> None:
        """Takes the parts of a store.

        Args:
            publication: Its name.
            id_types: As JSON.
            batch: As JSON.
            audiences: package_id, summary, members and those held out, by package_id.

        Raises:
            ValueError: A part can't be read.
        """
        self.publication = f"{publication}{name_state(batch)}"
        self.batch: BatchState | None = None if batch is None else from_json(batch)
        self.id_types: tuple[str, ...] = tuple(json.loads(id_types))
        self.unhashed_types = frozenset(self.id_types).difference(LOWER_CASE_TYPES)
        self.audiences: Mapping[str, Audience] = {
            package_id: Audience(
                summary, from_bytes(members), from_bytes(held_out), _has_failed(summary)
            )
            for package_id, summary, members, held_out in audiences
        }
        self._masks = AudienceMasks(
            {key: each.members - each.held_out for key, each in self.audiences.items()}
        )

    def audiences_of(self, one_int: int) -> bytes:
        """Returns the package_ids of all audiences by which a customer may be reached, as JSON."""
        return self._masks.json_of(one_int)


class Store(Protocol):
    """One publication, open for look-ups, which are for one thread at a time.

    Attributes:
        identity: Changes with what the store says.
        is_lost: Whether it can't answer any more. Whoever opened it looks for another.
    """

    publication: str
    batch: BatchState | None
    audiences: Mapping[str, Audience]
    id_types: tuple[str, ...]
    unhashed_types: frozenset[str]
    identity: object
    is_lost: bool

    def profile(self, id_type: str, id_value: str) -> Found | None:
        """Returns the customer of an identifier in its one spelling, with the profile."""

    def identifiers(self, id_type: str, id_value: str) -> Found | None:
        """Returns the customer of an identifier, with the list of all identifiers."""

    def person(self, id_type: str, id_value: str) -> Person | None:
        """Returns the customer of an identifier, with the profile and the list of identifiers."""

    def customer(self, id_type: str, id_value: str) -> Found | None:
        """Returns the customer of an identifier, with no document."""

    def profile_of(self, one_int: int) -> Found | None:
        """Returns a customer with the profile."""

    def identifiers_of(self, one_int: int) -> Found | None:
        """Returns a customer with the list of all identifiers."""

    def audiences_of(self, one_int: int) -> bytes:
        """Returns the package_ids of all audiences by which a customer may be reached, as JSON."""

    def tickets_of(self, identifiers: Collection[Identifier]) -> Mapping[str, bytes]:
        """Returns the tickets that have one of the identifiers: documents by ticket_id."""

    def ticket(self, ticket_id: str) -> bytes | None:
        """Returns the document of a ticket, in the shape of `onecdp.live.tickets`."""

    def warm(self, before: Store | None = None) -> None:
        """Prepares it, so that no look-up waits; `before` is what was prepared before it."""

    def close(self) -> None:
        """Closes what is open."""


def identifiers_in(document: bytes) -> list[Identifier]:
    """Returns the identifiers in a customer's list of them."""
    return [(each["id_type"], each["id_value"]) for each in orjson.loads(document)]


def _has_failed(summary: bytes) -> bool:
    return bool(json.loads(summary).get("error"))
