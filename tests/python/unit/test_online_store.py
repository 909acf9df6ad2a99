"""The online store: it equals the marts after any change, and a reader sees one publication."""

from __future__ import annotations

import json
import random
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import duckdb
import pytest
from support.online_store import ADA, BOB, CY, SMALL, audiences, base_of, contents, read_publication
from support.redis_worlds import answers
from support.serving import Person, World, changed, publish_world, write_marts

from onecdp.audiences.bitmaps import BitMap
from onecdp.errors import OnecdpError
from onecdp.pipeline.publish import publish_marts
from onecdp.serving.audience_masks import AudienceMasks
from onecdp.serving.current_store import CurrentStore
from onecdp.serving.marts_documents import MartsDocuments
from onecdp.serving.online_store import OnlineStore
from onecdp.serving.places import FilePlace, Stores
from onecdp.serving.write_store import write_store
from onecdp.warehouse.files import Warehouse


def published(warehouse: Warehouse, query: str) -> list[tuple[Any, ...]]:
    with duckdb.connect(warehouse.marts_file, read_only=True) as marts:
        return marts.execute(query).fetchall()


def test_the_store_holds_what_the_marts_hold(tmp_path: Path) -> None:
    warehouse = Warehouse(tmp_path)
    write_marts(warehouse.marts_file, SMALL)
    write_store(warehouse, "first", before=None, of=None)
    store = OnlineStore(warehouse.online_file)

    found = store.profile("device_id", "D/1")

    assert found is not None
    assert (found.one_int, found.one_id) == (1, ADA.one_id)
    assert found.document.decode() == (
        f'{{"one_id":"{ADA.one_id}","one_int":1,"real_name":"Name 1","level":"gold",'
        '"gross_revenue":10.2500,"last_event_at":"2026-06-01T08:26:00.500Z","score":null,'
        '"tags":["a","b"]}'
    )
    known = store.identifiers("one_id", ADA.one_id)
    assert known is not None
    assert json.loads(known.document) == [
        {"id_type": t, "id_value": v, "confidence": 0.9, "first_seen": "2026-05-01T00:00:00.000Z"}
        for t, v in (("device_id", "D/1"), ("member_id", "M1"))
    ]
    pairs = published(warehouse, "select id_type, id_value, one_int from id_map where is_active")
    for id_type, id_value, one_int in pairs:
        customer = store.customer(id_type, id_value)
        assert customer is not None
        assert customer.one_int == one_int
    # Inactive, of another type, and unknown.
    for pair in (("device_id", "D0"), ("device_id", "M1"), ("member_id", "M9"), ("", "")):
        assert store.profile(*pair) is None
    assert [audiences(store, number) for number in (1, 2, 3)] == [["P1"], [], ["P1"]]
    assert [key for key, each in store.audiences.items() if each.has_failed] == ["P3"]
    assert store.id_types == ("device_id", "email_hash", "member_id")


def test_who_is_held_out_is_a_member_who_is_not_to_be_reached(tmp_path: Path) -> None:
    held = replace(SMALL, held_out=(3,))
    store = OnlineStore(publish_world(tmp_path, held).online_file)
    assert [audiences(store, number) for number in (1, 2, 3)] == [["P1"], [], []]
    assert set(store.audiences["P1"].members) == {1, 3}
    assert [store.audiences["P1"].arm_of(number) for number in (1, 3)] == ["treatment", "hold_out"]
    # Without hold-outs, everybody is reached.
    store = OnlineStore(publish_world(tmp_path, SMALL).online_file)
    assert audiences(store, 3) == ["P1"]


# Another base never, when there are many changes, and each time.
@pytest.mark.parametrize(("seed", "share"), [(0, 0), (1, 4), (2, 10**6), (3, 0)])
def test_an_updated_store_equals_one_that_is_made_anew(
    tmp_path: Path, seed: int, share: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("onecdp.serving.store_base._SHARE_WORTH_A_BASE", share)
    if seed == 1:
        # In many parts.
        monkeypatch.setattr("onecdp.serving.marts_documents._CUSTOMERS", 2)
    draw, world = random.Random(seed), SMALL
    updated, anew = (Warehouse(tmp_path / name) for name in ("updated", "anew"))
    for each in (updated, anew):
        each.folder.mkdir()
    write_marts(updated.marts_file, world)
    write_store(updated, "0", before=None, of=None)
    bases = {base_of(updated)}
    for day in range(1, 6):
        before = updated.marts_file.rename(tmp_path / "before")
        world = changed(world, draw)
        write_marts(updated.marts_file, world)
        assert MartsDocuments(updated.marts_file, before).is_comparable
        assert write_store(updated, str(day), before=before, of=str(day - 1))
        shutil.copy(updated.marts_file, anew.marts_file)
        write_store(anew, str(day), before=None, of=None)

        assert contents(updated.online_file) == contents(anew.online_file)
        one, other = OnlineStore(updated.online_file), OnlineStore(anew.online_file)
        assert answers(one) == answers(other)
        one.close()
        other.close()
        bases.add(base_of(updated))
        assert len(list(updated.folder.glob("online*"))) == 2
    assert (len(bases) == 1) == (share == 0)


def test_only_what_changed_is_written(tmp_path: Path) -> None:
    write_marts(tmp_path / "before", SMALL)
    write_marts(tmp_path / "after", replace(SMALL, people=(ADA, replace(BOB, level="gold"), CY)))

    documents = MartsDocuments(tmp_path / "after", tmp_path / "before")
    difference = documents.difference()

    assert documents.is_comparable
    assert [row[0] for row in difference.customers] == [2]
    rest = (difference.gone, difference.identifiers, difference.gone_identifiers)
    assert [list(rows) for rows in rest] == [[], [], []]
    documents.close()


def test_the_store_follows_the_publication_and_the_setting(tmp_path: Path) -> None:
    warehouse = publish_world(tmp_path, SMALL)
    first, name = warehouse.online_file.stat(), read_publication(warehouse.online_file)

    # Built again with the same result; then with another table of the marts.
    publish_world(tmp_path, SMALL)
    publish_world(tmp_path, SMALL, "create table marts.orders as select 1 as one_int")
    assert warehouse.online_file.stat() == first

    publish_world(tmp_path, SMALL, "alter table marts.customer_profiles add column city varchar")
    found = OnlineStore(warehouse.online_file).profile("member_id", "M1")
    assert found is not None
    assert json.loads(found.document)["city"] is None
    assert read_publication(warehouse.online_file) != name
    # Equal marts have equal names, so that what clients keep stays valid.
    publish_world(tmp_path, SMALL)
    assert read_publication(warehouse.online_file) == name

    publish_world(tmp_path, SMALL, has_store=False)
    assert not warehouse.online_file.exists()
    publish_marts(warehouse, stores=Stores(FilePlace(warehouse)))
    assert read_publication(warehouse.online_file) == name


def test_marts_that_lack_a_table_are_one_line_and_the_store_stays(tmp_path: Path) -> None:
    warehouse = publish_world(tmp_path, SMALL)
    before = warehouse.online_file.read_bytes()

    with pytest.raises(
        OnecdpError, match=r"online store is that of before: .* these marts.*id_map"
    ):
        publish_world(tmp_path, SMALL, "drop table marts.id_map")

    assert warehouse.online_file.read_bytes() == before
    assert not list(tmp_path.glob("*.tmp*"))
    warehouse.online_file.write_bytes(b"no store")
    with pytest.raises(OnecdpError, match="is no online store of this version"):
        OnlineStore(warehouse.online_file)
    # Publishing mends it.
    publish_world(tmp_path, SMALL)
    assert audiences(OnlineStore(warehouse.online_file), 1) == ["P1"]


@pytest.mark.parametrize("count", [0, 1, 8, 9, 33, 64, 65, 130])
def test_masks_say_what_the_bitmaps_say(count: int) -> None:
    draw = random.Random(count)
    # Some are empty.
    sizes = draw.choices([0, 3, 200], k=count)
    sets = {f"P{n}": BitMap(draw.sample(range(300), size)) for n, size in enumerate(sizes)}
    masks = AudienceMasks(sets)
    for one_int in (*range(300), 301, 10**9):
        expected = [name for name, members in sets.items() if one_int in members]
        assert json.loads(masks.json_of(one_int)) == expected


def test_a_reader_sees_whole_publications_only(tmp_path: Path) -> None:
    warehouse, numbers = Warehouse(tmp_path), range(1, 20)
    current: CurrentStore | None = None
    for day in range(4):
        people = tuple(Person(n, f"g{day}", (f"device_id:g{day}n{n}",)) for n in numbers)
        write_marts(warehouse.marts_file, World(people, {f"P{day}": numbers}))
        write_store(warehouse, str(day), before=None, of=None)
        if current is None:
            current = CurrentStore(FilePlace(warehouse))
            continue
        held, newer = current.store, current.find_newer()
        # The old one answers until the change, although its file is gone.
        for number in numbers:
            found = held.profile("device_id", f"g{day - 1}n{number}")
            assert found is not None
            assert json.loads(found.document)["level"] == f"g{day - 1}"
            assert audiences(held, number) == [f"P{day - 1}"]
        assert newer is not None
        assert current.change_to(newer) is held
        held.close()
        assert current.find_newer() is None
        assert current.store.profile("device_id", f"g{day - 1}n1") is None
        assert current.store.profile("device_id", f"g{day}n1") is not None
    assert current is not None
    warehouse.online_file.unlink()
    assert current.find_newer() is None
    assert not current.is_usable
    write_store(warehouse, "again", before=None, of=None)
    newer = current.find_newer()
    assert newer is not None
    current.change_to(newer).close()
    assert current.is_usable
