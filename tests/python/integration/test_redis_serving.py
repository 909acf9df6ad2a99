"""What reads and fills a store in Redis, and what a server that refuses or is away is told as."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from support.api import make_api_project, refused, serving, settings
from support.api_worlds import ANSWERED, ASKED, OTHER, OWN
from support.cli import BuiltProject, run_cli
from support.live_worlds import event
from support.redis_server import PASSWORD, RedisServer, needs_redis
from support.redis_worlds import ADA, BOB, CY, SMALL, Publisher
from support.serving import (
    build_world,
    publish_world,
    write_marts,
)
from support.triggers import Stage, trigger

from onecdp.cli.main import main
from onecdp.errors import OnecdpError
from onecdp.pipeline.publish import publish_marts
from onecdp.serving.places import Publication, Stores
from onecdp.serving.publications import OpenPublications
from onecdp.serving.redis_place import RedisPlace
from onecdp.serving.redis_settings import RedisSettings
from onecdp.warehouse.files import Warehouse

pytestmark = needs_redis


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"password": "wrong-" + PASSWORD}, "refuses the password, or wants one"),
        ({"password": None}, "refuses the password, or wants one"),
        ({"url": "redis://127.0.0.1:1/0"}, "can't be reached: ConnectionError"),
    ],
)
def test_a_server_that_refuses_or_is_away_is_one_line_without_the_password(
    place: RedisPlace, redis: RedisServer, changes: dict[str, Any], said: str
) -> None:
    write_marts(place.marts, SMALL)
    away = RedisPlace(replace(redis.settings, **changes), place.marts)
    for act in (away.open, away.identity, away.read_batch, lambda: away.write(Publication("1")),
                lambda: away.erase([], [1]), away.remove):  # fmt: skip
        with pytest.raises(OnecdpError, match=said) as caught:
            act()
        assert PASSWORD not in str(caught.value)
        assert "\n" not in str(caught.value)


def test_what_the_server_refuses_is_told_in_words_and_without_a_value(
    place: RedisPlace, redis: RedisServer
) -> None:
    write_marts(place.marts, SMALL)
    said: dict[str, str] = {}

    def refuse(name: str, place: RedisPlace) -> None:
        with pytest.raises(OnecdpError) as caught:
            place.write(Publication("1"))
        said[name] = str(caught.value).removeprefix(f"{place.settings.name} refuses: ")

    refuse("db", RedisPlace(
        replace(redis.settings, url=redis.settings.url.replace("/0", "/99")), place.marts
    ))  # fmt: skip
    redis.client.acl_setuser("reader", enabled=True, passwords=["+pw"], keys=["*"],
                              commands=["+@read", "+@connection"])  # fmt: skip
    refuse("user", RedisPlace(
        replace(redis.settings, username="reader", password="pw"), place.marts
    ))  # fmt: skip
    redis.client.config_set("maxmemory", 1)
    refuse("full", place)
    redis.client.config_set("maxmemory", 0)
    redis.client.replicaof("127.0.0.1", 1)
    refuse("replica", place)
    redis.client.replicaof("NO", "ONE")
    redis.client.set("shop:store", "of somebody else")
    refuse("other", place)
    assert said == {
        "db": "it has no database of that number",
        "user": "its user may not do that",
        "full": "its memory is full",
        "replica": "it is a replica, which is not written to",
        "other": "WRONGTYPE",
    }


def test_the_api_answers_from_it_and_says_503_while_it_is_away(
    place: RedisPlace, redis: RedisServer, tmp_path: Path
) -> None:
    (tmp_path / "other").mkdir()
    publish_world(tmp_path / "other", OTHER)
    text = settings(tmp_path / "other") + redis.toml.replace("]", "]\nprefix = 'shop'", 1)
    project = make_api_project(tmp_path / "project", text)
    publish_world(project / "warehouse", OWN, has_store=False)
    place = RedisPlace(redis.settings, project / "warehouse/marts.duckdb")
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
        with redis.frozen():
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
    built_warehouse: BuiltProject, redis: RedisServer, tmp_path: Path
) -> None:
    redis.client.flushall()
    project = built_warehouse.copy(tmp_path / "project")
    (project.folder / ".dlt/secrets.toml").write_text(redis.toml)
    config = project.folder / ".dlt/config.toml"
    config.write_text(config.read_text() + "\n[serving]\nonline_store = true\n")
    # There was one in a file before.
    (project.warehouse / "online.sqlite").write_bytes(b"of before")
    said = run_cli("publish", cwd=project.folder)
    assert said.code == 0, said.stderr
    assert not (project.warehouse / "online.sqlite").exists()
    values = ("MBR004", "union_004", "hash_email_004", "DEV004")
    assert all(value in str(redis.everything()) for value in values)

    # Before anything is erased elsewhere.
    redis.client.config_set("requirepass", "another-one")
    refused_now = run_cli("forget", "member_id:MBR004", "--yes", cwd=project.folder)
    redis.client.config_set("requirepass", PASSWORD)
    assert refused_now.code == 1
    assert "refuses the password, or wants one" in refused_now.stderr
    assert PASSWORD not in refused_now.stderr

    done = run_cli("forget", "member_id:MBR004", "--yes", cwd=project.folder)
    assert done.code == 0, done.stderr
    assert not [value for value in values if value in str(redis.everything())]
    assert (
        RedisPlace(RedisSettings(redis.settings.url, "onecdp", None, PASSWORD), project.warehouse)
        .open()
        .customer("member_id", "MBR001")
    )
    # Turned off, nothing is left.
    config.write_text(config.read_text().replace("online_store = true", "online_store = false"))
    assert run_cli("publish", cwd=project.folder).code == 0
    assert not redis.everything()


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
