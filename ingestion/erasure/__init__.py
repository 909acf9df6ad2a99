"""Erased people: what the raw tables give up, and how loading keeps them out from then on.

Of a person who was erased only tombstones are left, keyed hashes of the identifiers
(`tombstones`). A load compares its rows with them (`loading`), and `raw` takes a person out of what
was loaded before. Both strike the same columns (`striking`), so that a row that is loaded again is
the row that stands.
"""

from .raw import RawRemoval, erase_raw, is_erased, set_tombstones
from .tombstones import KeyProblem, normalise

__all__ = ["KeyProblem", "RawRemoval", "erase_raw", "is_erased", "normalise", "set_tombstones"]
