"""Compilation to machine code."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numba

Function = TypeVar("Function", bound=Callable[..., Any])


def compiled(function: Function) -> Function:
    """Compiles a function with numba on its first call, for the types of its arguments.

    The machine code is cached on disk: in $NUMBA_CACHE_DIR if set, else in __pycache__ beside the
    function's file, else in the user's cache folder. If none is writable, every process compiles
    again, which takes some seconds. The cache is invalidated by a change of the function's own
    file only: after changing a compiled function that another file calls, delete the *.nbi files.
    """
    try:
        return cast("Function", numba.njit(cache=True, nogil=True)(function))
    except RuntimeError:
        return cast("Function", numba.njit(nogil=True)(function))
