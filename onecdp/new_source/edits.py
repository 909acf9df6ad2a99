"""Adds a source to files of the project that list all sources.

Each edit looks for the shape that it knows. A file of another shape is left as it is, and the user
is told what to add.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from onecdp.new_source.plan import Plan
from onecdp.new_source.texts import row_source

_LINE = 100
# What reads the events of a source, and a list of such sources.
_READ = re.compile(
    r"^(?:with )?(\w+) as \(\n\n    select \* from \{\{ ref\('int_events__\w+'\) \}\}\n\n\),\n",
    re.MULTILINE,
)
_LIST = re.compile(r"(\[\s*'\w+'(?:,\s*'\w+')*),?\s*\]")


@dataclass(frozen=True)
class Edit:
    """What is to be added to a file.

    Attributes:
        file: Its path below the project.
        change: The new text, given the old one; None if it has another shape.
        by_hand: What to add where it has.
    """

    file: Path
    change: Callable[[str], str | None]
    by_hand: str


def edits(plan: Plan) -> list[Edit]:
    """What a source adds to the files that list all sources."""
    name = plan.name
    found = [
        Edit(
            Path("ingestion/sources/__init__.py"),
            lambda text: add_to_sources(text, name),
            f"import {name} beside the others, and add {name}.SOURCE to SOURCES",
        )
    ]
    if plan.identifiers:
        entry = row_source(plan)
        found.append(
            Edit(
                Path("macros/identity/row_sources.sql"),
                lambda text: add_row_source(text, entry),
                f"add this entry to the dictionary:\n{entry}",
            )
        )
    if plan.has_events:
        found.append(
            Edit(
                Path("models/intermediate/events/int_events__unioned.sql"),
                lambda text: add_to_union(text, name),
                f"add a CTE {name} that selects from {{{{ ref('int_events__{name}') }}}}, "
                "and its columns to the union",
            )
        )
    return found


def add_to_sources(text: str, name: str) -> str | None:
    """Adds a source to the import and to the tuple SOURCES."""
    try:
        module = ast.parse(text)
    except SyntaxError:
        return None
    imports = [
        node for node in module.body
        if isinstance(node, ast.ImportFrom) and node.level == 1 and node.module is None
    ]  # fmt: skip
    lists = [
        node.value for node in module.body
        if isinstance(node, ast.Assign | ast.AnnAssign) and isinstance(node.value, ast.Tuple)
        and "SOURCES" in [
            target.id
            for target in (node.targets if isinstance(node, ast.Assign) else [node.target])
            if isinstance(target, ast.Name)
        ]
    ]  # fmt: skip
    if len(imports) != 1 or len(lists) != 1 or any(alias.asname for alias in imports[0].names):
        return None
    names = sorted([*(alias.name for alias in imports[0].names), name])
    one = f"from . import {', '.join(names)}"
    many = "from . import (\n" + "".join(f"    {each},\n" for each in names) + ")"
    entries = [ast.get_source_segment(text, each) or "" for each in lists[0].elts]
    entries.append(f"{name}.SOURCE")
    listed = f"({', '.join(entries)})"
    start = lists[0].col_offset
    if start + len(listed) > _LINE:
        listed = "(\n" + "".join(f"    {entry},\n" for entry in entries) + ")"
    # From the end, so that the places of what stands before stay as they are.
    for node, new in ((lists[0], listed), (imports[0], one if len(one) <= _LINE else many)):
        segment = ast.get_source_segment(text, node)
        if segment is None or "#" in segment or text.count(segment) != 1:
            return None
        text = text.replace(segment, new)
    return text


def add_row_source(text: str, entry: str) -> str | None:
    """Adds an entry to the dictionary that `row_sources` returns."""
    ends = list(re.finditer(r"^    \}\) \}\}$", text, re.MULTILINE))
    if len(ends) != 1 or not text[: ends[0].start()].rstrip("\n").endswith("        },"):
        return None
    return text[: ends[0].start()] + entry + text[ends[0].start() :]


def add_to_union(text: str, name: str) -> str | None:
    """Adds a source to the union of all events: to the list of its loop, or as a branch."""
    read = list(_READ.finditer(text))
    if not read:
        return None
    names = [found[1] for found in read]
    cte = f"\n{name} as (\n\n    select * from {{{{ ref('int_events__{name}') }}}}\n\n),\n"
    lists = [m for m in _LIST.finditer(text) if re.findall(r"'(\w+)'", m[0]) == names]
    if len(lists) == 1:
        place, added = lists[0].end(1), f", '{name}'"
    else:
        final = re.search(r"^final as \(\n\n(.*?)\n\n\)$", text, re.MULTILINE | re.DOTALL)
        branches = re.split(r"\n {4}union all\n", final[1]) if final else []
        ends = [found[1] for each in branches if (found := re.search(r"\n {4}from (\w+)$", each))]
        if final is None or ends != names or len(ends) != len(branches):
            return None
        last = re.sub(r"from \w+$", f"from {name}", branches[-1])
        place, added = final.end(1), f"\n    union all\n{last}"
    # From the end; what reads a source stands behind all of them.
    if place < read[-1].end():
        text = text[: read[-1].end()] + cte + text[read[-1].end() :]
        return text[:place] + added + text[place:]
    text = text[:place] + added + text[place:]
    return text[: read[-1].end()] + cte + text[read[-1].end() :]
