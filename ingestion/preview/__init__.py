"""Shows what a load would do, before anything is loaded.

The files go through the landing as in a load, against the warehouse, which is only read; what comes
out is counted and shown instead of written.
"""

from .check import SourcePreview, preview, preview_file_at
from .one_file import NoSource

__all__ = ["NoSource", "SourcePreview", "preview", "preview_file_at"]
