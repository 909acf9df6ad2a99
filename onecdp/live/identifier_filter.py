"""Which identifiers may have recent events: most look-ups are of people who have none."""

from __future__ import annotations

from onecdp.live.events import Identifier

_BYTES = 1 << 24
_MASK = 8 * _BYTES - 1
# One in 64 of the bits: of people with four identifiers, one in 16 is looked up for nothing.
_MOST = _BYTES // 8


class IdentifierFilter:
    """A Bloom filter with one hash function.

    Who is not in it was never added. Who is in it may have been.

    Attributes:
        added: How many identifiers were added, equal ones each time.
    """

    def __init__(self) -> None:
        """Starts empty: 16 MB of zeros, which take memory as they are set."""
        self._bits = bytearray(_BYTES)
        self.added = 0

    @property
    def is_full(self) -> bool:
        """Whether another one should be made of what is there now."""
        return self.added > _MOST

    def add(self, identifier: Identifier) -> None:
        """Adds an identifier."""
        at = hash(identifier) & _MASK
        self._bits[at >> 3] |= 1 << (at & 7)
        self.added += 1

    def __contains__(self, identifier: Identifier) -> bool:
        """Whether it may have been added."""
        at = hash(identifier) & _MASK
        return bool(self._bits[at >> 3] & 1 << (at & 7))
