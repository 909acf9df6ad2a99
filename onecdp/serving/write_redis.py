"""Writes the online store in Redis or Valkey: what changed, then the pointer."""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from onecdp.audiences.bitmaps import BitMap, from_bytes, to_bytes
from onecdp.errors import OnecdpError
from onecdp.serving.marts_documents import Difference, MartsDocuments
from onecdp.serving.places import Publication
from onecdp.serving.redis_keys import (
    FORMAT,
    IDENTITY,
    KEEP,
    NUMBER,
    PROFILE,
    Keys,
    State,
    check_memory,
    pointer,
    read_owner,
    read_state,
    told,
)
from onecdp.serving.redis_settings import RedisSettings
from onecdp.serving.redis_tickets import RedisTickets, parts
from onecdp.serving.store_file import ONE_ID, name_after_erasure

_BATCH = 1_000
# Servers look for a new publication every second.
_CHANGE_SECONDS = 3.0
Fields = tuple[str, dict[str, Any]]
"""A key, and the fields that are set in its hash."""


@contextmanager
def writing(client: Any, settings: RedisSettings, owner: str) -> Iterator[RedisWriter]:
    """A writer; there may be one at a time per prefix, by the lock of the warehouse.

    Args:
        client: Of the server.
        settings: The same, and the prefix.
        owner: The warehouse; the store of another one is not touched.

    Raises:
        OnecdpError: The server can't be reached, or refuses. What is published stays.
    """
    with told(settings):
        yield RedisWriter(client, settings, owner)


class RedisWriter:
    """Brings the keys of one prefix to what is published."""

    def __init__(self, client: Any, settings: RedisSettings, owner: str) -> None:
        """Takes a client; the caller turns its errors into lines."""
        self._client, self._settings, self._owner = client, settings, owner
        self._keep = client.register_script(KEEP)
        self._epochs = f"{settings.prefix}:epochs"

    def write(self, marts: Path, publication: Publication) -> bool:
        """Brings the store to what is published; returns whether it had to be written."""
        check_memory(self._client, self._settings)
        self.check_owner()
        state = read_state(self._client, self._settings)
        if state:
            # One that was killed has left those of before, or of its own.
            self._tickets(state.epoch).remove(but=state.tickets)
        if state and state.publication == publication.name:
            # One that was killed behind the pointer has left the store of before.
            self._remove_epochs(but=state.epoch)
            if state.batch == publication.batch:
                return False
            tickets = self._tickets(state.epoch).put(publication, state)
            now = replace(state, batch=publication.batch, tickets=tickets)
            self._point(now)
            self._remove_tickets(state, now)
            return True
        is_next = state is not None and state.publication == publication.of
        documents = MartsDocuments(marts, publication.before if is_next else None)
        try:
            difference = documents.difference()
            if state and documents.is_comparable:
                self._update(state, difference, publication)
            else:
                self._make_anew(state, difference, publication)
        finally:
            documents.close()
        return True

    def erase(self, identifiers: Collection[tuple[str, str]], one_ints: Sequence[int]) -> None:
        """Takes a person out, of earlier publications, too.

        Raises:
            OnecdpError: The store is another warehouse's. It may be ours, of before its name was
                lost: then the person is in it.
        """
        self.check_owner()
        state = read_state(self._client, self._settings)
        if state is None:
            # There is none; or it is of another format, and may have the person.
            self.remove()
            return
        keys = self._keys(state.epoch)
        self._remove_epochs(but=state.epoch)
        # Their lists name the keys of people.
        self._undo(keys, state.generation)
        self._forget_replaced(keys, state.generation)
        gone = [keys.identifier(*each) for each in identifiers]
        # Others who had one of them, too, as before a split: what of theirs is the person's is not
        # known.
        had = {int(number) for key in gone for number in self._client.hvals(key) if number}
        person = BitMap({*one_ints, *had})
        # First the name: one that is killed here leaves a store that is made anew.
        self._point_without(state, keys, person)
        customers = [keys.customer(number) for number in person]
        held = [value for key in customers for value in self._client.hvals(key)]
        names = {value.partition(b"\n")[0].decode() for value in held if value}
        gone += [keys.identifier(ONE_ID, one_id) for one_id in names]
        self._client.unlink(*customers, *gone)
        tickets = self._tickets(state.epoch)
        tickets.remove(but=state.tickets)
        tickets.erase(state, identifiers)

    def _point_without(self, state: State, keys: Keys, person: BitMap) -> None:
        """Names a publication without members of audiences."""
        generation = state.generation + 1
        summaries, *bitmaps = (self._client.hgetall(key) for key in keys.audiences(generation - 1))
        left = [
            {key: to_bytes(from_bytes(value) - person) for key, value in part.items()}
            for part in bitmaps
        ]
        self._put(zip(keys.audiences(generation), [summaries, *left], strict=True))
        name = name_after_erasure(state.publication)
        self._point(replace(state, generation=generation, publication=name))
        self._client.unlink(*keys.audiences(generation - 1))

    def remove(self) -> None:
        """Deletes all keys, unless they are another warehouse's."""
        if self._is_anothers():
            return
        self._client.unlink(pointer(self._settings))
        self._remove_epochs(but=None)

    def check_owner(self) -> None:
        """Raises `OnecdpError` if the store is another warehouse's."""
        if self._is_anothers():
            raise OnecdpError(
                f"{self._settings.name} has the online store of another warehouse; choose another"
                " prefix in [serving.redis], or delete the key"
                f" {pointer(self._settings)} there if that warehouse is no more"
            )

    def _is_anothers(self) -> bool:
        return read_owner(self._client, self._settings) not in (None, self._owner)

    def _update(self, state: State, difference: Difference, publication: Publication) -> None:
        keys, generation = self._keys(state.epoch), state.generation + 1
        self._remove_epochs(but=state.epoch)
        self._undo(keys, state.generation)
        self._forget_replaced(keys, state.generation)
        self._put(_changes(keys, generation, difference), keys.touched(generation))
        self._put_audiences(keys, generation, difference)
        tickets = self._tickets(state.epoch).put(publication, state)
        id_types = json.dumps(difference.id_types)
        now = State(
            state.epoch, generation, publication.name, id_types, publication.batch, self._owner,
            tickets,
        )  # fmt: skip
        self._point(now)
        self._remove_tickets(state, now)

    def _make_anew(
        self, state: State | None, difference: Difference, publication: Publication
    ) -> None:
        self._remove_epochs(but=state.epoch if state else None)
        epoch, generation = secrets.token_hex(4), 1
        keys = self._keys(epoch)
        self._client.sadd(self._epochs, epoch)
        self._client.set(keys("oldest"), generation)
        self._put(_changes(keys, generation, difference))
        self._put_audiences(keys, generation, difference)
        tickets = self._tickets(epoch).put(publication, None)
        id_types = json.dumps(difference.id_types)
        now = State(
            epoch, generation, publication.name, id_types, publication.batch, self._owner, tickets
        )
        self._point(now)
        if state:
            time.sleep(_CHANGE_SECONDS)
            self._remove_epochs(but=epoch)

    def _keys(self, epoch: str) -> Keys:
        return Keys(self._settings.prefix, epoch)

    def _point(self, state: State) -> None:
        """Names the publication; from here on servers change to it."""
        said = {
            "format": FORMAT, "epoch": state.epoch, "generation": state.generation,
            "publication": state.publication, "id_types": state.id_types,
            "batch_name": state.identity[-1], "owner": state.owner,
            "tickets": state.tickets,
        }  # fmt: skip
        if state.batch is not None:
            said["batch"] = state.batch
        moving = self._client.pipeline(transaction=True)
        moving.delete(pointer(self._settings))
        moving.hset(pointer(self._settings), mapping=said)
        moving.execute()

    def _put_audiences(self, keys: Keys, generation: int, difference: Difference) -> None:
        rows = [*difference.audiences]
        parts = [{row[0]: row[part] for row in rows} for part in (1, 2, 3)]
        self._put(zip(keys.audiences(generation), parts, strict=True))

    def _tickets(self, epoch: str) -> RedisTickets:
        return RedisTickets(self._client, self._settings.prefix, epoch)

    def _remove_tickets(self, before: State, now: State) -> None:
        """Removes tickets that were made anew, when servers have changed to the others."""
        if before.tickets not in ("", now.tickets):
            time.sleep(_CHANGE_SECONDS)
            self._tickets(now.epoch).remove(but=now.tickets)

    def _put(self, changes: Iterable[Fields], touched: str | None = None) -> None:
        """Sets fields; their keys are noted in a list before, so that a kill hides none."""
        for part in parts(changes, _BATCH):
            writing = self._client.pipeline(transaction=False)
            if touched:
                writing.rpush(touched, *(key for key, _ in part))
            for key, fields in part:
                if fields:
                    writing.hset(key, mapping=fields)
            writing.execute()

    def _undo(self, keys: Keys, generation: int) -> None:
        """Deletes what a killed publication has left, which would be of the next generation."""
        self._keep_only(keys, keys.touched(generation + 1), 0, generation)
        self._client.unlink(*keys.audiences(generation + 1))

    def _forget_replaced(self, keys: Keys, generation: int) -> None:
        """Deletes what a generation has replaced; who still reads that is told to change."""
        self._client.set(keys("oldest"), generation)
        self._keep_only(keys, keys.touched(generation), generation, generation)
        self._client.unlink(*keys.audiences(generation - 1))

    def _keep_only(self, keys: Keys, touched: str, first: int, last: int) -> None:
        at = 0
        while part := self._client.lrange(touched, at, at + _BATCH - 1):
            cleaning = self._client.pipeline(transaction=False)
            for key in part:
                self._keep(keys=[key], args=[first, last], client=cleaning)
            cleaning.execute()
            at += len(part)
        # Not trimmed part by part: the client may send that twice, if its connection breaks.
        self._client.unlink(touched)

    def _remove_epochs(self, but: str | None) -> None:
        for name in self._client.smembers(self._epochs):
            epoch = name.decode()
            if epoch == but:
                continue
            keys = self._keys(epoch)
            # First, so that nobody reads half of it.
            self._client.unlink(keys("oldest"))
            for part in parts(self._client.scan_iter(match=keys("*"), count=_BATCH), _BATCH):
                self._client.unlink(*part)
            self._client.srem(self._epochs, epoch)


def _changes(keys: Keys, generation: int, difference: Difference) -> Iterator[Fields]:
    """What changed, in the order in which it is to be read."""
    for one_int, one_id, profile, identity in difference.customers:
        name = one_id.encode() + b"\n"
        yield keys.customer(one_int), {
            f"{PROFILE}{generation}": name + profile, f"{IDENTITY}{generation}": name + identity,
        }  # fmt: skip
    for (one_int,) in difference.gone:
        yield keys.customer(one_int), {f"{PROFILE}{generation}": "", f"{IDENTITY}{generation}": ""}
    for id_type, id_value, one_int in difference.identifiers:
        yield keys.identifier(id_type, id_value), {f"{NUMBER}{generation}": one_int}
    for id_type, id_value in difference.gone_identifiers:
        yield keys.identifier(id_type, id_value), {f"{NUMBER}{generation}": ""}
