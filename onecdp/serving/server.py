"""Runs the API: one process, one event loop."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable

from starlette.applications import Starlette

from onecdp.collector.process import address_of, listen, run_app
from onecdp.serving.app import ACCESS, make_app
from onecdp.serving.beside_collector import BesideCollector
from onecdp.serving.protocol import direct_protocol
from onecdp.serving.settings import Settings


def serve(
    settings: Settings, host: str, port: int, notify: Callable[[str], None],
    collector: Starlette | None = None,
) -> None:  # fmt: skip
    """Answers until SIGTERM or SIGINT; requests that have begun are answered first.

    Args:
        settings: What the project says.
        host: The address to listen on.
        port: The port; 0 takes a free one.
        notify: Gets what the user should know, such as the address.
        collector: Takes events in the same process.

    Raises:
        OnecdpError: A store is missing, or it can't listen there.
    """
    app = make_app(settings)
    if settings.has_access_log:
        handler = logging.StreamHandler(sys.stderr)
        handler.setFormatter(logging.Formatter("%(asctime)s %(message)s"))
        ACCESS.addHandler(handler)
        ACCESS.setLevel(logging.INFO)
        ACCESS.propagate = False
    names = ", ".join(tenant.name for tenant in settings.tenants)
    with listen(host, port) as listener:
        run_app(
            BesideCollector(app, collector) if collector else app, listener,
            lambda: notify(f"serving {names} on {address_of(listener)}"),
            direct_protocol(app.direct),
        )  # fmt: skip
    notify("stopped")
