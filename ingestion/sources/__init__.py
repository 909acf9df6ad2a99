"""The sources, in the order in which they are loaded and reported."""

from __future__ import annotations

from . import app, consents, crm, email, id_graph, retail, shop, support, web
from .source import Source

SOURCES: tuple[Source, ...] = (
    crm.SOURCE,
    app.SOURCE,
    retail.SOURCE,
    shop.SOURCE,
    web.SOURCE,
    email.SOURCE,
    support.SOURCE,
    consents.SOURCE,
    id_graph.SOURCE,
)
