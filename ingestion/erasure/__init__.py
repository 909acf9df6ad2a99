"""Erased people: deleted from the raw tables, and filtered from every later load.

Of a person who was erased only tombstones are left, keyed hashes of the identifiers
(`tombstones`). `raw` erases a person from what was loaded before, and `filtering` compares the rows
of a load with the tombstones. Both set the same columns to null (`matching`), so that a row that is
loaded again equals the stored one.
"""

from onecdp.identity.normalise import normalise

from .raw import RawRemoval, erase_raw, is_erased, set_tombstones
from .tombstones import KeyProblem

__all__ = ["KeyProblem", "RawRemoval", "erase_raw", "is_erased", "normalise", "set_tombstones"]
