"""The online store in a real Redis server: it says what the file says, whole and alone."""

from __future__ import annotations

import json
import random
import time
from dataclasses import replace
from pathlib import Path

import pytest
from support.redis_server import RedisServer, needs_redis
from support.redis_worlds import ADA, BOB, CY, SMALL, Publisher, answers, in_file
from support.serving import (
    World,
    changed,
    write_marts,
)

from onecdp.collector.refusals import Refusal
from onecdp.errors import OnecdpError
from onecdp.live.settings import NO_FEATURES
from onecdp.live.state import LiveState
from onecdp.serving import write_redis
from onecdp.serving.current_store import CurrentStore
from onecdp.serving.live_answers import LiveAnswers
from onecdp.serving.places import Publication
from onecdp.serving.publications import Customers
from onecdp.serving.redis_keys import FORMAT
from onecdp.serving.redis_place import RedisPlace
from onecdp.serving.redis_store import RedisStore

pytestmark = needs_redis


@pytest.mark.parametrize("seed", [0, pytest.param(1, marks=pytest.mark.soak)])
def test_it_answers_as_the_file_does_after_any_change(
    place: RedisPlace, redis: RedisServer, tmp_path: Path, seed: int
) -> None:
    draw, world, publish = random.Random(seed), SMALL, Publisher(place)
    publish(world)
    held: RedisStore | None = None
    before: list[object] = []
    for day in range(4):
        world = changed(world, draw)
        publish(world, is_known=day != 2)
        if held and day != 2:
            # Whoever has not changed over yet still reads the publication of before, whole.
            assert answers(held) == before
        held = place.open()
        before = answers(held)
        assert before == in_file(world, tmp_path / "file")
    # What was replaced twice is gone.
    versions = [value for key, value in redis.everything().items() if ":i:" in key or ":c:" in key]
    assert all(len(fields) <= 4 for fields in versions)


def test_only_what_changed_is_written(place: RedisPlace, redis: RedisServer) -> None:
    publish = Publisher(place)
    publish(SMALL)
    publish(replace(SMALL, people=(ADA, replace(BOB, level="gold"), CY)))

    ((_, touched),) = [each for each in redis.everything().items() if ":touched:" in each[0]]
    assert [key.decode().rpartition(":c:")[2] for key in touched] == ["2"]
    # Neither equal marts nor a new position of the log make anything anew.
    everything = redis.everything()
    assert not place.write(Publication("2"))
    assert redis.everything() == everything
    assert place.write(Publication("2", batch='{"taken_in": {}, "as_of": "2026-06-06",'
                                              ' "blocked": [], "patterns": []}'))  # fmt: skip
    assert place.open().batch is not None
    everything.pop("shop:store")
    assert everything.items() <= redis.everything().items()


class Killed(BaseException):
    """The process ends here."""


@pytest.mark.parametrize(
    ("step", "is_known"),
    [
        (9, True),
        pytest.param(1, True, marks=pytest.mark.soak),
        pytest.param(1, False, marks=pytest.mark.soak),
    ],
)
def test_a_publication_that_is_killed_anywhere_is_not_seen(
    place: RedisPlace, redis: RedisServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    is_known: bool, step: int,
) -> None:  # fmt: skip
    from redis.client import Pipeline, Redis

    # A round trip for each row, so that there are more moments.
    monkeypatch.setattr(write_redis, "_BATCH", 1)
    publish, worlds = Publisher(place), [SMALL, World((ADA, CY), {"P1": (1,)})]
    expected = [in_file(each, tmp_path / "file") for each in worlds]
    publish(worlds[0])
    left = 0

    def make_killable(kind: type, name: str) -> None:
        asked = getattr(kind, name)

        def killable(self, *args, **options):
            nonlocal left
            left -= 1
            if left == 0:
                raise Killed
            return asked(self, *args, **options)

        monkeypatch.setattr(kind, name, killable)

    make_killable(Pipeline, "execute")
    make_killable(Redis, "execute_command")
    now, moments = 0, 0
    while True:
        held = place.open()
        moments += 1
        left = moments * step
        try:
            publish(worlds[1 - now], is_known=is_known)
        except Killed:
            left = 0
            if answers(place.open()) == expected[now]:
                assert answers(held) == expected[now]
                publish(worlds[1 - now], is_known=is_known)
        else:
            break
        now = 1 - now
        assert answers(place.open()) == expected[now]
        # As the next one will find it.
        publish.world, publish.days = worlds[now], int(place.open().publication[:-12])
    left = 0
    assert moments > 2
    # Nothing is left of all that was begun.
    assert len([key for key in redis.everything() if key.endswith(":oldest")]) == 1
    assert redis.client.scard("shop:epochs") == 1


def test_what_a_kill_behind_the_pointer_leaves_goes_also_without_a_change(
    place: RedisPlace, redis: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish = Publisher(place)
    publish(SMALL)

    def kill(*_: object) -> None:
        raise Killed

    with monkeypatch.context() as killing:
        killing.setattr(time, "sleep", kill)
        with pytest.raises(Killed):
            publish(replace(SMALL, people=(BOB,)), is_known=False)
    assert "Name 1" in str(redis.everything())

    assert not place.write(Publication("2"))
    assert "Name 1" not in str(redis.everything())
    assert redis.client.scard("shop:epochs") == 1
    assert place.open().profile("member_id", "M2")


def test_a_server_that_deletes_keys_by_itself_is_refused(
    place: RedisPlace, redis: RedisServer
) -> None:
    write_marts(place.marts, SMALL)
    redis.client.config_set("maxmemory-policy", "allkeys-lru")
    try:
        # Without a limit it deletes nothing.
        assert place.write(Publication("1"))
        redis.client.config_set("maxmemory", "1gb")
        with pytest.raises(OnecdpError, match=r"maxmemory-policy is allkeys-lru.*noeviction"):
            place.write(Publication("2"))
        # An account that can't ask is believed.
        redis.client.acl_setuser("asker", enabled=True, passwords=["+pw"], keys=["*"],
                                  commands=["+@all", "-info"])  # fmt: skip
        asker = replace(redis.settings, username="asker", password="pw")
        assert RedisPlace(asker, place.marts).write(Publication("2"))
    finally:
        redis.client.config_set("maxmemory", 0)
        redis.client.config_set("maxmemory-policy", "noeviction")


def test_who_is_two_publications_behind_answers_no_more(place: RedisPlace) -> None:
    publish = Publisher(place)
    publish(SMALL)
    current = CurrentStore(place)
    assert current.find_newer() is None
    publish(replace(SMALL, people=(ADA, BOB)))
    assert current.store.customer("device_id", "D3")
    publish(SMALL)
    # What it would need has been deleted: half an answer would be wrong.
    with pytest.raises(Refusal, match="can't be reached"):
        current.store.customer("device_id", "D3")
    assert not current.is_usable
    newer = current.find_newer()
    assert newer
    current.change_to(newer).close()
    assert current.is_usable
    assert current.store.customer("device_id", "D3")


def test_nothing_of_an_erased_person_is_left(place: RedisPlace, redis: RedisServer) -> None:
    publish = Publisher(place)
    publish(SMALL)
    # So that there are two versions, and lists of what has them.
    publish(replace(SMALL, people=(replace(ADA, level="silver"), BOB, CY)))
    held = place.open()
    values = ("D/1", "M1", "Name 1", ADA.one_id)
    assert all(value in str(redis.everything()) for value in values)

    place.erase([("member_id", "M1"), ("device_id", "D/1")], [1])

    assert not [value for value in values if value in str(redis.everything())]
    # At once, also for who has not changed over.
    assert held.profile("member_id", "M1") is None
    store = place.open()
    assert json.loads(store.audiences_of(1)) == []
    assert set(store.audiences["P1"].members) == {3}
    assert store.profile("member_id", "M2")
    assert store.publication != held.publication
    # The next publication is made of the marts.
    publish(replace(SMALL, people=(BOB, CY)))
    assert place.open().customer("member_id", "M1") is None
    place.remove()
    assert not redis.everything()
    place.erase([("member_id", "M1")], [1])
    with pytest.raises(OnecdpError, match=r"the online store of redis://127.0.0.1:\d+/0 \(shop\)"):
        place.open()


def test_who_is_erased_between_two_look_ups_of_one_answer_is_nobody(
    place: RedisPlace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Publisher(place)(SMALL)
    held = place.open()
    ada = held.customer("member_id", "M1")
    LiveState(tmp_path / "live.sqlite").close()
    place.erase([("member_id", "M1"), ("device_id", "D/1")], [1])
    # The first look-up was before that.
    monkeypatch.setattr(held, "customer", lambda *_: ada)
    live = LiveAnswers(tmp_path / "live.sqlite", NO_FEATURES)
    assert live.profile(held, ("member_id", "M1")).found is None
    live.close()
    # `onecdp live` looks again.
    with pytest.raises(OnecdpError, match="was erased meanwhile"):
        Customers(held).one_id_of(1)


def test_two_prefixes_do_not_see_each_other(place: RedisPlace, redis: RedisServer) -> None:
    other = RedisPlace(replace(redis.settings, prefix="shop-b"), place.marts)
    Publisher(place)(SMALL)
    Publisher(other)(replace(SMALL, people=(BOB,)))
    place.remove()
    assert other.open().customer("member_id", "M2")


def test_warehouse_does_not_replace_the_store_of_another(
    place: RedisPlace, redis: RedisServer, tmp_path: Path
) -> None:
    """Two projects that were given one server, and both left the prefix as it is."""
    publish = Publisher(place)
    publish(SMALL)
    before = redis.everything()
    (tmp_path / "other").mkdir()
    other = RedisPlace(redis.settings, tmp_path / "other" / "marts.duckdb")
    with pytest.raises(OnecdpError, match="has the online store of another warehouse; choose") as e:
        Publisher(other)(SMALL)
    assert "delete the key shop:store there" in str(e.value)
    # Nor does one that keeps no store any more, or erases a customer of its own.
    other.remove()
    with pytest.raises(OnecdpError, match="has the online store of another warehouse; choose"):
        other.erase([("member_id", "M1")], [1])
    assert redis.everything() == before
    # Nor of one in the format of another version.
    redis.client.hset("shop:store", "format", "2")
    older = redis.everything()
    with pytest.raises(OnecdpError, match="has the online store of another warehouse; choose"):
        Publisher(other)(SMALL)
    for touch in (other.check, lambda: other.erase([("member_id", "M1")], [1])):
        with pytest.raises(OnecdpError, match="has the online store of another warehouse; choose"):
            touch()
    other.remove()
    assert redis.everything() == older
    redis.client.hset("shop:store", "format", str(FORMAT))
    # The owner goes on, as a process of its own.
    publish.place = RedisPlace(redis.settings, place.marts)
    publish(replace(SMALL, people=(ADA, CY)))
