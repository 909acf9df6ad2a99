"""The base of the online store: everybody, as of the publication that it was written for."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path

from onecdp.serving.marts_documents import Difference
from onecdp.serving.store_file import BASE_SCHEMA, NOBODY, fresh_file, opened, writing
from onecdp.warehouse.files import replace_file

# More than one customer in so many is worth another base: a publication copies them all.
_SHARE_WORTH_A_BASE = 4
_COUNTED = "insert into base select count(*) from customers"
# What the base says of those who changed is outdated.
_FOLD = (
    "delete from main.customers where one_int in (select one_int from beside.customers)",
    "insert into main.customers select * from beside.customers where one_id is not null",
    "delete from main.identifiers where (id_type, id_value) in"
    " (select id_type, id_value from beside.identifiers)",
    f"insert into main.identifiers select * from beside.identifiers where one_int <> {NOBODY}",
)


def has_grown(changes: Path, base: Path) -> bool:
    """Returns whether so many customers differ from the base that another one is worth its cost."""
    with opened(changes) as later, opened(base) as everybody:
        ((changed,),) = later.execute("select count(*) from customers")
        # To count them would read the whole file.
        ((customers,),) = everybody.execute("select customers from base")
    return bool(changed * _SHARE_WORTH_A_BASE > customers)


def write_base(base: Path, difference: Difference) -> None:
    """Writes a base of customers and identifiers, which are read to their ends."""
    fresh = fresh_file(base)
    try:
        with writing(fresh, schema=BASE_SCHEMA) as store:
            store.executemany("insert into customers values (?, ?, ?, ?)", difference.customers)
            store.executemany("insert into identifiers values (?, ?, ?)", difference.identifiers)
            store.execute(_COUNTED)
        replace_file(fresh, base)
    finally:
        fresh.unlink(missing_ok=True)


def fold(
    changes: Path, base: Path, folded: Path,
    then: Callable[[sqlite3.Connection], None] = lambda store: None,
) -> None:  # fmt: skip
    """Writes another base, which has the changes since the present one.

    Args:
        changes: The store's file of changes.
        base: The base that they are of.
        folded: The base to write.
        then: Is called with what is written; what it deletes leaves no byte there.
    """
    copy = fresh_file(folded)
    try:
        shutil.copyfile(base, copy)
        with writing(copy, beside=changes) as store:
            for statement in _FOLD:
                store.execute(statement)
            then(store)
            store.execute("delete from base")
            store.execute(_COUNTED)
        rewrite(copy, folded)
    finally:
        copy.unlink(missing_ok=True)


def forget_changes(store: sqlite3.Connection) -> None:
    """Takes the changes out of a file of them: another base has them."""
    store.execute("delete from customers")
    store.execute("delete from identifiers")


def rewrite(file: Path, target: Path) -> None:
    """Replaces a file by another one's content: a deleted row leaves its bytes in the page."""
    fresh = file.with_name(f"{file.name}2")
    try:
        store = sqlite3.connect(file)
        try:
            store.execute("vacuum into ?", [str(fresh)])
        finally:
            store.close()
        replace_file(fresh, target)
    finally:
        fresh.unlink(missing_ok=True)
