"""The sources, in the order in which they are loaded and reported."""

from __future__ import annotations

from . import app, crm, id_graph, retail
from .source import Source

SOURCES: tuple[Source, ...] = (crm.SOURCE, app.SOURCE, retail.SOURCE, id_graph.SOURCE)
