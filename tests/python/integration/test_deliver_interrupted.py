"""Write-back that is killed, cut off or refused: the target is the mart all the same."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import socket
import threading
from collections.abc import Callable
from typing import Any

import pytest
from pymysql import connections
from support.crm import Crm

from onecdp.destinations.databases import destination
from onecdp.destinations.memory import Memory
from onecdp.errors import OnecdpError

POINTS: list[tuple[type, str]] = [
    (destination.Database, "prepare"),
    (Memory, "compare"),
    (Memory, "set_pending"),
    (destination.Database, "send"),
    (destination.Database, "receipt"),
    (Memory, "complete"),
]


def _die_at(number: int) -> None:
    """Kills this process before or after the call with this number of any of the points."""
    left = [number]

    def tick() -> None:
        left[0] -= 1
        if left[0] < 0:
            os.kill(os.getpid(), signal.SIGKILL)

    def counted(call: Callable[..., Any]) -> Callable[..., Any]:
        def wrapper(*args: Any, **options: Any) -> Any:
            tick()
            result = call(*args, **options)
            tick()
            return result

        return wrapper

    for owner, name in POINTS:
        setattr(owner, name, counted(getattr(owner, name)))


@pytest.mark.parametrize("kills", [3, pytest.param(10, marks=pytest.mark.soak)])
def test_kills_lose_and_double_nothing(
    crm: Crm, monkeypatch: pytest.MonkeyPatch, kills: int
) -> None:
    monkeypatch.setattr(destination.Database, "batch_rows", 20)
    draw = random.Random(13)
    crm.marts.publish(60)
    for day in range(kills):
        child = os.fork()
        if not child:
            _die_at(draw.randrange(18) if day else 9)
            crm.deliver()
            os._exit(0)
        os.waitpid(child, 0)
        draw.random()
        # Before it is delivered again, customers come, go and change.
        first, last = 1 + day * 3, 60 + day * 5
        crm.marts.publish(
            last,
            f"delete from customer_profiles where one_int < {first}",
            f"update customer_profiles set real_name = 'day {day}' where one_int % 10 = {day}",
        )
        if day % 3 == 2:
            crm.deliver()
            crm.assert_equal()
    crm.deliver()
    crm.assert_equal()
    assert crm.deliver()[:3] == (0, 0, 0)
    (totals,) = crm.marts.remembered("select sum(rows_inserted) - sum(rows_deleted) from receipts")
    assert totals[0] == len(crm.rows())


class Proxy:
    """Passes bytes to a server, and cuts the first connections after some of them."""

    def __init__(self, port: int, cuts: list[int]) -> None:
        self._goal, self._cuts = port, cuts
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            limit = self._cuts.pop(0) if self._cuts else None
            server = socket.create_connection(("127.0.0.1", self._goal))
            for source, sink, most in ((client, server, limit), (server, client, None)):
                threading.Thread(target=self._pass, args=(source, sink, most), daemon=True).start()

    @staticmethod
    def _pass(source: socket.socket, sink: socket.socket, most: int | None) -> None:
        passed = 0
        while True:
            try:
                block = source.recv(1 << 14)
                passed += len(block)
                if not block or (most is not None and passed > most):
                    break
                sink.sendall(block)
            except OSError:
                break
        for each in (source, sink):
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        # Closing alone would let the waiting accept() take one more.
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()


def test_a_server_that_goes_away_is_tried_again(crm: Crm) -> None:
    crm.marts.publish(400)
    # In the session's setup, in the middle of the rows; then it stays.
    proxy = Proxy(crm.server.port, [900, 30_000])
    crm.environment["DESTINATIONS__CRM__CREDENTIALS"] = crm.url(proxy.port)
    assert crm.deliver() == (400, 0, 0, 0)
    crm.assert_equal()
    proxy.close()
    crm.marts.publish(410)
    with pytest.raises(OnecdpError, match=r"^crm: .*nothing was changed there$"):
        crm.deliver()
    assert len(crm.rows()) == 400
    # Another address is another target, of which nothing is known.
    crm.environment["DESTINATIONS__CRM__CREDENTIALS"] = crm.url(crm.server.port)
    assert crm.deliver() == (410, 0, 0, 0)
    crm.assert_equal()


def test_a_connection_that_breaks_within_a_file_is_tried_again(
    crm: Crm, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not crm.server.is_mysql:
        pytest.skip("COPY has a protocol of its own")
    broken: list[connections.Connection[Any]] = []
    send = connections._send_local_file

    def break_once(path: str, connection: connections.Connection[Any]) -> None:
        if not broken:
            broken.append(connection)
            connection._sock.shutdown(socket.SHUT_RDWR)
        send(path, connection)

    monkeypatch.setattr(connections, "_send_local_file", break_once)
    crm.marts.publish(10)
    assert crm.deliver() == (10, 0, 0, 0)
    assert broken
    crm.assert_equal()


def test_a_dropped_or_emptied_table_is_filled_again(crm: Crm) -> None:
    crm.marts.publish(10)
    crm.deliver()
    crm.server.execute("drop table crm.profiles")
    assert crm.deliver() == (10, 0, 0, 0)
    crm.server.execute("delete from crm.profiles")
    assert crm.deliver() == (10, 0, 0, 0)
    crm.assert_equal()


def test_inserts_do_where_files_are_refused(crm: Crm, monkeypatch: pytest.MonkeyPatch) -> None:
    if not crm.server.is_mysql:
        pytest.skip("COPY needs no permission of its own")
    crm.server.execute("set global local_infile = 0")
    try:
        crm.marts.publish(40)
        crm.deliver()
        crm.marts.publish(41, "update customer_profiles set real_name = 'x' where one_int < 3")
        assert crm.deliver() == (1, 2, 0, 38)
        crm.assert_equal()
    finally:
        crm.server.execute("set global local_infile = 1")
