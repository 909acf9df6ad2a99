"""All audiences of one customer in one look-up: bitmaps, turned by a quarter."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import orjson

from onecdp.audiences.bitmaps import BitMap, to_numpy

_BITS = 64
_MAX_CACHED = 1 << 16
Mask = tuple[int, ...]


class AudienceMasks:
    """A bit per audience for each one_int, which are dense.

    To ask 50 bitmaps costs as much as the rest of an answer. Customers with equal audiences share
    their text. Takes as many bits per customer as there are audiences, rounded up to 8, 16, 32 or
    a multiple of 64.
    """

    def __init__(self, audiences: Mapping[str, BitMap]) -> None:
        """Takes the members of audiences, by package_id."""
        self._names = list(audiences)
        size = max((members.max() + 1 for members in audiences.values() if members), default=0)
        words = []
        for first in range(0, len(self._names), _BITS):
            part = self._names[first : first + _BITS]
            word = np.zeros(size, _smallest(len(part)))
            for bit, name in enumerate(part):
                word[to_numpy(audiences[name])] |= word.dtype.type(1 << bit)
            words.append(word)
        # Read without numpy's scalars.
        self._words: list[Any] = [word.data for word in words]
        self._size = size
        self._texts: dict[Mask, bytes] = {}

    def json_of(self, one_int: int) -> bytes:
        """Returns the package_ids of all audiences that a customer is in, as a JSON list."""
        mask = tuple([word[one_int] for word in self._words]) if one_int < self._size else ()
        text = self._texts.get(mask)
        if text is None:
            text = orjson.dumps([self._names[at] for at in _places(mask)])
            if len(self._texts) >= _MAX_CACHED:
                self._texts.clear()
            self._texts[mask] = text
        return text


def _smallest(bits: int) -> str:
    return next(f"uint{size}" for size in (8, 16, 32, 64) if bits <= size)


def _places(mask: Mask) -> Iterator[int]:
    """The places of the bits that are set: of most customers, few of many."""
    for first, word in enumerate(mask):
        while word:
            lowest = word & -word
            yield first * _BITS + lowest.bit_length() - 1
            word ^= lowest
