"""Micro-batches: runs again and again in one process, until it is told to stop."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import date

from onecdp.errors import OnecdpError, UsageProblem
from onecdp.pipeline.context import Context
from onecdp.pipeline.run import RunReport, run
from onecdp.project.data import Data


def watch(
    context: Context,
    data: Data | None = None,
    *,
    seconds: float,
    stop: threading.Event,
    show: Callable[[RunReport | OnecdpError], None],
    as_of: date | None = None,
) -> bool:
    """Loads what is new, builds what it touches and publishes, every few seconds.

    Python and dbt stay in memory, and dbt's manifest is kept while no file of the project changes.
    A batch that fails is shown and publishes nothing; the next one tries again.

    Args:
        context: The project and its warehouse.
        data: A folder with a folder per source, or the URL of one; None loads the project's sample.
        seconds: From the start of a batch to that of the next, unless it takes longer.
        stop: Set by the caller to end after the running batch.
        show: Gets each batch: its report, or why it couldn't start.
        as_of: As for `run`; None follows the calendar, if dbt_project.yml doesn't say otherwise.

    Returns:
        Whether the last batch ended well.

    Raises:
        UsageProblem: There is no such data when it starts.
    """
    is_first = True
    while True:
        started = time.monotonic()
        try:
            report = run(context, data, as_of=as_of)
        except Exception as error:
            # A setting that is half-written, a share that is away: later, the next batch may do.
            if is_first and isinstance(error, UsageProblem):
                raise
            is_well = False
            show(error if isinstance(error, OnecdpError) else _told(error))
        else:
            is_well = report.build.ok
            show(report)
        is_first = False
        if stop.wait(max(0.0, started + seconds - time.monotonic())):
            return is_well


def _told(error: Exception) -> OnecdpError:
    """An error that nobody foresaw; its text may have values of a row."""
    if isinstance(error, OSError) and error.strerror:
        return OnecdpError(": ".join(filter(None, (str(error.filename or ""), error.strerror))))
    return OnecdpError(
        f"the batch failed: {type(error).__name__}; a single `onecdp run` shows more of it"
    )
