"""Who was erased stays erased in the online store, whatever was published and interrupted."""

from __future__ import annotations

import json
from pathlib import Path

from support.serving import Person, World, publish_world

from onecdp.serving.online_store import OnlineStore
from onecdp.serving.write_store import erase_from_store

ADA = Person(1, "gold", ("member_id:M1", "device_id:D1"))
BOB = Person(2, None, ("member_id:M2",))
WORLD = World((ADA, BOB), {"P1": (1, 2)})


def test_who_was_split_off_since_the_publication_leaves_nothing_with_others(
    tmp_path: Path,
) -> None:
    """The build has parted D1 from Ada, who is person 1; what is published still has it there."""
    warehouse = publish_world(tmp_path, WORLD)

    erase_from_store(warehouse, [("device_id", "D1")], [3])

    left = warehouse.online_file.read_bytes()
    assert not [value for value in (b"D1", b"Name 1") if value in left]
    store = OnlineStore(warehouse.online_file)
    assert store.profile("member_id", "M1") is store.profile("one_id", ADA.one_id) is None
    assert json.loads(store.audiences_of(1)) == []
    assert store.profile("member_id", "M2") is not None
