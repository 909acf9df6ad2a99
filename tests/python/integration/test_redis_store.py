"""The online store in a real Redis server: it says what the file says, whole and alone."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from support.api import make_api_project, refused, serving, settings
from support.api_worlds import ANSWERED, ASKED, OTHER, OWN
from support.cli import BuiltProject, run_cli
from support.live_worlds import event
from support.redis_server import PASSWORD, RedisServer, needs_redis, redis_server
from support.serving import (
    Person,
    World,
    build_world,
    changed,
    publish_world,
    write_marts,
)
from support.triggers import Stage, trigger

from onecdp.cli.main import main
from onecdp.collector.refusals import Refusal
from onecdp.errors import OnecdpError
from onecdp.live.settings import NO_FEATURES
from onecdp.live.state import LiveState
from onecdp.pipeline.publish import publish_marts
from onecdp.serving import write_redis
from onecdp.serving.current_store import CurrentStore
from onecdp.serving.live_answers import LiveAnswers
from onecdp.serving.lookups import Store
from onecdp.serving.online_store import OnlineStore
from onecdp.serving.places import Publication, Stores
from onecdp.serving.publications import Customers, OpenPublications
from onecdp.serving.redis_place import RedisPlace
from onecdp.serving.redis_settings import RedisSettings
from onecdp.serving.redis_store import RedisStore
from onecdp.serving.write_store import write_store
from onecdp.warehouse.files import Warehouse

pytestmark = needs_redis
ADA = Person(1, "gold", ("member_id:M1", "device_id:D/1"), ("device_id:D0",))
BOB = Person(2, None, ("member_id:M2", "email_hash:b2"))
CY = Person(3, "silver", ("device_id:D3",))
SMALL = World((ADA, BOB, CY), {"P1": (1, 3), "P2": ()}, failed=("P3",), held_out=(3,))


@pytest.fixture(scope="module")
def server() -> Iterator[RedisServer]:
    with redis_server() as started:
        yield started


@pytest.fixture
def place(server: RedisServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> RedisPlace:
    server.client.flushall()
    monkeypatch.setattr(write_redis, "_CHANGE_SECONDS", 0)
    return RedisPlace(server.settings, tmp_path / "marts.duckdb")


class Publisher:
    """Publishes worlds, each after the one before it."""

    def __init__(self, place: RedisPlace) -> None:
        self.place, self.days = place, 0
        self.world: World | None = None

    def __call__(self, world: World, *, is_known: bool = True) -> None:
        before = None
        if self.world and is_known:
            before = self.place.marts.with_name("before")
            write_marts(before, self.world)
        write_marts(self.place.marts, world)
        assert self.place.write(
            Publication(str(self.days + 1), before, str(self.days) if before else None)
        )
        self.days, self.world = self.days + 1, world


def answers(store: Store, people: int = 12) -> list[object]:
    """All that can be asked."""
    ids = [("member_id", f"M{n}") for n in range(people)]
    ids += [("device_id", text) for text in ("D/1", "D0", "D3", "x")] + [("email_hash", "b2")]
    ids += [("one_id", Person(n).one_id) for n in range(people)]
    found: list[object] = []
    for each in ids:
        found += [store.profile(*each), store.identifiers(*each), store.customer(*each)]
    for n in range(people):
        found += [store.profile_of(n), store.identifiers_of(n), store.audiences_of(n)]
    summaries = {key: (each.summary, set(each.members), set(each.held_out), each.has_failed)
                 for key, each in store.audiences.items()}  # fmt: skip
    return [*found, summaries, store.id_types, store.unhashed_types]


def in_file(world: World, folder: Path) -> list[object]:
    """What the store in a file answers."""
    folder.mkdir(exist_ok=True)
    warehouse = Warehouse(folder)
    write_marts(warehouse.marts_file, world)
    write_store(warehouse, str(random.random()), before=None, of=None)
    return answers(OnlineStore(warehouse.online_file))


@pytest.mark.parametrize("seed", [0, pytest.param(1, marks=pytest.mark.soak)])
def test_it_answers_as_the_file_does_after_any_change(
    place: RedisPlace, server: RedisServer, tmp_path: Path, seed: int
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
    versions = [value for key, value in server.everything().items() if ":i:" in key or ":c:" in key]
    assert all(len(fields) <= 4 for fields in versions)


def test_only_what_changed_is_written(place: RedisPlace, server: RedisServer) -> None:
    publish = Publisher(place)
    publish(SMALL)
    publish(replace(SMALL, people=(ADA, replace(BOB, level="gold"), CY)))

    ((_, touched),) = [each for each in server.everything().items() if ":touched:" in each[0]]
    assert [key.decode().rpartition(":c:")[2] for key in touched] == ["2"]
    # Neither equal marts nor a new position of the log make anything anew.
    everything = server.everything()
    assert not place.write(Publication("2"))
    assert server.everything() == everything
    assert place.write(Publication("2", batch='{"taken_in": {}, "as_of": "2026-06-06",'
                                              ' "blocked": [], "patterns": []}'))  # fmt: skip
    assert place.open().batch is not None
    everything.pop("shop:store")
    assert everything.items() <= server.everything().items()


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
    place: RedisPlace, server: RedisServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
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
    assert len([key for key in server.everything() if key.endswith(":oldest")]) == 1
    assert server.client.scard("shop:epochs") == 1


def test_what_a_kill_behind_the_pointer_leaves_goes_also_without_a_change(
    place: RedisPlace, server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish = Publisher(place)
    publish(SMALL)

    def kill(*_: object) -> None:
        raise Killed

    with monkeypatch.context() as killing:
        killing.setattr(time, "sleep", kill)
        with pytest.raises(Killed):
            publish(replace(SMALL, people=(BOB,)), is_known=False)
    assert "Name 1" in str(server.everything())

    assert not place.write(Publication("2"))
    assert "Name 1" not in str(server.everything())
    assert server.client.scard("shop:epochs") == 1
    assert place.open().profile("member_id", "M2")


def test_a_server_that_deletes_keys_by_itself_is_refused(
    place: RedisPlace, server: RedisServer
) -> None:
    write_marts(place.marts, SMALL)
    server.client.config_set("maxmemory-policy", "allkeys-lru")
    try:
        # Without a limit it deletes nothing.
        assert place.write(Publication("1"))
        server.client.config_set("maxmemory", "1gb")
        with pytest.raises(OnecdpError, match=r"maxmemory-policy is allkeys-lru.*noeviction"):
            place.write(Publication("2"))
        # An account that can't ask is believed.
        server.client.acl_setuser("asker", enabled=True, passwords=["+pw"], keys=["*"],
                                  commands=["+@all", "-info"])  # fmt: skip
        asker = replace(server.settings, username="asker", password="pw")
        assert RedisPlace(asker, place.marts).write(Publication("2"))
    finally:
        server.client.config_set("maxmemory", 0)
        server.client.config_set("maxmemory-policy", "noeviction")


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


def test_nothing_of_an_erased_person_is_left(place: RedisPlace, server: RedisServer) -> None:
    publish = Publisher(place)
    publish(SMALL)
    # So that there are two versions, and lists of what has them.
    publish(replace(SMALL, people=(replace(ADA, level="silver"), BOB, CY)))
    held = place.open()
    values = ("D/1", "M1", "Name 1", ADA.one_id)
    assert all(value in str(server.everything()) for value in values)

    place.erase([("member_id", "M1"), ("device_id", "D/1")], [1])

    assert not [value for value in values if value in str(server.everything())]
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
    assert not server.everything()
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


def test_two_prefixes_do_not_see_each_other(place: RedisPlace, server: RedisServer) -> None:
    other = RedisPlace(replace(server.settings, prefix="shop-b"), place.marts)
    Publisher(place)(SMALL)
    Publisher(other)(replace(SMALL, people=(BOB,)))
    place.remove()
    assert other.open().customer("member_id", "M2")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"password": "wrong-" + PASSWORD}, "refuses the password, or wants one"),
        ({"password": None}, "refuses the password, or wants one"),
        ({"url": "redis://127.0.0.1:1/0"}, "can't be reached: ConnectionError"),
    ],
)
def test_a_server_that_refuses_or_is_away_is_one_line_without_the_password(
    place: RedisPlace, server: RedisServer, changes: dict[str, Any], said: str
) -> None:
    write_marts(place.marts, SMALL)
    away = RedisPlace(replace(server.settings, **changes), place.marts)
    for act in (away.open, away.identity, away.read_batch, lambda: away.write(Publication("1")),
                lambda: away.erase([], [1]), away.remove):  # fmt: skip
        with pytest.raises(OnecdpError, match=said) as caught:
            act()
        assert PASSWORD not in str(caught.value)
        assert "\n" not in str(caught.value)


def test_what_the_server_refuses_is_told_in_words_and_without_a_value(
    place: RedisPlace, server: RedisServer
) -> None:
    write_marts(place.marts, SMALL)
    said: dict[str, str] = {}

    def refuse(name: str, place: RedisPlace) -> None:
        with pytest.raises(OnecdpError) as caught:
            place.write(Publication("1"))
        said[name] = str(caught.value).removeprefix(f"{place.settings.name} refuses: ")

    refuse("db", RedisPlace(
        replace(server.settings, url=server.settings.url.replace("/0", "/99")), place.marts
    ))  # fmt: skip
    server.client.acl_setuser("reader", enabled=True, passwords=["+pw"], keys=["*"],
                              commands=["+@read", "+@connection"])  # fmt: skip
    refuse("user", RedisPlace(
        replace(server.settings, username="reader", password="pw"), place.marts
    ))  # fmt: skip
    server.client.config_set("maxmemory", 1)
    refuse("full", place)
    server.client.config_set("maxmemory", 0)
    server.client.replicaof("127.0.0.1", 1)
    refuse("replica", place)
    server.client.replicaof("NO", "ONE")
    server.client.set("shop:store", "of somebody else")
    refuse("other", place)
    assert said == {
        "db": "it has no database of that number",
        "user": "its user may not do that",
        "full": "its memory is full",
        "replica": "it is a replica, which is not written to",
        "other": "WRONGTYPE",
    }


def test_the_api_answers_from_it_and_says_503_while_it_is_away(
    place: RedisPlace, server: RedisServer, tmp_path: Path
) -> None:
    (tmp_path / "other").mkdir()
    publish_world(tmp_path / "other", OTHER)
    text = settings(tmp_path / "other") + server.toml.replace("]", "]\nprefix = 'shop'", 1)
    project = make_api_project(tmp_path / "project", text)
    publish_world(project / "warehouse", OWN, has_store=False)
    place = RedisPlace(server.settings, project / "warehouse/marts.duckdb")
    place.write(Publication("1"))
    with serving(project) as api:
        for name in ANSWERED:
            path, document = ASKED[name]
            assert api.ask(path, document=document).ok
        in_one = api.ask("/v1/profiles/member_id/M1").json()
        assert in_one["audiences"] == ["PKG001"]
        # Before it: the server may have changed at once.
        tag = api.ask("/v1/audiences").headers["etag"]
        place.write(Publication("2", batch='{"taken_in": {}, "as_of": "2026-06-06",'
                                           ' "blocked": [], "patterns": []}'))  # fmt: skip
        while api.ask("/v1/audiences").headers["etag"] == tag:
            time.sleep(0.02)
        with server.frozen():
            began = time.monotonic()
            for name in ("profile", "profiles", "identity", "member"):
                path, document = ASKED[name]
                assert refused(api.ask(path, document=document)) == (503, "no_store")
            # Only the first one waits for it.
            assert time.monotonic() - began < 3
            assert api.ask("/healthz", None).ok
            assert not api.ask("/readyz", None).ok
            # The other tenant's store goes on meanwhile.
            of_before = api.ask("/v1/audiences", "other").headers["etag"]
            publish_world(tmp_path / "other", replace(OTHER, people=OTHER.people[:1]))
            deadline = time.monotonic() + 10
            while api.ask("/v1/audiences", "other").headers["etag"] == of_before:
                assert time.monotonic() < deadline
                time.sleep(0.02)
        while not api.ask("/readyz", None).ok:
            time.sleep(0.02)
        assert api.ask("/v1/profiles/member_id/M1").json() == in_one
        said = api.stop()
    assert PASSWORD not in said


def test_a_store_that_can_not_be_written_or_deleted_is_told_with_what_was_published(
    tmp_path: Path,
) -> None:
    warehouse = Warehouse(tmp_path)
    away = RedisPlace(RedisSettings("redis://127.0.0.1:1/0"), warehouse.marts_file)
    build_world(warehouse, SMALL)
    with pytest.raises(OnecdpError, match=r"the online store is that of before: redis://.*reached"):
        publish_marts(warehouse, stores=Stores(away))
    with pytest.raises(OnecdpError, match=r"are published, but .* is still there: redis://"):
        publish_marts(warehouse, stores=Stores(None, [away]))
    assert warehouse.marts_file.is_file()


def test_serve_with_a_server_that_is_away_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    publish_world(tmp_path / "other", OTHER)
    away = '[serving.redis]\nurl = "redis://127.0.0.1:1/0"\n'
    project = make_api_project(tmp_path / "project", settings(tmp_path / "other") + away)
    ended = CliRunner().invoke(main, ["serve", "--port", "0", "--project-dir", str(project)])
    assert ended.exit_code == 1
    assert ended.stderr == (
        "onecdp: redis://127.0.0.1:1/0 (onecdp) can't be reached: ConnectionError\n"
    )


def test_settings_hide_the_password() -> None:
    assert PASSWORD not in repr(RedisSettings("redis://h", "p", None, PASSWORD))


@pytest.mark.soak
def test_forget_reaches_it_in_a_project(
    built_warehouse: BuiltProject, server: RedisServer, tmp_path: Path
) -> None:
    server.client.flushall()
    project = built_warehouse.copy(tmp_path / "project")
    (project.folder / ".dlt/secrets.toml").write_text(server.toml)
    config = project.folder / ".dlt/config.toml"
    config.write_text(config.read_text() + "\n[serving]\nonline_store = true\n")
    # There was one in a file before.
    (project.warehouse / "online.sqlite").write_bytes(b"of before")
    said = run_cli("publish", cwd=project.folder)
    assert said.code == 0, said.stderr
    assert not (project.warehouse / "online.sqlite").exists()
    values = ("MBR004", "union_004", "hash_email_004", "DEV004")
    assert all(value in str(server.everything()) for value in values)

    # Before anything is erased elsewhere.
    server.client.config_set("requirepass", "another-one")
    refused_now = run_cli("forget", "member_id:MBR004", "--yes", cwd=project.folder)
    server.client.config_set("requirepass", PASSWORD)
    assert refused_now.code == 1
    assert "refuses the password, or wants one" in refused_now.stderr
    assert PASSWORD not in refused_now.stderr

    done = run_cli("forget", "member_id:MBR004", "--yes", cwd=project.folder)
    assert done.code == 0, done.stderr
    assert not [value for value in values if value in str(server.everything())]
    assert (
        RedisPlace(RedisSettings(server.settings.url, "onecdp", None, PASSWORD), project.warehouse)
        .open()
        .customer("member_id", "MBR001")
    )
    # Turned off, nothing is left.
    config.write_text(config.read_text().replace("online_store = true", "online_store = false"))
    assert run_cli("publish", cwd=project.folder).code == 0
    assert not server.everything()


def test_triggers_follow_its_publications(place: RedisPlace, tmp_path: Path) -> None:
    publish = Publisher(place)
    publish(SMALL)
    seen = trigger("seen", "live.views_30m AND gold")
    stage = Stage(tmp_path / "live.sqlite", [seen])
    stage.watcher._publications = OpenPublications(place, place.marts, [seen], print)
    for number, device in enumerate(("D/1", "D3"), start=1):
        new = event(f"E{number}", ("device_id", device), at=stage.now)
        stage.state.take("a", number, [(number, new)])
    stage.look()
    assert stage.told() == [("seen", "entered", ADA.one_id)]
    publish(replace(SMALL, people=(ADA, BOB, replace(CY, level="gold"))))
    stage.look()
    assert stage.told()[1:] == [("seen", "entered", CY.one_id)]
