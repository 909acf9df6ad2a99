"""Damages bitmaps and rules at random, and gives them to what reads them.

    python -m support.fuzz SECONDS

A crash of the process or an error that is not the reader's own is a finding.
"""

from __future__ import annotations

import random
import sys
import time
from collections.abc import Iterator

from onecdp.audiences.bitmaps import from_bytes, to_bytes, to_numpy, union
from onecdp.audiences.rules import RuleError, parse, to_text
from support.audiences import blob

_WHOLE = blob(range(1, 70_000))
_SEEDS = (
    blob([]),
    blob([1, 5, 70_000]),
    _WHOLE,
    blob(range(1, 20_000, 2)),
    blob([*range(1, 20_000, 2), *range(70_000, 80_000), 200_000, 4_294_967_295]),
    blob(n for block in range(6) for n in range(65_536 * block + 1, 65_536 * block + 40)),
)
_WORDS = (
    *(
        "AND",
        "OR",
        "NOT",
        "(",
        ")",
        '"',
        '""',
        "--",
        "/*",
        "*/",
        "\n",
        " ",
        ",",
        "<",
        ">=",
        "!=",
        "=",
    ),
    *("BETWEEN", "IN", "a", "At Risk", "250", "-3", ".5", "audience:P", "会员", "\u0301", "\ud800"),
)


def damaged(drawn: random.Random) -> bytes:
    """Returns a bitmap with some bytes changed, taken out, repeated or put in."""
    data = bytearray(drawn.choice(_SEEDS))
    for _ in range(drawn.randint(1, 4)):
        # Most of the structure is at the beginning.
        at = min(int(drawn.expovariate(1 / 24)), len(data))
        match drawn.randrange(5):
            case 0 if at < len(data):
                data[at] = drawn.choice((0, 1, 0x7F, 0x80, 0xFF, drawn.randrange(256)))
            case 1 if at < len(data):
                data[at] ^= 1 << drawn.randrange(8)
            case 2:
                del data[at : at + drawn.randint(1, 8)]
            case 3:
                data[at:at] = drawn.randbytes(drawn.randint(1, 8))
            case 4:
                del data[drawn.randrange(len(data) + 1) :]
    return bytes(data)


def read_bitmap(data: bytes) -> bool:
    """Reads bytes as a bitmap and works with it; returns whether they are one."""
    try:
        bitmap = from_bytes(data)
    except ValueError:
        return False
    members = to_numpy(bitmap)
    assert len(members) == len(bitmap)
    assert (members[1:] > members[:-1]).all()
    other = from_bytes(_WHOLE)
    assert len(union([bitmap, other])) + len(bitmap & other) == len(bitmap) + len(other)
    assert from_bytes(to_bytes(bitmap)) == bitmap
    return True


def drawn_rule(drawn: random.Random) -> str:
    """Returns a text of the words of the language and others."""
    words = drawn.choices(_WORDS, k=drawn.randint(1, 24))
    return drawn.choice(("", " ")).join(words)


def read_rule(rule: str) -> bool:
    """Parses a rule and prints it; returns whether it is one."""
    refusal = None
    try:
        expression = parse(rule)
    except RuleError as error:
        refusal = error
    if refusal is None:
        assert parse(to_text(expression)) == expression
        return True
    assert str(refusal).isprintable()
    assert 1 <= refusal.position <= len(rule) + 1
    assert len(refusal.pointed().splitlines()) == 3
    return False


def rounds(drawn: random.Random) -> Iterator[tuple[bool, bool]]:
    """Yields whether a damaged bitmap, and a drawn rule, could be read."""
    while True:
        yield read_bitmap(damaged(drawn)), read_rule(drawn_rule(drawn))


if __name__ == "__main__":
    end = time.monotonic() + float(sys.argv[1])
    tried = bitmaps = rules = 0
    for is_bitmap, is_rule in rounds(random.Random(int(sys.argv[2]) if len(sys.argv) > 2 else 20)):
        tried, bitmaps, rules = tried + 1, bitmaps + is_bitmap, rules + is_rule
        if time.monotonic() > end:
            break
    print(f"{tried:,} rounds: {bitmaps:,} bitmaps and {rules:,} rules could be read")
