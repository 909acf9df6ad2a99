"""Writes the tickets of support of the online store in Redis or Valkey.

Those that changed replace what is there: a reader of the publication before has later ones, of
which messages that are in them already change nothing. Where all are made anew, they get another
name, which the pointer then tells.
"""

from __future__ import annotations

import secrets
from collections.abc import Collection, Iterable, Iterator
from typing import Any

from onecdp.live.events import Identifier
from onecdp.live.tickets import identifiers_in
from onecdp.serving.batch_state import tickets_in
from onecdp.serving.batch_tickets import ticket_changes
from onecdp.serving.places import Publication
from onecdp.serving.redis_keys import Keys, State

_BATCH = 1_000


class RedisTickets:
    """The tickets of an epoch."""

    def __init__(self, client: Any, prefix: str, epoch: str) -> None:
        """Takes a client; the caller turns its errors into lines."""
        self._client, self._prefix, self._epoch = client, prefix, epoch
        self._names = Keys(prefix, epoch)("tickets")

    def put(self, publication: Publication, before: State | None) -> str:
        """Writes tickets before the pointer; returns their name, or "" if there are none.

        Args:
            publication: What is published.
            before: What the pointer says; None if the store is made anew.
        """
        known = tickets_in(before.batch) if before else None
        read = tickets_in(publication.batch)
        changes = ticket_changes(publication.private, read, known)
        if read is None:
            return ""
        name = before.tickets if before and not changes.is_anew else secrets.token_hex(4)
        keys = self._keys(name)
        self._client.sadd(self._names, name)
        for part in parts(changes.tickets, _BATCH):
            documents = self._client.mget([keys.ticket(each.ticket_id) for each in part])
            writing = self._client.pipeline(transaction=True)
            for ticket, document in zip(part, documents, strict=True):
                for identifier in identifiers_in(document, read.columns) if document else ():
                    writing.srem(keys.tickets_of(*identifier), ticket.ticket_id)
                writing.set(keys.ticket(ticket.ticket_id), ticket.document)
                for identifier in ticket.identifiers:
                    writing.sadd(keys.tickets_of(*identifier), ticket.ticket_id)
            writing.execute()
        return name

    def erase(self, state: State, identifiers: Collection[Identifier]) -> None:
        """Deletes a person's tickets."""
        tickets, keys = tickets_in(state.batch), self._keys(state.tickets)
        held = [keys.tickets_of(*identifier) for identifier in identifiers]
        if tickets is None or not held:
            return
        for name in self._client.sunion(held):
            ticket_id = name.decode()
            document = self._client.get(keys.ticket(ticket_id))
            for identifier in identifiers_in(document, tickets.columns) if document else ():
                self._client.srem(keys.tickets_of(*identifier), ticket_id)
            self._client.unlink(keys.ticket(ticket_id))
        self._client.unlink(*held)

    def remove(self, but: str) -> None:
        """Deletes tickets of other names: of before, and of a publication that was killed."""
        for held in self._client.smembers(self._names):
            name = held.decode()
            if name == but:
                continue
            keys = self._keys(name)
            for found in (keys.ticket("*"), keys.tickets_of("*", "*")):
                for part in parts(self._client.scan_iter(match=found, count=_BATCH), _BATCH):
                    self._client.unlink(*part)
            self._client.srem(self._names, name)

    def _keys(self, name: str) -> Keys:
        return Keys(self._prefix, self._epoch, name)


def parts(rows: Iterable[Any], size: int) -> Iterator[list[Any]]:
    """Yields rows in lists of `size`, the last of which may be shorter."""
    part = []
    for row in rows:
        part.append(row)
        if len(part) == size:
            yield part
            part = []
    if part:
        yield part
