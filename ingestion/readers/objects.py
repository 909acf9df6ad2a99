"""Object storage as a data folder: the same files and rules as on a disk.

An object is copied to this machine to be read. Which bytes a version of it has is remembered, so
that what was loaded is not fetched again.
"""

from __future__ import annotations

import hashlib
import json
import re
import shutil
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from io import BufferedReader
from pathlib import Path, PurePosixPath
from typing import Any

from onecdp.printable import printable

from ..landing.arrivals import Refused
from .discover import Found, SourceFile, discover, format_of, in_order, is_packed, no_format

MAX_COPIES = 2 << 30
"""Bytes of copies that are kept at most; a single larger object is kept while it is read."""


class Storage:
    """Objects, reached by fsspec, and the copies of those that are being read.

    One that can't be reached any more is not asked again: every attempt takes its time.
    """

    def __init__(self, filesystem: Any, copies: Path, remembered: Path) -> None:
        """Asks for nothing yet.

        Args:
            filesystem: An fsspec filesystem.
            copies: A folder for copies, removed by the caller.
            remembered: The file that holds what objects hold; need not exist.
        """
        self._filesystem = filesystem
        self._copies = copies
        self._kept: dict[Path, int] = {}
        self._remembered = remembered
        self._hashes: dict[str, dict[str, list[str | None]]] = _read(remembered)
        self._gone: str | None = None

    def listed(self, path: str) -> Mapping[str, Mapping[str, Any]]:
        """What is below a path, by its path.

        Raises:
            OSError: It can't be listed.
        """
        found: Mapping[str, Mapping[str, Any]] = self._ask("find", path, detail=True)
        return found

    def top_level(self, path: str) -> list[tuple[str, bool]]:
        """The names in a folder, each with whether it is a folder itself; none if it isn't there.

        Raises:
            OSError: It can't be listed.
        """
        try:
            found = self._ask("ls", path, detail=True)
        except FileNotFoundError:
            # A bucket that isn't there can't be searched either; a folder is empty.
            self.listed(path)
            return []
        names = {_below(each["name"], path): each["type"] == "directory" for each in found}
        return sorted((name, is_folder) for name, is_folder in names.items() if name)

    def copy(self, path: str, size: int) -> Path:
        """The copy of an object; older copies make room for it.

        Raises:
            OSError: It can't be fetched.
        """
        copy = self._copies / hashlib.sha256(path.encode()).hexdigest()
        if copy in self._kept:
            return copy
        while self._kept and sum(self._kept.values()) + size > MAX_COPIES:
            oldest = next(iter(self._kept))
            # Who reads it goes on reading.
            oldest.unlink(missing_ok=True)
            del self._kept[oldest]
        try:
            self._ask("get_file", path, str(copy))
        except BaseException:
            copy.unlink(missing_ok=True)
            raise
        self._kept[copy] = copy.stat().st_size
        return copy

    def known(self, folder: str, name: str, version: str) -> tuple[str, str | None] | None:
        """The fingerprint and the content of a version of an object, if they are remembered."""
        entry = self._hashes.get(_key(folder), {}).get(_key(name))
        if not entry or entry[0] != version or not entry[1]:
            return None
        return entry[1], entry[2]

    def remember(
        self, folder: str, name: str, version: str, fingerprint: str, content: str | None
    ) -> None:
        """Notes the fingerprint and the content of a version of an object."""
        entries = self._hashes.setdefault(_key(folder), {})
        entries[_key(name)] = [version, fingerprint, content]

    def forget_others(self, folder: str, names: list[str]) -> None:
        """Drops what is remembered of objects that a folder has no more."""
        entries, kept = self._hashes.get(_key(folder), {}), set(map(_key, names))
        for key in entries.keys() - kept:
            del entries[key]

    def save(self) -> None:
        """Writes what is remembered; it holds hashes alone, and is only a shortcut."""
        new = self._remembered.with_suffix(".new")
        with suppress(OSError):
            new.write_text(json.dumps(self._hashes))
            new.replace(self._remembered)

    def _ask(self, what: str, *args: Any, **options: Any) -> Any:
        if self._gone:
            raise OSError(self._gone)
        try:
            return getattr(self._filesystem, what)(*args, **options)
        except FileNotFoundError as error:
            raise FileNotFoundError(_reason(error)) from None
        except PermissionError as error:
            raise PermissionError(f"access denied: {_reason(error)}") from None
        except Exception as error:
            # Clients have errors of their own, which are no OSError.
            self._gone = _reason(error)
            raise OSError(self._gone) from None


@dataclass(frozen=True)
class ObjectFolder:
    """A folder in object storage.

    Attributes:
        url: What the user calls it.
        path: What the filesystem calls it.
        storage: Where it is.
    """

    url: str
    path: str
    storage: Storage = field(repr=False)

    def __truediv__(self, name: str) -> ObjectFolder:
        """A folder in it."""
        return ObjectFolder(f"{self.url}/{name}", f"{self.path}/{name}", self.storage)

    def __str__(self) -> str:
        """What the user calls it."""
        return self.url

    def discover(self, excel: bool) -> Found:
        """Lists what is below it.

        Raises:
            Refused: It can't be listed.
        """
        try:
            listed = self.storage.listed(self.path)
        except OSError as error:
            raise Refused(f"can't be listed: {error}") from None
        files: list[SourceFile] = []
        left_out: dict[str, str] = {}
        for path, told in listed.items():
            key = _below(path, self.path)
            # Programs make empty objects to have folders.
            if told.get("type") != "file" or not key or _is_hidden(key):
                continue
            name, kind = printable(key), format_of(key, excel)
            if kind is None:
                left_out[name] = no_format(PurePosixPath(key), excel)
            else:
                size = int(told.get("size") or 0)
                files.append(
                    ObjectFile(name, kind, is_packed(key), self, path, size, _version(told))
                )
        self.storage.forget_others(self.path, [file.name for file in files])
        return in_order(files, left_out)


@dataclass(frozen=True)
class ObjectFile(SourceFile):
    """An object to read.

    Attributes:
        folder: Where it was found.
        path: What the filesystem calls it.
        size: Its bytes.
        version: What changes with its bytes, as the listing tells it.
    """

    folder: ObjectFolder
    path: str
    size: int
    version: str

    def open(self) -> BufferedReader:
        """The stream of the bytes that its fingerprint was made of.

        Raises:
            OSError: It can't be fetched, or was changed since it was listed.
        """
        stream = self.folder.storage.copy(self.path, self.size).open("rb")
        known = self._known()
        if known and hashlib.file_digest(stream, "sha256").hexdigest() != known[0]:
            stream.close()
            raise OSError("it was changed while it was read; the next run reads it")
        stream.seek(0)
        return stream

    def fingerprint(self) -> str:
        """SHA-256 of the bytes, in hex."""
        return self._hashed()[0]

    def content(self) -> str | None:
        """SHA-256 of the unpacked bytes, in hex; None if a .gz file can't be unpacked."""
        return self._hashed()[1]

    def _known(self) -> tuple[str, str | None] | None:
        return self.folder.storage.known(self.folder.path, self.name, self.version)

    def _hashed(self) -> tuple[str, str | None]:
        known = self._known()
        if known is None:
            fingerprint = super().fingerprint()
            known = fingerprint, super().content() if self.compressed else fingerprint
            self.folder.storage.remember(self.folder.path, self.name, self.version, *known)
        return known


def list_files(folder: Path | ObjectFolder, excel: bool) -> Found:
    """Lists what is below a folder, here or in object storage.

    Raises:
        Refused: Object storage can't be listed.
    """
    return folder.discover(excel) if isinstance(folder, ObjectFolder) else discover(folder, excel)


def copy_in_tree(folder: ObjectFolder, name: str, into: Path) -> Path:
    """A copy of one object, below `into`, in folders that are called as in the URL.

    Raises:
        OSError: It can't be fetched.
    """
    parts = [part for part in re.split("[/:]+", f"{folder.url}/{name}") if part not in ("", "..")]
    copy = into.joinpath(*parts)
    copy.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(folder.storage.copy(f"{folder.path}/{name}", 0), copy)
    return copy


def _below(path: str, folder: str) -> str:
    return path.removeprefix(folder).strip("/")


def _is_hidden(key: str) -> bool:
    return any(part.startswith(".") for part in key.split("/"))


def _version(told: Mapping[str, Any]) -> str:
    """What a listing tells that changes with an object's bytes."""
    names = ("ETag", "etag", "generation", "md5Hash", "size", "LastModified", "last_modified",
             "updated")  # fmt: skip
    return "/".join(str(told[name]) for name in names if told.get(name) is not None)


def _key(text: str) -> str:
    """Names of files may be personal; a hash tells nothing of them."""
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def _read(file: Path) -> dict[str, dict[str, list[str | None]]]:
    try:
        found = json.loads(file.read_text())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _reason(error: BaseException) -> str:
    """Why a client failed, in one line; without what it was asked, which may be signed."""
    said = list(_texts(error))
    text = " ".join(re.sub(r"\?[^\s\"']*", "", said[0]).split())[:300]
    return f"{text} ({said[1]})" if len(said) > 1 else text


def _texts(error: BaseException) -> Iterator[str]:
    yield str(error).strip() or type(error).__name__
    for each in (error, error.__cause__):
        response = getattr(each, "response", None)
        if isinstance(response, dict) and (code := response.get("Error", {}).get("Code")):
            yield str(code)
            return
