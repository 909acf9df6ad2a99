"""The data folder: one on a disk as it is, one in object storage with copies of its objects."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .dlt_load import IngestError
from .project_settings import project_settings
from .readers.object_settings import BadStorage, open_folder
from .readers.objects import ObjectFolder

REMEMBERED = "objects.json"


@contextmanager
def opened_data(
    data_dir: Path | str, work: Path, remembered: Path
) -> Iterator[Path | ObjectFolder]:
    """Opens a data folder; copies of objects are below `work` while it is open.

    Args:
        data_dir: The folder, or the URL of one in object storage.
        work: A folder for copies.
        remembered: The file that tells what objects hold.

    Raises:
        IngestError: The settings of object storage can't work.
    """
    if isinstance(data_dir, Path):
        yield data_dir
        return
    with tempfile.TemporaryDirectory(prefix="scratch", dir=work) as copies:
        try:
            folder = open_folder(data_dir, Path(copies), remembered)
        except BadStorage as error:
            raise IngestError(str(error)) from error
        try:
            yield folder
        finally:
            folder.storage.save()


def top_level(url: str) -> tuple[list[tuple[str, bool]], str | None]:
    """What a data folder in object storage holds.

    Returns:
        The names in it, each with whether it is a folder; and why it can't be listed, if so.

    Raises:
        IngestError: The settings of object storage can't work.
    """
    with tempfile.TemporaryDirectory() as folder, project_settings(Path(folder)):
        work = Path(folder)
        with opened_data(url, work, work / REMEMBERED) as data:
            assert isinstance(data, ObjectFolder)
            try:
                return data.storage.top_level(data.path), None
            except OSError as error:
                return [], f"can't be listed: {error}"
