"""Batches of `onecdp run --watch`: what fails is told, and only the first one may end it."""

from __future__ import annotations

import importlib
import threading
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import duckdb
import pytest

from onecdp.errors import OnecdpError, UsageProblem
from onecdp.pipeline.context import Context
from onecdp.project.find import Project

# The package has a function of the same name.
module = importlib.import_module("onecdp.pipeline.watch")


def watched(monkeypatch: pytest.MonkeyPatch, *batches: object) -> tuple[bool, list[object]]:
    """Runs batches, each a report or what it raises; returns the answer and what was shown."""
    left, stop, shown = list(batches), threading.Event(), list[object]()

    def run(*_: object, **__: object) -> Any:
        batch = left.pop(0)
        if not left:
            stop.set()
        if isinstance(batch, Exception):
            raise batch
        return batch

    monkeypatch.setattr(module, "run", run)
    context = Context(Project(Path(), SimpleNamespace()))  # type: ignore[arg-type]
    ended = module.watch(context, seconds=0.01, stop=stop, show=shown.append)
    return ended, shown


WELL = SimpleNamespace(build=SimpleNamespace(ok=True))


def test_what_fails_does_not_end_it(monkeypatch: pytest.MonkeyPatch) -> None:
    full = OSError(28, "No space left on device", "onecdp.duckdb")
    unforeseen = duckdb.ConversionException("bob@example.com is no number")
    is_well, shown = watched(
        monkeypatch, WELL, UsageProblem("half a setting"), full, unforeseen, WELL
    )
    assert is_well
    assert [shown[0], shown[4]] == [WELL, WELL]
    assert all(isinstance(each, OnecdpError) for each in shown[1:4])
    assert [str(each).partition(";")[0] for each in shown[1:4]] == [
        "half a setting",
        "onecdp.duckdb: No space left on device",
        "the batch failed: ConversionException",
    ]


def test_a_mistake_at_the_start_ends_it(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UsageProblem):
        watched(monkeypatch, UsageProblem("no data"), WELL)
