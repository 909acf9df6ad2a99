"""Seeds as a running process reads them: from the project's folder, not from the warehouse."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

from onecdp.errors import UsageProblem


def read_rows(project: Path, seed: str, header: Sequence[str]) -> list[tuple[int, list[str]]]:
    """Returns the rows of a seed that has these columns alone, with the line that each ends in.

    Values are trimmed, and empty lines left out. A project without the file has no row.

    Raises:
        UsageProblem: The file can't be read, or a row has another number of values.
    """
    rows = _read(project, seed)
    if rows and rows[0][1] != [*header]:
        raise UsageProblem(f"{seed}: the first line must be {','.join(header)}")
    for line, row in rows[1:]:
        if len(row) != len(header):
            raise UsageProblem(f"{seed}, line {line}: {len(row)} values instead of {len(header)}")
    return rows[1:]


def read_columns(project: Path, seed: str, columns: Sequence[str]) -> list[tuple[int, list[str]]]:
    """Returns the values of some columns of a seed, as `read_rows`; it may have others, too.

    Raises:
        UsageProblem: The file can't be read, or lacks a column.
    """
    rows = _read(project, seed)
    if not rows:
        return []
    names = rows[0][1]
    if missing := [column for column in columns if column not in names]:
        raise UsageProblem(f"{seed}: the first line must name {' and '.join(missing)}")
    places = [names.index(column) for column in columns]
    return [
        (line, [row[place] if place < len(row) else "" for place in places])
        for line, row in rows[1:]
    ]


def _read(project: Path, seed: str) -> list[tuple[int, list[str]]]:
    file = project / seed
    if not file.is_file():
        return []
    try:
        with file.open(newline="", encoding="utf-8-sig") as text:
            reader = csv.reader(text)
            rows = [(reader.line_num, [value.strip() for value in row]) for row in reader if row]
    except OSError as error:
        raise UsageProblem(f"{seed}: {error.strerror}") from None
    except (UnicodeDecodeError, csv.Error) as error:
        raise UsageProblem(f"{seed} is no CSV in UTF-8: {error}") from None
    return rows or [(1, [])]
