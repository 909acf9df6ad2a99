"""Fixtures that many tests share."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import confluent_kafka
import hypothesis
import pytest
from support.cli import BuiltProject, make_project, run_cli
from support.crm import Crm, crm_schema
from support.ingestion import Warehouse
from support.kafka import KafkaBroker, make_broker
from support.object_storage import S3Server, make_s3
from support.redis_server import RedisServer, redis_server
from support.sql_servers import NotInstalled, Server, mariadb, postgresql

from onecdp.serving import write_redis
from onecdp.serving.redis_place import RedisPlace

# How long an example takes says nothing on a busy machine; no property test here is about time.
hypothesis.settings.register_profile("onecdp", deadline=None)
hypothesis.settings.load_profile("onecdp")

# Nobody reads the log of a build in this process, and writing it takes a tenth of the build.
# Commands in processes of their own log as a user's do.
os.environ["DBT_LOG_LEVEL_FILE"] = "error"


@pytest.fixture(scope="session")
def built_warehouse(tmp_path_factory: pytest.TempPathFactory) -> BuiltProject:
    """The worked example, loaded, built, tested and published once; don't change it, copy it."""
    folder = make_project(tmp_path_factory.mktemp("built") / "project")
    finished = run_cli("run", "--as-of", "2026-06-06", cwd=folder)
    assert finished.code == 0, finished.stderr + finished.stdout
    return BuiltProject(folder, folder / "warehouse", finished)


@pytest.fixture
def project(built_warehouse: BuiltProject, tmp_path: Path) -> BuiltProject:
    """The worked example, built, in a folder that the test may change."""
    return built_warehouse.copy(tmp_path / "project")


@pytest.fixture(scope="session")
def empty_warehouse(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A warehouse folder with all raw tables and no row; don't change it, copy it."""
    made = Warehouse(tmp_path_factory.mktemp("empty"))
    made.load()
    return made.folder


@pytest.fixture
def warehouse(empty_warehouse: Path, tmp_path: Path) -> Warehouse:
    """A warehouse with all raw tables and no row, for the test to load into."""
    made = Warehouse(tmp_path)
    shutil.copytree(empty_warehouse, made.folder)
    return made


@pytest.fixture(scope="session")
def mariadb_server() -> Iterator[Server]:
    """A MariaDB with an empty database, shared by all tests: make tables of your own names."""
    yield from _running(mariadb)


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[Server]:
    """A PostgreSQL with an empty schema `shop`, shared likewise."""
    yield from _running(postgresql)


@pytest.fixture(scope="module", params=["mariadb_server", "postgresql_server"])
def crm_server(request: pytest.FixtureRequest) -> Iterator[Server]:
    """A server of each kind with an empty schema `crm`."""
    with crm_schema(request.getfixturevalue(request.param)) as server:
        yield server


@pytest.fixture
def crm(crm_server: Server, tmp_path: Path) -> Crm:
    """The destination `crm` of one test, with marts of its own."""
    return Crm(crm_server, tmp_path / "project")


@pytest.fixture(scope="session")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KafkaBroker]:
    """A Kafka broker, shared by all tests; a module that uses it is marked `needs_kafka`."""
    running = make_broker(tmp_path_factory.mktemp("kafka"))
    try:
        yield running
    finally:
        running.stop()


@pytest.fixture(scope="session")
def redis() -> Iterator[RedisServer]:
    """A Redis server, shared by all tests; a module that uses it is marked `needs_redis`."""
    with redis_server() as running:
        yield running


@pytest.fixture
def place(redis: RedisServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> RedisPlace:
    """Where an online store may be kept in Redis; nothing else is there."""
    redis.client.flushall()
    monkeypatch.setattr(write_redis, "_CHANGE_SECONDS", 0)
    return RedisPlace(redis.settings, tmp_path / "marts.duckdb")


@pytest.fixture(scope="session")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    """An S3 server, shared by all tests; a module that uses it is marked `needs_s3`."""
    running = make_s3(tmp_path_factory.mktemp("s3"))
    try:
        yield running
    finally:
        running.stop()


@pytest.fixture
def bucket(s3: S3Server, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """A bucket of the test's own on a server that the settings name."""
    name: str = request.node.originalname.removeprefix("test_").replace("_", "-")[:60]
    s3.make_bucket(name)
    for setting, value in s3.settings.items():
        monkeypatch.setenv(setting, value)
    return name


@pytest.fixture
def topic(
    broker: KafkaBroker, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> str:
    """A topic of the test's own, that the settings name for app events."""
    name: str = request.node.originalname.removeprefix("test_")
    with contextlib.suppress(confluent_kafka.KafkaException):  # there by another parameter
        broker.create(name)
    monkeypatch.setenv("SOURCES__APP__KAFKA__BOOTSTRAP_SERVERS", broker.servers)
    monkeypatch.setenv("SOURCES__APP__KAFKA__TOPICS", json.dumps({"events": name}))
    return name


def _running(start: Callable[[], AbstractContextManager[Server]]) -> Iterator[Server]:
    try:
        with start() as server:
            yield server
    except NotInstalled as missing:
        pytest.skip(str(missing))
