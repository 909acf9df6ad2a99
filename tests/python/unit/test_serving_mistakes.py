"""Mistakes of whoever runs the API, and what it must not keep."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import re
import weakref
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest import mock

import pytest
from click.testing import CliRunner
from support.api import make_api_project, settings
from support.serving import Person, World, publish_world

from onecdp.cli.main import main
from onecdp.errors import UsageProblem
from onecdp.serving.answers import cached_headers
from onecdp.serving.app import _refresh_one
from onecdp.serving.key_file import add_key
from onecdp.serving.keys import Asker
from onecdp.serving.online_store import OnlineStore
from onecdp.serving.settings import Key

WORLD = World((Person(1),))


@pytest.mark.parametrize(
    ("text", "rate", "tenant", "problem"),
    [
        ("[serving]\nkeys = 3", None, None, "serving.keys must be a section"),
        ("[serving]\ntenants = 'b'", None, "b", "serving.tenants must be a section"),
        ("[serving.tenants]\nb = 1", None, "b", "serving.tenants.b must be a section"),
        ("[serving]\nkeys = {app = {}}", None, None, "[serving.keys.web] can't be added, as a"),
        ("", float("inf"), None, "--rate must be a number above 0"),
        ("", float("nan"), None, "--rate must be a number above 0"),
    ],
)
def test_a_key_that_nobody_could_use_is_not_added(
    tmp_path: Path, text: str, rate: float | None, tenant: str | None, problem: str
) -> None:
    project = make_api_project(tmp_path / "project", text)
    with pytest.raises(UsageProblem, match=re.escape(problem)):
        add_key(project, {}, "web", ["profiles:read"], None, rate, tenant)
    assert (project / ".dlt/secrets.toml").read_text() == text


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["--host", ""], 2, "--host is empty; 0.0.0.0 is all addresses of this machine"),
        (
            ["--host", "é..b"],
            1,
            "can't listen on é..b, port 0: encoding of hostname failed; choose",
        ),
        (["--host", "127.0.0.1.2"], 1, "can't listen on 127.0.0.1.2, port 0: "),
        (["--warehouse", "~nobody-at-all/x"], 2, "the home folder of ~nobody-at-all is not known"),
    ],
)
def test_where_it_can_not_listen_or_look_is_one_line(
    tmp_path: Path, arguments: list[str], code: int, said: str
) -> None:
    (tmp_path / "other").mkdir()
    publish_world(tmp_path / "other", WORLD)
    project = make_api_project(tmp_path / "project", settings(tmp_path / "other"))
    publish_world(project / "warehouse", WORLD)
    ended = CliRunner().invoke(
        main, ["serve", "--port", "0", "--project-dir", str(project), *arguments]
    )
    assert ended.exit_code == code, ended.stderr
    assert ended.stderr.startswith("onecdp: ")
    assert said in ended.stderr
    assert ended.stderr.count("\n") == 1


def test_key_does_not_keep_a_publication_that_was_replaced(tmp_path: Path) -> None:
    """Of ten million customers, each would take some hundred MB."""
    store = OnlineStore(publish_world(tmp_path, WORLD).online_file)
    by: Any = Asker(Key("web", "0" * 64, frozenset(), None, 1), None)
    assert cached_headers(store, by) is cached_headers(store, by)
    store.close()
    gone = weakref.ref(store)
    del store
    gc.collect()
    assert gone() is None


def test_store_that_can_not_be_closed_does_not_end_the_look_for_newer_ones() -> None:
    """Whoever is erased later would be answered for ever."""
    looks = 0

    class Current:
        def find_newer(self) -> object:
            nonlocal looks
            looks += 1
            return object()

        def change_to(self, newer: object) -> object:
            return SimpleNamespace(close=mock.Mock(side_effect=OSError))

        def lose(self) -> None: ...

    async def look() -> None:
        tenant: Any = SimpleNamespace(
            find_live=lambda: False, current=Current(), metrics=mock.Mock()
        )
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(_refresh_one(tenant, 0.001), 1)

    asyncio.run(look())
    assert looks > 1
