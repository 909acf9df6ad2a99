"""Keys of the API: who asks. They are random, so a plain SHA-256 of them can't be reversed."""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Iterable
from hashlib import sha256
from typing import Any, Generic, TypeVar

from onecdp.collector.keys import Rate
from onecdp.serving.settings import Key

PREFIX = "ocdp_"
T = TypeVar("T")


def make_key() -> tuple[str, str]:
    """Returns a new key of 256 random bits, and its digest."""
    key = PREFIX + secrets.token_urlsafe(32)
    return key, digest_of(key)


def digest_of(key: str) -> str:
    """Returns what the settings have of a key: its SHA-256 in hex."""
    return sha256(key.encode("utf-8", "replace")).hexdigest()


class Asker(Generic[T]):
    """One key, what it opens, and its rate."""

    def __init__(self, key: Key, tenant: T) -> None:
        """Starts with a full burst."""
        self.key, self.tenant = key, tenant
        self.rate = Rate(key.requests_per_second)
        shown = "" if key.fields is None else sha256(repr(sorted(key.fields)).encode()).hexdigest()
        self.headers: tuple[object, Any] | None = None
        """The headers of answers of a publication, kept for the next answer."""
        # Of another view on the same publication.
        self.tag = f"-{shown[:8]}" if shown else ""

    def sees(self, field: str) -> bool:
        """Whether the key may see a column of profiles."""
        return self.key.fields is None or field in self.key.fields


class Askers(Generic[T]):
    """All keys of all tenants."""

    def __init__(self, askers: Iterable[Asker[T]]) -> None:
        """Takes the keys, which differ."""
        self._known = [(asker.key.digest.encode(), asker) for asker in askers]
        self._headers: dict[bytes, Asker[T]] = {}

    def find_again(self, authorization: bytes) -> Asker[T] | None:
        """Returns who sends a header; hashes the key only when it comes for the first time.

        A wrong key is compared with no right one: the table's own hash of it differs.
        """
        found = self._headers.get(authorization)
        if found is None and (found := self.find(authorization.decode("latin-1"))) is not None:
            if len(self._headers) >= 2 * len(self._known):
                # Somebody spells a header in many ways.
                self._headers.clear()
            self._headers[authorization] = found
        return found

    def find(self, authorization: str | None) -> Asker[T] | None:
        """Returns who sends `Authorization: Bearer KEY`; takes equally long for all wrong keys."""
        scheme, _, key = (authorization or "").partition(" ")
        given = digest_of(key.strip()).encode() if scheme.lower() == "bearer" else b""
        found = None
        for digest, asker in self._known:
            if hmac.compare_digest(digest, given):
                found = asker
        return found
