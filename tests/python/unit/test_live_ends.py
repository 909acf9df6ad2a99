"""What `onecdp live` and `onecdp serve` do not wait for, and whom they do not run beside."""

from __future__ import annotations

import asyncio
import contextlib
import multiprocessing
import re
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest import mock

import confluent_kafka
import pytest

from onecdp.errors import OnecdpError
from onecdp.live.state import LiveState
from onecdp.live.triggers import send
from onecdp.live.triggers.outbox import Waiting, put_out
from onecdp.live.triggers.receivers import KafkaReceiver
from onecdp.live.triggers.send import Outbox, Senders
from onecdp.serving import app
from onecdp.warehouse.files import Warehouse
from onecdp.warehouse.lock import only_live


class Hanging:
    """A destination that does not answer."""

    batch = 1

    def __init__(self) -> None:
        self.asked, self.end = threading.Event(), threading.Event()

    def send(self, events: Sequence[Waiting]) -> int | None:
        self.asked.set()
        self.end.wait(30)
        return None

    def close(self) -> None: ...


def test_destination_that_hangs_does_not_hold_up_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(send, "STOP_SECONDS", 0.3)
    state = LiveState(tmp_path / "live.sqlite")
    with state.transaction() as connection:
        put_out(connection, "shop", Waiting(0, "seen", "ONE1", "s-entered", b"{}", time.time_ns()))
    said, shop = list[str](), Hanging()
    senders = Senders(Outbox(tmp_path / "live.sqlite", tmp_path), {"shop": shop}, said.append)
    senders.start(threading.Event())
    assert shop.asked.wait(20)
    began = time.monotonic()
    senders.stop()
    assert time.monotonic() < began + 10
    shop.end.set()
    state.close()
    assert said == [
        "shop has not answered for 0.3 seconds: what is on its way there is sent again at the"
        " next start"
    ]


def test_store_that_hangs_does_not_hold_up_the_end_of_a_server() -> None:
    asked, end = threading.Event(), threading.Event()

    def find_newer() -> None:
        asked.set()
        end.wait(30)

    tenant: Any = SimpleNamespace(find_live=lambda: None, current=mock.Mock(find_newer=find_newer))

    async def serve() -> None:
        refreshing = asyncio.create_task(app._refresh([tenant], 0.01))
        while not asked.is_set():
            await asyncio.sleep(0.01)
        refreshing.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await refreshing

    began = time.monotonic()
    asyncio.run(serve())
    assert time.monotonic() < began + 10
    end.set()


def test_refresh_goes_on_after_a_failure() -> None:
    calls: list[int] = []

    def find_newer() -> str | None:
        calls.append(1)
        if len(calls) == 1:
            raise OSError
        return "newer" if len(calls) == 2 else None

    current = mock.Mock(find_newer=find_newer)
    tenant: Any = SimpleNamespace(find_live=lambda: None, current=current, metrics=mock.Mock())

    async def serve() -> None:
        refreshing = asyncio.create_task(app._refresh([tenant], 0.01))
        while len(calls) < 4:
            await asyncio.sleep(0.01)
        refreshing.cancel()

    asyncio.run(serve())
    current.lose.assert_called_once()
    current.change_to.assert_called_once_with("newer")


def test_producer_that_failed_for_good_is_replaced() -> None:
    """As after a fatal error of an idempotent producer, which it keeps."""
    made: list[Any] = []

    class Producer:
        def __init__(self, settings: object) -> None:
            self.is_broken = not made
            made.append(self)

        def produce(self, *_: object, **__: object) -> None:
            if self.is_broken:
                raise confluent_kafka.KafkaException(
                    confluent_kafka.KafkaError(confluent_kafka.KafkaError._FATAL)
                )

        def purge(self) -> None: ...

        def flush(self, _: float) -> int:
            return 0

    with mock.patch.object(confluent_kafka, "Producer", Producer):
        receiver = KafkaReceiver("shop", "told", {}, 1)
        event = Waiting(0, "seen", "ONE1", "s-entered", b"{}", 0)
        with pytest.raises(OnecdpError, match="shop: "):
            receiver.send([event])
        assert receiver.send([event]) is None
        assert receiver.send([event]) is None
        receiver.close()
    assert len(made) == 2


def test_producer_that_can_not_be_made_anew_is_a_failure_like_others() -> None:
    """As when a certificate is replaced: the sender tries again, and does not end."""
    receiver = KafkaReceiver("shop", "told", {}, 1)
    receiver.close()
    event = Waiting(0, "seen", "ONE1", "s-entered", b"{}", 0)
    problem = confluent_kafka.KafkaException(
        confluent_kafka.KafkaError(confluent_kafka.KafkaError._INVALID_ARG, "no certificate")
    )
    with (
        mock.patch.object(confluent_kafka, "Producer", side_effect=problem),
        pytest.raises(OnecdpError, match="shop: no certificate"),
    ):
        receiver.send([event])


def _hold(folder: Path, is_held: Any, end: Any) -> None:
    with only_live(Warehouse(folder)):
        is_held.set()
        end.wait(60)


def test_second_process_is_refused(tmp_path: Path) -> None:
    """Two with other seeds would have all customers looked at again and again."""
    processes = multiprocessing.get_context("spawn")
    is_held, end = processes.Event(), processes.Event()
    first = processes.Process(target=_hold, args=[tmp_path, is_held, end])
    first.start()
    assert is_held.wait(60)
    said = re.escape(
        f"{tmp_path / 'live.sqlite'}: another `onecdp live` follows into it; stop that one first"
    )
    with pytest.raises(OnecdpError, match=said), only_live(Warehouse(tmp_path)):
        pass
    # The system releases it, however the process ends.
    first.kill()
    first.join()
    with only_live(Warehouse(tmp_path)):
        pass
