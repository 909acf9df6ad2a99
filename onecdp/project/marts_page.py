"""The page docs/marts.md: every mart, what it answers, its grain and its columns."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import PurePosixPath
from typing import Any

_HEAD = """\
# Marts

The tables that are published, and the question that each one answers (`meta: question` in its
YAML). Made by `onecdp docs > docs/marts.md` from dbt's manifest.

| table | question |
|---|---|
"""


def marts_page(manifest: Any) -> str:
    """Returns the page as Markdown.

    Args:
        manifest: dbt's Manifest of the project.
    """
    marts = sorted(
        (node for node in manifest.nodes.values() if _is_mart(node)), key=lambda node: node.name
    )
    rows = [f"| [{mart.name}](#{mart.name}) | {_cell(_question(mart))} |" for mart in marts]
    return _HEAD + "\n".join(rows) + "\n" + "".join(_section(mart) for mart in marts)


def _is_mart(node: Any) -> bool:
    path = PurePosixPath(str(node.original_file_path).replace("\\", "/"))
    return node.resource_type == "model" and path.parts[:2] == ("models", "marts")


def _question(mart: Any) -> str:
    return str(mart.config.meta.get("question", ""))


def _section(mart: Any) -> str:
    columns: Iterable[Any] = mart.columns.values()
    rows = [f"| {c.name} | {c.data_type} | {_cell(c.description)} |" for c in columns]
    return (
        f"\n## {mart.name}\n\n{' '.join(mart.description.split())}\n\n"
        "| column | type | what |\n|---|---|---|\n" + "\n".join(rows) + "\n"
    )


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")
