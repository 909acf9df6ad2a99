"""Real MariaDB and PostgreSQL servers, on loopback with a data folder of their own."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

_WAIT = 60.0


@dataclass
class Server:
    """A running server and a connection to it.

    Attributes:
        url: SQLAlchemy's URL of the user that readers use.
        port: On 127.0.0.1.
        connection: Of the administrator, with autocommit.
    """

    url: str
    port: int
    connection: Any

    @property
    def is_mysql(self) -> bool:
        return self.url.startswith("mysql")

    @property
    def schema(self) -> str:
        """What stands before the name of a table in the settings."""
        return "" if self.is_mysql else "shop."

    def configure(
        self, monkeypatch: pytest.MonkeyPatch, source: str, reader: str, tables: dict[str, Any]
    ) -> None:
        """Makes it the database of a reader, as a user would in the environment."""
        section = f"SOURCES__{source}__{reader}__".upper()
        monkeypatch.setenv(f"{section}CREDENTIALS", self.url)
        monkeypatch.setenv(f"{section}TABLES", json.dumps(tables))

    def again(self) -> Any:
        """One more connection of the administrator of MariaDB, without autocommit."""
        import pymysql

        return pymysql.connect(host="127.0.0.1", port=self.port, user="root", database="shop")

    def execute(self, *statements: str) -> list[tuple[Any, ...]]:
        with self.connection.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)
            return list(cursor.fetchall()) if cursor.description else []


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class NotInstalled(Exception):
    """A server that this machine has not got; the message says what to install."""


def _program(name: str) -> str:
    places = ["/usr/sbin", "/usr/local/sbin"]
    places += map(str, sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True))
    found = shutil.which(name) or shutil.which(name, path=os.pathsep.join(places))
    if found is None:
        raise NotInstalled(
            f"no {name}; apt-get install mariadb-server-core mariadb-client-core postgresql"
            " (.ci/run)"
        )
    return found


@contextmanager
def _own_folder() -> Iterator[Path]:
    """A folder outside of pytest's, which another user could not enter."""
    with tempfile.TemporaryDirectory(prefix="server-", ignore_cleanup_errors=True) as folder:
        yield Path(folder)


@contextmanager
def mariadb() -> Iterator[Server]:
    """MariaDB with a binary log by rows, eight hours ahead; the user `reader` may read it."""
    with _own_folder() as folder:
        yield from _mariadb(folder)


def _mariadb(folder: Path) -> Iterator[Server]:
    import pymysql

    server, install = _program("mariadbd"), _program("mariadb-install-db")
    _program("my_print_defaults")  # what the latter calls
    data, port = folder / "data", free_port()
    run = ["--no-defaults", f"--datadir={data}"]
    if os.geteuid() == 0:
        run.append("--user=root")
    subprocess.run(
        [install, *run, "--auth-root-authentication-method=normal", "--skip-test-db"],
        check=True,
        capture_output=True,
    )
    command = [
        server, *run, f"--port={port}", "--bind-address=127.0.0.1", f"--socket={folder}/s",
        "--server-id=1", f"--log-bin={folder}/log/bin", "--binlog-format=ROW",
        "--binlog-row-metadata=FULL", "--innodb-flush-log-at-trx-commit=0", "--sync-binlog=0",
        "--innodb-buffer-pool-size=64M", "--innodb-log-file-size=32M", "--performance-schema=OFF",
        "--max-connections=30", "--sql-mode=", "--default-time-zone=+08:00",
        "--skip-name-resolve", f"--log-error={folder}/error.log",
    ]  # fmt: skip
    (folder / "log").mkdir()
    with _running(command) as process:
        administrator = _connected(
            lambda: pymysql.connect(
                host="127.0.0.1", port=port, user="root", autocommit=True, charset="utf8mb4"
            ),
            process,
        )
        made = Server(f"mysql+pymysql://reader:secret@127.0.0.1:{port}/shop", port, administrator)
        made.execute(
            "create database shop character set utf8mb4",
            "create user reader@'%' identified by 'secret'",
            "grant select on shop.* to reader@'%'",
            "grant replication slave, binlog monitor on *.* to reader@'%'",
            "use shop",
        )
        yield made
        administrator.close()


@contextmanager
def postgresql() -> Iterator[Server]:
    """PostgreSQL, eight hours ahead; it refuses to run as root, who starts it as another user."""
    with _own_folder() as folder:
        yield from _postgresql(folder)


def _postgresql(folder: Path) -> Iterator[Server]:
    import psycopg2

    as_user: dict[str, Any] = {}
    if os.geteuid() == 0:
        as_user = {"user": "postgres", "group": "postgres"}
        shutil.chown(folder, **as_user)
    data, port = folder / "data", free_port()
    subprocess.run(
        [_program("initdb"), "-D", data, "-U", "root", "-A", "trust", "-E", "UTF8", "--no-sync"],
        check=True,
        capture_output=True,
        cwd=folder,
        **as_user,
    )
    command = [
        _program("postgres"), "-D", str(data), "-p", str(port), "-k", str(folder),
        "-c", "listen_addresses=127.0.0.1", "-c", "fsync=off", "-c", "TimeZone=Asia/Shanghai",
    ]  # fmt: skip
    with _running(command, cwd=folder, **as_user) as process:
        administrator = _connected(
            lambda: psycopg2.connect(host="127.0.0.1", port=port, user="root", dbname="postgres"),
            process,
        )
        administrator.autocommit = True
        url = f"postgresql+psycopg2://reader:secret@127.0.0.1:{port}/postgres"
        made = Server(url, port, administrator)
        made.execute(
            "create user reader password 'secret'",
            "create schema shop",
            "grant usage on schema shop to reader",
            "alter default privileges in schema shop grant select on tables to reader",
            "set search_path = shop",
        )
        yield made
        administrator.close()


@contextmanager
def _running(command: Sequence[str], **options: Any) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **options
    )
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _connected(connect: Any, process: subprocess.Popen[bytes]) -> Any:
    deadline = time.monotonic() + _WAIT
    while True:
        try:
            return connect()
        except Exception:
            if process.poll() is not None or time.monotonic() > deadline:
                raise
            time.sleep(0.1)
