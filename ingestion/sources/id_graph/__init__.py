"""Links between identifiers: from files and, where one is configured, from an HTTP service."""

from ...readers.files import Files
from ..source import Source
from .tables import LINKS

SOURCE = Source("id_graph", (LINKS,), Files())
