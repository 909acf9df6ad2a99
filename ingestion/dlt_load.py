"""One load by dlt: into the raw tables of a source, resumable, with its errors in one line."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import dlt
import duckdb
from dlt.common.configuration.specs.base_configuration import configspec
from dlt.common.exceptions import DltException
from dlt.common.runtime.run_context import RunContext
from dlt.destinations.impl.duckdb.configuration import DuckDbClientConfiguration
from dlt.extract import DltResource

from onecdp.warehouse.files import Warehouse, is_lock_problem, opening_problem

from .erasure import KeyProblem
from .landing.landed import Landed
from .landing.resume import remove_copies
from .landing.scratch import open_scratch
from .landing.stored import TypeChanged

PrepareLoad = Callable[[duckdb.DuckDBPyConnection, Path], tuple[Landed, Iterable[DltResource]]]
"""Lands what is new, given a scratch database and a scratch folder, and returns what dlt writes."""


class IngestError(Exception):
    """An error for the user, in one line."""


class ProjectContext(RunContext):
    """dlt with the settings of the project, wherever it was started, and no folder elsewhere."""

    def __init__(self, project: Path, work: Path) -> None:
        """Sets the project's folder, and the folder that dlt works in."""
        super().__init__(str(project))
        self._work = work

    @property
    def global_dir(self) -> str:
        """The folder that dlt works in."""
        return str(self._work)


@configspec(init=False)
class _Settings(DuckDbClientConfiguration):
    """dlt's settings; their text needs no SQLAlchemy, which is slow to import."""

    def __str__(self) -> str:
        return str(self.credentials.database)


class _Duckdb(dlt.destinations.duckdb):
    """dlt's destination, whose settings dlt looks up at every step of a load: here once."""

    spec = _Settings

    def __init__(self, database: Path) -> None:
        """The destination is one DuckDB file."""
        # A text would be read as a URL, by SQLAlchemy where it is installed.
        super().__init__({"database": str(database)})
        self._resolved: dict[tuple[str, str | None, bool], DuckDbClientConfiguration] = {}

    @property
    def destination_type(self) -> str:
        """The name that dlt keeps of it: that of its own class."""
        return "dlt.destinations.duckdb"

    def configuration(
        self, initial_config: DuckDbClientConfiguration, accept_partial: bool = False
    ) -> DuckDbClientConfiguration:
        """The settings that environment and files add to these."""
        # dlt's text of it has neither the dataset nor the credentials, which are the class's own.
        asked = repr(initial_config), initial_config.dataset_name, accept_partial
        if asked not in self._resolved:
            self._resolved[asked] = super().configuration(initial_config, accept_partial)
        return self._resolved[asked]


def run_load(
    source: str, prepare: PrepareLoad, warehouse: Path, notify: Callable[[str], None]
) -> Landed:
    """Loads one source; dlt's working folder is recreated if unusable.

    The raw tables and their loads are the truth. The working folder matters only for a load that
    was interrupted, and whatever it had not finished is read from the files again.

    Raises:
        IngestError: it could not be loaded.
    """
    database = Warehouse(warehouse).build_file
    work = warehouse / ".dlt" / source
    if not database.exists():
        shutil.rmtree(work, ignore_errors=True)
    try:
        try:
            return _run(source, prepare, warehouse, notify)
        except Exception as error:
            is_for_the_user = isinstance(error, TypeChanged | KeyProblem)
            if is_for_the_user or is_lock_problem(_root(error)) or not work.exists():
                raise
            notify(f"{source}: restarting: the interrupted load cannot be resumed")
            shutil.rmtree(work)
            return _run(source, prepare, warehouse, notify)
    except (TypeChanged, KeyProblem) as error:
        raise IngestError(f"{source}: {error}") from error
    except (DltException, duckdb.Error, OSError) as error:
        raise IngestError(_in_one_line(error, source, database)) from error


@contextmanager
def reading(source: str, database: Path) -> Iterator[None]:
    """Turns what can stop the reading of a source into errors for the user."""
    try:
        yield
    except (TypeChanged, KeyProblem) as error:
        raise IngestError(f"{source}: {error}") from error
    except (duckdb.Error, OSError) as error:
        text = _root(error)
        if is_lock_problem(text):
            raise IngestError(opening_problem(text, database)) from error
        first = next((line for line in text.splitlines() if line.strip()), text)
        raise IngestError(f"{source}: could not be checked against {database}: {first}") from error


def _run(
    source: str, prepare: PrepareLoad, warehouse: Path, notify: Callable[[str], None]
) -> Landed:
    database = Warehouse(warehouse).build_file
    pipeline = dlt.pipeline(
        source,
        destination=_Duckdb(database),
        dataset_name=f"raw_{source}",
        pipelines_dir=str(warehouse / ".dlt"),
    )
    if pipeline.has_pending_data:
        notify(f"{source}: finishing an interrupted load")
        remove_copies(pipeline, database)
        with _kept_open(database):
            pipeline.run()
    with tempfile.TemporaryDirectory(prefix="scratch", dir=warehouse / ".dlt") as folder:
        scratch = Path(folder)
        connection = open_scratch(scratch)
        try:
            landed, written = prepare(connection, scratch)
            if not landed.is_empty:
                notify(f"{source}: writing {landed.counts.loaded:,} rows")
                to_write = dlt.source(lambda: written, name=source, section=source)()
                with _kept_open(database):
                    pipeline.run(to_write, loader_file_format="parquet")
        finally:
            connection.close()
    return landed


def _kept_open(database: Path) -> duckdb.DuckDBPyConnection:
    """Spares the file a checkpoint and a reading of its catalogue at each of dlt's connections."""
    return duckdb.connect(str(database))


def _root(error: BaseException) -> str:
    """What the first of the chained errors says."""
    while error.__cause__ or error.__context__:
        error = error.__cause__ or error.__context__ or error
    return str(error) or type(error).__name__


def _in_one_line(error: BaseException, source: str, database: Path) -> str:
    text = _root(error)
    if is_lock_problem(text):
        return opening_problem(text, database)
    first = next((line for line in text.splitlines() if line.strip()), text)
    return f"{source}: could not be loaded into {database}: {first}"
