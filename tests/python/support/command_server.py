"""Runs `onecdp` commands in forks of one process that has imported everything.

A command spends three seconds of a processor on imports, and the tests run hundreds. Each fork is a
process of its own, with its own working directory, environment, output and exit code; the server
itself opens no database and runs no thread of ours.

Reads a request per line from stdin, and answers each with the exit code on stdout.
"""

from __future__ import annotations

import atexit
import importlib
import json
import os
import runpy
import sys
from typing import Any, NoReturn

_MODULES = (
    "dbt.adapters.duckdb.impl",
    "dbt.cli.main",
    "dbt.task.build",
    "dlt.common.libs.sql_alchemy_compat",
    "dlt.destinations",
    "dlt.destinations.impl.duckdb.duck",
    "numba",
    "onecdp.audiences.tags",
    "onecdp.cli.main",
    "onecdp.cli.output",
    "onecdp.identity.resolution.resolve",
    "onecdp.pipeline",
    "onecdp.value",
    "pandas",
    "pyarrow",
)


def main() -> None:
    """Serves until stdin ends."""
    for module in _MODULES:
        importlib.import_module(module)
    for line in sys.stdin:
        request = json.loads(line)
        child = os.fork()
        if child == 0:
            _end(_run(request))
        _, status = os.waitpid(child, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)


def _run(request: dict[str, Any]) -> int:
    """Runs one command in this fork, and returns its exit code."""
    os.chdir(request["cwd"])
    os.environ.clear()
    os.environ.update(request["environment"])
    for descriptor, name in ((0, os.devnull), (1, request["stdout"]), (2, request["stderr"])):
        file = os.open(name, os.O_RDONLY if descriptor == 0 else os.O_WRONLY | os.O_CREAT)
        os.dup2(file, descriptor)
        os.close(file)
    sys.argv = ["onecdp", *request["args"]]
    # As `python -m onecdp`: the folder that it is started in comes first.
    given = request["environment"].get("PYTHONPATH", "").split(os.pathsep)
    sys.path[:1] = [request["cwd"], *(folder for folder in given if folder not in sys.path)]
    try:
        runpy.run_module("onecdp", run_name="__main__", alter_sys=True)
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:
        sys.excepthook(*sys.exc_info())
        return 1
    return 0


def _end(code: int) -> NoReturn:
    """Ends this fork with what Python tidies up at its end.

    Not as Python ends: native libraries then wait for threads that a fork doesn't have.
    """
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


if __name__ == "__main__":
    main()
