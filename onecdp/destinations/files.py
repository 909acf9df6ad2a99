"""Files as a destination, in a folder or at any address that fsspec knows.

A file is written whole beside its place, or into a private folder where the place is remote, and
appears when it is complete. Its manifest follows it.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit, urlunsplit

import orjson
import pyarrow as pa
import pyarrow.csv as arrow_csv
import pyarrow.parquet as parquet
from fsspec.core import url_to_fs

from onecdp.destinations.folders import Folder, Local, Remote, is_local
from onecdp.destinations.kinds import FORMATS, Target
from onecdp.destinations.protocol import Action, Batch, Delivery
from onecdp.destinations.selection import Selection
from onecdp.errors import OnecdpError, UsageProblem
from onecdp.warehouse.files import scratch

_BLOCK = 1 << 20


def open_destination(target: Target, selection: Selection) -> Files:
    """Returns the folder or address that `--to` or the settings name."""
    options = target.options()
    url = options.text("url")
    storage = options.section("storage")
    file_format = target.file_format or options.choice("format", FORMATS, "csv")
    options.end()
    what = target.of(selection.is_package)
    what.columns()
    what.end()
    if selection.platform and file_format != "csv":
        raise UsageProblem(f"{selection.platform} takes csv, not {file_format}")
    if url.startswith("s3://") and "endpoint_url" in storage:
        # Stores with S3's protocol often lack the checksums that its newer clients send.
        needed = {"request_checksum_calculation": "when_required"}
        storage = {"config_kwargs": needed, **storage}
    try:
        system, path = url_to_fs(url, **storage)
    except ImportError as error:
        raise UsageProblem(f"{target.name}: {error} (docs/delivering.md)") from None
    except ValueError as error:
        raise UsageProblem(f"{target.name}: {error}") from None
    folder = Local(Path(path)) if is_local(system) else Remote(
        system, path, target.scratch / f"deliveries.files.{os.getpid()}.tmp", target.name
    )  # fmt: skip
    # The same bucket may be at two stores.
    address = " at ".join([url, *filter(None, [storage.get("endpoint_url")])])
    address = str(Path(path)) if isinstance(folder, Local) else _without_secrets(address)
    return Files(address, folder, file_format, target.is_diff, selection)


class Files:
    """A Destination."""

    batch_rows = 100_000
    confirms_batches = False

    def __init__(
        self, address: str, folder: Folder, file_format: str, is_diff: bool, selection: Selection
    ) -> None:
        """Takes where files go, and what they are."""
        self.address, self._folder, self._format = address, folder, file_format
        self.sends_all = not is_diff
        self._selection = selection
        self._writers: dict[str, _Writer] = {}
        self._delivery: Delivery | None = None

    def prepare(self, delivery: Delivery) -> bool:
        """Makes the folder."""
        self._delivery = delivery
        with self._told():
            self._folder.prepare()
            if self.sends_all:
                self._writer(Action.ALL)
        return False

    def send(self, batch: Batch) -> bool:
        """Writes the rows into a file that nobody sees yet."""
        rows = batch.rows
        if not self.sends_all and not self._selection.platform:
            change = pa.array([str(batch.action)] * len(batch.one_ids), pa.string())
            rows = rows.add_column(0, "change", change)
        with self._told():
            self._writer(batch.action).write(rows)
        return True

    def receipt(self) -> Mapping[str, Any]:
        """Closes the files and gives them, and their manifests, their names."""
        told = []
        with self._told():
            for writer in self._writers.values():
                told.append(writer.close())
                manifest = self._folder.place(f"{_stem(writer.name)}.manifest.json")
                manifest.write_bytes(
                    orjson.dumps(self._manifest(told[-1]), option=orjson.OPT_INDENT_2)
                )
                self._folder.publish(writer.name)
                self._folder.publish(f"{_stem(writer.name)}.manifest.json")
        return {"files": told}

    def close(self) -> None:
        """Deletes what has got no name."""
        for writer in self._writers.values():
            writer.abandon()
        self._folder.clear()

    def _writer(self, action: Action) -> _Writer:
        assert self._delivery is not None
        name = self._name(action, self._delivery)
        if name not in self._writers:
            schema = self._delivery.schema
            if not self.sends_all and not self._selection.platform:
                schema = pa.schema([pa.field("change", pa.string()), *schema])
            self._writers[name] = _Writer(name, self._folder.place(name), self._format, schema)
        return self._writers[name]

    def _name(self, action: Action, delivery: Delivery) -> str:
        selection = self._selection
        # A package is named by its user, who may have used a slash.
        parts = [quote(selection.what, safe="")]
        if selection.platform:
            parts.append(selection.platform)
        if action is not Action.ALL:
            parts.append(f"diff-{delivery.number:06}")
            if selection.platform:
                parts.append("removed" if action is Action.REMOVED else "added")
        return ".".join((*parts, self._format))

    def _manifest(self, file: Mapping[str, Any]) -> dict[str, Any]:
        assert self._delivery is not None
        selection = self._selection
        return {
            **file,
            "format": self._format,
            "columns": list(selection.columns),
            "what": selection.what,
            "package_name": selection.package_name,
            "segment_rule": selection.segment_rule,
            "as_of": self._delivery.as_of and self._delivery.as_of.date(),
            "delivery_number": self._delivery.number,
            "written_at": datetime.now(UTC).replace(microsecond=0),
        }

    @contextlib.contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            reason = error.strerror or type(error).__name__
            raise OnecdpError(f"{self.address} can't be written: {reason}") from None


class _Writer:
    """A file while it is written."""

    def __init__(self, name: str, place: Path, file_format: str, schema: pa.Schema) -> None:
        self.name, self._place, self._rows = name, place, 0
        self._schema = schema
        # As for all that has personal data and is not yet where it was asked for.
        self._file = os.fdopen(os.open(place, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, 0o600), "wb")
        self._table: Any = None
        if file_format == "csv":
            self._table = arrow_csv.CSVWriter(self._file, schema)
        elif file_format == "parquet":
            self._table = parquet.ParquetWriter(self._file, schema, compression="zstd")

    def write(self, rows: pa.Table) -> None:
        """Writes rows; columns that they lack are null."""
        whole = pa.table(
            {
                field.name: rows[field.name].cast(field.type)
                if field.name in rows.column_names
                else pa.nulls(rows.num_rows, field.type)
                for field in self._schema
            },
            schema=self._schema,
        )
        self._rows += rows.num_rows
        if self._table is not None:
            self._table.write_table(whole)
        else:
            self._file.write(_json_lines(whole))

    def close(self) -> dict[str, Any]:
        """Completes the file; returns what its manifest says of it."""
        if self._table is not None:
            self._table.close()
        self._file.close()
        digest = hashlib.sha256()
        with self._place.open("rb") as stream:
            while block := stream.read(_BLOCK):
                digest.update(block)
        size = self._place.stat().st_size
        return {
            "file": self.name,
            "rows": self._rows,
            "bytes": size,
            "sha256": digest.hexdigest(),
        }

    def abandon(self) -> None:
        """Closes what is open. Never raises."""
        with contextlib.suppress(Exception):
            self._file.close()


def _json_lines(rows: pa.Table) -> bytes:
    with scratch() as connection:
        connection.register("rows", rows)
        found = connection.execute("select to_json(rows)::varchar as line from rows")
        return "".join(f"{line}\n" for (line,) in found.fetchall()).encode()


def _stem(name: str) -> str:
    return name.rpartition(".")[0]


def _without_secrets(url: str) -> str:
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2], query=""))
