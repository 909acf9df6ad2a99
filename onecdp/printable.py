"""Names of files as they can be stored and printed."""

from __future__ import annotations

import unicodedata


def printable(name: str) -> str:
    """A name of a file, with escapes for what is no UTF-8, a control or ends a line."""
    text = name.encode("utf-8", "backslashreplace").decode()
    return "".join(
        char.encode("unicode_escape").decode()
        if unicodedata.category(char) in ("Cc", "Zl", "Zp")
        else char
        for char in text
    )
