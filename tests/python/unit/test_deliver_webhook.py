"""Webhooks: signed, tried again, refused batches kept, nothing sent twice that was taken."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support.deliveries import Marts
from support.webhooks import SECRET, Service
from tenacity import wait_none

from onecdp.destinations import webhook
from onecdp.destinations.memory import Memory
from onecdp.errors import OnecdpError


class Table(Service):
    """A service that takes batches of rows.

    Attributes:
        held: The rows that it has, by one_id.
        keys: The idempotency key of each batch that it took.
    """

    def __init__(self) -> None:
        self.held: dict[str, dict[str, Any]] = {}
        self.keys: list[str] = []
        super().__init__(self.take)

    def take(self, headers: dict[str, str], body: bytes) -> None:
        document = json.loads(body)
        self.keys.append(headers["Idempotency-Key"])
        for row in document["rows"]:
            if document["action"] == "removed":
                self.held.pop(row["one_id"], None)
            else:
                self.held[row["one_id"]] = row


@pytest.fixture
def service() -> Iterator[Table]:
    made = Table()
    yield made
    made.close()


class Hook:
    """The destination `hook` of a project."""

    def __init__(self, folder: Path, service: Table) -> None:
        self.marts, self.service = Marts(folder), service
        self.environment = {
            "DESTINATIONS__HOOK__TYPE": "webhook",
            "DESTINATIONS__HOOK__URL": service.url,
            "DESTINATIONS__HOOK__SECRET": SECRET,
            "DESTINATIONS__HOOK__BATCH_ROWS": "4",
        }

    def deliver(self) -> tuple[int, ...]:
        return self.marts.sent("hook", environment=self.environment)

    def assert_equal(self) -> None:
        wanted = self.marts.read("select one_id, real_name from customer_profiles")
        held = self.service.held.items()
        assert {(key, row["real_name"]) for key, row in held} == set(wanted)
        assert not self.service.unsigned


@pytest.fixture
def hook(tmp_path: Path, service: Table, monkeypatch: pytest.MonkeyPatch) -> Hook:
    monkeypatch.setattr(webhook, "wait_exponential", lambda **_: wait_none())
    made = Hook(tmp_path / "project", service)
    made.marts.publish(10)
    return made


def test_changes_are_sent_signed_and_tried_again(hook: Hook) -> None:
    hook.service.answers = [503, 429, 200, 502]
    assert hook.deliver() == (10, 0, 0, 0)
    hook.assert_equal()
    assert len(hook.service.keys) == 3
    hook.marts.publish(9, "update customer_profiles set real_name = 'new' where one_int = 2")
    assert hook.deliver() == (0, 1, 1, 8)
    hook.assert_equal()


def test_a_refused_batch_is_kept_and_sent_with_the_next_delivery(hook: Hook) -> None:
    hook.service.answers = [200, 422]
    (receipt,) = hook.marts.deliver("hook", environment=hook.environment)
    assert (receipt["rows_inserted"], receipt["rows_refused"]) == (6, 4)
    letters = hook.marts.warehouse.dead_letters / "hook.jsonl"
    (letter,) = map(json.loads, letters.read_text().splitlines())
    assert (letter["status"], len(letter["body"]["rows"])) == (422, 4)
    assert letters.stat().st_mode & 0o077 == 0
    assert hook.deliver() == (4, 0, 0, 6)
    hook.assert_equal()


@pytest.mark.parametrize("status", [401, 302])
def test_what_would_refuse_every_batch_stops_with_one_line(hook: Hook, status: int) -> None:
    hook.service.answers = [200, status]
    with pytest.raises(OnecdpError, match=rf"^hook answered {status} .*next time$") as told:
        hook.deliver()
    assert "hidden" not in str(told.value)
    taken = len(hook.service.held)
    assert taken == 4
    # The receipt that follows counts what was taken before it, too.
    assert hook.deliver() == (10, 0, 0, 0)
    assert len(hook.service.keys) == 3
    hook.assert_equal()


def test_a_service_that_is_gone_is_one_line(hook: Hook) -> None:
    hook.service.close()
    with pytest.raises(OnecdpError, match=r"^hook can't be reached \(ConnectionError\)") as told:
        hook.deliver()
    assert "hidden" not in str(told.value)


@pytest.mark.parametrize("number", range(3))
def test_a_kill_between_answer_and_memory_repeats_one_batch(hook: Hook, number: int) -> None:
    patch = pytest.MonkeyPatch()
    child = os.fork()
    if not child:
        left = [number]
        confirm = Memory.confirm

        def dying(*args: Any) -> None:
            left[0] -= 1
            if left[0] < 0:
                os.kill(os.getpid(), signal.SIGKILL)
            confirm(*args)

        patch.setattr(Memory, "confirm", dying)
        hook.deliver()
    os.waitpid(child, 0)
    assert len(hook.service.keys) == number + 1
    assert hook.deliver() == (10, 0, 0, 0)
    # The batch that was taken and not confirmed comes again, and can be told by its key.
    assert len(hook.service.keys) == 4
    assert len(set(hook.service.keys)) == 3
    hook.assert_equal()


def test_the_same_rows_on_another_delivery_have_another_key(hook: Hook) -> None:
    """Added, removed and added again on one as-of date: a service that knows the key skips it."""
    gone = "delete from customer_profiles where one_int = 3"
    hook.marts.publish(10, gone)
    hook.deliver()
    for statements in ((), (gone,), ()):
        hook.marts.publish(10, *statements)
        hook.deliver()
    assert len(set(hook.service.keys)) == len(hook.service.keys)
