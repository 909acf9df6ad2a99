"""The settings of the API, its description, and what the command needs."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest import mock

import pytest
from click.testing import CliRunner
from starlette.applications import Starlette
from starlette.routing import Route
from support.api import KEYS, make_api_project, settings
from support.cli import REPOSITORY
from support.serving import Person, World, write_marts

from onecdp.cli.main import main
from onecdp.errors import OnecdpError, UsageProblem
from onecdp.serving.app import ObservedApp, make_app
from onecdp.serving.key_file import add_key
from onecdp.serving.keys import Asker, Askers, digest_of, make_key
from onecdp.serving.openapi import openapi_document
from onecdp.serving.places import FilePlace, Stores
from onecdp.serving.redis_place import RedisPlace
from onecdp.serving.redis_settings import RedisSettings
from onecdp.serving.routes import ROUTES
from onecdp.serving.settings import SCOPES, Key, Settings, read_settings, read_stores
from onecdp.serving.write_store import write_store
from onecdp.warehouse.files import Warehouse

HASH = "0" * 64
KEY = f'[serving.keys.web]\nhash = "{HASH}"\nscopes = ["profiles:read"]\n'


def read(folder: Path, text: str, environment: dict[str, str] | None = None) -> Settings:
    project = make_api_project(folder / "project", text)
    return read_settings(project, Warehouse(project / "warehouse"), environment or {})


def test_keys_and_tenants_are_read_and_the_environment_goes_first(tmp_path: Path) -> None:
    found = read(
        tmp_path,
        settings(tmp_path / "other"),
        {
            "SERVING__KEYS__NONE__SCOPES": "metrics:read, audiences:read",
            "SERVING__REFRESH_SECONDS": "2",
        },
    )

    assert [tenant.name for tenant in found.tenants] == ["default", "other"]
    own, other = ({key.name: key for key in tenant.keys} for tenant in found.tenants)
    assert own["none"].scopes == {"metrics:read", "audiences:read"}
    assert own["narrow"].fields == frozenset({"level", "member_id"})
    assert own["slow"].requests_per_second == 0.3
    assert other["other"].digest == digest_of(KEYS["other"])
    assert found.tenants[1].warehouse.folder == tmp_path / "other"
    assert found.refresh_seconds == 2


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "nobody could ask anything: there is no key"),
        ("[serving.keys.web]\nhash = 'a-plain-key'\nscopes = []", "hash must be a SHA-256"),
        (KEY.replace('["profiles:read"]', "[]"), "scopes must name what the key may ask"),
        (KEY.replace("profiles:read", "all"), "'all' is none of profiles:read"),
        (KEY + "field = ['level']", "no setting 'field'; did you mean fields?"),
        (KEY + "requests_per_second = 0", "requests_per_second must be a number above 0"),
        (KEY.replace("web", "'A b'"), "'A b' is no name for a key"),
        (KEY + KEY.replace("web", "app"), "default.web and default.app are the same key"),
        (KEY + "[serving.tenants.b]\n", "serving.tenants.b.warehouse must be a text"),
        (KEY + "[serving.tenants.default]\nwarehouse = 'x'\n", "'default' is no name for a tenant"),
        (KEY + "[serving.tenants.b]\nwarehouse = 'x'\n" + KEY.replace("keys", "tenants.b.keys"),
         "default.web and b.web are the same key"),
        ("[serving]\nonline_store = 1\n" + KEY, "serving.online_store must be true or false"),
        ("[serving]\nport = 1\n" + KEY, "[serving] has no setting 'port'"),
        (KEY + "[serving.redis]\nprefix = 'x'", "serving.redis.url must be a text"),
        (KEY + "[serving.redis]\nurl = 'redis://:a-plain-key@h'",
         "serving.redis.url has a user or a password; name them as username and password"),
        (KEY + "[serving.redis]\nurl = 'h:6379'", "must be like redis://host:6379/0"),
        (KEY + "[serving.redis]\nurl = 'redis://h:99999'", "must be like redis://host:6379/0"),
        (KEY + "[serving.redis]\nurl = 'redis://h..x:1/0'", "url is 'redis://h..x:1/0'; it must"),
        (KEY + "[serving.redis]\nurl = 'redis://:6379'", "url is 'redis://:6379'; it must be"),
        (KEY + "[serving.redis]\nurl = 'redis://h:6379/0?password=a-plain-key'",
         "serving.redis.url has more than a server and a database; name username and password"),
        (KEY + "[serving.redis]\nurl = 'redis://h'\nprefix = 'a:b'", "prefix is 'a:b'; use a-z"),
        (KEY + "[serving.redis]\nurl = 'redis://h'\npasword = 'a-plain-key'",
         "no setting 'pasword'; did you mean password?"),
        (KEY + "[serving.redis]\nurl = 'redis://h'\n[serving.tenants.b]\nwarehouse = 'x'\n"
         "redis = {url = 'redis://h'}\n"
         + KEY.replace("keys", "tenants.b.keys").replace("0", "1"),
         "default and b have the same Redis and the same prefix"),
        (KEY + "[serving.redis]\nurl = 'redis://h'\n[serving.tenants.b]\nwarehouse = 'x'\n"
         "redis = {url = 'redis://H:6379/0/', prefix = 'onecdp'}\n"
         + KEY.replace("keys", "tenants.b.keys").replace("0", "1"),
         "default and b have the same Redis and the same prefix"),
        (KEY + "[serving.tenants.b]\nwarehouse = '~nobody-at-all/x'\n",
         "~nobody-at-all/x: the home folder of ~nobody-at-all is not known"),
    ],
)  # fmt: skip
def test_a_wrong_setting_is_named_and_no_key_is_shown(
    tmp_path: Path, text: str, problem: str
) -> None:
    with pytest.raises(UsageProblem, match=re.escape(problem)) as caught:
        read(tmp_path, text)
    assert "a-plain-key" not in str(caught.value)


def test_the_store_is_kept_if_the_project_says_so(tmp_path: Path) -> None:
    project = make_api_project(tmp_path / "project", "")
    warehouse = Warehouse(project / "warehouse")

    def read_places(**environment: str) -> Stores:
        said = {f"SERVING__{name}": value for name, value in environment.items()}
        return read_stores(project, warehouse, said)

    file = FilePlace(warehouse)
    assert read_places() == Stores(None, [file])
    assert read_places(ONLINE_STORE="true") == Stores(file, [])
    redis = read_places(ONLINE_STORE="true", REDIS__URL="redis://h:1/2", REDIS__PASSWORD="hidden")
    assert redis.others == [file]
    assert redis.kept == RedisPlace(
        RedisSettings("redis://h:1/2", "onecdp", None, "hidden"), warehouse.marts_file
    )
    assert "hidden" not in repr(redis)
    # What is kept no more must not stay, there neither.
    assert read_places(REDIS__URL="redis://h:1/2").kept is None
    assert len(read_places(REDIS__URL="redis://h:1/2").others) == 2
    with pytest.raises(UsageProblem, match=r"serving\.online_store must be true or false"):
        read_places(ONLINE_STORE="perhaps")


def test_redis_without_its_client_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "redis", None)
    place = RedisPlace(RedisSettings("redis://h"), tmp_path / "marts.duckdb")
    for act in (place.identity, place.read_batch, place.open, place.remove):
        with pytest.raises(OnecdpError, match=r"pip install 'onecdp\[redis\]'"):
            act()


def test_keys_are_added_below_what_is_there(tmp_path: Path) -> None:
    project = make_api_project(tmp_path / "project", "")
    secrets = project / ".dlt/secrets.toml"
    secrets.write_text("[serving]\nrefresh_seconds = 3\n[serving.tenants.b]\nwarehouse = 'x'")
    first = add_key(project, {}, "web", ["profiles:read"], None, None, None)
    second = add_key(project, {}, "web", ["metrics:read"], ["level", "größe"], 5, "b")

    found = read_settings(project, Warehouse(project / "warehouse"), {})

    (own,), (other,) = (tenant.keys for tenant in found.tenants)
    assert (own.digest, own.fields) == (digest_of(first.key), None)
    assert own.scopes == {"profiles:read"}
    assert other.digest == digest_of(second.key)
    assert other.fields == frozenset({"level", "größe"})
    assert other.requests_per_second == 5
    assert found.refresh_seconds == 3
    for name, scope, tenant, problem in (
        ("web", "profiles:read", None, "is there already"),
        ("w b", "profiles:read", None, "is no name"),
        ("app", "none", None, "is none of"),
        ("app", "profiles:read", "c", "has no 'c'; there are b"),
    ):
        with pytest.raises(UsageProblem, match=problem):
            add_key(project, {}, name, [scope], None, None, tenant)
    secrets.unlink()
    add_key(project, {}, "web", ["profiles:read"], None, None, None)
    assert secrets.stat().st_mode & 0o777 == 0o600


def test_error_of_a_direct_answer_is_left_to_the_routes() -> None:
    answers: Any = SimpleNamespace(answer=mock.Mock(side_effect=ZeroDivisionError))
    scope: Any = {"path": "/v1/profiles/member_id/M1"}
    assert ObservedApp(Starlette(), answers, False).direct(scope) is None
    answers.answer.assert_called_once_with(scope)


def test_key_is_known_again_by_its_header() -> None:
    keys = [Key(f"k{n}", digest_of(f"key-{n}"), frozenset(), None, 1) for n in range(2)]
    askers = Askers(Asker(each, f"tenant {each.name}") for each in keys)
    for _ in range(2):
        for number in range(2):
            found = askers.find_again(f"Bearer key-{number}".encode())
            assert found
            assert found.tenant == f"tenant k{number}"
        for wrong in (b"Bearer key-2", b"Bearer key-", b"key-0", b"Basic key-0", b"", b"\xff"):
            assert askers.find_again(wrong) is None
    # Spaces do not matter; what is kept stays small.
    for number in range(99):
        assert askers.find_again(b"bearer key-0" + b" " * number) is askers.find("Bearer key-0")
    assert len(askers._headers) <= 2 * len(keys)


def test_keys_are_long_and_all_different() -> None:
    keys = {make_key()[0] for _ in range(100)}
    assert len(keys) == 100
    assert min(map(len, keys)) >= 48


def test_the_description_names_the_routes_that_there_are(tmp_path: Path) -> None:
    project = make_api_project(tmp_path / "project", KEY)
    warehouse = Warehouse(project / "warehouse")
    write_marts(warehouse.marts_file, World((Person(1),)))
    write_store(warehouse, "first", before=None, of=None)
    app = make_app(read_settings(project, warehouse, {})).app
    assert isinstance(app, Starlette)
    routes = [route for route in app.routes if isinstance(route, Route)]
    assert len(routes) == len(app.routes)
    served = {
        (route.path.replace(":path}", "}"), method)
        for route in routes
        for method in (route.methods or set()) - {"HEAD"}
    }
    document = openapi_document()
    described = {
        (path, method.upper())
        for path, operations in document["paths"].items()
        for method in operations
    }
    assert served == described
    for route in ROUTES:
        operation = document["paths"][route.path][route.method.lower()]
        assert ("security" in operation) == (route.scope is not None)
        named = {each["name"] for each in operation.get("parameters", ()) if each["in"] == "path"}
        assert named == set(re.findall(r"{(\w+)}", route.path))


def test_the_docs_name_every_route_scope_and_code() -> None:
    docs = (REPOSITORY / "docs/serving.md").read_text()
    for route in ROUTES:
        if route.scope:
            assert f"| `{route.method} {route.path}` | `{route.scope}` |" in docs
    assert all(f"`{scope}`" in docs for scope in SCOPES)
    source = "".join(
        file.read_text()
        for file in [
            *sorted((REPOSITORY / "onecdp/serving").glob("*.py")),
            REPOSITORY / "onecdp/collector/requests.py",
        ]
    )
    codes = set(re.findall(r'Refusal\(\s*\d+,\s*"(\w+)"', source))
    assert len(codes) >= 14
    assert not [code for code in codes - {"internal"} if f"`{code}`" not in docs]


def test_without_the_extra_the_command_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = make_api_project(tmp_path / "project", KEY)
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    for name in ("onecdp.serving.server", "onecdp.collector.process"):
        monkeypatch.delitem(sys.modules, name, raising=False)

    done = CliRunner().invoke(main, ["serve", "--project-dir", str(project)])

    assert done.exit_code == 1
    assert done.stderr == (
        "onecdp: `onecdp serve` needs more packages: pip install 'onecdp[server]'\n"
    )
