"""The files of the online store: changes and their base, kills, erasure."""

from __future__ import annotations

import json
import signal
import sqlite3
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from support.cli import clean_environment
from support.online_store import (
    ADA,
    BOB,
    CY,
    SMALL,
    audiences,
    base_of,
    contents,
    held,
    read_publication,
)
from support.serving import Person, World, build_world, publish_world

from onecdp.errors import OnecdpError
from onecdp.pipeline.publish import publish_marts
from onecdp.serving.erase_store import erase_from_store
from onecdp.serving.online_store import OnlineStore
from onecdp.serving.places import FilePlace, Stores
from onecdp.serving.store_file import open_store
from onecdp.serving.write_store import write_store


def test_the_first_publication_after_which_the_changes_are_many_makes_another_base(
    tmp_path: Path,
) -> None:
    people = tuple(Person(number, ids=(f"device_id:{number}",)) for number in range(1, 41))
    warehouse = publish_world(tmp_path, World(people))
    first, bases = base_of(warehouse), []
    for day in range(1, 5):
        people = tuple(
            replace(each, level=f"day {day}") if each.number % 8 == day else each for each in people
        )
        publish_world(tmp_path, World(people))
        bases.append(base_of(warehouse))
    # An eighth a day, and the files are looked at before one more is added.
    assert [base == first for base in bases] == [True, True, True, False]
    store = OnlineStore(warehouse.online_file)
    levels = [json.loads(f.document)["level"] for n in range(1, 41) if (f := store.profile_of(n))]
    assert levels == [each.level for each in people]


def test_no_byte_of_an_erased_person_is_left_in_the_store(tmp_path: Path) -> None:
    # Of one person under two one_ints at first, with an identifier that is withdrawn.
    merged = Person(4, ids=("device_id:D4", "device_id:D5"))
    publish_world(tmp_path, replace(SMALL, people=(*SMALL.people, merged)))
    ada = replace(ADA, ids=(*ADA.ids, "device_id:D4"))
    warehouse = publish_world(tmp_path, replace(SMALL, people=(ada, BOB, CY)))
    name = read_publication(warehouse.online_file)
    # Those of before are in the base.
    former = (b"D5", b"Name 4", merged.one_id.encode())
    values = (b"D/1", b"M1", b"Name 1", b"D4", ADA.one_id.encode(), *former)
    assert all(value in held(tmp_path) for value in values)

    erase_from_store(warehouse, [("member_id", "M1"), ("device_id", "D/1")], [1])

    assert not [value for value in values if value in held(tmp_path)]
    store = OnlineStore(warehouse.online_file)
    assert audiences(store, 1) == []
    assert store.profile("member_id", "M2") is not None
    assert audiences(store, 3) == ["P1"]
    assert store.publication != name
    assert set(tmp_path.glob("online*")) == {warehouse.online_file, base_of(warehouse)}
    # The next publication is made of the marts, not of this file.
    publish_world(tmp_path, replace(SMALL, people=(BOB, CY)))
    assert OnlineStore(warehouse.online_file).customer("member_id", "M1") is None


KILLED_AT_RENAME = """
import importlib, os, signal, sys
from pathlib import Path
from onecdp.pipeline.publish import publish_marts
from onecdp.serving.places import FilePlace, Stores
from onecdp.warehouse.files import Warehouse
def die(fresh, file):
    os.kill(os.getpid(), signal.SIGKILL)
importlib.import_module('onecdp.serving.' + sys.argv[2]).replace_file = die
warehouse = Warehouse(Path(sys.argv[1]))
publish_marts(warehouse, stores=Stores(FilePlace(warehouse)))
"""


@pytest.mark.parametrize("module", ["write_store", "store_base"])
def test_a_publish_killed_before_the_rename_leaves_the_old_store_whole(
    tmp_path: Path, module: str
) -> None:
    warehouse = publish_world(tmp_path, SMALL)
    before = contents(warehouse.online_file)
    columns = "alter table marts.customer_profiles add column city varchar"
    build_world(warehouse, World((ADA,), {"P1": (1,)}), columns)

    killed = subprocess.run(
        [sys.executable, "-c", KILLED_AT_RENAME, str(tmp_path), module],
        env=clean_environment(), check=False,
    )  # fmt: skip

    assert killed.returncode == -signal.SIGKILL
    assert list(tmp_path.glob("online.sqlite.*.tmp*"))
    assert contents(warehouse.online_file) == before
    # The marts are published, the store belongs to those before: it is made anew.
    publish_marts(warehouse, stores=Stores(FilePlace(warehouse)))
    assert OnlineStore(warehouse.online_file).profile("member_id", "M2") is None
    assert not list(tmp_path.glob("*.tmp*"))
    assert set(tmp_path.glob("online*")) == {warehouse.online_file, base_of(warehouse)}


def test_a_store_whose_base_goes_while_it_is_opened_is_opened_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    warehouse = publish_world(tmp_path, SMALL)

    def open_late(file: Path) -> sqlite3.Connection:
        opened = open_store(file)
        monkeypatch.undo()
        write_store(warehouse, "anew", before=None, of=None)
        return opened

    monkeypatch.setattr("onecdp.serving.online_store.open_store", open_late)
    store = OnlineStore(warehouse.online_file)
    assert store.publication.startswith("anew")
    assert store.profile("member_id", "M2") is not None

    base_of(warehouse).unlink()
    with pytest.raises(OnecdpError, match="is no online store of this version"):
        OnlineStore(warehouse.online_file)
    # Publishing mends it.
    publish_marts(warehouse, stores=Stores(FilePlace(warehouse)))
    assert OnlineStore(warehouse.online_file).profile("member_id", "M2") is not None
