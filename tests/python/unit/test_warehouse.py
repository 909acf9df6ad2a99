"""One writer at a time: DuckDB's lock on the file, ours on the folder."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from onecdp.errors import OnecdpError
from onecdp.warehouse.files import Warehouse, connect
from onecdp.warehouse.lock import exclusive

HOLD_FILE = (
    "import duckdb, sys; c = duckdb.connect(sys.argv[1]); print('held', flush=True); input()"
)
HOLD_FOLDER = """
import sys
from pathlib import Path
from onecdp.warehouse.files import Warehouse
from onecdp.warehouse.lock import exclusive
with exclusive(Warehouse(Path(sys.argv[1])), 'onecdp run'):
    print('held', flush=True)
    input()
"""


@contextmanager
def holder(code: str, path: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process that holds `path` until it is killed."""
    process = subprocess.Popen(
        [sys.executable, "-c", code, str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


@pytest.mark.parametrize("read_only", [False, True])
def test_a_file_held_by_another_process_is_one_line_with_its_number(
    tmp_path: Path, read_only: bool
) -> None:
    file = tmp_path / "onecdp.duckdb"
    with holder(HOLD_FILE, file) as process:
        with pytest.raises(OnecdpError) as caught:
            connect(file, read_only=read_only)

        message = str(caught.value)
        assert message.startswith(f"{file} is held by process {process.pid} (")
        assert "\n" not in message


def test_a_file_that_is_no_database_is_named(tmp_path: Path) -> None:
    file = tmp_path / "onecdp.duckdb"
    file.write_text("member_id,level\n" * 1000)

    with pytest.raises(OnecdpError, match=r"onecdp\.duckdb can't be opened: .*not a valid DuckDB"):
        connect(file, read_only=True)


def test_who_comes_second_is_told_who_is_first(tmp_path: Path) -> None:
    with holder(HOLD_FOLDER, tmp_path) as process:
        with pytest.raises(OnecdpError) as caught, exclusive(Warehouse(tmp_path), "onecdp build"):
            pass

        assert f"in use by `onecdp run` (process {process.pid}, since " in str(caught.value)


def test_a_command_can_wait_for_the_first_one(tmp_path: Path) -> None:
    notes: list[str] = []
    with holder(HOLD_FOLDER, tmp_path) as process:
        release = threading.Timer(1.0, process.kill)
        release.start()

        with exclusive(Warehouse(tmp_path), "onecdp build", wait_seconds=60, notify=notes.append):
            release.join()

    assert len(notes) == 1
    assert notes[0].startswith(f"{tmp_path} is in use by `onecdp run` (process {process.pid}, ")


def test_a_wait_that_was_too_short_is_one_line(tmp_path: Path) -> None:
    with (
        holder(HOLD_FOLDER, tmp_path),
        pytest.raises(OnecdpError, match=r"still in use by `onecdp run` \(.*\) after 0\.2 seconds"),
        exclusive(Warehouse(tmp_path), "onecdp build", wait_seconds=0.2),
    ):
        pass


def test_a_killed_process_lets_go(tmp_path: Path) -> None:
    with holder(HOLD_FOLDER, tmp_path) as process:
        os.kill(process.pid, signal.SIGKILL)
        process.wait()

        with exclusive(Warehouse(tmp_path), "onecdp run"):
            note = json.loads((tmp_path / ".lock-holder.json").read_text())
            assert note["pid"] == os.getpid()


def test_the_lock_is_free_again_afterwards_even_after_an_error(tmp_path: Path) -> None:
    warehouse = Warehouse(tmp_path / "new")
    with pytest.raises(ZeroDivisionError), exclusive(warehouse, "onecdp run"):
        raise ZeroDivisionError

    with exclusive(warehouse, "onecdp run"):
        assert warehouse.folder.is_dir()


def test_a_folder_that_cannot_be_made_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    with (
        pytest.raises(OnecdpError, match="file/warehouse can't be created: Not a directory"),
        exclusive(Warehouse(tmp_path / "file" / "warehouse"), "onecdp run"),
    ):
        pass


def test_what_a_killed_writer_left_can_be_read(tmp_path: Path) -> None:
    """The log that DuckDB hadn't folded in yet is read too, also by a reader."""
    file = tmp_path / "onecdp.duckdb"
    code = (
        "import duckdb, os, sys; c = duckdb.connect(sys.argv[1]);"
        " c.execute('create table t as select 42 as x'); os.kill(os.getpid(), 9)"
    )
    subprocess.run([sys.executable, "-c", code, str(file)], check=False)

    with connect(file, read_only=True) as connection:
        assert connection.execute("select x from t").fetchall() == [(42,)]


def test_threads_of_one_process_keep_out_of_each_other_s_way(tmp_path: Path) -> None:
    refused: list[str] = []

    def second() -> None:
        try:
            with exclusive(Warehouse(tmp_path), "onecdp publish"):
                pass
        except OnecdpError as error:
            refused.append(str(error))

    with exclusive(Warehouse(tmp_path), "onecdp run"):
        thread = threading.Thread(target=second)
        thread.start()
        thread.join()

    assert len(refused) == 1
