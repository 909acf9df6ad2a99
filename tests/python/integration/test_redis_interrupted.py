"""What interruptions leave in the online store in Redis: erasures, and commands that came twice."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from support.redis_server import RedisServer, needs_redis
from support.redis_worlds import ADA, BOB, CY, SMALL, Publisher, answers, in_file
from support.serving import World

from onecdp.serving import write_redis
from onecdp.serving.redis_place import RedisPlace

pytestmark = needs_redis
IDENTIFIERS = [("member_id", "M1"), ("device_id", "D/1")]


class Killed(BaseException):
    """The process ends here."""


def around(monkeypatch: pytest.MonkeyPatch, kind: type, name: str, act: Callable[..., Any]) -> None:
    """Calls `act` with a method and its arguments in place of the method."""
    asked = getattr(kind, name)
    monkeypatch.setattr(kind, name, lambda *args, **more: act(asked, *args, **more))


def test_who_was_split_off_since_the_publication_leaves_nothing_with_others(
    place: RedisPlace, redis: RedisServer
) -> None:
    """The build has parted D/1 from Ada, who is person 1; what is published still has it there."""
    Publisher(place)(SMALL)

    place.erase([("device_id", "D/1")], [4])

    assert not [value for value in ("D/1", "Name 1") if value in str(redis.everything())]
    store = place.open()
    assert store.profile("member_id", "M1") is store.profile("one_id", ADA.one_id) is None
    assert set(store.audiences["P1"].members) == {3}
    assert store.profile("member_id", "M2")


def test_erasure_that_is_killed_and_not_repeated_leaves_no_hole(
    place: RedisPlace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was undone everywhere else, so the next publication has the customer."""
    from redis.client import Pipeline, Redis

    left = 0

    def count(asked: Callable[..., Any], *args: Any, **more: Any) -> Any:
        nonlocal left
        left -= 1
        if left == 0:
            raise Killed
        return asked(*args, **more)

    around(monkeypatch, Pipeline, "execute", count)
    around(monkeypatch, Redis, "execute_command", count)
    later = replace(SMALL, people=(ADA, replace(BOB, level="silver"), CY))
    expected, moments = in_file(later, tmp_path / "file"), 0
    while True:
        publish = Publisher(place)
        publish(SMALL, is_known=False)
        moments += 1
        left = moments
        try:
            place.erase(IDENTIFIERS, [1])
        except Killed:
            left = 0
            publish(later)
            assert answers(place.open()) == expected
        else:
            break
    assert moments > 10


def test_command_that_is_sent_twice_changes_nothing(
    place: RedisPlace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As the client does when its connection breaks before the answer."""
    from redis.client import Pipeline, Redis

    def twice(asked: Callable[..., Any], *args: Any, **more: Any) -> Any:
        asked(*args, **more)
        return asked(*args, **more)

    def all_twice(asked: Callable[..., Any], self: Any, **more: Any) -> Any:
        commands, scripts = [*self.command_stack], {*self.scripts}
        asked(self, **more)
        self.command_stack, self.scripts = commands, scripts
        return asked(self, **more)

    monkeypatch.setattr(write_redis, "_BATCH", 1)
    publish = Publisher(place)
    publish(SMALL)
    with monkeypatch.context() as killing:

        def kill(*_: object) -> None:
            raise Killed

        killing.setattr(write_redis.RedisWriter, "_put_audiences", kill)
        with pytest.raises(Killed):
            publish(World((BOB, CY), {"P1": (3,)}))
    around(monkeypatch, Pipeline, "execute", all_twice)
    around(monkeypatch, Redis, "execute_command", twice)
    for world in (SMALL, replace(SMALL, people=(replace(ADA, level="silver"), BOB, CY))):
        publish(world)
        assert answers(place.open()) == in_file(world, tmp_path / "file")
