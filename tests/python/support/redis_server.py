"""A real Redis server on loopback, with a password and a data folder of its own."""

from __future__ import annotations

import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest

from onecdp.serving.redis_settings import RedisSettings
from support.sql_servers import NotInstalled, free_port

PROGRAM = shutil.which("redis-server") or shutil.which("valkey-server")
needs_redis = pytest.mark.skipif(
    PROGRAM is None, reason="Redis is not at hand: apt-get install redis-server (.ci/run)"
)
PASSWORD = "a-password-that-nobody-prints"


@dataclass
class RedisServer:
    """A running server.

    Attributes:
        process: Of the server.
        settings: How to reach it.
        client: Of the tests.
    """

    process: subprocess.Popen[bytes]
    settings: RedisSettings
    client: Any

    @property
    def toml(self) -> str:
        """`[serving.redis]`."""
        return f'[serving.redis]\nurl = "{self.settings.url}"\npassword = "{PASSWORD}"\n'

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """It keeps its connections and answers nothing, until the block ends."""
        self.process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self.process.send_signal(signal.SIGCONT)

    def everything(self) -> dict[str, Any]:
        """All keys with what they hold."""
        read = {b"hash": self.client.hgetall, b"string": self.client.get,
                b"set": self.client.smembers,
                b"list": lambda key: self.client.lrange(key, 0, -1)}  # fmt: skip
        return {key.decode(): read[self.client.type(key)](key) for key in self.client.scan_iter()}


@contextmanager
def redis_server() -> Iterator[RedisServer]:
    """A server until the block ends.

    Raises:
        NotInstalled: This machine has none.
    """
    import redis

    if PROGRAM is None:
        raise NotInstalled("no redis-server; apt-get install redis-server (.ci/run)")
    port = free_port()
    with tempfile.TemporaryDirectory(prefix="redis-") as folder:
        process = subprocess.Popen(
            [PROGRAM, "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", folder,
             "--requirepass", PASSWORD],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        client = redis.Redis(port=port, password=PASSWORD)
        try:
            settings = RedisSettings(f"redis://127.0.0.1:{port}/0", "shop", None, PASSWORD)
            deadline = time.monotonic() + 20
            while True:
                try:
                    client.ping()
                    break
                except redis.ConnectionError:
                    assert process.poll() is None
                    assert time.monotonic() < deadline
                    time.sleep(0.02)
            yield RedisServer(process, settings, client)
        finally:
            client.close()
            process.kill()
            process.wait()
