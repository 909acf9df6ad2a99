"""A tenant: one warehouse, its store and its figures, which only its own keys reach."""

from __future__ import annotations

import contextlib
import re
import sqlite3

from onecdp.collector.refusals import Refusal
from onecdp.errors import OnecdpError
from onecdp.identity.normalise import normalise
from onecdp.identity.personal import PLAIN_TYPES, hashed_identifier
from onecdp.live.kept import LiveEvents
from onecdp.serving.current_store import CurrentStore
from onecdp.serving.live_answers import LiveAnswers, open_live
from onecdp.serving.lookups import Store
from onecdp.serving.marts_questions import MartsQuestions
from onecdp.serving.metrics import Metrics
from onecdp.serving.settings import Settings, TenantSettings
from onecdp.serving.store_file import ONE_ID, inode

MAX_VALUE = 1_024
"""Characters of an identifier."""
_ONE_ID = re.compile(r"(?i)ONE[0-9a-f]{16}")


class Tenant:
    """What the keys of one tenant ask."""

    def __init__(self, settings: TenantSettings, project: Settings) -> None:
        """Opens the tenant's store.

        Args:
            settings: The tenant's.
            project: Those of the project that serves.

        Raises:
            OnecdpError: There is none.
        """
        self.name = settings.name
        self.current = CurrentStore(settings.store)
        self.marts = MartsQuestions(settings.warehouse.marts_file)
        self.metrics = Metrics()
        self._personal, self._id_types = project.personal, project.id_types
        self._live_file, self._live_settings = settings.warehouse.live_file, project.live
        self.live = open_live(self._live_file, self._live_settings)

    @property
    def store(self) -> Store:
        """The newest publication: take it once per request.

        Raises:
            Refusal: It was taken away, or can't be read.
        """
        if not self.current.is_usable:
            raise Refusal(503, "no_store", "the online store isn't there, or can't be read", 5)
        return self.current.store

    def find_live(self) -> bool:
        """Returns whether to open the recent events: they have come, or gone, or are worn."""
        if self.live is None:
            return self._live_file.is_file()
        if self.live.is_worn or self.live.identity != inode(self._live_file):
            return True
        # What is wrong with the file is told by look-ups.
        with contextlib.suppress(sqlite3.Error):
            self.live.catch_up(self.current.store)
        return False

    def open_live(self) -> LiveAnswers | None:
        """Opens the recent events; None if they aren't there. May run beside look-ups."""
        return open_live(self._live_file, self._live_settings)

    def change_live(self, live: LiveAnswers | None) -> None:
        """Answers with other recent events from now on; not while a look-up runs."""
        before, self.live = self.live, live
        if before is not None:
            before.close()

    def trigger_figures(self) -> list[tuple[str, str, str, int]]:
        """Returns figures of triggers, `outbox.read_figures`. In any thread: it takes a while."""
        if self.live is None:
            return []
        # They may be deleted or made anew meanwhile, which the look for another publication sees.
        with contextlib.suppress(OnecdpError, sqlite3.Error):
            events = LiveEvents(self._live_file)
            with contextlib.closing(events):
                return events.trigger_figures()
        return []

    def close(self) -> None:
        """Closes what is open."""
        if self.live is not None:
            self.live.close()
        self.marts.close()
        self.current.store.close()

    def spelled(self, id_type: str, id_value: str) -> tuple[str, str]:
        """Returns an identifier as the store has it; a plain address or number becomes its hash.

        Raises:
            Refusal: There is no such type, or it can't be an identifier of it.
        """
        is_plain = id_value.isascii() and id_value.isalnum() and len(id_value) <= MAX_VALUE
        if is_plain and id_type in self.store.unhashed_types:
            # Most: nothing can be removed from them.
            return id_type, id_value
        kind, known = id_type.strip().lower(), {*self.store.id_types, *self._id_types}
        if kind != ONE_ID and kind not in known and kind not in PLAIN_TYPES:
            raise Refusal(400, "unknown_id_type", "there are no identifiers of this type")
        if len(id_value) > MAX_VALUE:
            raise Refusal(400, "invalid_identifier", f"it has more than {MAX_VALUE} characters")
        if kind == ONE_ID:
            one_id = id_value.strip()
            return kind, f"ONE{one_id[3:].lower()}" if _ONE_ID.fullmatch(one_id) else one_id
        try:
            kind, value = hashed_identifier(kind, id_value, self._personal, known)
        except OnecdpError as error:
            # It has the type, and what is wrong, not the value.
            raise Refusal(400, "invalid_identifier", str(error)) from None
        return kind, normalise(kind, value)
