"""Redis or Valkey as the place of an online store."""

from __future__ import annotations

import os
import secrets
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from onecdp.errors import OnecdpError
from onecdp.serving import redis_keys
from onecdp.serving.places import Identifiers, Publication
from onecdp.serving.redis_settings import RedisSettings
from onecdp.serving.redis_store import RedisStore
from onecdp.warehouse.files import replace_file

if TYPE_CHECKING:
    from onecdp.serving.write_redis import RedisWriter

_SECONDS = 30.0
# The pointer is small, and whoever reads it is asked to end meanwhile.
_POINTER_SECONDS = 5.0


@dataclass(frozen=True)
class RedisPlace:
    """The keys of one prefix.

    Attributes:
        settings: The server and the prefix.
        marts: The published file that the store is made of.
    """

    settings: RedisSettings
    marts: Path

    def identity(self) -> object:
        """Returns what the pointer says."""
        with redis_keys.told(self.settings):
            return redis_keys.read_identity(self._reader, self.settings)

    def open(self) -> RedisStore:
        """Opens the store."""
        return RedisStore(self.settings)

    def read_batch(self) -> str | None:
        """Returns what the build had taken in."""
        with redis_keys.told(self.settings):
            state = redis_keys.read_state(self._reader, self.settings)
        return None if state is None else state.batch

    def write(self, publication: Publication) -> bool:
        """Adds what changed, then names it in the pointer."""
        with self._writer() as writer:
            return writer.write(self.marts, publication)

    def check(self) -> None:
        """Raises if the store is another warehouse's, or the server can't be reached."""
        with self._writer() as writer:
            writer.check_owner()

    def erase(self, identifiers: Identifiers, one_ints: Sequence[int]) -> None:
        """Deletes a person's keys, and the person in audiences."""
        with self._writer() as writer:
            writer.erase(identifiers, one_ints)

    def remove(self) -> None:
        """Deletes all keys."""
        with self._writer() as writer:
            writer.remove()

    @cached_property
    def _client(self) -> Any:
        return redis_keys.connect(self.settings, _SECONDS)

    @cached_property
    def _reader(self) -> Any:
        return redis_keys.connect(self.settings, _POINTER_SECONDS)

    def _writer(self) -> AbstractContextManager[RedisWriter]:
        # Readers pay nothing for it.
        from onecdp.serving.write_redis import writing

        return writing(self._client, self.settings, _owner_of(self.marts.parent))


def _owner_of(folder: Path) -> str:
    """The name of a warehouse among those that may share a server, made when it is first asked for.

    Raises:
        OnecdpError: It can't be written.
    """
    file = folder / "online.owner"
    try:
        if file.is_file() and (name := file.read_text(encoding="ascii").strip()):
            return name
        fresh = file.with_name(f"{file.name}.{os.getpid()}.tmp")
        try:
            fresh.write_text(f"{secrets.token_hex(16)}\n", encoding="ascii")
            replace_file(fresh, file)
        finally:
            fresh.unlink(missing_ok=True)
        return file.read_text(encoding="ascii").strip()
    except (OSError, ValueError) as error:
        raise OnecdpError(f"{file} can't be used: {error}") from error
