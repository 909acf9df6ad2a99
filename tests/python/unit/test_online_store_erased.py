"""Who was erased stays erased in the online store, whatever was published and interrupted."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import duckdb
import pytest
from support.online_store import held
from support.serving import Person, World, build_world, publish_world

from onecdp.erasure.tables import set_unfinished
from onecdp.errors import OnecdpError
from onecdp.pipeline.publish import publish_marts
from onecdp.serving.erase_store import erase_from_store
from onecdp.serving.online_store import OnlineStore
from onecdp.serving.places import FilePlace, Stores

ADA = Person(1, "gold", ("member_id:M1", "device_id:D1"))
BOB = Person(2, None, ("member_id:M2",))
WORLD = World((ADA, BOB), {"P1": (1, 2)})


def test_who_was_split_off_since_the_publication_leaves_nothing_with_others(
    tmp_path: Path,
) -> None:
    """The build has parted D1 from Ada, who is person 1; what is published still has it there."""
    warehouse = publish_world(tmp_path, WORLD)

    erase_from_store(warehouse, [("device_id", "D1")], [3])

    assert not [value for value in (b"D1", b"Name 1") if value in held(tmp_path)]
    store = OnlineStore(warehouse.online_file)
    assert store.profile("member_id", "M1") is store.profile("one_id", ADA.one_id) is None
    assert json.loads(store.audiences_of(1)) == []
    assert store.profile("member_id", "M2") is not None


def test_a_base_that_a_killed_publication_left_goes_with_the_erasure(tmp_path: Path) -> None:
    warehouse = publish_world(tmp_path, WORLD)
    # As after a kill between the two files of the first publication.
    warehouse.online_file.unlink()
    assert b"Name 1" in held(tmp_path)

    FilePlace(warehouse).erase([("member_id", "M1")], [1])

    assert held(tmp_path) == b""


def test_publishing_waits_for_a_build_that_knows_of_an_erasure(tmp_path: Path) -> None:
    """The marts of a build before an interrupted erasure have the person still."""
    warehouse = publish_world(tmp_path, WORLD)
    with duckdb.connect(warehouse.build_file) as private:
        private.execute("create schema raw_erasure")
        # The clock has gone back since the build.
        private.execute("update audit.node_status set finished_at = '2099-01-01'")
        set_unfinished(private)
    erase_from_store(warehouse, [("member_id", "M1"), ("device_id", "D1")], [1])

    with pytest.raises(OnecdpError, match=r"an erasure was interrupted.*onecdp forget"):
        publish_marts(warehouse, stores=Stores(FilePlace(warehouse)))

    assert OnlineStore(warehouse.online_file).profile("member_id", "M1") is None
    # `onecdp run` builds all, and publishes although the erasure is not finished.
    build_world(warehouse, replace(WORLD, people=(BOB,), audiences={"P1": (2,)}))
    publish_marts(warehouse, stores=Stores(FilePlace(warehouse)))
    store = OnlineStore(warehouse.online_file)
    assert store.profile("member_id", "M1") is None
    assert store.profile("member_id", "M2") is not None
