"""Sends what triggers have put out, in its order, and deletes it after the receipt.

A kill between the two sends an event once more, with the same key. What a destination refuses goes
to a dead-letter file, and so does what it has not taken within a day; the others go on.
"""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from onecdp.destinations.signed_post import Busy, keep_letter, letter_file
from onecdp.errors import OnecdpError
from onecdp.live.features import DAY
from onecdp.live.triggers.outbox import Waiting, take_out, waiting
from onecdp.live.triggers.receivers import Receiver
from onecdp.live.triggers.stays import transaction

POLL_SECONDS = 0.1
LONGEST_WAIT = 60.0
_FIRST_WAIT = 0.5
SLICE = 500
"""Events that are set aside in one transaction."""
LETTERS_SECONDS = 60.0
"""How often dead letters are told of."""
KEPT, _KEPT_TEXT = DAY, "a day"
"""How long an event waits for a destination that doesn't take it, microseconds."""
STOP_SECONDS = 10.0
"""How long a destination that does not answer may hold up the end."""
SENT, REFUSED = "sent", "refused"


@dataclass(frozen=True)
class Outbox:
    """What waits, and where dead letters go.

    Attributes:
        file: The live state.
        letters: The folder of dead letters.
    """

    file: Path
    letters: Path


class Sender:
    """Sends to one destination, in a thread of its own."""

    def __init__(
        self, outbox: Outbox, name: str, receiver: Receiver, notify: Callable[[str], None],
        *, first_wait: float = _FIRST_WAIT,
        now: Callable[[], int] = lambda: time.time_ns() // 1_000,
    ) -> None:  # fmt: skip
        """Sends nothing yet.

        Args:
            outbox: What waits.
            name: The destination.
            receiver: The same.
            notify: Gets what the user should know.
            first_wait: Seconds before the second attempt; each further wait is twice as long.
            now: Returns the time, microseconds since 1970.
        """
        self._outbox, self._name, self._receiver = outbox, name, receiver
        self._notify, self._first_wait, self._now = notify, first_wait, now
        self._letters = letter_file(outbox.letters / "triggers", name)
        self._told = ""
        self._set_aside_count, self._tell_letters_at = 0, float("-inf")

    def run(self, stop: threading.Event) -> None:
        """Sends until `stop` is set; what a destination does not take is tried again."""
        state = sqlite3.connect(self._outbox.file, isolation_level=None, timeout=10)
        # A power failure may undo the last deletions: then these events are sent once more.
        state.execute("pragma synchronous = normal")
        attempts = 0
        try:
            while not stop.is_set():
                try:
                    is_more = self.send_next(state)
                except (OnecdpError, OSError, sqlite3.Error) as error:
                    asked = (error.seconds if isinstance(error, Busy) else None) or 0.0
                    wait = min(self._first_wait * 2.0**attempts, LONGEST_WAIT)
                    if attempts:
                        # What passes by itself is not worth a line.
                        self._tell(str(error))
                    attempts = min(attempts + 1, 10)
                    stop.wait(max(wait, asked))
                    continue
                attempts = 0
                self._tell("")
                if not is_more:
                    stop.wait(POLL_SECONDS)
        finally:
            state.close()
            self._receiver.close()

    def send_next(self, state: sqlite3.Connection) -> bool:
        """Sends the next events; returns whether there were any.

        Raises:
            OnecdpError: The destination can't take them now; all but what is too old stay.
        """
        events = waiting(state, self._name, self._receiver.batch)
        if not events:
            return False
        try:
            refused = self._receiver.send(events)
        except OnecdpError:
            # Not each with a try of its own: the destination is spared until the next one.
            old = self._now() - KEPT
            while late := [e for e in waiting(state, self._name, SLICE) if e.created_at < old]:
                self._set_aside(state, late, None)
            raise
        if refused is not None:
            self._set_aside(state, events, refused)
            return True
        with transaction(state):
            for event in events:
                take_out(state, event, SENT)
        return True

    def _set_aside(
        self, state: sqlite3.Connection, events: list[Waiting], status: int | None
    ) -> None:
        with transaction(state):
            # Of a person who was erased meanwhile nothing is kept.
            bodies = [event.body for event in events if take_out(state, event, REFUSED)]
            if bodies:
                keep_letter(self._letters, status, *bodies)
        self._set_aside_count += len(bodies)
        if not bodies or time.monotonic() < self._tell_letters_at:
            return
        why = f"answered {status}" if status else f"has not taken what is older than {_KEPT_TEXT}"
        self._notify(
            f"{self._name} {why}: {self._set_aside_count} dead letters since the start, in"
            f" {self._letters}"
        )
        self._tell_letters_at = time.monotonic() + LETTERS_SECONDS

    def _tell(self, problem: str) -> None:
        """Tells a problem once, and its end."""
        if problem and problem != self._told:
            self._notify(f"{problem}; trying again")
        elif self._told and not problem:
            self._notify(f"{self._name}: going on")
        self._told = problem


class Senders:
    """A sender for each destination."""

    def __init__(
        self, outbox: Outbox, receivers: Mapping[str, Receiver], notify: Callable[[str], None]
    ) -> None:
        """Starts nothing yet."""
        self._stop = threading.Event()
        self._failures: list[BaseException] = []
        self._senders = {
            name: Sender(outbox, name, receiver, notify) for name, receiver in receivers.items()
        }
        self._notify = notify
        self._threads: dict[str, threading.Thread] = {}

    def start(self, ended: threading.Event) -> None:
        """Begins to send.

        Args:
            ended: Is set if a sender ends by a bug, which `stop` raises.
        """
        for name, sender in self._senders.items():
            # A daemon: one that hangs does not keep the process.
            thread = threading.Thread(target=self._run, args=[sender, ended], daemon=True)
            thread.start()
            self._threads[name] = thread

    def stop(self) -> None:
        """Ends after the events that are on their way; the others are sent at the next start.

        So are those for which a destination has no answer within some seconds.
        """
        self._stop.set()
        end = time.monotonic() + STOP_SECONDS
        for name, thread in self._threads.items():
            thread.join(max(0.0, end - time.monotonic()))
            if thread.is_alive():
                self._notify(
                    f"{name} has not answered for {STOP_SECONDS:g} seconds: what is on its way"
                    " there is sent again at the next start"
                )
        for failure in self._failures:
            raise failure

    def _run(self, sender: Sender, ended: threading.Event) -> None:
        try:
            sender.run(self._stop)
        except BaseException as error:
            self._failures.append(error)
            ended.set()
