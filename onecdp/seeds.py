"""The seeds before dbt loads them: whether each file has the columns and values that it must have.

dbt itself would stop in the middle of a build, with words of the library that failed, or round a
number that must be whole.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from onecdp.errors import OnecdpError

_BOOLEANS = {"true", "false", "t", "f", "yes", "no", "y", "n", "1", "0"}
# What dbt reads as no value.
_NOTHING = {"", "null"}


def check(project: Path) -> None:
    """Reads the seeds that the project's seeds/*.yml describe, with the types given there.

    Args:
        project: The project's folder.

    Raises:
        OnecdpError: Files that can't be meant: of each the first line that is wrong, and why.
    """
    found = []
    for description in sorted((project / "seeds").rglob("*.yml")):
        for seed in _described(description):
            types = (seed.get("config") or {}).get("column_types") or {}
            for file in sorted((project / "seeds").rglob(f"{seed['name']}.csv")):
                if (problem := next(_problems(file, types), None)) is not None:
                    found.append(f"{file.relative_to(project)}: {problem}")
    if found:
        raise OnecdpError("\n".join(found))


def _described(file: Path) -> list[dict[str, Any]]:
    import yaml

    content = yaml.safe_load(file.read_text(encoding="utf-8")) or {}
    seeds: list[dict[str, Any]] = content.get("seeds") or []
    return seeds


def _problems(file: Path, types: dict[str, str]) -> Iterator[str]:
    # A spreadsheet may begin the file with a byte order mark.
    with file.open(encoding="utf-8-sig", newline="") as stream:
        reader = csv.reader(stream)
        try:
            header = next(reader, [])
            missing = [column for column in types if column not in header]
            if missing or not header:
                expected = f"must name the columns {','.join(types)}; " if types else ""
                yield f"line 1 {expected}it is {','.join(header) or 'empty'}"
            for values in reader:
                if values and len(values) != len(header):
                    yield f"line {reader.line_num} has {len(values)} values, line 1 {len(header)}"
                for column, value in zip(header, values, strict=False):
                    what, is_right = _RULES.get(_kind(types.get(column, "")), _ANYTHING)
                    if value.lower() not in _NOTHING and not is_right(value):
                        yield f"line {reader.line_num}: {column} is {value}, which is {what}"
        except UnicodeDecodeError:
            yield "it is no UTF-8: save it as CSV UTF-8"
        except csv.Error as error:
            yield f"line {reader.line_num}: {error}"


def _kind(type_name: str) -> str:
    """The name of a type of SQL without its precision."""
    return type_name.partition("(")[0].strip().lower()


def _is_whole(value: str) -> bool:
    return value.strip().removeprefix("-").isdecimal()


def _is_number(value: str) -> bool:
    try:
        return math.isfinite(float(value))
    except ValueError:
        return False


_ANYTHING: tuple[str, Callable[[str], bool]] = ("no value", lambda _: True)
_RULES: dict[str, tuple[str, Callable[[str], bool]]] = {
    **dict.fromkeys(("integer", "bigint", "smallint"), ("no whole number", _is_whole)),
    **dict.fromkeys(("double", "decimal"), ("no number", _is_number)),
    "boolean": ("neither true nor false", lambda value: value.strip().lower() in _BOOLEANS),
}
