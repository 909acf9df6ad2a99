"""Which identifiers may have recent events: most look-ups are of people who have none."""

from __future__ import annotations

from collections.abc import Iterable

from onecdp.live.events import Identifier

_BYTES = 1 << 24
_MASK = 8 * _BYTES - 1
# One in 64 of the bits: of people with four identifiers, one in 16 is looked up for nothing.
_MOST = _BYTES // 8


class IdentifierFilter:
    """A Bloom filter with one hash function.

    What is not in it was never added. What is in it may have been.
    """

    def __init__(self, identifiers: Iterable[Identifier] = ()) -> None:
        """Starts with some identifiers. Takes 16 MB."""
        self._bits, self._count = bytearray(_BYTES), 0
        for identifier in identifiers:
            self.add(identifier)
        self._first = self._count

    @property
    def is_worn(self) -> bool:
        """Whether so much was added that one of what is there now would be much emptier."""
        return self._count - self._first > max(_MOST, self._first)

    def add(self, identifier: Identifier) -> None:
        """Adds an identifier."""
        at = hash(identifier) & _MASK
        bit = 1 << (at & 7)
        if not self._bits[at >> 3] & bit:
            self._bits[at >> 3] |= bit
            self._count += 1

    def __contains__(self, identifier: Identifier) -> bool:
        """Whether it may have been added."""
        at = hash(identifier) & _MASK
        return bool(self._bits[at >> 3] & 1 << (at & 7))
