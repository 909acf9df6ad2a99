"""What a name in a header becomes: a known column, or a column of its own."""

from __future__ import annotations

import re
import unicodedata

from dlt.common.normalizers.naming.snake_case import NamingConvention

from ..declaration import TableSpec
from ..raw_tables import COUNTED
from .arrivals import INDEX


def column_of(text: str, position: int, spec: TableSpec) -> str:
    """The column that a name in a header means.

    Args:
        text: The name, without white space around it.
        position: Its place in the header, from 1.
        spec: The table.

    Returns:
        A known name, or the name in snake_case (`readers.header.resolve_header` has the rules).
    """
    return spec.known(text) or _extra_name(text, position, spec)


def _extra_name(text: str, position: int, spec: TableSpec) -> str:
    name = _snake_case(text)
    bare = name.lstrip("_")
    if not bare:
        return INDEX if position == 1 and not text else f"column_{position}"
    is_ours = name.startswith("_") or (spec.group is not None and name in COUNTED)
    return f"x_{bare}" if is_ours else name


def _snake_case(text: str) -> str:
    """A name as dlt's own convention has it, which knows ASCII alone, with all other letters."""
    text = unicodedata.normalize("NFKC", text).strip()
    if text.isascii():
        return NamingConvention().normalize_identifier(text) if text else ""
    # A zero-width character separates nothing.
    kept = [_letter(char) for char in text if unicodedata.category(char) != "Cf"]
    name = re.sub("_+", "_", "".join(kept)).rstrip("_")
    name = unicodedata.normalize("NFKC", name.lower())
    return f"_{name}" if name[:1].isdigit() else name


def _letter(char: str) -> str:
    """The character, where it is a letter, a mark on one, or a digit; else an underscore."""
    return char if unicodedata.category(char)[0] in "LMN" else "_"
