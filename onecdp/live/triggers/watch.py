"""Looks at people, and writes who enters a trigger and who leaves it.

An event of entering or leaving is written in the transaction that changes the stay, and sent later.
So after a kill at any moment it is there or the person is looked at again, and its key is the same
whenever it is sent.
"""

from __future__ import annotations

import sqlite3
import time
from collections import Counter
from collections.abc import Callable, Sequence, Set
from dataclasses import dataclass, replace
from functools import cached_property
from hashlib import sha256
from itertools import chain
from uuid import uuid4

from onecdp.live.events import Identifier
from onecdp.live.features import asks_for_tickets
from onecdp.live.kept import Kept, LiveEvents
from onecdp.live.measure import measure
from onecdp.live.person import People
from onecdp.live.settings import LiveSettings
from onecdp.live.state import LiveState
from onecdp.live.triggers import stays
from onecdp.live.triggers.conditions import Leaf, arm_of, holds, live_holds
from onecdp.live.triggers.declared import Trigger, live_name
from onecdp.live.triggers.due import next_change, watched
from onecdp.live.triggers.publication import Publication, Publications
from onecdp.live.triggers.stays import Next, Stay
from onecdp.live.triggers.tell import ENTERED, LEFT, Teller

SLICE = 200
"""People in one transaction: the log waits meanwhile."""


@dataclass(frozen=True)
class Watching:
    """What is watched.

    Attributes:
        triggers: The project's.
        settings: Its live features and limits.
        hold_out_key: The variable `audience_hold_out_key`.
    """

    triggers: Sequence[Trigger]
    settings: LiveSettings
    hold_out_key: str

    @cached_property
    def declarations(self) -> str:
        """A name of all that decides; another name is something else."""
        return sha256(repr(self).encode()).hexdigest()[:20]


class Watcher:
    """Keeps the stays up to date. One at a time, in the thread that writes the live state.

    Attributes:
        changes: How many entered, left, and were held out, since somebody emptied it.
    """

    def __init__(
        self,
        state: LiveState,
        events: LiveEvents,
        watching: Watching,
        publications: Publications,
        now: Callable[[], int] = lambda: time.time_ns() // 1_000,
    ) -> None:
        """Looks at nobody yet, but drops what is no longer declared before anybody sends it.

        Args:
            state: Where stays are written.
            events: The same file.
            watching: What is watched.
            publications: Returns what is published.
            now: Returns the time, microseconds since 1970.
        """
        self.changes: Counter[str] = Counter()
        self._state, self._events, self._watching = state, events, watching
        self._publications, self._now = publications, now
        self._watched = watched(
            watching.settings.features, (each.expression for each in watching.triggers)
        )
        self._seen: str | None = None
        self._touched_last = stays.FIRST
        # Who was rechecked since the last publication: a customer has several identifiers.
        self._rechecked: set[int] = set()
        self._destinations = {each.name: each.destination for each in watching.triggers}
        with state.transaction() as connection:
            stays.keep_declared(connection, self._destinations)

    def step(self) -> bool:
        """Looks at some of the people who were touched, are due, or have to be rechecked.

        Returns:
            Whether others may be left.

        Raises:
            OnecdpError: The published warehouse can't be read.
        """
        publication = self._publications()
        if publication is None or (
            publication.name == self._seen
            and not stays.is_anybody_next(self._state.connection, self._now())
        ):
            return False
        changes: Counter[str] = Counter()
        with self._state.transaction() as state:
            # Asked again, because `onecdp forget` replaces it before it takes its turn here.
            publication = self._publications()
            if publication is None:
                return False
            now = self._now()
            is_other = stays.change_world(state, publication.name, self._watching.declarations)
            found = stays.take_next(state, now, SLICE, self._touched_last)
            look = _Look(self, state, publication, now, changes)
            if is_other:
                # Also of an earlier process that ended while this one began.
                stays.keep_declared(state, self._destinations)
                # Before anybody is judged: a survivor who is in already does not enter again.
                look.move_stays()
            judged = look.at(found, frozenset() if is_other else self._rechecked)
        # Not before the commit: what was rolled back is judged again.
        self._touched_last = found.touched[-1] if found.touched else self._touched_last
        if len(found) < SLICE:
            self._rechecked = set()
        elif is_other:
            self._rechecked = judged
        else:
            self._rechecked |= judged
        self._seen = publication.name
        self.changes += changes
        return len(found) == SLICE

    def close(self) -> None:
        """Closes the reader."""
        self._events.close()


class _Look:
    """One look at some people, at one moment."""

    def __init__(
        self, watcher: Watcher, state: sqlite3.Connection, publication: Publication, now: int,
        changes: Counter[str],
    ) -> None:  # fmt: skip
        self._watching, self._watched = watcher._watching, watcher._watched
        self._state, self._publication, self._now = state, publication, now
        self._people = People(
            publication.people, watcher._events, self._watching.settings.max_values,
            publication.watermark.taken_in,
        )  # fmt: skip
        self._teller = Teller(state, now, changes)

    def at(self, found: Next, rechecked: Set[int]) -> set[int]:
        """Looks at everybody whom something that happened to the identifiers concerns.

        Args:
            found: The identifiers.
            rechecked: Who need not be rechecked.

        Returns:
            Who was looked at.
        """
        urgent = (*found.touched, *found.due)
        people = {person: None for each in urgent for person in self._concerned(each)}
        for identifier in found.rechecked:
            people |= dict.fromkeys(self._concerned(identifier, rechecked))
        for person in people:
            self._judge(person)
        return {*people}

    def move_stays(self) -> None:
        """Gives the stays of one_ids that are no more to who has their identifiers now."""
        for one_id in stays.find_one_ids(self._state):
            if self._publication.people.person_of(("one_id", one_id)) is None:
                self._move(one_id)

    def _concerned(self, identifier: Identifier, but: Set[int] = frozenset()) -> list[int]:
        id_type, value = identifier
        if id_type == "one_id" and self._publication.people.person_of(identifier) is None:
            stays.set_due(self._state, value, None)
            return []
        return sorted(self._people.concerned(identifier) - but)

    def _judge(self, person: int) -> None:
        one_id = self._publication.people.one_id_of(person)
        events = self._people.events_of(person)
        settings = self._watching.settings
        features = [each.feature for each in self._watched]
        watermark = self._publication.watermark
        tickets = None
        if asks_for_tickets(features):
            tickets = self._people.tickets_of(person, self._now, watermark.taken_in)
        values = measure(
            features, events, self._now, watermark, settings.session_gap,
            tickets.opened if tickets else None,
        )  # fmt: skip
        # A message of a ticket need not name whose it is.
        is_recent = bool(events or (tickets and tickets.has_messages))

        def leaf_holds(leaf: Leaf) -> bool:
            if live_name(leaf) is not None:
                return live_holds(leaf, values)
            return person in self._publication.sets[leaf]

        found = stays.find_stays(self._state, one_id)
        due = [next_change(self._watched, events, self._now, settings.session_gap)]
        due.append(tickets.next_change if tickets else None)
        for trigger in self._watching.triggers:
            stay = found.get(trigger.name)
            if trigger.name not in self._publication.failed:
                is_in = self._publication.may_reach(trigger, person) and holds(
                    trigger.expression, leaf_holds
                )
                stay = self._change(
                    trigger, one_id, person, stay, events, is_in=is_in, may_enter=is_recent
                )
            if stay is not None:
                self._keep_found(stay, person, events)
            if stay is not None and stay.cool_down_until > self._now:
                due.append(stay.cool_down_until)
        stays.set_due(self._state, one_id, min((at for at in due if at is not None), default=None))

    def _change(
        self, trigger: Trigger, one_id: str, person: int, stay: Stay | None,
        events: Sequence[Kept], *, is_in: bool, may_enter: bool,
    ) -> Stay | None:  # fmt: skip
        """Brings a stay to what is now; returns it. Who did nothing lately enters no trigger."""
        arm = arm_of(self._watching.hold_out_key, trigger.name, one_id, trigger.hold_out_share)
        if stay is not None and stay.is_in and (not is_in or stay.arm != arm):
            stay = self._leave(trigger, stay)
        if stay is not None and not stay.is_in and stay.cool_down_until <= self._now:
            stays.drop_stay(self._state, stay)
            stay = None
        if is_in and stay is None and may_enter:
            stay = Stay(
                trigger.name, one_id, uuid4().hex, arm, self._now, True,
                self._now + trigger.cool_down, self._identifier(person, events),
            )  # fmt: skip
            stays.put_stay(self._state, stay)
            self._teller.tell(trigger, stay, ENTERED)
        return stay

    def _leave(self, trigger: Trigger, stay: Stay) -> Stay:
        """Ends a stay; what is left of it says when the customer may enter again."""
        self._teller.tell(trigger, stay, LEFT)
        left = replace(stay, is_in=False)
        stays.put_stay(self._state, left)
        return left

    def _keep_found(self, stay: Stay, person: int, events: Sequence[Kept]) -> None:
        """Gives a stay another identifier if its own was split off or erased."""
        held = stay.identifier
        if held is None or self._people.whose(held).person != person:
            stays.put_stay(self._state, replace(stay, identifier=self._identifier(person, events)))

    def _identifier(self, person: int, events: Sequence[Kept]) -> Identifier | None:
        """An identifier by which a stay finds the person after a merge: of the last event."""
        recent = (i for kept in reversed(events) for i in kept.event.identifiers)
        held = chain(recent, self._publication.people.identifiers_of(person))
        return next((i for i in held if self._people.whose(i).person == person), None)

    def _move(self, gone: str) -> None:
        """Gives the stays of a customer to the one who survived a merge, who is told of no more.

        If the survivor is in the trigger, too, the other stay ends.
        """
        for name, stay in stays.find_stays(self._state, gone).items():
            trigger = next(each for each in self._watching.triggers if each.name == name)
            person = None
            if stay.identifier is not None:
                person = self._people.whose(stay.identifier).person
            stays.drop_stay(self._state, stay)
            if person is None:
                if stay.is_in:
                    self._teller.tell(trigger, stay, LEFT)
                continue
            one_id = self._publication.people.one_id_of(person)
            own = stays.find_stays(self._state, one_id).get(name)
            until = stay.cool_down_until
            if own is not None:
                until = max(until, own.cool_down_until)
                if own.is_in and stay.is_in:
                    self._teller.tell(trigger, stay, LEFT, merged_into=one_id)
                # The survivor's, unless only the other one goes on or lasts longer.
                if own.is_in or (not stay.is_in and own.cool_down_until == until):
                    stay = own
            stays.put_stay(self._state, replace(stay, one_id=one_id, cool_down_until=until))
            # A survivor without an event would not be looked at.
            stays.set_due(self._state, one_id, self._now)
