"""Events of triggers reach a real HTTP service in their order, whatever fails in between."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from support.live_worlds import NOON
from support.webhooks import SECRET, Service

from onecdp.destinations.signed_post import Address, SignedPost
from onecdp.live.state import LiveState
from onecdp.live.triggers import outbox
from onecdp.live.triggers.outbox import Waiting
from onecdp.live.triggers.receivers import WebhookReceiver
from onecdp.live.triggers.send import KEPT, Outbox, Sender, Senders


class Hook(Service):
    """A service that takes events.

    Attributes:
        keys: The idempotency key of each call that was answered 200.
        bodies: What it said.
    """

    def __init__(self, port: int = 0) -> None:
        self.keys: list[str] = []
        self.bodies: list[dict[str, Any]] = []
        super().__init__(self.take, port)

    def take(self, headers: dict[str, str], body: bytes) -> None:
        self.keys.append(headers["Idempotency-Key"])
        self.bodies.append(json.loads(body))


@dataclass
class Desk:
    """An outbox, and who sends it to a service."""

    folder: Path
    hook: Hook
    told: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.state = LiveState(self.folder / "live.sqlite")
        self.outbox = Outbox(self.folder / "live.sqlite", self.folder / "dead-letters")

    @property
    def letters(self) -> Path:
        return self.folder / "dead-letters/triggers/hook.jsonl"

    def put(self, *numbers: int, at: int = NOON) -> None:
        with self.state.transaction() as state:
            for number in numbers:
                body = json.dumps({"event_id": f"E{number}", "one_id": f"ONE{number}"}).encode()
                event = Waiting(0, "browsing", f"ONE{number}", f"E{number}", body, at)
                outbox.put_out(state, "hook", event)

    def left(self) -> int:
        return len(outbox.waiting(self.state.connection, "hook", 100))

    def counts(self) -> dict[str, int]:
        rows = self.state.connection.execute("select what, count from trigger_counts").fetchall()
        return dict(rows)

    def sender(self) -> Sender:
        receiver = WebhookReceiver(SignedPost("hook", Address(self.hook.url, SECRET)))
        return Sender(
            self.outbox, "hook", receiver, self.told.append, first_wait=0.01, now=lambda: NOON
        )

    def send_until(self, is_done: Callable[[], bool], sender: Sender | None = None) -> None:
        stop = threading.Event()
        thread = threading.Thread(target=(sender or self.sender()).run, args=[stop])
        thread.start()
        try:
            end = time.monotonic() + 20
            while not is_done():
                assert time.monotonic() < end, self.told
                time.sleep(0.005)
        finally:
            stop.set()
            thread.join()


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    made = Desk(tmp_path, Hook())
    yield made
    made.hook.close()
    made.state.close()


def test_events_are_sent_signed_in_their_order_and_tried_again(desk: Desk) -> None:
    desk.hook.answers = [503, 429, 200, 502, 401, 401]
    desk.put(1, 2, 3)
    desk.send_until(lambda: not desk.left())
    assert desk.hook.keys == ["E1", "E2", "E3"]
    assert [body["event_id"] for body in desk.hook.bodies] == desk.hook.keys
    assert not desk.hook.unsigned
    assert desk.counts() == {"sent": 3}
    # What does not pass is told once, without the token of the address.
    assert desk.told == [
        "hook answered 429 Too Many Requests; trying again", "hook: going on",
        "hook answered 401 Unauthorized; trying again", "hook: going on",
    ]  # fmt: skip


def test_refused_event_is_a_dead_letter_and_the_others_go_on(desk: Desk) -> None:
    desk.hook.answers = [200, 422, 400]
    desk.put(1, 2, 3, 4)
    desk.send_until(lambda: not desk.left())
    assert desk.hook.keys == ["E1", "E4"]
    letters = [*map(json.loads, desk.letters.read_text().splitlines())]
    assert [(each["status"], each["body"]["event_id"]) for each in letters] == [
        (422, "E2"), (400, "E3"),
    ]  # fmt: skip
    assert desk.letters.stat().st_mode & 0o077 == 0
    assert desk.counts() == {"sent": 2, "refused": 2}
    # No more than a line a minute.
    assert desk.told == [f"hook answered 422: 1 dead letters since the start, in {desk.letters}"]


def test_service_that_is_gone_gets_all_when_it_comes_back(desk: Desk) -> None:
    port = int(desk.hook.url.split(":")[2].split("/")[0])
    desk.hook.close()
    desk.put(1, 2)
    desk.send_until(lambda: bool(desk.told))
    assert desk.told[0] == "hook can't be reached (ConnectionError); trying again"
    desk.hook = Hook(port)
    desk.send_until(lambda: not desk.left())
    assert desk.hook.keys == ["E1", "E2"]


def test_event_that_was_not_taken_for_a_day_is_a_dead_letter(desk: Desk) -> None:
    desk.hook.answers = [500] * 3
    desk.put(1, at=NOON - KEPT - 1)
    desk.put(2)
    desk.send_until(lambda: not desk.left())
    assert desk.hook.keys == ["E2"]
    (letter,) = map(json.loads, desk.letters.read_text().splitlines())
    assert (letter["status"], letter["body"]["event_id"]) == (None, "E1")


def test_service_that_is_away_for_days_is_not_hurried(desk: Desk) -> None:
    """What is too old is set aside, and the service is not asked again for each of them."""
    desk.hook.answers = [500] * 4
    desk.put(*range(1, 9), at=NOON - KEPT - 1)
    desk.put(9)
    asked: list[float] = []
    sender = desk.sender()
    send = sender._receiver.send

    def counted(events: Sequence[Waiting]) -> int | None:
        asked.append(time.monotonic())
        return send(events)

    with mock.patch.object(sender._receiver, "send", counted):
        desk.send_until(lambda: not desk.left(), sender)
    assert desk.hook.keys == ["E9"]
    assert len(desk.letters.read_text().splitlines()) == 8
    # Each pause is longer, and nobody is told that it goes on before it does.
    assert len(asked) == 5
    assert all(b - a >= 0.01 * 2**n for n, (a, b) in enumerate(pairwise(asked)))
    assert [text for text in desk.told if "dead letters" not in text] == [
        "hook answered 500 Internal Server Error; trying again", "hook: going on",
    ]  # fmt: skip


def test_dead_letter_of_an_erased_person_is_not_kept(desk: Desk) -> None:
    class Erasing:
        batch = 1

        def send(self, events: list[Waiting]) -> int:
            desk.state.erase([], ["ONE1"])
            return 422

    desk.put(1)
    sender = Sender(desk.outbox, "hook", Erasing(), desk.told.append)  # type: ignore[arg-type]
    state = sqlite3.connect(desk.outbox.file, isolation_level=None)
    sender.send_next(state)
    state.close()
    assert not desk.letters.exists()
    assert desk.counts() == {}
    # There is no file to look at.
    assert desk.told == []


@pytest.mark.parametrize("number", range(3))
def test_kill_between_answer_and_deletion_repeats_the_key(desk: Desk, number: int) -> None:
    desk.put(1, 2, 3)
    desk.state.close()
    child = os.fork()
    if not child:
        left = [number]

        def dying(*args: Any) -> bool:
            left[0] -= 1
            if left[0] < 0:
                os.kill(os.getpid(), signal.SIGKILL)
            return outbox.take_out(*args)

        with mock.patch("onecdp.live.triggers.send.take_out", dying):
            desk.sender().run(threading.Event())
    os.waitpid(child, 0)
    assert len(desk.hook.keys) == number + 1
    desk.__post_init__()
    desk.send_until(lambda: not desk.left())
    assert [*dict.fromkeys(desk.hook.keys)] == ["E1", "E2", "E3"]
    assert len(desk.hook.keys) == 4


def test_bug_in_a_sender_ends_the_follower(desk: Desk) -> None:
    class Broken:
        batch = 1

        def send(self, events: list[Waiting]) -> int:
            raise ZeroDivisionError

        def close(self) -> None: ...

    desk.put(1)
    ended = threading.Event()
    senders = Senders(desk.outbox, {"hook": Broken()}, desk.told.append)  # type: ignore[dict-item]
    senders.start(ended)
    assert ended.wait(20)
    with pytest.raises(ZeroDivisionError):
        senders.stop()
