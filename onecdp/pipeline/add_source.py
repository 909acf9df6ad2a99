"""Adds a source to the project, by what a file of it holds."""

from __future__ import annotations

import http.client
import shutil
import tempfile
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from onecdp.errors import OnecdpError, UsageProblem
from onecdp.new_source.names import check_name
from onecdp.new_source.plan import Asked, Plan, make_plan
from onecdp.new_source.write import Written, write_source
from onecdp.pipeline.context import Context
from onecdp.pipeline.ingest import one_at_a_time
from onecdp.project.data import parse_data
from onecdp.project.ingestion import load_ingestion

_PATIENCE = 60


@dataclass(frozen=True)
class AddedSource:
    """What was decided and written."""

    plan: Plan
    written: Written


def add_source(context: Context, asked: Asked, start: str) -> AddedSource:
    """Writes a new source into the project.

    Args:
        context: The project.
        asked: What the user said.
        start: The file to learn from, or its URL, by http(s) or in object storage.

    Raises:
        UsageProblem: The name, the file or an option can't be used.
        OnecdpError: The file can't be fetched, or the project not be written; nothing has changed.
    """
    project = context.project.folder
    code = load_ingestion(project)
    if code.preview is None or not hasattr(code.preview, "read_shape"):
        raise OnecdpError(
            "the project's ingestion/preview/ is that of an earlier onecdp; copy it from a project "
            "of `onecdp init`"
        )
    check_name(asked.name, code.pipelines.source_names())
    place = parse_data(start)
    start = str(place).partition("?")[0]
    context.progress.update(f"source add: {start}")
    with tempfile.TemporaryDirectory(prefix="onecdp-source-") as folder, one_at_a_time:
        file = place if isinstance(place, Path) else _fetch(place, Path(folder), code)
        if not file.is_file():
            raise UsageProblem(f"{start} is no file; name one with rows of the source")
        try:
            shape = code.preview.read_shape(file, project, asked.key)
        except code.preview.NoShape as error:
            raise UsageProblem(f"{start}: {error}") from None
    id_types = sorted(shape.id_types)
    plan = make_plan(shape, asked, id_types, is_xlsx=file.name.lower().endswith(".xlsx"))
    return AddedSource(plan, write_source(plan, project))


def _fetch(url: str, folder: Path, code: Any) -> Path:
    """A copy of the file, in a folder that the caller removes."""
    if not url.startswith(("http://", "https://")):
        try:
            copy: Path = code.preview.fetch(url, folder)
        except code.pipelines.IngestError as error:
            raise OnecdpError(str(error)) from None
        return copy
    name = Path(unquote(urlsplit(url).path)).name
    shown = url.partition("?")[0]
    if not name:
        raise UsageProblem(f"{shown} is no URL of a file")
    try:
        with (
            urllib.request.urlopen(url, timeout=_PATIENCE) as answer,
            (folder / name).open("wb") as stream,
        ):
            shutil.copyfileobj(answer, stream)
    except urllib.error.HTTPError as error:
        raise OnecdpError(f"{shown} can't be fetched: {error.code} {error.reason}") from None
    except (OSError, ValueError, http.client.HTTPException) as error:
        reason = getattr(error, "reason", error)
        raise OnecdpError(f"{shown} can't be fetched: {reason}") from None
    return folder / name
