"""Cells of a workbook whose value is not what the sheet shows: read from the sheet's XML.

Calamine, which reads the rows, gives empty text for an error (`#REF!`) and for a formula that a
program wrote without computing it, and 123 for a cell that its number format, 00000, shows as
00123. Most sheets have no such cell. A search in the bytes tells, in a fraction of the time that
reading takes.
"""

from __future__ import annotations

import posixpath
import re
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import IO, BinaryIO
from xml.etree import ElementTree

from ..landing.arrivals import Refused

NOT_COMPUTED = (
    "formula without a stored value: open the workbook in a spreadsheet program and save it"
)
_CHUNK = 1 << 20
_OVERLAP = 64
_PADDED = re.compile(r"0{2,}")
_LETTERS = re.compile("[A-Z]+")


@dataclass(frozen=True)
class OddCell:
    """What a cell has that its value doesn't tell.

    Attributes:
        flaw: Why it has no value; None if it has one.
        shown: The text of a value without one, such as `#REF!`.
        digits: With how many digits a whole number is shown.
    """

    flaw: str | None = None
    shown: str = ""
    digits: int = 0


OddCells = Mapping[int, Mapping[int, OddCell]]
"""The odd cells of a sheet, by the row, counted from 1, and the column, counted from 0."""


class Workbook:
    """The XML of a workbook."""

    def __init__(self, stream: BinaryIO) -> None:
        """Reads which sheets and number formats there are.

        Raises:
            Refused: it is no .xlsx workbook.
        """
        self._zip = zipfile.ZipFile(stream)
        self._parts = {name.lower(): name for name in self._zip.namelist()}
        main = "xl/workbook.xml"
        if main not in self._parts:
            raise Refused("is no .xlsx workbook; save it as .xlsx")
        targets = {
            link.get("Id"): posixpath.join("/xl", link.get("Target", ""))
            for link in self._root("xl/_rels/workbook.xml.rels")
        }
        self._sheets = {
            sheet.get("name"): targets.get(_attribute(sheet, "id"), "")
            for sheet in self._root(main).iter()
            if _tag(sheet) == "sheet"
        }
        styles = self._root("xl/styles.xml") if "xl/styles.xml" in self._parts else ()
        self._digits = dict(_padded_styles(styles))

    def odd_cells(self, title: str) -> OddCells:
        """The odd cells of a sheet."""
        part = posixpath.normpath(self._sheets.get(title, "")).lstrip("/").lower()
        if part not in self._parts:
            raise Refused(f"has no part for its sheet {title!r}")
        with self._open(part) as stream:
            if not _holds(stream, _signs(self._digits)):
                return {}
        with self._open(part) as stream:
            return dict(_find(stream, self._digits))

    def _open(self, part: str) -> IO[bytes]:
        return self._zip.open(self._parts[part])

    def _root(self, part: str) -> ElementTree.Element:
        with self._open(part) as stream:
            return ElementTree.parse(stream).getroot()


def _tag(element: ElementTree.Element) -> str:
    return element.tag.rpartition("}")[2]


def _attribute(element: ElementTree.Element, name: str) -> str | None:
    """An attribute of any namespace."""
    return next((v for k, v in element.items() if k.rpartition("}")[2] == name), None)


def _padded_styles(styles: ElementTree.Element | tuple[()]) -> Iterator[tuple[str, int]]:
    """The cell styles that show whole numbers with leading zeros, and with how many digits."""
    formats: dict[str | None, str] = {}
    for group in styles:
        if _tag(group) == "numFmts":
            formats |= {f.get("numFmtId"): f.get("formatCode", "") for f in group}
        if _tag(group) == "cellXfs":
            for number, style in enumerate(group):
                code = formats.get(style.get("numFmtId"), "").partition(";")[0]
                if _PADDED.fullmatch(code):
                    yield str(number), len(code)


def _signs(digits: Mapping[str, int]) -> list[bytes]:
    """What stands in the XML of a sheet if it has an odd cell: errors, formulas, styles.

    Perhaps elsewhere, too: then no odd cell is found. Plain texts are found faster than a pattern.
    """
    signs = ['t="e"', "t='e'", *(f"{start}f{end}" for start in "<:" for end in " >/")]
    signs += [f"s={quote}{style}{quote}" for style in digits for quote in "\"'"]
    return [sign.encode() for sign in signs]


def _holds(stream: IO[bytes], signs: Sequence[bytes]) -> bool:
    rest = b""
    while block := stream.read(_CHUNK):
        text = rest + block
        if any(sign in text for sign in signs):
            return True
        rest = text[-_OVERLAP:]
    return False


def _find(
    stream: IO[bytes], digits: Mapping[str, int]
) -> Iterator[tuple[int, Mapping[int, OddCell]]]:
    number = 0
    for _, row in ElementTree.iterparse(stream):
        if _tag(row) != "row":
            continue
        number = int(row.get("r") or number + 1)
        column = -1
        found: dict[int, OddCell] = {}
        for cell in row:
            column = _column(cell.get("r")) if cell.get("r") else column + 1
            if odd := _odd(cell, digits):
                found[column] = odd
        row.clear()
        if found:
            yield number, found


def _odd(cell: ElementTree.Element, digits: Mapping[str, int]) -> OddCell | None:
    kind = cell.get("t")
    texts = {_tag(part): part.text or "" for part in cell}
    if kind == "e":
        shown = texts.get("v") or "#ERROR"
        return OddCell(f"error cell {shown}", shown)
    # A formula whose value is an empty text has the type "str".
    if "f" in texts and kind != "str" and not texts.get("v"):
        return OddCell(NOT_COMPUTED, f"={texts['f']}" if texts["f"] else "=")
    if kind in (None, "n") and (width := digits.get(cell.get("s", ""))):
        return OddCell(digits=width)
    return None


def _column(reference: str | None) -> int:
    """The column of a reference such as `AB12`, counted from 0."""
    letters = _LETTERS.match(reference or "")
    number = 0
    for letter in letters.group() if letters else "A":
        number = number * 26 + ord(letter) - ord("A") + 1
    return number - 1
