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
        UsageProblem: There is no such data.
    """
    while True:
        started = time.monotonic()
        try:
            report = run(context, data, as_of=as_of)
        except UsageProblem:
            raise
        except OnecdpError as error:
            is_well = False
            show(error)
        else:
            is_well = report.build.ok
            show(report)
        if stop.wait(max(0.0, started + seconds - time.monotonic())):
            return is_well
