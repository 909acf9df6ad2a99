"""The collector's files: whole lines, durable before they are acknowledged, hidden until closed."""

from __future__ import annotations

import asyncio
import errno
import fcntl
import os
from pathlib import Path

import pytest

from onecdp.collector.group_commit import NotDurable
from onecdp.collector.journal import Journal
from onecdp.collector.segments import Segment, SegmentWriter, close_abandoned


def closed(folder: Path) -> list[bytes]:
    assert not [path for path in folder.iterdir() if path.name.startswith(".")]
    return [path.read_bytes() for path in sorted(folder.iterdir())]


@pytest.mark.parametrize(
    ("left", "kept"),
    [
        (b'{"a":1}\n{"a":2}\n', [b'{"a":1}\n{"a":2}\n']),
        (b'{"a":1}\n{"a":', [b'{"a":1}\n']),
        (b'{"a":1}\n' + b"x" * 200_000, [b'{"a":1}\n']),
        (b'{"a":', []),
        (b"", []),
    ],
)
def test_a_segment_that_was_left_is_closed_without_a_torn_line(
    tmp_path: Path, left: bytes, kept: list[bytes]
) -> None:
    (tmp_path / ".1.jsonl.open").write_bytes(left)

    close_abandoned(tmp_path)

    assert closed(tmp_path) == kept


def test_a_segment_that_is_written_is_not_taken_for_abandoned(tmp_path: Path) -> None:
    segment = Segment(tmp_path)
    segment.append(b"1\n")
    close_abandoned(tmp_path)
    segment.append(b"2\n")
    segment.close()

    assert closed(tmp_path) == [b"1\n2\n"]


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (OSError(errno.EIO, os.strerror(errno.EIO)), "Input/output error"),
        (MemoryError(), "MemoryError"),
    ],
)
def test_a_failed_sync_closes_the_segment_and_takes_back_what_it_wrote(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception, told: str
) -> None:
    async def send() -> None:
        journal = Journal(tmp_path, 1 << 20, 60)
        await journal.append({"app": b"1\n"})
        with monkeypatch.context() as broken:
            broken.setattr(os, "fdatasync", fail)
            with pytest.raises(NotDurable, match=told):
                await asyncio.wait_for(journal.append({"app": b"2\n"}), 10)
        assert not journal.is_healthy
        await journal.append({"app": b"3\n"})
        assert journal.is_healthy
        await journal.stop()

    def fail(_: int) -> None:
        raise error

    asyncio.run(send())

    assert sorted(closed(tmp_path / "app")) == [b"1\n", b"3\n"]


def test_requests_that_are_here_together_cost_one_sync(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[int] = []
    monkeypatch.setattr(os, "fdatasync", synced.append)

    async def send() -> None:
        journal = Journal(tmp_path, 1 << 20, 60)
        requests = [asyncio.create_task(journal.append({"app": b"1\n"})) for _ in range(20)]
        await asyncio.sleep(0)
        # Also what is to be written when it stops is durable.
        await journal.stop()
        await asyncio.gather(*requests)

    asyncio.run(send())

    assert len(synced) == 1
    assert closed(tmp_path / "app") == [b"1\n" * 20]


def test_a_segment_ends_by_size(tmp_path: Path) -> None:
    writer = SegmentWriter(tmp_path, 4, 60)
    for line in (b"1\n", b"2\n", b"3\n"):
        writer.append(line)
    writer.close()

    assert sorted(closed(tmp_path)) == [b"1\n2\n", b"3\n"]


def test_another_process_that_closes_a_new_segment_costs_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def taken(*_: object) -> None:
        raise BlockingIOError(errno.EAGAIN, "taken")

    writer = SegmentWriter(tmp_path, 1 << 20, 60)
    with monkeypatch.context() as broken:
        broken.setattr(fcntl, "flock", taken)
        with pytest.raises(BlockingIOError):
            writer.append(b"1\n")
    close_abandoned(tmp_path)
    writer.append(b"1\n")
    writer.close()

    assert closed(tmp_path) == [b"1\n"]


def test_a_segment_that_could_not_be_closed_is_closed_when_it_can(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else acknowledged lines would wait for the next start of the collector."""

    def fail(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    async def send() -> None:
        journal = Journal(tmp_path, 1 << 20, 0.1)
        with monkeypatch.context() as broken:
            broken.setattr(Path, "rename", fail)
            await journal.append({"app": b"1\n"})
            await asyncio.sleep(0.3)
        deadline = asyncio.get_running_loop().time() + 10
        while any(path.name.startswith(".") for path in (tmp_path / "app").iterdir()):
            assert asyncio.get_running_loop().time() < deadline
            await asyncio.sleep(0.05)
        assert closed(tmp_path / "app") == [b"1\n"]
        await journal.stop()

    asyncio.run(send())
