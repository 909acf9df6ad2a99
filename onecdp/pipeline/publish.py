"""Publish: replaces the published file by the marts, after every test has passed.

Readers open `marts.duckdb` and nothing else. The new file is written beside the old one and takes
its place by an atomic rename, so a reader sees the old marts or the new ones, never a mixture. A
reader that has the old file open goes on reading it. Only tables that differ are written; if none
does, the file stays. The online store, if the project keeps one, is made of the published file.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path

import duckdb

from onecdp.erasure.tables import has_older_marts
from onecdp.errors import OnecdpError
from onecdp.pipeline import marts_file, published
from onecdp.pipeline.context import Context
from onecdp.pipeline.identifier_columns import identifier_columns
from onecdp.pipeline.last_build import builders
from onecdp.project.find import Project
from onecdp.serving.places import FilePlace, Publication, Stores
from onecdp.serving.settings import read_stores
from onecdp.serving.store_file import clean_store, name_publication
from onecdp.warehouse.files import Warehouse, connect, remove_leftovers, replace_file
from onecdp.warehouse.schemas import AUDIT, MARTS
from onecdp.warehouse.sql_text import one_line

_NAMED = 5


@dataclass(frozen=True)
class Published:
    """What was published.

    Attributes:
        file: The published file.
        tables: How many tables it has.
        changed: The tables that differ from those published before; without any, the file stays.
        left_out: Relations of the private marts that no model makes any more.
    """

    file: Path
    tables: int
    changed: tuple[str, ...]
    left_out: tuple[str, ...]

    @property
    def notice(self) -> str | None:
        """One line on what was left out, if anything was."""
        if not self.left_out:
            return None
        names = ", ".join(f"{MARTS}.{name}" for name in self.left_out)
        return f"publish: left out {names}: no model of the project makes it any more"


def publish(context: Context) -> Published:
    """Replaces the published file by the marts of the private one.

    Raises:
        OnecdpError: The last build has failures, or is older than an erasure that was interrupted,
            or a file can't be opened or written. The published file is then unchanged.
    """
    stores = online_stores(context.project)
    with context.lock("onecdp publish"):
        return publish_marts(context.warehouse, stores=stores)


def online_stores(project: Project) -> Stores:
    """Returns where publishing keeps the online store, and where it must not be.

    Raises:
        OnecdpError: The settings can't be read; ask before there is much to lose.
    """
    stores = read_stores(project.folder, project.warehouse, os.environ)
    if stores.kept is None:
        return stores
    # Whoever keeps no store pays nothing for its libraries.
    from onecdp.live.features import asks_for_tickets
    from onecdp.live.settings import read_live_settings

    if not asks_for_tickets(read_live_settings(project.folder).features):
        return stores
    return replace(stores, ticket_columns=identifier_columns(project.folder, "support", "tickets"))


def publish_marts(
    warehouse: Warehouse, *, rewrite: bool = False, stores: Stores | None = None
) -> Published:
    """Publishes, with the lock held by the caller.

    Args:
        warehouse: The warehouse.
        rewrite: Write the whole file anew. A table that is replaced in a copy of the file may leave
            its old bytes there, which an erasure must not.
        stores: Where the online store is brought to what is published, too, and where one that is
            there is deleted, because nobody keeps it. Without it, nobody keeps any.
    """
    # Only those of publishing: readers of the published file keep theirs in marts.duckdb.tmp.
    remove_leftovers(warehouse.folder, f"{warehouse.marts_file.name}.*.tmp*")
    clean_store(warehouse)
    stores = stores or Stores(others=[FilePlace(warehouse)])
    if stores.kept is None:
        done, _, _ = _publish(warehouse, rewrite)
        _remove(stores)
        return done
    # After an erasure, nothing may keep the file of before.
    with nullcontext() if rewrite else _kept(warehouse.marts_file) as before:
        done, wanted, known = _publish(warehouse, rewrite)
        try:
            stores.kept.write(
                Publication(
                    name_publication(wanted),
                    before=before,
                    of=None if known is None else name_publication(known),
                    batch=_batch_state(warehouse, stores),
                    private=warehouse.build_file,
                )
            )
        except OnecdpError as error:
            raise OnecdpError(
                f"the marts are published, the online store is that of before: {error};"
                " then run `onecdp publish`"
            ) from error
    _remove(stores)
    return done


def _remove(stores: Stores) -> None:
    try:
        for place in stores.others:
            place.remove()
    except OnecdpError as error:
        raise OnecdpError(
            f"the marts are published, but an online store that is kept no more is still there:"
            f" {error}; then run `onecdp publish`"
        ) from error


def _batch_state(warehouse: Warehouse, stores: Stores) -> str | None:
    from onecdp.serving.batch_state import read_batch_state

    with connect(warehouse.build_file, read_only=True) as private:
        state = read_batch_state(private, stores.ticket_columns)
    return None if state is None else state.to_json()


@contextmanager
def _kept(file: Path) -> Iterator[Path | None]:
    """Keeps the published file under a second name while another one takes its place."""
    second = file.with_name(f"{file.name}.{os.getpid()}.before.tmp")
    try:
        os.link(file, second)
    except OSError:
        # There is none yet, or the file system has no hard links.
        yield None
        return
    try:
        yield second
    finally:
        second.unlink()


_Digests = Mapping[str, marts_file.Digest]


def _publish(warehouse: Warehouse, rewrite: bool) -> tuple[Published, _Digests, _Digests | None]:
    """Returns what was published, what its tables hold, and what those before held, if known."""
    if not warehouse.build_file.is_file():
        raise OnecdpError(f"{warehouse.build_file} isn't there; run `onecdp run` first")
    with connect(warehouse.build_file, read_only=True) as private:
        _audit(private)
        names, left_out = _relations(private)
        if not names:
            raise OnecdpError(f"{warehouse.build_file} has no marts; run `onecdp build` first")
        noted = None if rewrite else published.read_noted(private, warehouse)
        known = noted.digests if noted else None
        built_by = builders(private)
        if noted and noted.built_by == built_by:
            unchanged = Published(warehouse.marts_file, len(names), (), left_out)
            return unchanged, noted.digests, known
        wanted = marts_file.digest_marts(private, names)
    changed = tuple(name for name in names if known is None or known.get(name) != wanted[name])
    if changed or known is None or set(known) - set(names):
        _replace(warehouse, wanted, known)
    published.note(warehouse, wanted, built_by)
    return Published(warehouse.marts_file, len(names), changed, left_out), wanted, known


def _replace(
    warehouse: Warehouse,
    wanted: Mapping[str, marts_file.Digest],
    known: Mapping[str, marts_file.Digest] | None,
) -> None:
    file = warehouse.marts_file
    fresh = file.with_name(f"{file.name}.{os.getpid()}.tmp")
    try:
        marts_file.write(
            warehouse.build_file,
            fresh,
            wanted,
            old=None if known is None else file,
            known=known or {},
        )
        replace_file(fresh, file)
    except (duckdb.Error, OSError) as error:
        raise OnecdpError(f"{fresh} can't be written: {one_line(str(error))}") from error
    finally:
        fresh.unlink(missing_ok=True)


def _audit(private: duckdb.DuckDBPyConnection) -> None:
    """Raises unless every node's latest run ended well (macros/project/audit_*.sql keep these).

    Also if that was before an erasure, which has taken the person out of the online store already.
    """
    try:
        rows = private.execute(
            "select unique_id, status, strftime(finished_at, '%Y-%m-%d %H:%M')"
            f" from {AUDIT}.node_status order by unique_id"
        ).fetchall()
    except duckdb.CatalogException:
        rows = []
    if not rows:
        raise OnecdpError("nothing was built yet; run `onecdp build` first. Nothing was published")
    running = [since for _, status, since in rows if status == "running"]
    if running:
        raise OnecdpError(
            f"the build that began at {running[0]} didn't finish; run `onecdp build` again."
            " Nothing was published"
        )
    bad = [
        f"{unique_id.split('.')[2]} ({status})"
        for unique_id, status, _ in rows
        if status not in ("success", "pass", "warn", "no-op")
    ]
    if bad:
        more = f" and {len(bad) - _NAMED} more" if len(bad) > _NAMED else ""
        raise OnecdpError(
            f"the last build has failures: {', '.join(bad[:_NAMED])}{more};"
            " fix them and run `onecdp build`. Nothing was published"
        )
    if has_older_marts(private):
        raise OnecdpError(
            "an erasure was interrupted, and the marts may have the person still; run the same"
            " `onecdp forget` again to finish it. Nothing was published"
        )


def _relations(private: duckdb.DuckDBPyConnection) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The names of the marts that models make, and of those that a model which is gone left."""
    rows = private.execute(
        "select table_name, table_name in ("
        f"   select relation_name from {AUDIT}.node_status where relation_schema = $1)"
        " from information_schema.tables"
        " where table_catalog = current_database() and table_schema = $1 order by all",
        [MARTS],
    ).fetchall()
    return (
        tuple(name for name, is_made in rows if is_made),
        tuple(name for name, is_made in rows if not is_made),
    )
