"""Tombstones: keyed hashes of erased identifiers, and the key.

The hash is HMAC-SHA256, so the table reveals nothing without the key. The key is a
file beside the warehouse, for its owner alone, and never in the database.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import re
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import duckdb

from onecdp.identity.normalise import lower
from onecdp.warehouse.schemas import RAW_ERASURE

SCHEMA = RAW_ERASURE
TABLE = f"{SCHEMA}.tombstones"
KEY_FILE = ".erasure-key"
ANY_TYPE = "*"
_HASH_OR_UUID = re.compile(r"(?i)[0-9a-f]{32,128}|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
# Hashed with every key that is used, so that another key is noticed.
_CHECK = ("", "onecdp")


class KeyProblem(Exception):
    """The key of the tombstones is missing or another one; the message is for the user."""


@dataclass(frozen=True)
class Tombstones:
    """The tombstones of a warehouse.

    Attributes:
        key: The secret.
        hashes: Hex digits; two per erased identifier, one with its type and one with ANY_TYPE, for
            texts that do not say the types.
    """

    key: bytes
    hashes: frozenset[str]

    def holds(self, id_type: str, id_value: str) -> bool:
        """Whether the normalised identifier was erased; a hash or a UUID, whatever its type."""
        if keyed_hash(self.key, id_type, id_value) in self.hashes:
            return True
        return is_unmistakable(id_value) and any(map(self.holds_value, {id_value, lower(id_value)}))

    def holds_value(self, value: str) -> bool:
        """Whether an erased identifier of any type has this value."""
        return keyed_hash(self.key, ANY_TYPE, value) in self.hashes


def is_unmistakable(value: str) -> bool:
    """Whether a value names one thing in whatever column it stands: a hash, a UUID."""
    return _HASH_OR_UUID.fullmatch(value) is not None


def keyed_hash(key: bytes, id_type: str, id_value: str) -> str:
    """HMAC-SHA256 of a normalised identifier, 64 hex digits."""
    return hmac.digest(key, f"{id_type}:{id_value}".encode(), hashlib.sha256).hex()


def check_hash(key: bytes) -> str:
    """The hash that is stored with the tombstones to recognise their key."""
    return keyed_hash(key, *_CHECK)


def hashes_of(key: bytes, identifiers: Iterable[tuple[str, str]]) -> list[str]:
    """The hashes that are kept of erased identifiers (type and normalised value)."""
    pairs = sorted({(kind, value) for t, value in identifiers for kind in (t, ANY_TYPE)})
    return [check_hash(key), *(keyed_hash(key, *pair) for pair in pairs)]


def read_tombstones(
    connection: duckdb.DuckDBPyConnection, database: str, folder: Path
) -> Tombstones | None:
    """Reads the tombstones of an attached database; None where nobody was erased.

    Args:
        connection: Where it is attached.
        database: Its name there.
        folder: The warehouse folder, which holds the key.

    Raises:
        KeyProblem: There are tombstones, but not their key: loading would bring people back.
    """
    found = connection.execute(
        "select 1 from duckdb_tables() where database_name = $1 "
        "and schema_name || '.' || table_name = $2",
        [database, TABLE],
    ).fetchall()
    if not found:
        return None
    rows = connection.execute(f'select hmac from "{database}".{TABLE}').fetchall()
    if not rows:
        return None
    key = read_key(folder)
    hashes = frozenset(str(value) for (value,) in rows)
    if key is None or check_hash(key) not in hashes:
        what = "is missing or unreadable" if key is None else "does not match the tombstones"
        raise KeyProblem(
            f"{folder / KEY_FILE} {what}; loading is stopped, because erased people would be "
            "loaded again; restore the key from a backup"
        )
    return Tombstones(key, hashes)


def read_key(folder: Path) -> bytes | None:
    """The key of a warehouse folder; None where there is no sound one."""
    try:
        return bytes.fromhex((folder / KEY_FILE).read_text().strip()) or None
    except (OSError, ValueError):
        return None


def make_key(folder: Path) -> bytes:
    """Makes a key that only its owner can read, atomically."""
    key = secrets.token_bytes(32)
    fresh = folder / f"{KEY_FILE}.{os.getpid()}.tmp"
    fresh.unlink(missing_ok=True)
    handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        os.write(handle, f"{key.hex()}\n".encode())
        os.fsync(handle)
    finally:
        os.close(handle)
    fresh.replace(folder / KEY_FILE)
    return key
