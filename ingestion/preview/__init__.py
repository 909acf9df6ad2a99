"""Shows what a load would do, before anything is loaded.

The files go through the landing as in a load, against the warehouse, which is only read; what comes
out is counted and shown instead of written.
"""

from .check import SourcePreview, fetch, preview, preview_file_at
from .one_file import NoSource
from .shape import NoShape, read_shape

__all__ = [
    "NoShape",
    "NoSource",
    "SourcePreview",
    "fetch",
    "preview",
    "preview_file_at",
    "read_shape",
]
